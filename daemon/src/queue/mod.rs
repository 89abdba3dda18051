//! The embedded queue as the roles see it, and `recorded`, which notes what becomes of what goes
//! through a queue.

pub mod embedded;
pub mod recorded;
