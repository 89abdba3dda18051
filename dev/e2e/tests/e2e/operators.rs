//! Operators and a sale: what the admin socket does to a sale, on the embedded queue.

#[cfg(feature = "servers")]
mod console;
#[cfg(feature = "servers")]
mod docs;
#[cfg(feature = "servers")]
mod users;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use protocol::{Line, OrderHistory, OrdersPage, Phase, Severity, StepKind};
use rusqlite::Connection;
use seckill_e2e::buyers::{Crowd, phone};
use seckill_e2e::checker::Books;
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::until;
use serde_json::json;

use crate::crash::Sale;
use crate::sale::{DRAIN_MAX, judge};

const WITHIN: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pauses_survive_a_kill_and_are_undone_by_resuming() -> Result<()> {
    let mut daemon = Daemon::start(Options::embedded()).await?;
    daemon.admin().command("/v1/intake/pause", json!({ "reason": "wrong price" })).await?;
    daemon.admin().command("/v1/consumption/pause", json!({})).await?;
    let refused = daemon.charge(&phone(0), "pid_0001", "5999.000").await?;
    assert_eq!((refused.code(), refused.header("retry-after")), ("42003".to_owned(), "5"));

    daemon.kill9()?;
    let daemon = daemon.restart().await?;
    let state = daemon.admin().status().await?;
    let (intake, consumption) = (state.controls.intake, state.controls.consumption);
    let intake = intake.context("no intake")?;
    assert!(intake.paused && consumption.is_some_and(|switch| switch.paused));
    assert_eq!(intake.reason.as_deref(), Some("wrong price"));
    assert_eq!(daemon.charge(&phone(0), "pid_0001", "5999.000").await?.code(), "42003");

    daemon.admin().command("/v1/intake/resume", json!({})).await?;
    let queued = daemon.charge(&phone(0), "pid_0001", "5999.000").await?;
    assert_eq!(queued.code(), "10000", "{}", queued.text());
    let told = daemon.query(&phone(0), "pid_0001").await?.json()?;
    assert_eq!(told["data"]["orderStatus"], 1, "consumption is paused: {told}");
    let state = daemon.admin().status().await?;
    assert_eq!(state.queue.queues[0].lag_messages, state.queue.lag_messages.unwrap_or(0));

    daemon.admin().command("/v1/consumption/resume", json!({})).await?;
    until("the order placed", WITHIN, || async {
        let told = daemon.query(&phone(0), "pid_0001").await?.json()?;
        Ok((told["data"]["orderStatus"] == 2).then_some(()))
    })
    .await?;
    let audit = daemon.admin().get("/v1/audit").await?.json()?;
    assert_eq!(audit["entries"].as_array().map(Vec::len), Some(4), "{audit}");
    Ok(())
}

/// Stopped and filled up in its midst, the sale sells every unit once, and what a watcher has made
/// of the changes is what the daemon says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_under_an_operators_hands_and_a_watchers_eyes() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let admin = daemon.admin();
    let mut events = admin.events().await?;
    let mut watched = events.first().await?;
    let crowd = Crowd { placeable: 350, ..Crowd::of_the_sale(vec![daemon.gateway_url()]) };
    let sale = Sale::begin(crowd);
    sale.queued(60).await?;
    admin.command("/v1/intake/pause", json!({})).await?;
    let more = json!({ "request_id": "fifty", "delta": 50, "reason": "more arrived" });
    for _ in 0..3 {
        admin.command("/v1/products/pid_0002/stock", more.clone()).await?;
    }
    admin.command("/v1/products/pid_0001/shelf", json!({ "on_shelf": false })).await?;
    admin.command("/v1/intake/resume", json!({})).await?;
    sale.end(&daemon.database()).await?;
    assert_eq!(daemon.charge(&phone(900), "pid_0001", "5999.000").await?.code(), "40007");

    let state = until("a state that rests", WITHIN, || async {
        let state = admin.status().await?;
        let resting = state.queue.lag_messages == Some(0) && state.products[1].held == Some(0);
        Ok(resting.then_some(state))
    })
    .await?;
    while watched.seq < state.seq {
        events.apply_next(&mut watched).await?;
    }
    ensure!(watched.seq == state.seq, "{} changes, the daemon has made {}", watched.seq, state.seq);
    watched.move_to(state.at);
    assert_eq!(watched, state);
    let product = &state.products[1];
    assert_eq!((product.initial, product.added, product.stock, product.sold), (300, 50, 0, 350));
    assert!(state.is_balanced() && !state.products[0].terms.on_shelf);
    assert_eq!(state.orders.map(|orders| orders.placed), Some(350));
    let gateway = state.gateway.context("no gateway")?;
    assert!(gateway.charges["42003"] >= 1 && gateway.charges["40006"] >= 1, "{gateway:?}");
    let texts: Vec<&str> = state.notables.iter().map(|notable| notable.text.as_str()).collect();
    let told = |words: &str| texts.iter().filter(|text| text.contains(words)).count();
    assert_eq!(told("added 50 units to pid_0002: more arrived"), 1, "{texts:?}");
    assert!(told("pid_0002 is sold out: 350 sold") == 1, "{texts:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_price_is_set_right_while_orders_wait() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let admin = daemon.admin();
    let wrong = daemon.charge(&phone(0), "pid_0001", "5999.000").await?;
    assert_eq!(wrong.code(), "10000");
    until("the first order placed", WITHIN, || async {
        let told = daemon.query(&phone(0), "pid_0001").await?.json()?;
        Ok((told["data"]["orderStatus"] == 2).then_some(()))
    })
    .await?;
    admin.command("/v1/consumption/pause", json!({})).await?;
    assert_eq!(daemon.charge(&phone(1), "pid_0001", "5999.000").await?.code(), "10000");

    let body = json!({ "price": "6999.000", "reason": "a digit was wrong" });
    let done = admin.command("/v1/products/pid_0001/price", body).await?;
    assert_eq!(done["price"], "6999.000", "{done}");
    until("the old price refused", WITHIN, || async {
        let told = daemon.charge(&phone(2), "pid_0001", "5999.000").await?;
        Ok((told.code() == "40005").then_some(()))
    })
    .await?;
    assert_eq!(daemon.charge(&phone(3), "pid_0001", "6999.000").await?.code(), "10000");

    admin.command("/v1/consumption/resume", json!({})).await?;
    for (buyer, status) in [(0, 2), (1, 3), (3, 2)] {
        until(&format!("buyer {buyer} has {status}"), WITHIN, || async {
            let told = daemon.query(&phone(buyer), "pid_0001").await?.json()?;
            Ok((told["data"]["orderStatus"] == status).then_some(()))
        })
        .await?;
    }
    // A buyer whose order failed may order again, at the product's price of now.
    assert_eq!(daemon.charge(&phone(1), "pid_0001", "6999.000").await?.code(), "10000");
    let state = admin.status().await?;
    assert!(state.is_balanced());
    let audit = admin.get("/v1/audit").await?.text();
    assert!(audit.contains("product.price") && audit.contains("a digit was wrong"), "{audit}");
    Ok(())
}

/// Somebody changes the database by hand. An operator who reads only the log sees it as well.
#[tokio::test]
async fn books_that_do_not_balance_are_told_in_the_log() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let by_hand =
        |sql: &str| -> Result<()> { Ok(Connection::open(daemon.database())?.execute_batch(sql)?) };
    let logged = async |daemon: &Daemon, level: &str, text: &str| {
        until(&format!("{text:?} in the log"), WITHIN, || async {
            let logs = daemon.logs()?;
            let told = logs.lines().any(|line| line.contains(level) && line.contains(text));
            Ok(told.then_some(()))
        })
        .await
    };
    by_hand("UPDATE t_seckill_product SET prod_stock = prod_stock - 2 WHERE prod_id = 'pid_0001'")?;
    let lacking = "pid_0001 is out of balance: 2 units are unaccounted for";
    logged(&daemon, "ERROR", lacking).await?;
    ensure!(!daemon.admin().status().await?.is_balanced());
    by_hand("UPDATE t_seckill_product SET prod_stock = prod_stock + 2 WHERE prod_id = 'pid_0001'")?;
    logged(&daemon, "INFO", "pid_0001 is balanced again").await?;
    by_hand("UPDATE t_seckill_product SET prod_stock = prod_stock - 2 WHERE prod_id = 'pid_0001'")?;
    let daemon = daemon.restart().await?;
    logged(&daemon, "ERROR", lacking).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orderly_stop_is_watched_to_its_end_and_looks_like_no_fault() -> Result<()> {
    let mut daemon = Daemon::start(Options::embedded()).await?;
    let mut events = daemon.admin().events().await?;
    let mut state = events.first().await?;
    daemon.admin().command("/v1/shutdown", json!({ "reason": "maintenance" })).await?;
    loop {
        match events.next().await?.context("the stream ended without a word")? {
            Line::Change { seq, at, change } => state.apply(seq, at, *change)?,
            Line::Closing { reason } => {
                assert_eq!(reason, "the daemon stops");
                break;
            }
            other => ensure!(matches!(other, Line::Heartbeat { .. }), "{other:?}"),
        }
    }
    assert_eq!((state.products.len(), state.degraded.as_slice()), (3, &[] as &[String]));
    let worse: Vec<_> =
        state.notables.iter().filter(|notable| notable.severity != Severity::Info).collect();
    assert!(worse.is_empty(), "{worse:?}");
    assert_eq!(daemon.ended().await?.status.code(), Some(0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_ends_with_nothing_waiting_and_the_daemon_up() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let admin = daemon.admin();
    admin.command("/v1/consumption/pause", json!({})).await?;
    for number in 0..20 {
        let answer = daemon.charge(&phone(number), "pid_0001", "5999.000").await?;
        assert_eq!(answer.code(), "10000");
    }
    let state = admin.status().await?;
    assert_eq!(state.products[0].held, Some(20));
    admin.command("/v1/drain", json!({ "reason": "the end" })).await?;
    until("the drain's end", WITHIN, || async {
        let drain = admin.status().await?.controls.drain.context("no drain")?;
        Ok(drain.drained.then_some(()))
    })
    .await?;
    let state = admin.status().await?;
    assert_eq!((state.phase, state.products[0].sold), (Phase::Serving, 20));
    assert_eq!(daemon.charge(&phone(99), "pid_0001", "5999.000").await?.code(), "42003");
    admin.command("/v1/intake/resume", json!({})).await?;
    assert_eq!(daemon.charge(&phone(99), "pid_0001", "5999.000").await?.code(), "10000");
    Ok(())
}

/// Makes the placing of two buyers' orders fail until `mend`.
const BREAK: &str = "CREATE TRIGGER fault BEFORE INSERT ON t_seckill_order
    WHEN NEW.user_phoneno IN ('15200000000', '15200000001')
    BEGIN SELECT RAISE(ABORT, 'as the test has it'); END";
const MEND: &str = "DROP TRIGGER fault";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_hold_their_units_until_they_are_resent_or_discarded() -> Result<()> {
    let options = Options::embedded()
        .set("order.deliveries_max", "1")
        .set("products", r#"[{prod_id="few",prod_name="few",price="1.000",stock=2}]"#);
    let daemon = Daemon::start(options).await?;
    let admin = daemon.admin();
    let database = Connection::open(daemon.database())?;
    database.busy_timeout(WITHIN)?;
    database.execute_batch(BREAK)?;
    for number in 0..2 {
        assert_eq!(daemon.charge(&phone(number), "few", "1.000").await?.code(), "10000");
    }
    let letters = until("two dead letters", WITHIN, || async {
        let page = admin.get("/v1/dead-letters").await?.json()?;
        Ok((page["total"] == 2).then_some(page))
    })
    .await?;
    assert!(!letters.to_string().contains("15200000"), "a phone number is shown: {letters}");
    // Nobody else gets their units, and their buyers are still answered "queueing".
    assert_eq!(daemon.charge(&phone(2), "few", "1.000").await?.code(), "40006");
    let told = daemon.query(&phone(0), "few").await?.json()?;
    assert_eq!(told["data"]["orderStatus"], 1, "{told}");

    database.execute_batch(MEND)?;
    let (first, second) = (&letters["dead_letters"][0], &letters["dead_letters"][1]);
    let resend = format!("/v1/dead-letters/{}/resend", first["id"]);
    admin.command(&resend, json!({ "reason": "mended" })).await?;
    until("the first order placed", WITHIN, || async {
        let told = daemon.query(&phone(0), "few").await?.json()?;
        Ok((told["data"]["orderStatus"] == 2).then_some(()))
    })
    .await?;
    let discard = format!("/v1/dead-letters/{}/discard", second["id"]);
    admin.command(&discard, json!({ "reason": "a test" })).await?;
    let told = daemon.query(&phone(1), "few").await?.json()?;
    assert_eq!(
        (&told["data"]["orderStatus"], &told["data"]["reason"]),
        (&3.into(), &"discarded".into())
    );
    until("the second unit for somebody else", WITHIN, || async {
        let answer = daemon.charge(&phone(2), "few", "1.000").await?;
        Ok((answer.code() == "10000").then_some(()))
    })
    .await?;
    let books = Books::drained(&daemon.database(), DRAIN_MAX).await?;
    assert_eq!((books.sold("few"), books.faults()), (2, Vec::new()));

    let path = format!("/v1/orders/{}", first["order_id"].as_str().unwrap_or_default());
    let history: OrderHistory = serde_json::from_slice(&admin.get(&path).await?.body)?;
    let steps: Vec<StepKind> = history.steps.iter().map(|step| step.step).collect();
    assert_eq!(
        steps,
        [
            StepKind::Accepted,
            StepKind::Queued,
            StepKind::SetAside,
            StepKind::Resent,
            StepKind::Placed
        ]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_are_listed_page_by_page() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let crowd = Crowd::for_a_hundred_units(vec![daemon.gateway_url()], 103);
    let ledger = crowd.clone().run(Arc::default()).await?;
    judge(&daemon.database(), crowd, &ledger).await?;
    let (mut ids, mut next) = (Vec::new(), Some(String::new()));
    while let Some(after) = next {
        // An empty parameter is refused.
        let from = if after.is_empty() { after } else { format!("&after={after}") };
        let path = format!("/v1/orders?state=placed&prod=pid_0001&limit=30{from}");
        let answer = daemon.admin().get(&path).await?;
        let page: OrdersPage = serde_json::from_slice(&answer.body)?;
        assert!(page.orders.len() <= 30 && ids.len() <= 100);
        ids.extend(page.orders.into_iter().map(|order| order.order_id));
        next = page.next;
    }
    assert_eq!(ids.len(), 100);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 100, "an order is listed twice");
    let found = daemon.admin().get(&format!("/v1/orders?phone={}", phone(0))).await?;
    let page: OrdersPage = serde_json::from_slice(&found.body)?;
    assert!(page.orders.len() <= 1, "one order a buyer: {page:?}");
    Ok(())
}
