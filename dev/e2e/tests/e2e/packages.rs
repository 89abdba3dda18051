//! The package in a clean Debian with a systemd of its own: installed, configured, run, upgraded
//! over a database with orders, removed, installed again and purged. `cargo xtask e2e` makes the
//! packages and the Debian.

mod installed;
mod instances;
mod journal;
mod service;

use anyhow::{Result, ensure};
use seckill_e2e::machine::Machine;
use seckill_e2e::until;

use installed::{
    DATABASE, SERVICE, SETTINGS, SETTLED_MAX, Shop, booted, main_pid, packaged_settings, shown,
};

const CONFFILES: [&str; 3] = ["/etc/seckill/aliyun.toml", SETTINGS, "/etc/seckill/offline.toml"];
/// What `cargo xtask e2e` ends the settings of the later package with.
const LATER: &str = "# Of the later version.";

#[tokio::test]
async fn a_package_comes_sells_is_upgraded_and_goes_and_the_orders_stay() -> Result<()> {
    let machine = booted("life").await?;
    installed(&machine)?;
    let shop = configured(&machine)?;
    machine.done(&["systemctl", "enable", "--now", SERVICE])?;
    runs_as_its_own_user(&machine)?;
    let phones: Vec<_> = (0..20).map(|buyer| format!("152000010{buyer:02}")).collect();
    for phone in &phones {
        let charged = shop.charge(phone).await?;
        ensure!(charged["code"] == "10000", "{charged}");
    }
    let answers = shop.answers(&phones).await?;
    operated(&machine).await?;
    upgraded(&machine)?;
    ensure!(shop.answers(&phones).await? == answers, "other answers after the upgrade");
    let repeat = shop.charge(&phones[0]).await?;
    ensure!(repeat["data"]["orderId"] == answers[0]["data"]["orderId"], "{repeat}");
    let charged = shop.charge("15200009999").await?;
    ensure!(charged["code"] == "10000", "{charged}");
    removed(&machine)?;
    machine.done(&["dpkg", "-i", "/root/new.deb"])?;
    machine.done(&["systemctl", "start", SERVICE])?;
    ensure!(shop.answers(&phones).await? == answers, "other answers after a removal");
    purged(&machine)
}

/// Everything is in its place, and nothing runs yet.
fn installed(machine: &Machine) -> Result<()> {
    let told = machine.done(&["dpkg", "-i", "/root/old.deb"])?;
    ensure!(told.contains("systemctl enable --now seckilld@embedded"), "{told}");
    let running = machine.done(&["systemctl", "list-units", "--no-legend", "seckilld*"])?;
    ensure!(running.is_empty(), "it starts by itself: {running}");
    let files = machine.done(&["dpkg", "-L", "seckill"])?;
    for file in [
        "/usr/bin/seckilld",
        "/usr/bin/seckillctl",
        "/usr/lib/systemd/system/seckilld@.service",
        "/usr/lib/systemd/system/seckilld-gateway@.socket",
        "/usr/lib/systemd/system/seckilld@aliyun.service.d/credentials.conf",
        "/usr/share/man/man8/seckilld.8.gz",
        "/usr/share/man/man8/seckilld-backup.8.gz",
        "/usr/share/man/man8/seckilld-restore.8.gz",
        "/usr/share/man/man1/seckillctl-reload.1.gz",
        "/usr/share/bash-completion/completions/seckilld",
        "/usr/share/zsh/vendor-completions/_seckillctl",
        "/usr/share/fish/vendor_completions.d/seckillctl.fish",
        "/usr/share/doc/seckill/CHANGELOG.md",
        "/usr/share/doc/seckill/docs/runbook.md",
        "/usr/share/doc/seckill/examples/seckill.notify-reload.conf",
        "/usr/share/doc/seckill/contrib/alerts.yml",
        "/usr/share/doc/seckill/copyright",
    ] {
        ensure!(files.lines().any(|line| line == file), "{file} is missing in\n{files}");
    }
    let told = machine.done(&["dpkg-query", "-W", "-f", "${Conffiles}", "seckill"])?;
    let mut conffiles: Vec<_> =
        told.lines().filter_map(|line| line.split_whitespace().next()).collect();
    conffiles.sort_unstable();
    ensure!(conffiles == CONFFILES, "{conffiles:?}");
    ensure!(machine.done(&["dpkg", "--verify", "seckill"])?.is_empty());
    for (path, expected) in [
        ("/usr/bin/seckilld", "755 root:root"),
        (SETTINGS, "644 root:root"),
        ("/etc/seckill", "750 root:seckill"),
        ("/etc/seckill/credentials", "700 root:root"),
        ("/var/lib/seckill-embedded", "750 seckill:seckill"),
        ("/run/seckill-embedded", "755 seckill:seckill"),
    ] {
        let told = machine.done(&["stat", "-c", "%a %U:%G", path])?;
        ensure!(told == expected, "{path} is {told} instead of {expected}");
    }
    let account = machine.done(&["getent", "passwd", "seckill"])?;
    ensure!(account.ends_with("/usr/sbin/nologin"), "{account}");
    for program in ["seckilld", "seckillctl"] {
        let told = machine.done(&[program, "--version"])?;
        let tells = told.starts_with(&format!("{program} {} (", env!("CARGO_PKG_VERSION")));
        ensure!(tells && told.ends_with(')'), "{told}");
    }
    machine.done(&["bash", "-n", "/usr/share/bash-completion/completions/seckillctl"])?;
    Ok(())
}

/// Takes the # before two keys away, as an operator does, and looks whether a start will do.
fn configured(machine: &Machine) -> Result<Shop> {
    let gateway = packaged_settings(machine, "embedded")?;
    for (env_type, code) in [("embedded", 0), ("offline", 0), ("aliyun", 78)] {
        let told = as_service(machine, &["check-config", "--env-type", env_type])?;
        ensure!(told.0 == Some(code), "{env_type}: {told:?}");
    }
    let told = doctor(machine)?;
    ensure!(told.contains(&format!("{DATABASE} is absent; a start makes it")), "{told}");
    ensure!(told.contains(&format!("127.0.0.1:{gateway} is free")), "{told}");
    Ok(Shop::at(gateway))
}

/// What the doctor finds by the service's account. Warnings may be this machine's own: how many
/// files may be open.
fn doctor(machine: &Machine) -> Result<String> {
    let (code, told) = as_service(machine, &["doctor", "--env-type", "embedded"])?;
    ensure!([Some(0), Some(1)].contains(&code) && told.contains(" 0 fail"), "{told}");
    Ok(told)
}

/// The daemon's verb as the service's account calls it: exit code, and all that it wrote.
fn as_service(machine: &Machine, words: &[&str]) -> Result<(Option<i32>, String)> {
    let command = ["runuser", "-u", "seckill", "--", "seckilld"];
    let told = machine.run(&[&command, words].concat())?;
    Ok((told.code, format!("{}\n{}", told.out, told.err)))
}

fn runs_as_its_own_user(machine: &Machine) -> Result<()> {
    let state = machine.done(&["systemctl", "is-active", SERVICE])?;
    ensure!(state == "active", "{state}");
    let pid = main_pid(machine, SERVICE)?;
    let owner = machine.done(&["stat", "-c", "%U", &format!("/proc/{pid}")])?;
    ensure!(owner == "seckill", "it runs as {owner}");
    let told = machine.done(&["stat", "-c", "%a %U", DATABASE])?;
    ensure!(told == "600 seckill", "the database is {told}");
    Ok(())
}

/// `seckillctl` and the doctor find the running daemon without an argument that says where it is.
async fn operated(machine: &Machine) -> Result<()> {
    let told = machine.done(&["seckillctl", "status"])?;
    ensure!(told.contains("serving, profile embedded"), "{told}");
    let told = doctor(machine)?;
    ensure!(told.contains("a seckilld of this very configuration runs"), "{told}");
    until("the sale in the unit's status", SETTLED_MAX, || async {
        let told = shown(machine, SERVICE, "StatusText")?;
        Ok(told.starts_with("sold 20/800").then_some(()))
    })
    .await
}

/// Changed settings stay and the new ones lie beside them, others are replaced; the service is the
/// new one.
fn upgraded(machine: &Machine) -> Result<()> {
    let (before, pid) = (machine.done(&["cat", SETTINGS])?, main_pid(machine, SERVICE)?);
    machine.done(&["dpkg", "--force-confold", "-i", "/root/new.deb"])?;
    ensure!(machine.done(&["cat", SETTINGS])? == before, "the operator's settings are gone");
    for (path, is_new) in [
        (SETTINGS, false),
        ("/etc/seckill/embedded.toml.dpkg-dist", true),
        ("/etc/seckill/offline.toml", true),
    ] {
        ensure!(machine.done(&["cat", path])?.ends_with(LATER) == is_new, "{path}");
    }
    let told = machine.done(&["stat", "-c", "%a %U:%G", "/etc/seckill"])?;
    ensure!(told == "750 root:seckill", "{told}");
    runs_as_its_own_user(machine)?;
    let now = main_pid(machine, SERVICE)?;
    ensure!(now != pid, "the service was not restarted");
    let program = machine.done(&["readlink", &format!("/proc/{now}/exe")])?;
    ensure!(program == "/usr/bin/seckilld", "it runs {program}");
    Ok(())
}

fn removed(machine: &Machine) -> Result<()> {
    machine.done(&["dpkg", "-r", "seckill"])?;
    let state = machine.run(&["systemctl", "is-active", SERVICE])?;
    ensure!(state.out != "active", "it runs on without a program");
    for (path, stays) in [
        ("/usr/bin/seckilld", false),
        ("/usr/bin/seckillctl", false),
        ("/usr/lib/systemd/system/seckilld@.service", false),
        (SETTINGS, true),
        ("/etc/seckill/offline.toml", true),
        (DATABASE, true),
    ] {
        ensure!(machine.has(path)? == stays, "{path} after the removal");
    }
    Ok(())
}

fn purged(machine: &Machine) -> Result<()> {
    let told = machine.done(&["dpkg", "-P", "seckill"])?;
    ensure!(told.contains("/var/lib/seckill-embedded is kept"), "{told}");
    for path in CONFFILES.iter().chain(&["/etc/seckill", "/var/lib/seckill-offline"]) {
        ensure!(!machine.has(path)?, "{path} after the purge");
    }
    ensure!(machine.has(DATABASE)?, "the orders are gone");
    let links = machine.done(&["find", "/etc/systemd/system", "-name", "seckilld*"])?;
    ensure!(links.is_empty(), "{links}");
    is_unknown(machine)?;
    // Where systemd never was, as in an image of a container, there is no folder for its links.
    machine.done(&["dpkg", "-i", "/root/new.deb"])?;
    machine.done(&["dpkg", "-r", "seckill"])?;
    machine.done(&["mv", "/etc/systemd/system", "/root/units"])?;
    machine.done(&["dpkg", "-P", "seckill"])?;
    machine.done(&["mv", "/root/units", "/etc/systemd/system"])?;
    is_unknown(machine)?;
    ensure!(machine.has(DATABASE)? && !machine.has("/etc/seckill")?, "after the second purge");
    Ok(())
}

fn is_unknown(machine: &Machine) -> Result<()> {
    let state = machine.run(&["dpkg-query", "-W", "seckill"])?;
    ensure!(state.code != Some(0), "still known: {}", state.out);
    Ok(())
}
