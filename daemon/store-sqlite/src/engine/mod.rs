//! The database as such: one writing thread with its transactions, a few reading connections, the
//! schema and its migrations, and what is measured of them. Knows no order.

pub(crate) mod checkpoint;
pub(crate) mod columns;
pub(crate) mod error;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod in_memory;
pub(crate) mod job;
pub(crate) mod limits;
pub(crate) mod meta;
pub(crate) mod meters;
pub(crate) mod migrations;
pub(crate) mod mishaps;
pub(crate) mod open;
pub(crate) mod progress;
pub(crate) mod reader;
pub(crate) mod signals;
pub(crate) mod tx;
pub(crate) mod writer;
