//! What this process asks of the system: limits, groups, signals, threads, memory, the service
//! manager and the sockets that it keeps. Knows no part of the daemon.

pub mod descriptors;
pub mod groups;
pub mod huge_pages;
pub mod inherited_sockets;
pub mod shutdown;
pub mod signals;
pub mod systemd;
pub mod threads;
