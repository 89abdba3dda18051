//! The flash-sale daemon: its parts, and `app::run`, which `main` calls.
//!
//! Who may use whom is a table in ARCHITECTURE.md; `cargo xtask tidy` holds it.

pub mod admin;
pub mod app;
#[cfg(test)]
mod bad_input;
pub mod cli;
pub mod config;
pub mod gateway;
pub mod observe;
pub mod order;
pub mod os;
pub mod queue;
pub mod request;
#[cfg(test)]
mod simulation;
pub mod tunable;
