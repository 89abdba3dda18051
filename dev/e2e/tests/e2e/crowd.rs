//! Many hostile clients at once against a real process: the process stays small, and buyers are
//! served among them.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::until;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What an idle connection may cost: hyper's buffer of 8 KiB, and some.
const IDLE_MAX_KIB: u64 = 24;
/// What the bad clients together may cost, who would send a gigabyte.
const GROWTH_MAX_KIB: u64 = 64 * 1024;

const IDLE: usize = 10_000;
/// Connections for the buyers who do ask.
const SPARE: usize = 64;
/// Files that this process needs beside its connections.
const OTHER_FILES: u64 = 256;

/// As many connections as the machine lets one process have, up to `IDLE`.
fn idle_connections() -> usize {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    // The daemon has the same limit and keeps half of it for its other listener.
    let room = maximum.map_or(u64::MAX, |files| files.saturating_sub(OTHER_FILES * 2) / 2);
    IDLE.min(usize::try_from(room).unwrap_or(usize::MAX))
}

#[tokio::test]
async fn ten_thousand_idle_connections_keep_nobody_out() -> Result<()> {
    let count = idle_connections();
    let options = Options::embedded()
        .set("http.connections_max", (count + SPARE).to_string())
        .set("http.header_timeout_ms", "300000");
    let daemon = Daemon::start(options).await?;
    daemon.charge("15200000000", "pid_0001", "5999.000").await?;
    let before = daemon.usage()?.rss_kib;
    let address = daemon.gateway_address()?;
    let mut idle = Vec::with_capacity(count);
    for _ in 0..count {
        idle.push(TcpStream::connect(address).await.with_context(|| format!("{}", idle.len()))?);
    }
    // The newest was accepted after all the others, so with its answer all are open at once.
    let last = idle.last_mut().context("none")?;
    last.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await?;
    let mut told = [0; 12];
    last.read_exact(&mut told).await?;
    ensure!(&told == b"HTTP/1.1 200", "{}", String::from_utf8_lossy(&told));
    let charged = daemon.charge("15200000001", "pid_0001", "5999.000").await?;
    ensure!(charged.code() == "10000", "{charged:?}");
    let grown = daemon.usage()?.rss_kib.saturating_sub(before);
    println!("{count} idle connections (of {IDLE}): {grown} KiB");
    ensure!(grown < count as u64 * IDLE_MAX_KIB, "{count} idle connections take {grown} KiB");
    Ok(())
}

/// Writes for as long as the daemon takes it, then hears it out.
async fn pour(address: SocketAddr, head: &'static str, filler: Vec<u8>, bytes: usize) {
    let Ok(mut stream) = TcpStream::connect(address).await else { return };
    let mut poured = 0;
    let mut written = stream.write_all(head.as_bytes()).await;
    while written.is_ok() && poured < bytes {
        written = stream.write_all(&filler).await;
        poured += filler.len();
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
}

#[tokio::test]
async fn endless_heads_and_bodies_cost_no_memory_and_no_buyer() -> Result<()> {
    const MEGABYTE: usize = 1 << 20;
    let options = Options::embedded()
        .set("http.header_timeout_ms", "1000")
        .set("http.body_timeout_ms", "1000");
    let daemon = Daemon::start(options).await?;
    daemon.charge("15200000000", "pid_0001", "5999.000").await?;
    let before = daemon.usage()?.rss_kib;
    let address = daemon.gateway_address()?;
    let chunked = "POST /api/charge.do HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\
                   content-type: application/x-www-form-urlencoded\r\n\r\n";
    let announced = "POST /api/charge.do HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\
                     content-type: application/json\r\n\r\n";
    let mut crowd = JoinSet::new();
    for _ in 0..60 {
        let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000)).into_bytes();
        crowd.spawn(pour(address, chunked, chunk, 8 * MEGABYTE));
        crowd.spawn(pour(address, announced, vec![b'['; 0x1000], 8 * MEGABYTE));
        let head = "GET /api/query.do HTTP/1.1\r\nhost: x\r\nx: ";
        crowd.spawn(pour(address, head, vec![b'x'; 0x1000], MEGABYTE));
        // A head that goes no further, and one that never began.
        crowd.spawn(pour(address, "GET /api/query.do HTTP/1.1\r\nho", Vec::new(), 0));
        crowd.spawn(pour(address, "", Vec::new(), 0));
    }
    let mut most = before;
    for buyer in 1..40 {
        let phone = format!("1520000{buyer:04}");
        let charged = daemon.charge(&phone, "pid_0001", "5999.000").await?;
        ensure!(charged.code() == "10000", "{charged:?}");
        most = most.max(daemon.usage()?.rss_kib);
    }
    let gone = until("the crowd to be sent home", Duration::from_secs(60), || {
        while crowd.try_join_next().is_some() {}
        let left = crowd.len();
        async move { Ok((left == 0).then_some(())) }
    });
    gone.await?;
    most = most.max(daemon.usage()?.rss_kib);
    println!("300 bad clients: {} KiB", most - before);
    ensure!(most - before < GROWTH_MAX_KIB, "{} KiB more", most - before);
    Ok(())
}
