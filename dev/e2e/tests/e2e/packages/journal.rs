//! The log in a real journal: what is found there by its fields, and that nobody waits for one that
//! hangs.

use anyhow::{Result, ensure};
use seckill_e2e::machine::Machine;
use seckill_e2e::until;
use serde_json::Value;

use super::installed::{SERVICE, SETTLED_MAX, journalled, main_pid, selling, verb};

/// What the journal's service is called.
const JOURNAL: &str = "systemd-journald.service";
/// More lines than the kernel keeps for a journal that doesn't read: 512, as systemd has it.
const LINES: usize = 2_000;

/// How the daemon's entries are found: by the unit, or by the name that it gives itself.
const BY_UNIT: [&str; 2] = ["-u", SERVICE];
const BY_NAME: [&str; 2] = ["-t", "seckilld"];

/// Entries with this field, once there is one.
async fn entries(machine: &Machine, [by, whose]: [&str; 2], field: &str) -> Result<Vec<Value>> {
    let command = ["journalctl", "--no-pager", "-o", "json", by, whose, field];
    until(field, SETTLED_MAX, || async {
        let told = machine.done(&command)?;
        let entries: Vec<Value> =
            told.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        Ok((!entries.is_empty()).then_some(entries))
    })
    .await
}

#[tokio::test]
async fn the_journal_finds_entries_by_their_fields() -> Result<()> {
    let (machine, _) = selling("fields").await?;
    let pid = main_pid(&machine, SERVICE)?;
    for role in ["gateway", "order"] {
        let told = entries(&machine, BY_UNIT, &format!("SECKILL_ROLE={role}")).await?;
        let listening = |entry: &&Value| entry["TARGET"] == "seckilld::app::serving";
        let Some(entry) = told.iter().find(listening) else { anyhow::bail!("{told:#?}") };
        let address = entry["SECKILL_ADDRESS"].as_str().unwrap_or_default();
        ensure!(entry["MESSAGE"] == format!("listening role={role} address={address}"), "{entry}");
        for (field, value) in [("PRIORITY", "5"), ("SYSLOG_IDENTIFIER", "seckilld"), ("_PID", &pid)]
        {
            ensure!(entry[field] == value, "{field} isn't {value}: {entry}");
        }
    }
    Ok(())
}

/// Sends a signal to the journal's process.
fn signalled(machine: &Machine, signal: &str) -> Result<()> {
    let signal = format!("--signal={signal}");
    machine.done(&["systemctl", "kill", "--kill-whom=main", &signal, JOURNAL])?;
    Ok(())
}

/// A journal that is stopped takes what the kernel keeps for it, and then nothing.
#[tokio::test]
async fn while_the_journal_hangs_buyers_are_served_and_the_service_restarts() -> Result<()> {
    let (machine, shop) = selling("hangs").await?;
    let told = verb(&machine, "root", "embedded", &["log-level", "debug"])?;
    ensure!(told.code == Some(0), "{told:?}");
    let pid = main_pid(&machine, SERVICE)?;
    signalled(&machine, "STOP")?;
    // Each leaves a line at this level.
    for _ in 0..LINES {
        let refused = shop.charge("").await?;
        ensure!(refused["code"] == "40005", "{refused}");
    }
    let charged = shop.charge("15200000001").await?;
    ensure!(charged["code"] == "10000", "{charged}");
    let answer = shop.placed("15200000001").await?;
    machine.done(&["systemctl", "restart", SERVICE])?;
    ensure!(main_pid(&machine, SERVICE)? != pid, "it was not restarted");
    ensure!(shop.placed("15200000001").await? == answer, "another answer after the restart");
    signalled(&machine, "CONT")?;
    // What came before the restart is there as well. A journal that reads the lines of a process
    // only after its end may not know its unit any more.
    let told = entries(&machine, BY_NAME, "SECKILL_REASON=blank").await?;
    ensure!(told[0]["_PID"] == pid, "{}", told[0]);
    journalled(&machine, SERVICE, "serving").await
}
