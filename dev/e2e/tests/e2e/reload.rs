//! Another configuration while the daemon runs: keys that can change take hold, keys that can't are
//! named, and with any fault the old configuration stays. On the embedded queue; the rotation of
//! keys at a real RocketMQ is tested there.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use hyper::Method;
use protocol::{AuditPage, ReloadOutcome, ReloadState, Severity};
use rustix::process::Signal;
use rustix::time::{ClockId, clock_gettime};
use seckill_e2e::buyers::{Crowd, phone};
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::until;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::crash::Sale;
use crate::service::{Manager, under};

const WITHIN: Duration = Duration::from_secs(30);

/// What every file here lists: the products of the sale.
const PRODUCTS: &str = r#"
products = [
  { prod_id = "pid_0001", prod_name = "iphone", price = "5999.000", stock = 100 },
  { prod_id = "pid_0002", prod_name = "xiaomi", price = "1200.000", stock = 300 },
]
"#;

/// A daemon with a configuration file of its own.
struct Rig {
    daemon: Daemon,
    file: PathBuf,
}

impl Rig {
    async fn start(more: &str) -> Result<Self> {
        Self::with(more, Options::embedded()).await
    }

    async fn with(more: &str, options: Options) -> Result<Self> {
        let folder = Arc::new(TempDir::new()?);
        let file = folder.path().join("own.toml");
        fs::write(&file, format!("{PRODUCTS}{more}"))?;
        let daemon = Daemon::start_in(folder, options.file(&file)).await?;
        Ok(Self { daemon, file })
    }

    /// The file is replaced in one step, so that no reload reads half of it.
    fn write(&self, more: &str) -> Result<()> {
        let fresh = self.file.with_extension("new");
        fs::write(&fresh, format!("{PRODUCTS}{more}"))?;
        Ok(fs::rename(fresh, &self.file)?)
    }

    async fn reload(&self) -> Result<ReloadState> {
        let state = self.daemon.admin().command("/v1/reload", json!({})).await?;
        Ok(serde_json::from_value(state)?)
    }

    /// The refusal's body.
    async fn refused(&self) -> Result<Value> {
        let answer = self.daemon.admin().post("/v1/reload", json!({})).await?;
        ensure!(answer.status == 409, "HTTP {}: {}", answer.status, answer.text());
        answer.json()
    }

    async fn generation(&self) -> Result<u64> {
        Ok(self.daemon.admin().status().await?.config.generation)
    }

    /// The status of a charge with so many bytes of nothing in its body.
    async fn charge_with(&self, padding: usize) -> Result<u16> {
        let url = format!("{}/api/charge.do", self.daemon.gateway_url());
        let body = format!("padding={}", "a".repeat(padding));
        let form = "application/x-www-form-urlencoded";
        let client = self.daemon.client();
        Ok(client.bytes(Method::POST, &url, form, Bytes::from(body)).await?.status)
    }
}

fn keys(state: &ReloadState) -> Vec<&str> {
    state.changed.iter().map(|change| change.key.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_change_takes_hold_without_a_restart() -> Result<()> {
    let rig = Rig::start("[http]\nbody_bytes_max = 2048\n").await?;
    let (daemon, admin) = (&rig.daemon, rig.daemon.admin());
    let pid = admin.status().await?.pid;
    assert_eq!(rig.generation().await?, 1);
    assert_eq!(rig.charge_with(4_000).await?, 413);

    rig.write(
        "[http]\nbody_bytes_max = 8192\n[log]\nlevel = \"debug\"\n[admin]\nresend_per_s = 7\n",
    )?;
    let state = rig.reload().await?;
    assert_eq!(state.generation, 2);
    assert_eq!(keys(&state), ["http.body_bytes_max", "admin.resend_per_s", "log.level"]);
    assert_eq!((&state.changed[0].before, &state.changed[0].after), (&json!(2048), &json!(8192)));
    assert_eq!(state.changed[0].source, format!("file {}", rig.file.display()));
    assert_eq!(rig.charge_with(4_000).await?, 200);
    assert_eq!(admin.status().await?.log_level, "debug");
    assert_eq!(daemon.charge(&phone(0), "pid_0001", "5999.000").await?.code(), "10000");
    until("a line of the new level", WITHIN, || async {
        Ok(daemon.logs()?.contains("\"level\":\"DEBUG\"").then_some(()))
    })
    .await?;
    let too_many = json!({ "per_s": 8 });
    let answer = admin.post("/v1/dead-letters/resend", too_many).await?;
    assert!(answer.text().contains("from 1 to 7"), "{}", answer.text());
    let config = admin.get("/v1/config").await?.json()?;
    let shown = config["keys"].as_array().into_iter().flatten();
    let shown = shown.filter(|entry| entry["key"] == "http.body_bytes_max").collect::<Vec<_>>();
    assert_eq!(shown[0]["value"], 8192, "{shown:?}");

    // The same configuration again changes nothing, and what an operator has set by hand stays.
    admin.command("/v1/log-level", json!({ "level": "warn" })).await?;
    let state = rig.reload().await?;
    assert_eq!((state.generation, keys(&state)), (2, vec![]));
    let status = admin.status().await?;
    assert_eq!((status.log_level.as_str(), status.config.reloads_unchanged), ("warn", 1));
    assert_eq!(status.pid, pid);
    let page: AuditPage = serde_json::from_slice(&admin.get("/v1/audit").await?.body)?;
    let reloads: Vec<_> = page.entries.iter().filter(|entry| entry.verb == "reload").collect();
    assert_eq!(reloads.len(), 2);
    assert_eq!(
        reloads[1].before,
        json!({ "generation": 1, "keys": {
            "http.body_bytes_max": 2048, "admin.resend_per_s": 100, "log.level": "info",
        }})
    );
    let metrics = admin.get("/metrics").await?.text();
    for line in
        ["seckill_config_generation 2", "seckill_config_reloads_total{outcome=\"unchanged\"} 1"]
    {
        assert!(metrics.contains(line), "{metrics}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_product_that_is_added_is_sold_and_the_others_keep_what_they_have() -> Result<()> {
    let rig = Rig::start("").await?;
    let (daemon, admin) = (&rig.daemon, rig.daemon.admin());
    assert_eq!(daemon.charge(&phone(0), "pid_0001", "5999.000").await?.code(), "10000");
    let more = json!({ "delta": 5, "reason": "more arrived" });
    admin.command("/v1/products/pid_0001/stock", more).await?;
    let before = admin.status().await?.products;
    assert_eq!(daemon.charge(&phone(1), "pid_0009", "9.000").await?.code(), "40007");
    let listed = r#"products = [
        { prod_id = "pid_0001", prod_name = "other", price = "1.000", stock = 7 },
        { prod_id = "pid_0009", prod_name = "new", price = "9.000", stock = 3 },
    ]"#;
    fs::write(&rig.file, listed)?;
    let state = rig.reload().await?;
    assert_eq!(
        (keys(&state), state.products_added.clone()),
        (vec!["products"], vec!["pid_0009".into()])
    );
    let notes = state.notes.join("\n");
    assert!(notes.contains("pid_0001 exists and keeps what the database has"), "{notes}");
    assert!(notes.contains("pid_0002 is no longer listed and stays"), "{notes}");
    // Which terms it keeps is named at the reload, for as long as it is so, and at a start.
    let told = "pid_0001 isn't sold as the profile says: price 5999.000, in the profile 1.000";
    assert!(notes.contains(told), "{notes}");
    let warnings = admin.status().await?.warnings;
    ensure!(warnings.iter().any(|warning| warning == told), "{warnings:?}");
    until("the new product to be sold", WITHIN, || async {
        let code = daemon.charge(&phone(1), "pid_0009", "9.000").await?.code();
        ensure!(["10000", "40007"].contains(&code.as_str()), "{code}");
        Ok((code == "10000").then_some(()))
    })
    .await?;
    let after = admin.status().await?.products;
    let of = |products: &[protocol::ProductView], id: &str| {
        let found = products.iter().find(|product| product.prod_id == id).cloned();
        found.with_context(|| format!("no {id}"))
    };
    for id in ["pid_0001", "pid_0002"] {
        let (old, new) = (of(&before, id)?, of(&after, id)?);
        assert_eq!((old.prod_name, old.terms, old.stock), (new.prod_name, new.terms, new.stock));
        assert_eq!((old.initial, old.added, old.sold), (new.initial, new.added, new.sold));
        assert!(new.terms.on_shelf && new.balanced);
    }
    assert_eq!(of(&after, "pid_0009")?.initial, 3);
    let price = json!({ "price": "1.000", "reason": "as the profile has it" });
    admin.command("/v1/products/pid_0001/price", price).await?;
    let warnings = admin.status().await?.warnings;
    ensure!(warnings.iter().all(|warning| !warning.contains("profile")), "{warnings:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_names_each_key_and_changes_nothing() -> Result<()> {
    let rig = Rig::start("[store]\nreaders = 2\n").await?;
    let (daemon, admin) = (&rig.daemon, rig.daemon.admin());
    rig.write(
        "[store]\nreaders = 3\n[gateway]\nphone_pattern = \"2[0-9]{10}\"\n[log]\nlevel = \
         \"debug\"\n",
    )?;
    let refusal = rig.refused().await?;
    assert_eq!(refusal["code"], "restart_needed");
    let told = refusal["msg"].as_str().unwrap_or_default();
    for line in ["store.readers: 2 → 3", "gateway.phone_pattern: \"1[0-9]{10}\" → \"2[0-9]{10}\""]
    {
        assert!(told.contains(line), "{told}");
    }
    let named: Vec<_> = refusal["data"]["keys"].as_array().into_iter().flatten().collect();
    assert_eq!(named.len(), 2, "a key that can change is none of them: {named:?}");

    let file = rig.file.display().to_string();
    for (text, faults) in [
        (
            "[http]\nbody_bytes_max = 1\nconnections_max = 0\n",
            &["body_bytes_max", "connections_max"][..],
        ),
        ("[htp]\nbody_bytes_max = 1\n", &["htp"]),
        ("[http\n", &["isn't TOML"]),
        ("[admin]\noperator_group = \"no-such-group\"\n", &["admin.operator_group"]),
        ("[gateway]\norder_id_key_file = \"./none\"\n", &["./none doesn't exist"]),
    ] {
        rig.write(&format!("{text}[log]\nlevel = \"debug\"\n"))?;
        let refusal = rig.refused().await?;
        assert_eq!(refusal["code"], "config_faulty", "{refusal}");
        let told = refusal["msg"].as_str().unwrap_or_default();
        assert!(faults.iter().all(|fault| told.contains(fault)) && told.contains(&file), "{told}");
    }
    fs::remove_file(&rig.file)?;
    let refusal = rig.refused().await?;
    assert!(refusal["msg"].as_str().unwrap_or_default().contains("can't be read"), "{refusal}");

    let status = admin.status().await?;
    assert_eq!((status.config.generation, status.config.reloads_refused), (1, 7));
    assert_eq!(status.log_level, "info");
    let last = status.config.last_reload.context("no reload")?;
    assert_eq!(last.outcome, ReloadOutcome::Refused);
    let warned = status.notables.iter().filter(|notable| notable.severity == Severity::Warning);
    assert_eq!(warned.filter(|notable| notable.text.contains("was refused")).count(), 7);
    assert_eq!(daemon.charge(&phone(0), "pid_0001", "5999.000").await?.code(), "10000");
    // Once corrected, the configuration is taken.
    rig.write("[store]\nreaders = 2\n[log]\nlevel = \"debug\"\n")?;
    assert_eq!(keys(&rig.reload().await?), ["log.level"]);
    assert_eq!(rig.generation().await?, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_key_for_the_order_ids_takes_a_restart() -> Result<()> {
    let folder = TempDir::new()?;
    let key = folder.path().join("ids.key");
    fs::write(&key, "0123456789abcdef0123456789abcdef")?;
    let options = Options::embedded().set("gateway.order_id_key_file", key.to_string_lossy());
    let rig = Rig::with("", options).await?;
    assert_eq!(keys(&rig.reload().await?), Vec::<&str>::new());
    fs::write(&key, "fedcba9876543210fedcba9876543210")?;
    let refusal = rig.refused().await?;
    let told = refusal["msg"].as_str().unwrap_or_default();
    assert!(told.contains("gateway.order_id_key_file"), "{told}");
    assert!(told.contains("the file holds something else"), "{told}");
    assert!(!told.contains("0123456789"), "the key is never told: {told}");
    // On the embedded queue nothing reads RocketMQ's keys, and their names may change.
    fs::write(&key, "0123456789abcdef0123456789abcdef")?;
    rig.write("[rocketmq]\naccess_key_file = \"./a\"\nsecret_key_file = \"./b\"\n")?;
    let state = rig.reload().await?;
    assert_eq!(keys(&state), ["rocketmq.access_key_file", "rocketmq.secret_key_file"]);
    Ok(())
}

/// Microseconds of the clock that the service manager compares with.
fn monotonic_us() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_a_signal_and_a_service_manager_hears_of_it() -> Result<()> {
    let folder = TempDir::new()?;
    let (manager, notify) = Manager::at(folder.path())?;
    let rig = Rig::with("", under(notify)).await?;
    manager.until("the start", |line| line == "READY=1").await?;
    for (text, status) in [
        ("[log]\nlevel = \"debug\"\n", None),
        ("[store]\nreaders = 2\n", Some("STATUS=reload refused: nothing was changed: a key takes")),
        ("[log\n", Some("STATUS=reload refused: nothing was changed: the configuration has")),
        ("[log]\nlevel = \"debug\"\n", None),
    ] {
        rig.write(text)?;
        let before = monotonic_us();
        rig.daemon.signal(Signal::HUP)?;
        let begun = manager.until("the reload", |line| line == "RELOADING=1").await?;
        let moment = begun.iter().find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
        let moment: i64 = moment.context("no moment")?.parse()?;
        assert!(before <= moment && moment <= monotonic_us(), "{before} {moment}");
        let ended = manager.until("its end", |line| line == "READY=1").await?;
        let told = ended.iter().find(|line| line.starts_with("STATUS="));
        match status {
            None => assert_eq!(told, None),
            Some(start) => assert!(told.is_some_and(|told| told.starts_with(start)), "{ended:?}"),
        }
        // The sale's line that follows says so for as long as it holds.
        let says_so = |line: &str| line.contains("reload refused") && line.contains("sold 0/");
        let is_plain = |line: &str| line.starts_with("STATUS=sold 0/");
        let what = "the line of the sale";
        match status {
            Some(_) => manager.until(what, says_so).await?,
            None => manager.until(what, is_plain).await?,
        };
    }
    let config = rig.daemon.admin().status().await?.config;
    assert_eq!(
        (config.generation, config.reloads_refused, config.reloads_unchanged),
        (2, 2, 1),
        "the third left the first's in force"
    );
    assert_eq!(config.last_reload.context("no reload")?.by, "SIGHUP");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signals_in_quick_succession_end_with_what_the_file_says() -> Result<()> {
    let rig = Rig::start("").await?;
    let admin = rig.daemon.admin();
    for level in ["debug", "warn", "trace", "error", "debug"] {
        rig.write(&format!("[log]\nlevel = \"{level}\"\n"))?;
        rig.daemon.signal(Signal::HUP)?;
        rig.daemon.signal(Signal::HUP)?;
    }
    rig.write("[log]\nlevel = \"info,hyper=warn\"\n")?;
    rig.daemon.signal(Signal::HUP)?;
    until("the last file to be in force", WITHIN, || async {
        Ok((admin.status().await?.log_level == "info,hyper=warn").then_some(()))
    })
    .await?;
    let config = admin.status().await?.config;
    assert_eq!(config.reloads_refused, 0, "{config:?}");
    assert!(2 <= config.generation, "{config:?}");
    // Several at once over the socket come one after the other, and one of them changes it.
    rig.write("[log]\nlevel = \"info\"\n")?;
    let (one, two, three) = tokio::join!(rig.reload(), rig.reload(), rig.reload());
    let mut changed = [one?, two?, three?].map(|state| state.changed.len());
    changed.sort_unstable();
    assert_eq!(changed, [0, 0, 1]);
    assert_eq!(rig.generation().await?, config.generation + 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_in_the_midst_of_a_sale_lose_nothing() -> Result<()> {
    let rig = Rig::start("").await?;
    let crowd = Crowd::of_the_sale(vec![rig.daemon.gateway_url()]);
    let sale = Sale::begin(crowd);
    sale.queued(5).await?;
    let mut reloads = 0;
    while reloads < 2 || !sale.is_over() {
        let odd = reloads % 2 == 1;
        // Never fewer connections than buyers keep open: further ones would wait until those go.
        let (connections, batch, waiting) = if odd { (100, 1, 2) } else { (500, 64, 4_096) };
        rig.write(&format!(
            "[http]\nconnections_max = {connections}\n[gateway]\npublish_batch_max = {batch}\n\
             publish_waiting_max = {waiting}\nrefresh_ms = {}\n[order]\nbatch_max = {batch}\n",
            if odd { 10 } else { 200 },
        ))?;
        match odd {
            true => rig.daemon.signal(Signal::HUP)?,
            false => drop(rig.reload().await?),
        }
        reloads += 1;
        until("the next generation", WITHIN, || async {
            Ok((rig.generation().await? == reloads + 1).then_some(()))
        })
        .await?;
    }
    println!("{reloads} reloads in a sale");
    sale.end(&rig.daemon.database()).await
}
