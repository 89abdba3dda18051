//! The flash-sale daemon: its parts, and `app::run`, which `main` calls.
//!
//! Dependencies point one way: `main → app → { gateway, order, admin } → { domain, queue, store,
//! status } → protocol`.

pub mod admin;
pub mod app;
pub mod args;
pub mod backup;
#[cfg(test)]
mod bad_input;
pub mod config;
pub mod descriptors;
pub mod dial;
pub mod doctor;
pub mod exit;
pub mod gateway;
pub mod groups;
pub mod health;
pub mod inherited;
pub mod memory;
pub mod metrics;
pub mod order;
pub mod queue;
pub mod request;
pub mod shutdown;
pub mod signals;
#[cfg(test)]
mod simulation;
pub mod status;
pub mod systemd;
pub mod telemetry;
pub mod threads;
