//! Signals and limits whose default would kill the daemon without a word.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::process::Signal;
use seckill_e2e::buyers::phone;
use seckill_e2e::checker::Books;
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::process::Running;
use seckill_e2e::until;
use tempfile::TempDir;

use crate::log;

/// How long anything may take.
const LONG: Duration = Duration::from_secs(60);
/// The limit on processor time was reached.
const OS_ERR: i32 = 71;
/// Bytes that each file may have. A fresh database fits, and a sale doesn't.
const FILE_BYTES: u64 = 409_600;
/// Runs the following command with files of at most so many blocks of 512 bytes.
const LIMITED: &str = "ulimit -f 800; exec \"$0\" \"$@\"";
/// So many units that the sale doesn't end by selling out.
const PRODUCTS: &str =
    "[{prod_id = \"pid_0001\", prod_name = \"P\", price = \"5999.000\", stock = 100000}]";

/// Sends a signal by its name or number.
fn send(daemon: &Daemon, signal: &str) -> Result<()> {
    let pid = daemon.pid().to_string();
    ensure!(Command::new("kill").args(["-s", signal, &pid]).status()?.success(), "{signal}");
    Ok(())
}

#[tokio::test]
async fn signals_that_mean_nothing_are_told_and_ignored() -> Result<()> {
    let mut daemon = Daemon::start(Options::embedded()).await?;
    let named = ["USR1", "USR2", "ALRM", "VTALRM", "PROF", "STKFLT", "PWR", "XFSZ", "PIPE", "TTOU"];
    let numbered = [("29", "SIGIO"), ("34", "SIGRTMIN+0"), ("50", "SIGRTMIN+16"), ("64", "+30")];
    for signal in named.into_iter().chain(numbered.map(|(number, _)| number)) {
        send(&daemon, signal)?;
    }
    let silent = ["XFSZ", "PIPE", "TTOU"];
    let told = named.into_iter().filter(|name| !silent.contains(name));
    let told = told.chain(numbered.map(|(_, name)| name));
    for name in told {
        let wanted = format!("{name}\"");
        until(name, LONG, || async {
            let logs = daemon.logs()?;
            let told = |line: &str| line.contains(&wanted) && line.contains("was ignored");
            Ok(logs.lines().any(told).then_some(()))
        })
        .await?;
    }
    let answer = daemon.charge(&phone(1), "pid_0001", "5999.000").await?.json()?;
    assert_eq!(answer["code"], "10000", "{answer}");
    let stopped = daemon.terminate().await?;
    assert_eq!(stopped.status.code(), Some(0));
    Ok(())
}

#[tokio::test]
async fn sigquit_stops_in_order() -> Result<()> {
    let mut daemon = Daemon::start(Options::embedded()).await?;
    daemon.signal(Signal::QUIT)?;
    let stopped = daemon.ended().await?;
    assert_eq!(stopped.status.code(), Some(0));
    let logs = daemon.logs()?;
    ensure!(logs.contains("\"signal\":\"SIGQUIT\""), "{logs}");
    ensure!(logs.contains("stopped: everything in flight was finished"), "{logs}");
    Ok(())
}

/// The system says so each second from the soft limit on: the later ones force nothing.
#[tokio::test]
async fn the_limit_on_processor_time_stops_in_order_with_a_code_of_its_own() -> Result<()> {
    let mut daemon = Daemon::start(Options::embedded()).await?;
    let answer = daemon.charge(&phone(1), "pid_0001", "5999.000").await?.json()?;
    assert_eq!(answer["code"], "10000", "{answer}");
    send(&daemon, "XCPU")?;
    send(&daemon, "XCPU")?;
    let stopped = daemon.ended().await?;
    assert_eq!(stopped.status.code(), Some(OS_ERR));
    let logs = daemon.logs()?;
    ensure!(logs.contains("limit on processor time"), "{logs}");
    ensure!(logs.contains("stopped: everything in flight was finished"), "{logs}");
    Ok(())
}

#[tokio::test]
async fn a_limit_on_file_sizes_is_as_a_full_disk() -> Result<()> {
    let folder = TempDir::new()?;
    let options = || Options::embedded().set("products", PRODUCTS);
    let (command, silenced) = log::command_of(folder.path(), options())?;
    let mut limited = Command::new("/bin/sh");
    limited.args(["-c", LIMITED]).arg(command.get_program()).args(command.get_args());
    limited.current_dir(folder.path()).env_clear();
    // A file that may not grow either.
    let log = std::fs::File::create(folder.path().join("log"))?;
    let mut daemon = Running(limited.stderr(log).spawn()?);
    silenced.until_ready().await?;
    let (mut queued, mut refused) = (Vec::new(), 0);
    for number in 0..20_000 {
        let buyer = phone(number);
        let told = silenced.charge(&buyer).await?.json()?;
        match told["code"].as_str() {
            Some("10000") => queued.push(buyer),
            Some("40004") => refused += 1,
            _ => anyhow::bail!("no definite refusal: {told}"),
        }
        if 20 <= refused {
            break;
        }
    }
    ensure!(refused == 20, "{} orders fit", queued.len());
    // In between, a smaller write may fit: then the store has no trouble, but its record has.
    let wanted = format!("limit on file sizes (ulimit -f, LimitFSIZE=) of {FILE_BYTES} bytes");
    until("the trouble is named", LONG, || async {
        let named = silenced.admin.status().await?.troubles;
        Ok(named.iter().any(|trouble| trouble.text.contains(&wanted)).then_some(()))
    })
    .await?;
    silenced.signal(Signal::TERM).await?;
    log::ended(&mut daemon).await?;
    println!("{} orders were queued below the limit", queued.len());

    // Without the limit all of it is there, and goes on.
    let folder = std::sync::Arc::new(folder);
    let mut daemon = Daemon::start_in(folder, options()).await?;
    for buyer in queued.iter().step_by(50).chain(queued.last()) {
        until("the order is placed", LONG, || async {
            let told = daemon.query(buyer, "pid_0001").await?.json()?;
            ensure!(told["code"] == "10000", "{told}");
            Ok((told["data"]["orderStatus"] == 2).then_some(()))
        })
        .await?;
    }
    let answer = daemon.charge(&phone(30_000), "pid_0001", "5999.000").await?.json()?;
    assert_eq!(answer["code"], "10000", "{answer}");
    daemon.terminate().await?;
    let sold = Books::read(&daemon.database())?;
    println!("{sold:?}");
    Ok(())
}
