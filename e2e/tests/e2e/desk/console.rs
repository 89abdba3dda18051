//! The real console on a real terminal, before a real daemon under load.

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
use tokio::task::JoinSet;

use super::WITHIN;

const MANY: &str = r#"[{prod_id="many",prod_name="很多",price="1.000",stock=1000000}]"#;

/// Buyers who come one after the other until they are dropped, whatever they are told.
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
    console.shows("the question", |screen| screen.contains("Pause intake of seckilld?")).await?;
    console.press("Enter")?;
    console.shows("No as the default", |screen| !screen.contains("Pause intake of")).await?;
    charge_is(&daemon, "10000").await?;

    console.press("P")?;
    console.shows("the question", |screen| screen.contains("Pause intake of seckilld?")).await?;
    console.press("y")?;
    console.shows("the pause", |screen| screen.contains("INTAKE PAUSED")).await?;
    let refused = daemon.charge(&phone(999_998), "many", "1.000").await?;
    assert_eq!(refused.code(), "42003", "{}", refused.text());

    console.press("P")?;
    console.shows("the question", |screen| screen.contains("Resume intake of seckilld?")).await?;
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
