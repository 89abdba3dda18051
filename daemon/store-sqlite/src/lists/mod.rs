//! Orders looked through wherever they stand, and one order's history.

pub(crate) mod order_history;
pub(crate) mod order_lists;
mod port;
