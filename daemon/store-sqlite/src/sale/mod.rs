//! The sale's rows: products, orders, decisions and outcomes, and placing, which joins them in one
//! transaction.

pub(crate) mod batches;
pub(crate) mod dead_letters;
pub(crate) mod deciding;
pub(crate) mod decisions;
pub(crate) mod deliveries;
pub(crate) mod orders;
pub(crate) mod outcomes;
mod port;
pub(crate) mod products;
pub(crate) mod resent;
pub(crate) mod standing;
pub(crate) mod terms;
pub(crate) mod waiting;
