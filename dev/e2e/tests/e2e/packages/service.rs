//! The service under a real systemd: buyers over restarts and an upgrade, a reload, a hang, and a
//! configuration that can't be.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use seckill_e2e::buyers::phone;
use seckill_e2e::machine::Machine;
use seckill_e2e::ports::quiet_port;
use seckill_e2e::until;
use tokio::task::JoinHandle;

use super::installed::{
    SERVICE, SETTLED_MAX, Shop, booted, drop_in, journalled, main_pid, selling, set, shown, verb,
};

/// How long a hang may take to be found and ended; the drop-in of its test asks for 10 s and 1 s.
const HANG_MAX: Duration = Duration::from_secs(60);
const BUYERS_AT_ONCE: usize = 4;
/// More than anybody asks for.
const STOCK: &str = "stock = 1000000";

/// Buyers that come and come, each once, and none is refused.
struct Rush {
    over: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    buyers: Vec<JoinHandle<Result<Vec<String>>>>,
}

impl Rush {
    fn begin(shop: &Shop) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (answered, next) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU32::new(0)));
        let mut buyers = Vec::new();
        for _ in 0..BUYERS_AT_ONCE {
            let (shop, over) = (shop.clone(), Arc::clone(&over));
            let (answered, next) = (Arc::clone(&answered), Arc::clone(&next));
            buyers.push(tokio::spawn(async move {
                let mut queued = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let phone = phone(next.fetch_add(1, Ordering::Relaxed));
                    let answer = shop.charged(&phone).await?;
                    let code = answer.code();
                    match code.as_str() {
                        "10000" => queued.push(phone),
                        // Still starting, or stopping: an answer, and nothing was reserved.
                        "42002" => {}
                        _ => anyhow::bail!("HTTP {}: {}", answer.status, answer.text()),
                    }
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                Ok(queued)
            }));
        }
        Self { over, answered, buyers }
    }

    /// Waits until some more have their answer.
    async fn goes_on(&self) -> Result<()> {
        let before = self.answered.load(Ordering::Relaxed);
        until("more buyers answered", SETTLED_MAX, || async {
            Ok((before + 20 < self.answered.load(Ordering::Relaxed)).then_some(()))
        })
        .await
    }

    /// Those who were answered "queueing".
    async fn end(self) -> Result<Vec<String>> {
        self.over.store(true, Ordering::Relaxed);
        let mut queued = Vec::new();
        for buyer in self.buyers {
            queued.extend(buyer.await??);
        }
        Ok(queued)
    }
}

/// Has systemd keep the sockets; returns the gateway's end.
fn with_sockets(machine: &Machine) -> Result<Shop> {
    let gateway = quiet_port(&[])?;
    for (role, port) in [("gateway", gateway), ("order", quiet_port(&[])?)] {
        let text = format!("[Socket]\nListenStream=\nListenStream=127.0.0.1:{port}\n");
        drop_in(machine, &format!("seckilld-{role}@embedded.socket"), &text)?;
        let unit = format!("seckilld-{role}@embedded.socket");
        machine.done(&["systemctl", "enable", "--now", &unit])?;
    }
    machine.done(&["systemctl", "enable", "--now", "seckilld-admin@embedded.socket"])?;
    Ok(Shop::at(gateway))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_restart_and_an_upgrade_no_buyer_goes_without_an_answer() -> Result<()> {
    let machine = booted("sockets").await?;
    machine.done(&["dpkg", "-i", "/root/old.deb"])?;
    set(&machine, "embedded", "#products = [", "products = [")?;
    let product = r#"{ prod_id = "pid_0001", prod_name = "iphoneX2019新款", price = "5999.000", "#;
    let others = ["pid_0002", "pid_0003"];
    set(&machine, "embedded", &format!("#  {product}stock = 100"), &format!("  {product}{STOCK}"))?;
    for id in others {
        let line = format!("#  {{ prod_id = \"{id}\"");
        set(&machine, "embedded", &line, line.trim_start_matches('#'))?;
    }
    set(&machine, "embedded", "\n#]", "\n]")?;
    let shop = with_sockets(&machine)?;
    machine.done(&["systemctl", "enable", "--now", SERVICE])?;
    let rush = Rush::begin(&shop);
    rush.goes_on().await?;
    let mut pids = vec![main_pid(&machine, SERVICE)?];
    machine.done(&["systemctl", "restart", SERVICE])?;
    rush.goes_on().await?;
    pids.push(main_pid(&machine, SERVICE)?);
    machine.done(&["dpkg", "--force-confold", "-i", "/root/new.deb"])?;
    rush.goes_on().await?;
    pids.push(main_pid(&machine, SERVICE)?);
    let queued = rush.end().await?;
    ensure!(pids[0] != pids[1] && pids[1] != pids[2], "it was not restarted: {pids:?}");
    shop.answers(&queued).await?;
    let status = verb(&machine, "root", "embedded", &["status"])?;
    let sold = format!("placed {} ", queued.len());
    ensure!(status.code == Some(0) && status.out.contains(&sold), "{sold} in {status:#?}");
    Ok(())
}

#[tokio::test]
async fn a_reload_takes_hold_or_fails_and_the_journal_says_why() -> Result<()> {
    let (machine, shop) = selling("reload").await?;
    let pid = main_pid(&machine, SERVICE)?;
    set(&machine, "embedded", "#level = \"info\"", "level = \"debug\"")?;
    machine.done(&["systemctl", "reload", SERVICE])?;
    journalled(&machine, SERVICE, "the configuration was reloaded").await?;
    let told = verb(&machine, "root", "embedded", &["status", "--json"])?;
    let status: serde_json::Value = serde_json::from_str(&told.out)?;
    ensure!(status["config"]["generation"] == 2 && status["log_level"] == "debug", "{status}");

    for (from, to, reason) in [
        ("#readers = 4", "readers = 5", "store.readers"),
        ("#resend_per_s = 100", "resend_per_s = 0", "admin.resend_per_s"),
    ] {
        set(&machine, "embedded", from, to)?;
        let refused = machine.run(&["systemctl", "reload", SERVICE])?;
        ensure!(refused.code != Some(0), "{to} was taken: {refused:?}");
        journalled(&machine, SERVICE, reason).await?;
        set(&machine, "embedded", to, from)?;
    }
    ensure!(main_pid(&machine, SERVICE)? == pid, "it was restarted");
    ensure!(shown(&machine, SERVICE, "ActiveState")? == "active");
    let charged = shop.charge("15200000001").await?;
    ensure!(charged["code"] == "10000", "{charged}");
    // The refused configuration did no harm.
    machine.done(&["systemctl", "reload", SERVICE])?;
    Ok(())
}

#[tokio::test]
async fn a_service_that_hangs_is_started_anew_and_knows_its_orders() -> Result<()> {
    let (machine, shop) = selling("hang").await?;
    // SIGABRT, the first try, waits as long as the process is stopped.
    drop_in(&machine, SERVICE, "[Service]\nWatchdogSec=10\nTimeoutAbortSec=1\n")?;
    machine.done(&["systemctl", "restart", SERVICE])?;
    let charged = shop.charge("15200000001").await?;
    ensure!(charged["code"] == "10000", "{charged}");
    let answer = shop.placed("15200000001").await?;
    let pid = main_pid(&machine, SERVICE)?;
    machine.done(&["systemctl", "kill", "--kill-whom=main", "--signal=STOP", SERVICE])?;
    until("a new process", HANG_MAX, || async {
        // In this order: between two looks it may end, and then there is no process for a while.
        let is_new = !["0", &*pid].contains(&&*main_pid(&machine, SERVICE)?);
        let is_active = is_new && shown(&machine, SERVICE, "ActiveState")? == "active";
        Ok(is_active.then_some(()))
    })
    .await?;
    ensure!(shown(&machine, SERVICE, "NRestarts")? == "1");
    journalled(&machine, SERVICE, "Watchdog timeout").await?;
    ensure!(shop.placed("15200000001").await? == answer, "another answer after the hang");
    Ok(())
}

#[tokio::test]
async fn a_wrong_configuration_ends_with_78_and_is_not_tried_again() -> Result<()> {
    let (machine, _) = selling("wrong").await?;
    set(&machine, "embedded", "#readers = 4", "readers = 0")?;
    let started = machine.run(&["systemctl", "restart", SERVICE])?;
    ensure!(started.code != Some(0), "{started:?}");
    for (property, expected) in
        [("ExecMainStatus", "78"), ("ActiveState", "failed"), ("NRestarts", "0")]
    {
        let told = shown(&machine, SERVICE, property)?;
        ensure!(told == expected, "{property} is {told} instead of {expected}");
    }
    journalled(&machine, SERVICE, "store.readers").await
}
