//! The very files that are open written over by another program, and the database moved away behind
//! a link.

use std::fs::{self, File};
use std::os::unix::fs::symlink;

use anyhow::{Context, Result, ensure};
use seckill_e2e::buyers::phone;

use super::{Ground, charge, is_open, is_shown, is_shut, stop_with_a_copy, ten_orders};

type Damage = fn(&Ground) -> std::io::Result<()>;

fn cut(ground: &Ground, end: &str) -> std::io::Result<()> {
    File::options().write(true).open(ground.file(end))?.set_len(0)
}

/// What is written into the files, and the words by which the daemon shows it.
const DAMAGES: [(&str, Damage, &str); 4] = [
    (
        "an older copy over the database",
        |g| fs::copy(g.folder.path().join("old"), g.file("")).map(drop),
        "s.db was written to by another",
    ),
    (
        "some text over it",
        |g| fs::write(g.file(""), "no database"),
        "s.db was written to by another",
    ),
    ("the database emptied", |g| cut(g, ""), "s.db was written to by another"),
    ("the log emptied", |g| cut(g, "-wal"), "s.db-wal was cut short by another"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_over_takes_no_orders_and_the_next_start_knows() -> Result<()> {
    for (what, damage, words) in DAMAGES {
        let ground = Ground::new()?;
        let mut daemon = ground.start().await?;
        let played = async {
            ten_orders(&daemon).await?;
            ensure!(daemon.terminate().await?.status.success());
            fs::copy(ground.file(""), ground.folder.path().join("old"))?;
            for from in [100, 200] {
                daemon = ground.start().await?;
                for buyer in from..from + 20 {
                    ensure!(charge(&daemon, buyer).await? == "10000");
                }
                if from == 100 {
                    ensure!(daemon.terminate().await?.status.success());
                }
            }
            damage(&ground)?;
            is_shown(&daemon, words).await?;
            let stopped = daemon.terminate().await?;
            ensure!(stopped.status.code() == Some(74), "{stopped:?}: {}", daemon.logs()?);
            let told = ground.run(&[]).await?;
            ensure!(told.code == Some(65), "{told:?}");
            Ok(())
        };
        Box::pin(played).await.context(what)?;
    }
    Ok(())
}

/// SQLite looks for the log beside the file that a link leads to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_moved_behind_a_link_takes_no_orders_and_loses_none() -> Result<()> {
    let ground = Ground::new()?;
    let mut daemon = ground.start().await?;
    ten_orders(&daemon).await?;
    ensure!(daemon.terminate().await?.status.success());
    let mut daemon = ground.start().await?;
    ensure!(charge(&daemon, 100).await? == "10000");
    let moved = ground.folder.path().join("moved.db");
    fs::rename(ground.file(""), &moved)?;
    symlink(&moved, ground.file(""))?;
    is_shut(&daemon, "s.db is a link").await?;
    daemon.kill9()?;
    let told = ground.run(&[]).await?;
    ensure!(told.code == Some(65) && told.log.contains("s.db: this is a link"), "{told:?}");

    fs::remove_file(ground.file(""))?;
    fs::rename(&moved, ground.file(""))?;
    let daemon = ground.start().await?;
    is_open(&daemon).await?;
    let told = daemon.query(&phone(100), "pid_0002").await?.json()?;
    ensure!(told["data"]["orderStatus"] == 2, "{told}");
    fs::rename(ground.file(""), &moved)?;
    symlink(&moved, ground.file(""))?;
    is_shut(&daemon, "s.db is a link").await?;
    let data = ground.data();
    stop_with_a_copy(&ground, daemon, &data).await?;
    Ok(())
}
