//! What the running daemon shows of itself: its status, its log, `/healthz` and `/readyz`,
//! `/metrics`.

pub mod health;
pub mod metrics;
pub mod status;
pub mod telemetry;
