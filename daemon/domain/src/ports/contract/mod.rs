//! What every implementation of a port owes, as functions that its crate's tests call with a fresh
//! one. A second store or queue is held to the same by a few lines of its own. For `queue` and
//! `notebook` those say in a rig how the thing under test is opened, closed and disturbed.

pub mod notebook;
pub mod queue;
pub mod sale;
