//! The operator's commands on products, letters and switches: carried out and logged in one
//! transaction.

pub(crate) mod audit;
pub(crate) mod controls;
pub(crate) mod letter_commands;
pub(crate) mod product_commands;
pub(crate) mod reload;
