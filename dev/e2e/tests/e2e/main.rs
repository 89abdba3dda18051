//! Every end-to-end test, in one program. Tests on the embedded queue need nothing installed and
//! run in a plain `cargo test`; those behind the feature `servers` start a real RocketMQ, or need
//! root: they fail where they can't be made.
//!
//! Run them by the whole workspace (`cargo test --workspace --test e2e --test binary`): naming this
//! package alone would test whatever daemon was built last.

#![allow(clippy::print_stdout, reason = "tests print what they measure")]

mod backup;
mod contract;
mod crash;
mod crowd;
mod doctor;
mod edge;
mod files;
mod idle;
mod log;
mod metrics;
mod operators;
mod refusals;
mod reload;
mod sale;
mod service;
mod signals;
mod soak;
mod upgrade;
mod window;

#[cfg(feature = "servers")]
mod clock;
#[cfg(feature = "servers")]
mod disk;
#[cfg(feature = "servers")]
mod journal;
#[cfg(feature = "servers")]
mod packages;
#[cfg(feature = "servers")]
mod rocketmq;
#[cfg(feature = "servers")]
mod split;
