//! The RocketMQ queue against a real broker: `cargo test -p seckilld --features rocketmq-tests --test
//! rocketmq` (JDK 17 and Maven). Here only what the queue itself promises; the sale is e2e's.

#![expect(clippy::print_stdout, reason = "measured times belong into the test's output")]
#![allow(missing_docs, reason = "a test program has no readers of its interface")]

mod acl;
mod flow;
mod outage;
mod rig;
