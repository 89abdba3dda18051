//! Side-by-side comparisons: what the daemon does in a second beside what something bare does in a
//! second of the same run, in turns. A shared machine is slow for both alike, so the ratio is what
//! counts; `xtask bench` builds the release programs and runs this.
//!
//! `load` is the load generator and `bare` the bare route, each a process of its own; `stage`
//! starts them and daemons; `rows` has one file per kind of comparison; `table` is what comes of
//! it.

pub mod bare;
pub mod load;
pub mod machine;
pub mod rows;
pub mod stage;
pub mod table;
