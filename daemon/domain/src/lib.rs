//! The rules of a sale: which order id, how a buyer stands, how a desk's units are reserved, how an
//! order is decided, what an operator may do. Synchronous, no I/O, no clock, no channel, no SQL:
//! values in, decisions out.

pub mod backoff;
pub mod batch;
pub mod controls;
pub mod letters;
pub mod order_id;
pub mod ordering;
pub mod outcomes;
pub mod ports;
pub mod product;
pub mod sale_clock;
pub mod secret;
pub mod standing;
pub mod stock;
pub mod terms;
