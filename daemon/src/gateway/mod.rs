//! Stub: to be filled.
