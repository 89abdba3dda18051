//! Side-by-side comparisons: what the daemon does in a second beside what a bare counterpart does
//! in a second of the same run, in turns. A shared machine is slow for both alike, so the ratio is
//! what counts; `xtask bench` builds the release programs and runs this.
//!
//! The load generator (`dev/load`) and `bare`, the bare route, are processes of their own; `stage`
//! starts them and daemons; `rows` has one file per kind of comparison; `table` is what comes of
//! it.

pub mod bare;
pub mod machine;
pub mod rows;
pub mod stage;
pub mod table;
