//! The flash-sale daemon: its parts, and `run`, which `main` and the tests call.
//!
//! Dependencies point one way: `main → app → { gateway, order, admin } → { domain, queue, store,
//! status } → protocol`.

pub mod admin;
pub mod app;
pub mod args;
pub mod config;
pub mod domain;
pub mod exit;
pub mod gateway;
pub mod http;
pub mod order;
pub mod queue;
pub mod store;
pub mod telemetry;
