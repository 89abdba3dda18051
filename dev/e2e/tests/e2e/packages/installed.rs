//! What the tests of the packages share: a booted machine with both packages in `/root`, the
//! service's settings on ports of the test's own, and the service as a buyer meets it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use seckill_e2e::http::{Answer, Client, urlencoded};
use seckill_e2e::machine::{CommandOutput, Machine};
use seckill_e2e::ports::quiet_port;
use seckill_e2e::until;
use serde_json::Value;

pub(super) const SETTINGS: &str = "/etc/seckill/embedded.toml";
pub(super) const DATABASE: &str = "/var/lib/seckill-embedded/embedded.db";
pub(super) const SERVICE: &str = "seckilld@embedded.service";
/// How long an order may take until it is placed, and the service until it answers.
pub(super) const SETTLED_MAX: Duration = Duration::from_secs(30);

/// The folder with `old.deb`, `new.deb` and `debian`.
#[expect(clippy::disallowed_methods, reason = "the tests' own switch, not the daemon's")]
fn prepared() -> Result<PathBuf> {
    let folder = std::env::var_os("E2E_PACKAGES");
    Ok(folder.context("no packages to test: `cargo xtask e2e packages` makes them")?.into())
}

/// A machine without the package, which lies there as `/root/old.deb` and `/root/new.deb`.
pub(super) async fn booted(name: &str) -> Result<Machine> {
    let folder = prepared()?;
    let machine = Machine::boot(&folder.join("debian"), &folder, name).await?;
    for package in ["old", "new"] {
        let bytes = std::fs::read(folder.join(format!("{package}.deb")))?;
        machine.write(&format!("/root/{package}.deb"), &bytes)?;
    }
    Ok(machine)
}

/// Takes the # before the addresses away, as an operator does. Returns the gateway's port: the
/// machine has this one's network, so ports are the test's own.
pub(super) fn packaged_settings(machine: &Machine, env_type: &str) -> Result<u16> {
    let (gateway, order) = (quiet_port(&[])?, quiet_port(&[])?);
    for (from, to) in [
        ("#listen = \"127.0.0.1:8070\"", format!("listen = \"127.0.0.1:{gateway}\"")),
        ("#listen = \"127.0.0.1:8071\"", format!("listen = \"127.0.0.1:{order}\"")),
    ] {
        set(machine, env_type, from, &to)?;
    }
    Ok(gateway)
}

/// Puts a text in the place of another that stands in the settings exactly once.
pub(super) fn set(machine: &Machine, env_type: &str, from: &str, to: &str) -> Result<()> {
    let path = format!("/etc/seckill/{env_type}.toml");
    let settings = machine.done(&["cat", &path])?;
    ensure!(settings.matches(from).count() == 1, "{from} isn't once in {settings}");
    machine.write(&path, format!("{}\n", settings.replace(from, to)).as_bytes())
}

/// A machine in which the service runs, and its buyers' end.
pub(super) async fn selling(name: &str) -> Result<(Machine, Shop)> {
    let machine = booted(name).await?;
    machine.done(&["dpkg", "-i", "/root/old.deb"])?;
    let shop = Shop::at(packaged_settings(&machine, "embedded")?);
    machine.done(&["systemctl", "start", SERVICE])?;
    Ok((machine, shop))
}

/// Adds to a unit.
pub(super) fn drop_in(machine: &Machine, unit: &str, text: &str) -> Result<()> {
    let folder = format!("/etc/systemd/system/{unit}.d");
    machine.done(&["mkdir", "-p", &folder])?;
    machine.write(&format!("{folder}/test.conf"), text.as_bytes())?;
    machine.done(&["systemctl", "daemon-reload"])?;
    Ok(())
}

/// A property of a unit.
pub(super) fn shown(machine: &Machine, unit: &str, property: &str) -> Result<String> {
    machine.done(&["systemctl", "show", "--value", "-p", property, unit])
}

pub(super) fn main_pid(machine: &Machine, unit: &str) -> Result<String> {
    shown(machine, unit, "MainPID")
}

/// All that the unit has logged, and systemd about it.
pub(super) fn journal(machine: &Machine, unit: &str) -> Result<String> {
    machine.done(&["journalctl", "--no-pager", "-o", "cat", "-u", unit])
}

/// Waits until the unit's journal has this text: a line may come later than what it reports.
pub(super) async fn journalled(machine: &Machine, unit: &str, text: &str) -> Result<()> {
    let what = format!("`{text}` in the journal");
    let waited = until(&what, SETTLED_MAX, || async {
        Ok(journal(machine, unit)?.contains(text).then_some(()))
    });
    waited.await.with_context(|| journal(machine, unit).unwrap_or_default())
}

/// A verb of `seckillctl` at an instance's socket, as an account of the machine.
pub(super) fn verb(
    machine: &Machine,
    account: &str,
    env_type: &str,
    words: &[&str],
) -> Result<CommandOutput> {
    let socket = format!("/run/seckill-{env_type}/admin.sock");
    let command = ["runuser", "-u", account, "--", "seckillctl", "--socket", &socket];
    machine.run(&[&command, words].concat())
}

/// The service in the machine as a buyer meets it. Each asks on a connection of his own: an idle
/// one may be closed at any moment, and over a restart is.
#[derive(Clone)]
pub(super) struct Shop(String);

impl Shop {
    pub(super) fn at(gateway: u16) -> Self {
        Self(format!("http://127.0.0.1:{gateway}"))
    }

    pub(super) async fn charged(&self, phone: &str) -> Result<Answer> {
        let fields = [("userPhoneNum", phone), ("prodId", "pid_0001"), ("chargePrice", "5999.000")];
        Client::default().post_form(&format!("{}/api/charge.do", self.0), &fields).await
    }

    pub(super) async fn charge(&self, phone: &str) -> Result<Value> {
        self.charged(phone).await?.json()
    }

    pub(super) async fn placed(&self, phone: &str) -> Result<Value> {
        let fields = urlencoded(&[("userPhoneNum", phone), ("prodId", "pid_0001")]);
        let url = format!("{}/api/query.do?{fields}", self.0);
        until(&format!("{phone}'s order placed"), SETTLED_MAX, || async {
            let told = Client::default().get(&url).await?.json()?;
            Ok((told["data"]["orderStatus"] == 2).then_some(told))
        })
        .await
    }

    /// What each of these buyers is answered about the order.
    pub(super) async fn answers(&self, phones: &[String]) -> Result<Vec<Value>> {
        let mut answers = Vec::new();
        for phone in phones {
            answers.push(self.placed(phone).await?);
        }
        Ok(answers)
    }
}
