//! `seckilld backup` and `seckilld restore` as an operator runs them: in the midst of a sale, onto
//! another machine, back into the same place; and whatever is refused.

#[cfg(feature = "servers")]
mod killed;
#[cfg(feature = "servers")]
mod topic;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rusqlite::Connection;
use seckill_e2e::buyers::{Crowd, phone};
use seckill_e2e::checker::Books;
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::process::{Ended, bare_command, ended};
use serde_json::Value;
use tempfile::TempDir;

use crate::crash::Sale;

/// Runs a verb with a file to its end.
pub(crate) async fn run(
    options: &Options,
    folder: &Path,
    verb: &str,
    file: &Path,
) -> Result<Ended> {
    let mut command = options.command(folder, verb)?;
    command.arg("--json").arg(file);
    let aside = TempDir::new()?;
    ended(aside.path(), command).await
}

/// The same, which must go well; its JSON.
pub(crate) async fn done(
    options: &Options,
    folder: &Path,
    verb: &str,
    file: &Path,
) -> Result<Value> {
    let ended = run(options, folder, verb, file).await?;
    ensure!(ended.code == Some(0), "{verb} {}: {ended:?}", file.display());
    serde_json::from_str(&ended.log).with_context(|| ended.log.clone())
}

/// Fails unless this is refused with a code and these words.
async fn refused(
    verb: &str,
    options: &Options,
    folder: &Path,
    file: &Path,
    (code, words): (i32, &[&str]),
) -> Result<()> {
    let ended = run(options, folder, verb, file).await?;
    ensure!(ended.code == Some(code), "{code} expected: {ended:?}");
    for word in words {
        ensure!(ended.log.contains(word), "{word:?} expected: {ended:?}");
    }
    ensure!(ended.log.lines().count() == 1, "one line expected: {ended:?}");
    Ok(())
}

/// Ids of the live orders in a database file.
fn live_orders(file: &Path) -> Result<Vec<String>> {
    let connection = Connection::open(file)?;
    let live = "SELECT order_id FROM t_seckill_order WHERE order_status IN (0, 2) ORDER BY 1";
    let ids = connection.prepare(live)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>();
    Ok(ids?)
}

/// Names of the files in a folder.
fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_the_midst_of_a_sale_the_backup_has_all_that_was_told_and_the_sale_loses_nothing()
-> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let (folder, options) = (daemon.folder(), Options::embedded());
    let sale = Sale::begin(Crowd {
        // Three backups fit in, also where each takes a second or two.
        arrive_over: Duration::from_secs(8),
        ..Crowd::of_the_sale(vec![daemon.gateway_url()])
    });
    let mut files = Vec::new();
    for queued in [30, 120, 220] {
        sale.queued(queued).await?;
        let placed = sale.progress.placed();
        let file = folder.path().join(format!("backup-{queued}"));
        let told = done(&options, folder.path(), "backup", &file).await?;
        let books = Books::read(&file)?;
        ensure!(books.faults().is_empty(), "{:?}", books.faults());
        let held = books.sold("pid_0002") + usize::try_from(books.queued())?;
        ensure!(queued <= held, "{queued} told as queued, {held} in the backup");
        ensure!(placed <= books.sold("pid_0002"), "{placed} told as placed: {books:?}");
        ensure!(told["sold"] == books.sold("pid_0002"), "{told}");
        ensure!(told["queued"] == books.queued(), "{told}");
        ensure!(told["bytes"] == fs::metadata(&file)?.len(), "{told}");
        ensure!(fs::metadata(&file)?.permissions().mode() & 0o777 == 0o600);
        files.push(file);
    }
    sale.end(&daemon.database()).await?;
    // Whatever was live in a backup is live now, under the same id.
    let now = live_orders(&daemon.database())?;
    for file in &files {
        let lost: Vec<_> = live_orders(file)?.into_iter().filter(|id| !now.contains(id)).collect();
        ensure!(lost.is_empty(), "{}: {lost:?}", file.display());
    }
    let begun = names(folder.path())?;
    ensure!(begun.iter().all(|name| !name.contains("unfinished")), "{begun:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restored_on_another_machine_it_sells_on_to_the_end_and_no_further() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let crowd = |daemon: &Daemon| Crowd::of_the_sale(vec![daemon.gateway_url()]);
    let sale = Sale::begin(crowd(&daemon));
    sale.queued(100).await?;
    let first = daemon.folder();
    let file = first.path().join("backup");
    done(&Options::embedded(), first.path(), "backup", &file).await?;
    let held = live_orders(&file)?;
    sale.end(&daemon.database()).await?;
    drop(daemon);

    let elsewhere = Arc::new(TempDir::new()?);
    let told = done(&Options::embedded(), elsewhere.path(), "restore", &file).await?;
    ensure!(told["kept_aside"].is_null() && told["moment_ms"].is_i64(), "{told}");
    let daemon = Daemon::start_in(elsewhere, Options::embedded()).await?;
    // The same 400, and 300 units in all: those who have an order in the backup keep it.
    let sale = Sale::begin(crowd(&daemon));
    sale.end(&daemon.database()).await?;
    let now = live_orders(&daemon.database())?;
    ensure!(now.len() == 300, "{} live orders", now.len());
    ensure!(held.iter().all(|id| now.contains(id)), "an order of the backup is gone");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn back_in_its_place_a_later_order_is_unknown_and_gets_its_own_id_again() -> Result<()> {
    let mut daemon = Daemon::start(Options::embedded()).await?;
    let options = Options::embedded();
    let folder = daemon.folder();
    let file = folder.path().join("backup");
    let charge = async |daemon: &Daemon, number| {
        let told = daemon.charge(&phone(number), "pid_0001", "5999.000").await?.json()?;
        Ok::<_, anyhow::Error>(told["data"]["orderId"].as_str().context("no order")?.to_owned())
    };
    let before = charge(&daemon, 1).await?;
    done(&options, folder.path(), "backup", &file).await?;
    let later = charge(&daemon, 2).await?;
    let pid = format!("process {}", daemon.pid());
    refused("restore", &options, folder.path(), &file, (75, &[&pid, "holds"])).await?;
    // The daemon is killed, so that everything lies in the log.
    daemon.kill9()?;
    let told = done(&options, folder.path(), "restore", &file).await?;
    let aside = PathBuf::from(told["kept_aside"].as_str().context("nothing was kept")?);
    let kept = live_orders(&aside)?;
    ensure!(kept.contains(&before) && kept.contains(&later) && kept.len() == 2, "{kept:?}");

    let daemon = daemon.restart().await?;
    ensure!(charge(&daemon, 1).await? == before);
    let told = daemon.query(&phone(2), "pid_0001").await?;
    ensure!(told.code() == "41004", "{}", told.text());
    // Ids are made of product, buyer and attempt: nobody else can get it.
    ensure!(charge(&daemon, 3).await? != later);
    ensure!(charge(&daemon, 2).await? == later);
    let books = Books::drained(&daemon.database(), Duration::from_secs(60)).await?;
    ensure!(books.faults().is_empty() && books.sold("pid_0001") == 3, "{books:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_schema_1_is_taken_and_migrated_by_the_next_start() -> Result<()> {
    let folder = Arc::new(TempDir::new()?);
    let old = folder.path().join("old.db");
    seckill_e2e::old_schemas::make_schema_1(&old)?;
    let source = Options::embedded().set("store.path", old.to_string_lossy());
    let file = folder.path().join("backup");
    let told = done(&source, folder.path(), "backup", &file).await?;
    ensure!(told["schema"] == 1 && seckill_e2e::old_schemas::version(&file)? == 1, "{told}");
    done(&Options::embedded(), folder.path(), "restore", &file).await?;
    let daemon = Daemon::start_in(folder, Options::embedded()).await?;
    seckill_e2e::old_schemas::schema_1_is_all_there(&daemon).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_place_and_each_source_that_will_not_do_is_refused_in_words() -> Result<()> {
    let options = Options::embedded();
    let daemon = Daemon::start(options.clone()).await?;
    let folder = daemon.folder();
    let folder = folder.path();
    let is = |file: &str| folder.join(file);
    let backup = |file: PathBuf, code, words: &'static [&'static str]| {
        let options = options.clone();
        async move { refused("backup", &options, folder, &file, (code, words)).await }
    };
    fs::write(is("taken"), "mine")?;
    let before = names(folder)?;
    backup(is("taken"), 73, &["taken", "exists already"]).await?;
    backup(daemon.database(), 73, &["belongs to the database"]).await?;
    backup(is("seckilld.db-journal"), 73, &["belongs to the database"]).await?;
    backup(is("absent/file"), 73, &["absent/file", "folder"]).await?;
    backup(is("taken/file"), 73, &["taken/file", "folder"]).await?;
    backup(is("new/"), 64, &["names no file"]).await?;
    backup("-".into(), 64, &["standard output"]).await?;
    backup("/proc/backup".into(), 73, &["/proc/backup"]).await?;
    let nowhere = options.clone().set("store.path", is("nowhere.db").to_string_lossy());
    let missing: (i32, &[&str]) = (66, &["nowhere.db", "no such file"]);
    refused("backup", &nowhere, folder, &is("new"), missing).await?;
    let strange = options.clone().set("store.path", is("taken").to_string_lossy());
    let no_database: (i32, &[&str]) = (65, &["taken", "not a database"]);
    refused("backup", &strange, folder, &is("new"), no_database).await?;
    ensure!(names(folder)? == before, "{:?}", names(folder)?);
    ensure!(fs::read(is("taken"))? == b"mine");

    // A file on a dash path is one that is named so.
    let mut command = bare_command(folder)?;
    command.args(["backup", "--set", "store.path=seckilld.db", "--", "-dash"]);
    let aside = TempDir::new()?;
    let text = ended(aside.path(), command).await?;
    ensure!(text.code == Some(0) && text.log.starts_with("backup      -dash: "), "{text:?}");
    ensure!(Books::read(&is("-dash"))?.faults().is_empty());
    restores_refused(&options, daemon).await
}

async fn restores_refused(options: &Options, mut daemon: Daemon) -> Result<()> {
    let folder = daemon.folder();
    let folder = folder.path();
    let is = |file: &str| folder.join(file);
    ensure!(daemon.terminate().await?.status.success());
    let before = fs::read(daemon.database())?;
    let files = names(folder)?;
    let restore = |file: PathBuf, code, words: &'static [&'static str]| async move {
        refused("restore", options, folder, &file, (code, words)).await
    };
    restore(is("absent"), 66, &["absent", "no such file"]).await?;
    restore(is("taken"), 65, &["taken", "not a database"]).await?;
    restore(daemon.database(), 64, &["the database itself"]).await?;
    let change = |name: &str, sql: &str| {
        fs::copy(is("-dash"), is(name))?;
        Ok::<_, anyhow::Error>(Connection::open(is(name))?.execute_batch(sql)?)
    };
    change("newer", "PRAGMA user_version = 99")?;
    change("unbalanced", "UPDATE t_seckill_product SET prod_stock = 1")?;
    restore(is("newer"), 65, &["newer", "version 99"]).await?;
    restore(is("unbalanced"), 65, &["unbalanced", "out of balance"]).await?;
    let mut bytes = fs::read(is("-dash"))?;
    bytes[4_096..].fill(0x5A);
    fs::write(is("damaged"), bytes)?;
    restore(is("damaged"), 65, &["damaged"]).await?;

    // Another program has it open, which would take the log away by its name at its end.
    let other = Connection::open(daemon.database())?;
    other.query_row("PRAGMA user_version", [], |row| row.get::<_, i32>(0))?;
    let count = "SELECT count(*) FROM t_seckill_order";
    other.query_row(count, [], |row| row.get::<_, i64>(0))?;
    restore(is("-dash"), 75, &["holds", "sqlite3"]).await?;
    drop(other);

    let all = [&files[..], &["damaged", "newer", "unbalanced"].map(str::to_owned)].concat();
    let mut now = names(folder)?;
    now.retain(|name| !all.contains(name));
    ensure!(now.is_empty(), "{now:?} was left");
    ensure!(fs::read(daemon.database())? == before, "the database was changed");
    done(options, folder, "restore", &is("-dash")).await?;
    ensure!(Books::read(&daemon.database())?.faults().is_empty());
    Ok(())
}
