//! Real processes, real sockets, real servers.

pub mod broker;
