//! Instances beside each other, the one with secrets, and which of the accounts may operate.

use anyhow::{Context, Result, ensure};
use seckill_e2e::machine::{CommandOutput, Machine};
use seckill_e2e::ports::quiet_port;
use seckill_e2e::until;

use super::installed::{
    SERVICE, SETTLED_MAX, Shop, journal, journalled, main_pid, packaged_settings, selling, set,
    verb,
};

/// What systemd shows where a credential can't be had.
const CREDENTIALS: &str = "status=243/CREDENTIALS";

/// Settings with a name server where nobody listens: here may be a broker of another test.
fn without_broker(machine: &Machine, env_type: &str, servers: &str) -> Result<Shop> {
    let own = format!("name_servers = [\"127.0.0.1:{}\"]", quiet_port(&[])?);
    set(machine, env_type, servers, &own)?;
    Ok(Shop::at(packaged_settings(machine, env_type)?))
}

/// The instance serves, and shows what it lacks.
async fn is_degraded(machine: &Machine, env_type: &str) -> Result<()> {
    until("a status without a broker", SETTLED_MAX, || async {
        let told = verb(machine, "root", env_type, &["status"])?;
        let is_it = told.out.contains(&format!("serving, degraded, profile {env_type}"));
        Ok((told.code == Some(1) && is_it).then_some(()))
    })
    .await
}

#[tokio::test]
async fn two_instances_share_nothing_but_the_account() -> Result<()> {
    let (machine, shop) = selling("two").await?;
    let other = without_broker(&machine, "offline", "#name_servers = [\"127.0.0.1:9876\"]")?;
    machine.done(&["systemctl", "start", "seckilld@offline"])?;
    is_degraded(&machine, "offline").await?;
    ensure!(machine.has("/var/lib/seckill-offline/offline.db")?, "its database is elsewhere");
    let charged = shop.charge("15200000001").await?;
    ensure!(charged["code"] == "10000", "{charged}");
    shop.placed("15200000001").await?;
    let refused = other.charge("15200000001").await?;
    ensure!(refused["code"] != "10000", "it queues without a queue: {refused}");
    let told = machine.run(&["seckillctl", "status"])?;
    ensure!(told.code == Some(64), "it picks one of two: {told:#?}");

    let pid = main_pid(&machine, SERVICE)?;
    machine.done(&["systemctl", "stop", "seckilld@offline"])?;
    ensure!(main_pid(&machine, SERVICE)? == pid, "the other was restarted");
    shop.placed("15200000001").await?;
    let told = verb(&machine, "root", "embedded", &["status"])?;
    ensure!(told.code == Some(0), "{told:#?}");
    Ok(())
}

#[tokio::test]
async fn the_instance_with_secrets_wants_them_and_starts_without_a_broker() -> Result<()> {
    const ALIYUN: &str = "seckilld@aliyun.service";
    let (machine, _) = selling("aliyun").await?;
    without_broker(&machine, "aliyun", "#name_servers = [\"<your-instance-endpoint>:8080\"]")?;
    let started = machine.run(&["systemctl", "start", ALIYUN])?;
    ensure!(started.code != Some(0), "it starts without its secrets: {started:?}");
    journalled(&machine, ALIYUN, CREDENTIALS).await?;
    machine.done(&["systemctl", "stop", ALIYUN])?;

    for name in ["access_key", "secret_key"] {
        let path = format!("/etc/seckill/credentials/{name}");
        machine.done(&["install", "-m", "600", "/dev/null", &path])?;
        machine.write(&path, format!("made-up-{name}\n").as_bytes())?;
    }
    let started = machine.done(&["systemctl", "start", ALIYUN]);
    started.with_context(|| journal(&machine, ALIYUN).unwrap_or_default())?;
    is_degraded(&machine, "aliyun").await?;
    let log = journal(&machine, ALIYUN)?;
    ensure!(!log.contains("made-up"), "a secret is in the journal: {log}");
    Ok(())
}

#[tokio::test]
async fn only_members_of_the_operators_may_pause() -> Result<()> {
    let (machine, shop) = selling("operators").await?;
    machine.done(&["groupadd", "operators"])?;
    machine.done(&["useradd", "--groups", "seckill,operators", "chief"])?;
    machine.done(&["useradd", "--groups", "seckill", "clerk"])?;
    machine.done(&["useradd", "stranger"])?;
    set(&machine, "embedded", "#operator_group = \"\"", "operator_group = \"operators\"")?;
    machine.done(&["systemctl", "reload", SERVICE])?;

    let pause = ["pause", "intake", "--yes", "--reason", "a test"];
    let by = |account: &str, words: &[&str]| verb(&machine, account, "embedded", words);
    let refused = by("clerk", &pause)?;
    ensure!(refused.code == Some(77) && refused.err.contains("operators"), "{refused:#?}");
    let seen = by("clerk", &["status"])?;
    ensure!(seen.code == Some(0) && seen.out.contains("intake       on"), "{seen:#?}");
    let CommandOutput { code, .. } = by("stranger", &["status"])?;
    ensure!(code == Some(77), "who is in no group gets {code:?}");

    let paused = by("chief", &pause)?;
    ensure!(paused.code == Some(0), "{paused:#?}");
    let charged = shop.charge("15200000001").await?;
    ensure!(charged["code"] == "42003", "{charged}");
    let audit = by("chief", &["audit"])?;
    ensure!(audit.out.contains("chief") && audit.out.contains("a test"), "{audit:#?}");
    Ok(())
}
