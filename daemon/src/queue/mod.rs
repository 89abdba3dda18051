//! What stands around queues: `embedded`, the one in this process; `resent`, dead letters on their
//! way back, beside every kind of queue; `consumer`, the loop of both; and `recorded`, which notes
//! what becomes of what goes through a queue.

pub mod consumer;
pub mod embedded;
pub mod recorded;
pub mod resent;
