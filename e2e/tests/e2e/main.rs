//! Every end-to-end test, in one program. Tests on the embedded queue need nothing installed and
//! run in a plain `cargo test`; those behind the feature `servers` start a real RocketMQ.

#![allow(clippy::print_stdout, reason = "tests print what they measure")]

mod contract;
mod crash;
mod edge;
mod idle;
mod refusals;
mod sale;

#[cfg(feature = "servers")]
mod rocketmq;
#[cfg(feature = "servers")]
mod split;
