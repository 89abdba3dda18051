//! Starts that must be refused: each with its exit code (docs/codes.md, after sysexits), a
//! message that names what to put right, and nothing changed on disk.

use std::path::Path;

use anyhow::Result;
use rusqlite::Connection;
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::process::{Ended, bare_command, ended};
use tempfile::TempDir;

/// The command line can't be read.
const USAGE: i32 = 64;
/// The database is newer, another program's, or damaged.
const DATA: i32 = 65;
/// The database or its folder can't be written.
const CANT_CREATE: i32 = 73;
/// An address is taken.
const UNAVAILABLE: i32 = 69;
/// Another daemon has the database; later it may work.
const TRY_LATER: i32 = 75;
/// The configuration has a fault.
const CONFIG: i32 = 78;

async fn run(folder: &Path, options: &Options) -> Result<Ended> {
    ended(folder, options.command(folder, "run")?).await
}

fn assert_refused(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, Some(code), "{}", ended.log);
    for word in words {
        assert!(ended.log.contains(word), "{word:?} isn't told:\n{}", ended.log);
    }
    assert!(!ended.log.contains("panicked"), "{}", ended.log);
}

#[tokio::test]
async fn two_daemons_on_one_store() -> Result<()> {
    let first = Daemon::start(Options::embedded()).await?;
    let database = first.database();
    let name = database.to_string_lossy();
    let other = TempDir::new()?;
    let options = Options::embedded().set("store.path", name.as_ref());
    assert_refused(&run(other.path(), &options).await?, TRY_LATER, &[&name]);
    // The first one serves on.
    assert_eq!(first.charge("15200000000", "pid_0001", "5999.000").await?.code(), "10000");
    Ok(())
}

#[tokio::test]
async fn the_embedded_queue_with_one_role() -> Result<()> {
    let folder = TempDir::new()?;
    for role in ["gateway", "order"] {
        let options = Options::embedded().roles(&[role]);
        assert_refused(
            &run(folder.path(), &options).await?,
            CONFIG,
            &["queue.kind", "embedded", "one role"],
        );
        assert!(!options.database(folder.path()).exists());
    }
    Ok(())
}

/// Options for a database, `left.db`, that a daemon has made and left.
async fn left_behind(folder: &TempDir) -> Result<Options> {
    let database = folder.path().join("left.db");
    let options = Options::embedded().set("store.path", database.to_string_lossy());
    let mut daemon = Daemon::start(options.clone()).await?;
    daemon.charge("15200000000", "pid_0001", "5999.000").await?;
    assert_eq!(daemon.terminate().await?.status.code(), Some(0));
    Ok(options)
}

#[tokio::test]
async fn a_newer_schema() -> Result<()> {
    let folder = TempDir::new()?;
    let options = left_behind(&folder).await?;
    let database = folder.path().join("left.db");
    let connection = Connection::open(&database)?;
    connection.pragma_update(None, "user_version", 9999)?;
    connection.close().map_err(|(_, error)| error)?;
    let before = std::fs::read(&database)?;
    assert_refused(&run(folder.path(), &options).await?, DATA, &["left.db", "9999"]);
    assert!(std::fs::read(&database)? == before, "the file was changed");
    Ok(())
}

#[tokio::test]
async fn a_damaged_file_and_one_that_is_no_database() -> Result<()> {
    let folder = TempDir::new()?;
    let options = left_behind(&folder).await?;
    let database = folder.path().join("left.db");
    let mut bytes = std::fs::read(&database)?;
    let page = 4096.min(bytes.len() / 2);
    bytes[page..].fill(0xA5);
    for damaged in [bytes, b"no database at all, but some text\n".repeat(300)] {
        std::fs::write(&database, &damaged)?;
        assert_refused(&run(folder.path(), &options).await?, DATA, &["left.db"]);
        assert!(std::fs::read(&database)? == damaged, "the file was changed");
    }
    Ok(())
}

#[tokio::test]
async fn another_programs_database() -> Result<()> {
    let folder = TempDir::new()?;
    let database = folder.path().join("left.db");
    Connection::open(&database)?
        .execute_batch("CREATE TABLE theirs (a); PRAGMA user_version = 3")?;
    let before = std::fs::read(&database)?;
    let options = Options::embedded().set("store.path", database.to_string_lossy());
    assert_refused(&run(folder.path(), &options).await?, DATA, &["left.db"]);
    assert!(std::fs::read(&database)? == before, "the file was changed");
    Ok(())
}

#[tokio::test]
async fn a_path_that_cannot_be_written() -> Result<()> {
    let folder = TempDir::new()?;
    // Permissions don't bind root, so a file in a folder's place and a folder that takes no files
    // stand in for them.
    std::fs::write(folder.path().join("file"), "")?;
    let below_a_file = folder.path().join("file/sale.db");
    for path in [below_a_file.as_path(), Path::new("/proc/seckill/sale.db")] {
        let path = path.to_string_lossy();
        let options = Options::embedded().set("store.path", path.as_ref());
        assert_refused(&run(folder.path(), &options).await?, CANT_CREATE, &[&path]);
    }
    Ok(())
}

#[tokio::test]
async fn a_port_in_use() -> Result<()> {
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let folder = TempDir::new()?;
    for key in ["gateway.listen", "order.listen"] {
        let options = Options::embedded().set(key, &address);
        assert_refused(&run(folder.path(), &options).await?, UNAVAILABLE, &[&address, "in use"]);
    }
    Ok(())
}

#[tokio::test]
async fn each_config_fault_names_key_value_and_what_is_allowed() -> Result<()> {
    let folder = TempDir::new()?;
    for (key, value, told) in [
        ("roles", r#"["seller"]"#, &["seller", "gateway", "order"][..]),
        ("roles", "[]", &["gateway", "order"]),
        ("queue.kind", "kafka", &["kafka", "embedded", "rocketmq"]),
        ("gateway.listen", "localhost", &["localhost", "127.0.0.1:8070"]),
        ("order.listen", "127.0.0.1:99999", &["127.0.0.1:99999"]),
        ("gateway.phone_pattern", "1[", &["1["]),
        ("gateway.publish_batch_max", "0", &["0", "from 1"]),
        ("gateway.unconfirmed_max", "-1", &["-1", "from 1"]),
        ("store.readers", "many", &["many", "from 1"]),
        ("http.body_timeout_ms", "1", &["from 100"]),
        ("shutdown.deadline_ms", "0", &["from 100"]),
        ("log.format", "xml", &["xml", "auto", "pretty", "json", "journald"]),
        ("log.level", "loudest=", &["loudest="]),
        ("store.paht", "x", &["store.path"]),
        ("products", r#"[{prod_id="a",prod_name="a",price="1e3",stock=1}]"#, &["1e3"]),
        ("products", r#"[{prod_id="",prod_name="a",price="1",stock=1}]"#, &["prod_id"]),
    ] {
        let options = Options::embedded().set(key, value);
        for subcommand in ["run", "check-config"] {
            let refused = ended(folder.path(), options.command(folder.path(), subcommand)?).await?;
            assert_refused(&refused, CONFIG, &[key, "--set"]);
            assert_refused(&refused, CONFIG, told);
        }
    }
    Ok(())
}

#[tokio::test]
async fn all_faults_are_told_at_once() -> Result<()> {
    let folder = TempDir::new()?;
    let options = Options::embedded()
        .set("queue.kind", "kafka")
        .set("log.format", "xml")
        .set("store.readers", "0")
        .set("no.such.key", "1");
    let refused = run(folder.path(), &options).await?;
    assert_refused(&refused, CONFIG, &["queue.kind", "log.format", "store.readers", "no.such"]);
    Ok(())
}

#[tokio::test]
async fn faults_of_file_and_environment_name_their_source() -> Result<()> {
    let folder = TempDir::new()?;
    let file = folder.path().join("seckill.toml");
    std::fs::write(&file, "[store]\nreaders = 0\n")?;
    // `--set` would hide the variable.
    let options = Options::embedded().leave_out("log.format");
    let mut command = options.command(folder.path(), "run")?;
    command.arg("--config").arg(&file).env("SECKILL_LOG__FORMAT", "xml");
    command.env("SECKILL_LOG__FORM", "json");
    let refused = ended(folder.path(), command).await?;
    let file = file.to_string_lossy();
    assert_refused(&refused, CONFIG, &["store.readers", &file, "SECKILL_LOG__FORM", "log.form"]);
    assert_refused(&refused, CONFIG, &["SECKILL_LOG__FORMAT", "xml"]);
    Ok(())
}

#[tokio::test]
async fn an_unknown_profile_names_the_three() -> Result<()> {
    let folder = TempDir::new()?;
    let by_option = Options::profile("online").command(folder.path(), "run")?;
    let mut by_variable = bare_command(folder.path())?;
    by_variable.arg("check-config").env("ENV_TYPE", "online");
    for command in [by_option, by_variable] {
        let refused = ended(folder.path(), command).await?;
        let is_refused = matches!(refused.code, Some(USAGE | CONFIG));
        assert!(is_refused, "{refused:?}");
        for name in ["online", "embedded", "offline", "aliyun"] {
            assert!(refused.log.contains(name), "{name}: {}", refused.log);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_command_line_that_cannot_be_read() -> Result<()> {
    let folder = TempDir::new()?;
    for word in ["--no-such-option", "sell"] {
        let mut command = bare_command(folder.path())?;
        command.arg(word);
        assert_refused(&ended(folder.path(), command).await?, USAGE, &[word]);
    }
    Ok(())
}
