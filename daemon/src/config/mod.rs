//! Stub: to be filled.

mod tree;

pub use tree::{
    Admin, Config, Gateway, Http, Log, LogFormat, Order, ProductSeed, Queue, QueueKind, Rocketmq,
    Role, Shutdown, Store,
};
