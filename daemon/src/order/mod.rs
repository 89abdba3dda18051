//! The order role: takes deliveries from the queue and has them placed in batches. The rules are in
//! `domain::ordering`, their storing is in `store`.

pub mod consumer;
mod placement;

pub use placement::StorePlacer;
