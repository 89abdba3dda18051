//! The contract of seckill, as plain values: REST codes and bodies, the order message on the queue,
//! what an order node tells its gateways, and what the admin socket shows.
//!
//! This crate does no I/O and reads no clock. Compatibility: the names and JSON shapes here are
//! shared with clients and Java services that we don't control, so fields may be added but never
//! renamed, retyped or removed; readers ignore fields they don't know.

mod admin;
mod code;
mod decisions;
mod mask;
mod message;
mod money;
mod rest;
mod time;

pub use admin::{EdgeView, Phase, ProductView, QueuePart, QueueView, Snapshot, UnconfirmedView};
pub use code::Code;
pub use decisions::{Decision, DecisionsPage, Outcome, ProductState, Reason};
pub use mask::mask_phone;
pub use message::{Malformed, ORDER_TOPIC, OrderMessage, TEXT_CHARS_MAX};
pub use money::{Money, MoneyError};
pub use rest::{ChargeData, OrderStatus, QueryData, ReadReply, Reply};
pub use time::EpochMs;
