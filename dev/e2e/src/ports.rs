//! Ports for processes that must find theirs free again after their end: a daemon that is killed, a
//! broker.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

/// Below the ports that the system gives to outgoing connections: nobody's connection, not even a
/// buyer's own, may sit on a port while its owner is away.
const FIRST: u32 = 14_000;
const PORTS: u32 = 16_000;

/// A port that is free on every address, and so are those beside it at these distances.
///
/// # Errors
/// There is none.
pub fn quiet_port(beside: &[i16]) -> Result<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Other test programs begin elsewhere; ours go on where the last one stopped.
    let start = std::process::id().wrapping_mul(131);
    let is_free = |port: u16| TcpListener::bind(("0.0.0.0", port)).is_ok();
    for _ in 0..PORTS {
        let step = NEXT.fetch_add(4, Ordering::Relaxed);
        let port = u16::try_from(FIRST + start.wrapping_add(step) % PORTS)?;
        let neighbours = beside.iter().filter_map(|distance| port.checked_add_signed(*distance));
        if is_free(port) && neighbours.into_iter().all(is_free) {
            return Ok(port);
        }
    }
    None.context("no quiet port is free")
}

#[cfg(test)]
mod tests {
    use super::quiet_port;

    #[test]
    fn ports_are_each_others_strangers() -> anyhow::Result<()> {
        let (one, other) = (quiet_port(&[-2, 1])?, quiet_port(&[-2, 1])?);
        assert!(3 < one.abs_diff(other), "{one} and {other}");
        Ok(())
    }
}
