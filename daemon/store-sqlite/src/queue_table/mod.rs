//! The queue of this process: the table of waiting orders, where its rows lie, the way in or past
//! it, and the sends whose end isn't known.

pub(crate) mod accepting;
mod port;
pub(crate) mod queue;
pub(crate) mod queue_index;
pub(crate) mod unconfirmed;
