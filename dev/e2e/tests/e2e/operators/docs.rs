//! Runs every curl line of docs/admin-api.md, in its order, as a reader would paste it.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use rusqlite::Connection;
use seckill_e2e::buyers::phone;
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::until;

use super::{BREAK, MEND, WITHIN};

const DOCS: &str = include_str!("../../../../../docs/admin-api.md");

/// The lines of the document's shell blocks that ask something.
fn lines() -> Vec<&'static str> {
    let blocks = DOCS.split("```sh\n").skip(1).filter_map(|block| block.split("```").next());
    blocks.flat_map(str::lines).filter(|line| line.starts_with("curl ")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_curl_line_of_the_document_works_as_written() -> Result<()> {
    let daemon = Daemon::start(Options::embedded().set("order.deliveries_max", "1")).await?;
    // What the document takes for granted: an order, and the dead letters 1 and 2.
    let database = Connection::open(daemon.database())?;
    database.busy_timeout(WITHIN)?;
    database.execute_batch(BREAK)?;
    for number in 0..2 {
        let _ = daemon.charge(&phone(number), "pid_0001", "5999.000").await?;
    }
    until("two dead letters", WITHIN, || async {
        let page = daemon.admin().get("/v1/dead-letters").await?.json()?;
        Ok((page["total"] == 2).then_some(()))
    })
    .await?;
    database.execute_batch(MEND)?;
    drop(database);
    let placed = daemon.charge(&phone(9), "pid_0001", "5999.000").await?.json()?;
    let order = placed["data"]["orderId"].as_str().context("no order")?.to_owned();

    let lines = lines();
    ensure!(30 <= lines.len(), "only {} lines are found", lines.len());
    for line in &lines {
        let asked = line.replacen("curl ", "curl -sS --max-time 10 -w '\\n%{http_code}' ", 1);
        let output = Command::new("sh")
            .args(["-c", &asked])
            .env("S", daemon.socket())
            .env("ORDER", &order)
            .output()?;
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, status) = told.rsplit_once('\n').context("no answer")?;
        let fault = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(status == "200", "{line}\n{status} {body} {fault}");
    }
    println!("{} curl lines of docs/admin-api.md, each answered 200", lines.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_endpoint_has_its_place_and_its_line() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let list = daemon.admin().get("/v1/").await?.json()?;
    let endpoints = list["endpoints"].as_array().context("no list")?;
    for endpoint in endpoints {
        let method = endpoint["method"].as_str().unwrap_or_default();
        let path = endpoint["path"].as_str().unwrap_or_default();
        let titled = DOCS
            .lines()
            .any(|line| line.starts_with("### ") && line.contains(&format!("`{method} {path}`")));
        ensure!(titled, "docs/admin-api.md has no heading for {method} {path}");
        let fixed = path.split('{').next().unwrap_or_default();
        let shown = lines().iter().any(|line| {
            line.contains(&format!("seckilld{fixed}"))
                && (method == "POST") == line.contains(" -d ")
        });
        ensure!(shown, "docs/admin-api.md has no curl line for {method} {path}");
    }
    Ok(())
}
