//! The RocketMQ queue against a real broker: `cargo test -p seckilld --features rocketmq-tests
//! --test rocketmq` (JDK 17 and Maven). Here only what the queue itself promises; the sale is
//! e2e's.

#![expect(clippy::print_stdout, reason = "measured times belong into the test's output")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, helpers included"
)]

mod acl;
mod contract;
mod flow;
mod outage;
mod rig;
