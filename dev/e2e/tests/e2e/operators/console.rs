//! The real console on a real terminal, before a real daemon under load.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Result;
use seckill_e2e::buyers::phone;
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::http::Client;
use seckill_e2e::process::built;
use seckill_e2e::terminal::Terminal;
use seckill_e2e::until;
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::WITHIN;

const MANY: &str = r#"[{prod_id="many",prod_name="很多",price="1.000",stock=1000000}]"#;

/// Buyers who come one after the other until they are dropped, whatever the answers are.
struct Load {
    _clients: JoinSet<()>,
}

impl Load {
    fn on(gateway: &str) -> Self {
        let mut clients = JoinSet::new();
        let next = Arc::new(AtomicU32::new(0));
        for _ in 0..4 {
            let (client, next) = (Client::default(), Arc::clone(&next));
            let url = format!("{gateway}/api/charge.do");
            clients.spawn(async move {
                loop {
                    let buyer = phone(next.fetch_add(1, Ordering::Relaxed));
                    let fields = [
                        ("userPhoneNum", buyer.as_str()),
                        ("chargePrice", "1.000"),
                        ("prodId", "many"),
                    ];
                    // The daemon is killed in the midst of it.
                    let _ = client.post_form(&url, &fields).await;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            });
        }
        Self { _clients: clients }
    }
}

/// The number that stands before these words.
fn number_before(screen: &str, words: &str) -> Option<u64> {
    let (before, _) = screen.split_once(words)?;
    let number = before.rsplit(' ').next()?;
    number.replace(',', "").parse().ok()
}

async fn charge_is(daemon: &Daemon, code: &'static str) -> Result<()> {
    let buyer = phone(999_999);
    until("the charge's answer", WITHIN, || async {
        let answer = daemon.charge(&buyer, "many", "1.000").await?;
        Ok((answer.code() == code).then_some(()))
    })
    .await
}

/// Waits until the question is there and takes its answer.
async fn asked(console: &Terminal, title: &str) -> Result<()> {
    let rests = |screen: &str| screen.contains(title) && !screen.contains("wait a moment");
    console.shows(title, rests).await?;
    Ok(())
}

/// A console of so many columns and lines over this daemon.
fn open(daemon: &Daemon, size: (u16, u16)) -> Result<Terminal> {
    open_in(daemon.folder().path(), daemon, size)
}

/// The same with the terminal's socket in this folder.
fn open_in(folder: &Path, daemon: &Daemon, size: (u16, u16)) -> Result<Terminal> {
    let socket = daemon.socket();
    let socket = socket.to_string_lossy();
    Terminal::run(folder, size, &built("seckillctl")?, &["--socket", &socket])
}

async fn ended(console: &Terminal) -> Result<()> {
    until("the console's end", WITHIN, || async { Ok((!console.is_running()).then_some(())) }).await
}

/// A paste comes as keys from one terminal and marked from another, at once or into a question that
/// has waited for its answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_pasted_into_the_console_changes_nothing() -> Result<()> {
    type Paste = fn(&Terminal, &str) -> Result<()>;
    let daemon = Daemon::start(Options::embedded().set("products", MANY)).await?;
    let keys: Paste = Terminal::paste_as_keys;
    for (opened, paste, pasted, told) in [
        ("", Terminal::type_at_once as Paste, "Py\ry\r", "a key came too soon: it was dropped"),
        ("", keys, "Py\ny\n", "a key came too soon: it was dropped"),
        ("", Terminal::type_at_once, "Dseckilld\r", "a key came too soon: it was dropped"),
        ("P", Terminal::paste, "y\ny\n", "what is pasted is no answer: it was dropped"),
        ("P", Terminal::paste, "y", "what is pasted is no answer: it was dropped"),
        ("P", keys, "y\ny\n", "the answer didn't come alone: it was dropped"),
        ("P", keys, "yes please", "the answer didn't come alone: it was dropped"),
    ] {
        let folder = TempDir::new()?;
        let console = open_in(folder.path(), &daemon, (120, 40))?;
        console.shows("the sale", |screen| screen.contains("many")).await?;
        if !opened.is_empty() {
            console.press(opened)?;
            asked(&console, "Pause intake of seckilld?").await?;
        }
        paste(&console, pasted)?;
        console.shows("what was dropped", |screen| screen.contains(told)).await?;
        let asks = |screen: &str| {
            let is_asked = screen.contains("Pause intake of") || screen.contains("Drain seckilld?");
            is_asked && !screen.contains("wait a moment")
        };
        console.shows("the question, at rest again", asks).await?;
        let controls = daemon.admin().status().await?.controls;
        assert_eq!(controls.generation, Some(0), "{pasted:?}: {controls:?}");
    }
    charge_is(&daemon, "10000").await
}

/// On a screen that has no room for it nothing is asked or answered, and `q` quits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tiny_console_shows_the_headline_and_takes_no_action() -> Result<()> {
    let daemon = Daemon::start(Options::embedded().set("products", MANY)).await?;
    let console = open(&daemon, (40, 10))?;
    let headline = |screen: &str| {
        let labels = ["Sale", "Queue", "Books", "Buyers"];
        let has = |label: &&str| screen.lines().any(|line| line.trim_start().starts_with(*label));
        labels.iter().all(has) && screen.contains("needs 60x20, has 40x10")
    };
    console.shows("too small a screen", |screen| screen.contains("needs 60x20")).await?;
    for keys in ["P", "y", "Q", "seckilld", "Enter", "4", "X", "R", "y"] {
        console.press(keys)?;
    }
    console.resize((80, 24))?;
    console
        .shows("no question", |screen| screen.contains("many") && !screen.contains("? ─"))
        .await?;
    assert_eq!(daemon.admin().status().await?.controls.generation, Some(0));
    console.press("P")?;
    asked(&console, "Pause intake of seckilld?").await?;
    console.resize((40, 10))?;
    println!("{}", console.shows("the headline", headline).await?);
    console.press("y")?;
    console.press("Enter")?;
    console.resize((80, 24))?;
    asked(&console, "Pause intake of seckilld?").await?;
    charge_is(&daemon, "10000").await?;
    console.resize((40, 10))?;
    console.shows("the headline again", headline).await?;
    console.press("q")?;
    ended(&console).await?;
    assert_eq!(daemon.admin().status().await?.controls.generation, Some(0));
    Ok(())
}

/// Two operators: what one is asked is withdrawn when the other has changed what it shows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_is_withdrawn_when_another_operator_drains() -> Result<()> {
    let daemon = Daemon::start(Options::embedded().set("products", MANY)).await?;
    let admin = daemon.admin();
    admin.command("/v1/intake/pause", json!({})).await?;
    let console = open(&daemon, (100, 30))?;
    console.shows("the pause", |screen| screen.contains("INTAKE PAUSED")).await?;
    console.press("Space")?;
    console.shows("a frozen display", |screen| screen.contains("FROZEN at")).await?;
    console.press("P")?;
    asked(&console, "Resume intake of seckilld?").await?;
    let was_frozen = console.screen()?.contains("FROZEN");
    admin.command("/v1/drain", json!({ "reason": "the end" })).await?;
    let withdrawn = |screen: &str| {
        screen.contains("withdrawn, not sent: resume intake: ") && !screen.contains("Resume intake")
    };
    console.shows("the question withdrawn", withdrawn).await?;
    console.press("y")?;
    console.press("6")?;
    console.shows("the reason kept", |screen| screen.contains("the drain is under way")).await?;
    let controls = admin.status().await?.controls;
    assert!(controls.drain.is_some() && controls.intake.is_some_and(|intake| intake.paused));
    assert!(!was_frozen, "freezing ends with the question");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_console_that_starts_first_waits_for_its_daemon() -> Result<()> {
    let daemon = Daemon::start(Options::embedded().set("products", MANY)).await?;
    let mut daemon = daemon;
    daemon.kill9()?;
    std::fs::remove_file(daemon.socket())?;
    let console = open(&daemon, (80, 24))?;
    let socket = daemon.socket();
    let name = socket.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let waits = |screen: &str| screen.contains("no daemon yet at") && screen.contains(&name);
    println!("{}", console.shows("the wait", waits).await?);
    let daemon = daemon.restart().await?;
    console.shows("the daemon", |screen| screen.contains("many")).await?;
    console.press("q")?;
    ended(&console).await?;
    drop(daemon);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_shows_the_sale_pauses_it_and_outlives_the_daemon() -> Result<()> {
    let mut daemon = Daemon::start(Options::embedded().set("products", MANY)).await?;
    let (socket, folder) = (daemon.socket(), daemon.folder());
    let socket = socket.to_string_lossy();
    let console =
        Terminal::run(folder.path(), (120, 40), &built("seckillctl")?, &["--socket", &socket])?;
    let load = Load::on(&daemon.gateway_url());
    let selling = |screen: &str| {
        let rate = number_before(screen, " charges/s");
        screen.contains("many") && screen.contains("balanced") && rate.is_some_and(|rate| 0 < rate)
    };
    let screen = console.shows("the sale running", selling).await?;
    println!("{screen}");

    console.press("P")?;
    asked(&console, "Pause intake of seckilld?").await?;
    console.press("Enter")?;
    console.shows("No as the default", |screen| !screen.contains("Pause intake of")).await?;
    charge_is(&daemon, "10000").await?;

    console.press("P")?;
    asked(&console, "Pause intake of seckilld?").await?;
    console.press("y")?;
    console.shows("the pause", |screen| screen.contains("INTAKE PAUSED")).await?;
    let refused = daemon.charge(&phone(999_998), "many", "1.000").await?;
    assert_eq!(refused.code(), "42003", "{}", refused.text());

    console.press("P")?;
    asked(&console, "Resume intake of seckilld?").await?;
    console.press("y")?;
    console.shows("the sale running again", |screen| !screen.contains("INTAKE PAUSED")).await?;
    charge_is(&daemon, "10000").await?;

    daemon.kill9()?;
    let lost = |screen: &str| screen.contains("NO CONNECTION") && screen.contains("many");
    console.shows("the loss, with the last data", lost).await?;
    let daemon = daemon.restart().await?;
    let back = |screen: &str| !screen.contains("NO CONNECTION") && selling(screen);
    console.shows("the daemon back by itself", back).await?;

    drop(load);
    console.press("q")?;
    until("the console's end", WITHIN, || async { Ok((!console.is_running()).then_some(())) })
        .await?;
    assert_eq!(daemon.admin().status().await?.phase, protocol::Phase::Serving);
    Ok(())
}
