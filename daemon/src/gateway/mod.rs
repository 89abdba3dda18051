//! Stub: to be filled.

pub mod fields;
pub mod request;
