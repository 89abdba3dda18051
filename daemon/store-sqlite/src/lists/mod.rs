//! Orders looked through wherever they stand, decided ones for an export, and one order's history.

pub(crate) mod export;
pub(crate) mod order_history;
pub(crate) mod order_lists;
mod port;
