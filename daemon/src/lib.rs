//! The flash-sale daemon: its parts, and `app::run`, which `main` calls.
//!
//! Dependencies point one way: `main → app → { gateway, order, admin } → { domain, queue, store,
//! status } → protocol`.

pub mod admin;
pub mod app;
pub mod args;
mod background;
pub mod backup;
#[cfg(test)]
mod bad_input;
pub mod clock;
pub mod config;
mod contain;
pub mod descriptors;
pub mod dial;
pub mod doctor;
pub mod domain;
pub mod exit;
mod fault_points;
pub mod findings;
pub mod gateway;
pub mod groups;
pub mod health;
pub mod http;
pub mod inherited;
pub mod memory;
pub mod meter;
pub mod metrics;
pub mod order;
pub mod order_side;
pub mod queue;
pub mod request;
pub mod shutdown;
pub mod signals;
#[cfg(test)]
mod simulation;
pub mod status;
pub mod store;
mod streak;
pub mod systemd;
pub mod telemetry;
pub mod threads;
pub mod vitals;
