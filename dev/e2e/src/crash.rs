//! The kill -9 loop: rounds of a sale in which the daemon dies again and again, at random moments
//! and at its fault points, judged at the end by what buyers were answered and what the database
//! holds. It needs a daemon that was built with fault points; `cargo xtask e2e crash` builds one.

mod bystanders;
mod letters;
pub mod plan;
mod round;
mod tally;
mod upgrade;

pub use letters::letters;
pub use round::{Ground, Wired, round};
pub use tally::{Round, Tally};
pub use upgrade::upgrades;
