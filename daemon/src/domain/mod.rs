//! The rules of the sale, as functions of facts: no I/O, no clock, no channel.

pub mod ordering;
