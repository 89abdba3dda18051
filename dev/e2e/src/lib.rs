//! The tools of the end-to-end tests: the daemon as a process, buyers as sockets, and a checker
//! that trusts only the buyers' answers and the database file. Nothing here links the daemon.

pub mod admin;
pub mod broker;
pub mod buyers;
pub mod checker;
pub mod crash;
pub mod daemon;
pub mod disk;
pub mod http;
pub mod judge;
pub mod machine;
pub mod old_schemas;
pub mod ports;
pub mod process;
pub mod prometheus;
pub mod proxy;
pub mod terminal;
pub mod topic;
pub mod wall_clock;

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Asks again until there is an answer, every 20 ms.
///
/// # Errors
/// The question's own, or none came by the deadline.
pub async fn until<T, F>(what: &str, within: Duration, mut ask: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        if within < start.elapsed() {
            bail!("{what}: not within {within:?}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
