//! What every implementation of a port owes, as functions that its crate's tests call with a fresh
//! one. A second store or queue is held to the same by a few lines of its own.

pub mod sale;
