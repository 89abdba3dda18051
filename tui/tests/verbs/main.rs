//! `seckillctl` as a process, against a socket that answers what the test says. What the answers
//! look like is here; what a real daemon answers is the daemon's tests'.

#![expect(clippy::unwrap_used, reason = "a test that can't go on should say so and end")]

mod commands;
mod console;
mod daemon;
mod draining;
mod ends;
mod export;
mod fixtures;
mod lists;
mod looks;
mod program;
mod questions;
mod streams;
