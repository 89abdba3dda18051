//! What every implementation of a port owes, as functions that its crate's tests call with a fresh
//! one. A second store or queue is held to the same by a few lines of its own. For all but `sale`
//! those say in a rig how the thing under test is asked, opened, closed and disturbed.

pub mod desk;
pub mod lists;
pub mod notebook;
pub mod queue;
pub mod resent;
pub mod sale;
mod terms;
