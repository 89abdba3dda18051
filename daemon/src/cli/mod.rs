//! The verbs of the command line, and the exit codes. `run` is in `app`.

pub mod args;
pub mod backup;
pub mod doctor;
pub mod exit;
