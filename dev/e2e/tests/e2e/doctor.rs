//! `seckilld doctor` as an operator runs it: each check with its subject broken, the line and the
//! exit code; and that a look changes nothing. The checks over a real broker are in
//! rocketmq/doctor.rs.

#[cfg(feature = "servers")]
mod small_disk;

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rusqlite::Connection;
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::process::{bare_command, ended};
use serde_json::Value;
use tempfile::TempDir;

/// What a run of doctor printed.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) code: Option<i32>,
    lines: Vec<Value>,
}

impl Report {
    /// Runs it and reads its JSON.
    pub(crate) async fn of(folder: &Path, options: &Options) -> Result<Self> {
        Self::by(folder, options.command(folder, "doctor")?).await
    }

    async fn by(folder: &Path, mut command: Command) -> Result<Self> {
        // The run's own output must not lie in the folder that is looked at.
        let aside = TempDir::new()?;
        command.arg("--json").current_dir(folder);
        let ended = ended(aside.path(), command).await?;
        let lines = serde_json::from_str(&ended.log).with_context(|| ended.log.clone())?;
        Ok(Self { code: ended.code, lines })
    }

    pub(crate) fn lines(&self, check: &str) -> Vec<&Value> {
        self.lines.iter().filter(|line| line["check"] == check).collect()
    }

    /// Holds that a line of this check has this state and says these words. A line that isn't ok
    /// says what to do as well.
    pub(crate) fn assert(&self, check: &str, state: &str, words: &[&str]) {
        let says = |line: &&Value| {
            let text = format!("{} {}", line["found"], line["advice"]);
            line["state"] == state
                && words.iter().all(|word| text.contains(word))
                && (state == "ok" || line["advice"] != "")
        };
        assert!(
            self.lines(check).iter().any(says),
            "no line {check} {state} {words:?} in\n{self:#?}"
        );
    }
}

/// Options with which all is well, whatever limit on open files the tests run under.
fn well() -> Options {
    Options::embedded().set("http.connections_max", "50")
}

/// Every file of a folder with its bytes.
fn contents(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let entries = fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    let file = |entry: fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        // A socket has no bytes.
        Ok((name, fs::read(entry.path()).unwrap_or_default()))
    };
    entries.into_iter().map(file).collect()
}

/// A folder with the database of a daemon that has sold one unit and was stopped.
async fn left_behind() -> Result<(TempDir, Options)> {
    let folder = TempDir::new()?;
    let options = well().set("store.path", folder.path().join("left.db").to_string_lossy());
    let mut daemon = Daemon::start(options.clone()).await?;
    daemon.charge("15200000000", "pid_0001", "5999.000").await?;
    ensure!(daemon.terminate().await?.status.code() == Some(0), "it didn't stop in order");
    Ok((folder, options))
}

#[tokio::test]
async fn a_good_set_up_is_exit_0_and_nothing_is_made() -> Result<()> {
    let folder = TempDir::new()?;
    let report = Report::of(folder.path(), &well()).await?;
    assert_eq!(report.code, Some(0), "{report:#?}");
    report.assert("database", "ok", &["absent"]);
    report.assert("secrets", "ok", &["none"]);
    report.assert("queue", "ok", &["embedded"]);
    report.assert("running daemon", "ok", &["none"]);
    report.assert("free disk", "ok", &["GiB"]);
    report.assert("open files", "ok", &["connections_max = 50"]);
    assert!(contents(folder.path())?.is_empty(), "something was made");

    let aside = TempDir::new()?;
    let told = ended(aside.path(), well().command(folder.path(), "doctor")?).await?;
    assert_eq!(told.code, Some(0));
    assert!(told.log.starts_with("ok    profile"), "{}", told.log);
    assert!(told.log.ends_with(" ok, 0 warn, 0 fail\n"), "{}", told.log);
    Ok(())
}

#[tokio::test]
async fn each_fault_of_the_configuration_is_a_line() -> Result<()> {
    let folder = TempDir::new()?;
    let options = well()
        .set("order.batch_max", "0")
        .set("no.such", "1")
        .set("products", r#"[{prod_id="a", prod_name="a", price="0", stock=1}]"#);
    let report = Report::of(folder.path(), &options).await?;
    assert_eq!(report.code, Some(2));
    report.assert("profile", "fail", &["order.batch_max", "must be"]);
    report.assert("profile", "fail", &["no"]);
    report.assert("products", "fail", &["price"]);
    let rocketmq = Options::profile("offline")
        .set("rocketmq.topic", "T")
        .set("doctor.topic", "T")
        .set("http.connections_max", "50");
    let report = Report::of(folder.path(), &rocketmq).await?;
    report.assert("profile", "fail", &["doctor.topic", "orders"]);
    // An envType that there is not.
    let mut command = bare_command(folder.path())?;
    command.args(["doctor", "--env-type", "nowhere"]);
    let report = Report::by(folder.path(), command).await?;
    assert_eq!(report.code, Some(2));
    report.assert("profile", "fail", &["nowhere"]);
    Ok(())
}

#[tokio::test]
async fn secrets_are_there_closed_and_no_placeholders() -> Result<()> {
    let folder = TempDir::new()?;
    let key = folder.path().join("order-id.key");
    let options = well().set("gateway.order_id_key_file", key.to_string_lossy());
    let look = || Report::of(folder.path(), &options);
    let report = look().await?;
    assert_eq!(report.code, Some(2));
    report.assert("secrets", "fail", &["order_id_key_file", "doesn't exist"]);

    fs::write(&key, "change-me")?;
    look().await?.assert("secrets", "fail", &["placeholder"]);

    let secret = "0123456789abcdef0123456789abcdef";
    fs::write(&key, secret)?;
    for (mode, state, code) in [(0o640, "warn", 1), (0o604, "warn", 1), (0o600, "ok", 0)] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode))?;
        let report = look().await?;
        assert_eq!(report.code, Some(code), "{report:#?}");
        report.assert("secrets", state, &["order-id.key", &format!("{mode:04o}")]);
        assert!(!format!("{report:?}").contains(secret), "a secret is told");
    }
    Ok(())
}

#[tokio::test]
async fn a_port_of_somebody_elses() -> Result<()> {
    let folder = TempDir::new()?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let report = Report::of(folder.path(), &well().set("order.listen", &address)).await?;
    assert_eq!(report.code, Some(2));
    report.assert("order port", "fail", &[&address, "in use", "order.listen"]);
    report.assert("gateway port", "ok", &[]);
    Ok(())
}

#[tokio::test]
async fn a_running_daemon_is_fine_and_goes_on() -> Result<()> {
    // The second start takes the addresses that the first one was given.
    let daemon = Daemon::start(well()).await?;
    let listen = daemon.gateway_address()?.to_string();
    let order = daemon.order_url().trim_start_matches("http://").to_owned();
    let daemon = daemon.restart().await?;
    let options = well().set("gateway.listen", &listen).set("order.listen", &order);
    let report = Report::of(daemon.folder().path(), &options).await?;
    assert_eq!(report.code, Some(0), "{report:#?}");
    report.assert("running daemon", "ok", &["very configuration", "serving"]);
    report.assert("gateway port", "ok", &[&listen, "running seckilld"]);
    report.assert("order port", "ok", &[&order, "running seckilld"]);
    report.assert("admin socket", "ok", &["answers"]);
    report.assert("integrity", "ok", &[]);
    report.assert("books", "ok", &["3 products"]);
    assert_eq!(daemon.charge("15200000001", "pid_0001", "5999.000").await?.code(), "10000");

    let other = options.set("order.batch_max", "7");
    let report = Report::of(daemon.folder().path(), &other).await?;
    assert_eq!(report.code, Some(1));
    report.assert("running daemon", "warn", &["order.batch_max"]);

    // Another configuration on its database, which doesn't know its socket.
    let stranger = TempDir::new()?;
    let database = daemon.database();
    let options = well().set("store.path", database.to_string_lossy());
    let report = Report::of(stranger.path(), &options).await?;
    assert_eq!(report.code, Some(2));
    report.assert("running daemon", "fail", &["holds the database"]);
    Ok(())
}

#[tokio::test]
async fn what_may_stand_in_the_admin_sockets_place() -> Result<()> {
    let folder = TempDir::new()?;
    let socket = well().socket(folder.path());
    drop(UnixListener::bind(&socket)?);
    let report = Report::of(folder.path(), &well()).await?;
    assert_eq!(report.code, Some(1));
    report.assert("admin socket", "warn", &["died"]);
    assert!(socket.exists(), "it was removed");

    fs::remove_file(&socket)?;
    let deaf = UnixListener::bind(&socket)?;
    let report = Report::of(folder.path(), &well()).await?;
    report.assert("admin socket", "fail", &["in use"]);
    drop(deaf);

    fs::remove_file(&socket)?;
    fs::write(&socket, "")?;
    let report = Report::of(folder.path(), &well()).await?;
    assert_eq!(report.code, Some(2));
    report.assert("admin socket", "fail", &["no socket"]);

    let made = folder.path().join("made/admin.sock");
    let report =
        Report::of(folder.path(), &well().set("admin.socket", made.to_string_lossy())).await?;
    report.assert("admin socket", "ok", &["would be made"]);
    let nowhere = folder.path().join("no/such/admin.sock");
    let report =
        Report::of(folder.path(), &well().set("admin.socket", nowhere.to_string_lossy())).await?;
    report.assert("admin socket", "fail", &["admin.sock"]);
    Ok(())
}

#[tokio::test]
async fn a_database_that_was_left_in_order_and_one_that_was_not() -> Result<()> {
    let (folder, options) = left_behind().await?;
    let before = contents(folder.path())?;
    let report = Report::of(folder.path(), &options).await?;
    assert_eq!(report.code, Some(0), "{report:#?}");
    report.assert("database", "ok", &["left.db", "schema"]);
    report.assert("integrity", "ok", &["integrity_check"]);
    report.assert("books", "ok", &["balanced"]);
    assert!(contents(folder.path())? == before, "looking changed something");

    // Killed: what was sold last lies in the log, which is read as well and stays.
    let folder = Arc::new(TempDir::new()?);
    let mut daemon = Daemon::start_in(Arc::clone(&folder), well()).await?;
    daemon.charge("15200000000", "pid_0001", "5999.000").await?;
    daemon.kill9()?;
    let log = folder.path().join("seckilld.db-wal");
    let before = (fs::read(well().database(folder.path()))?, fs::read(&log)?);
    assert!(!before.1.is_empty(), "no log is left");
    let report = Report::of(folder.path(), &well()).await?;
    report.assert("integrity", "ok", &[]);
    report.assert("books", "ok", &[]);
    assert!((fs::read(well().database(folder.path()))?, fs::read(&log)?) == before);
    Ok(())
}

#[tokio::test]
async fn databases_that_cannot_be_used() -> Result<()> {
    let (folder, options) = left_behind().await?;
    let database = folder.path().join("left.db");
    let good = fs::read(&database)?;
    let look = async |check: &str, words: &[&str]| -> Result<()> {
        let before = contents(folder.path())?;
        let report = Report::of(folder.path(), &options).await?;
        assert_eq!(report.code, Some(2), "{report:#?}");
        report.assert(check, "fail", words);
        assert!(contents(folder.path())? == before, "looking changed something");
        Ok(())
    };
    let change = |sql: &str| -> Result<()> {
        fs::write(&database, &good)?;
        let connection = Connection::open(&database)?;
        connection.execute_batch(sql)?;
        connection.close().map_err(|(_, error)| error.into())
    };
    change("PRAGMA user_version = 9999")?;
    look("database", &["9999"]).await?;
    change("PRAGMA application_id = 7")?;
    look("database", &["another program", "7"]).await?;
    change("UPDATE t_seckill_product SET prod_stock = prod_stock + 1 WHERE prod_id = 'pid_0002'")?;
    look("books", &["pid_0002", "out of balance"]).await?;

    fs::write(&database, "no database at all, but some text".repeat(300))?;
    look("database", &["not a database"]).await?;

    // A row that its index doesn't have: only a whole check sees it.
    change(
        "PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = 'CREATE INDEX failed_orders ON t_seckill_order \
           (prod_id, user_phoneno) WHERE order_status = 2' WHERE name = 'failed_orders';",
    )?;
    look("integrity", &["failed_orders"]).await
}

#[tokio::test]
async fn a_database_that_cannot_be_made() -> Result<()> {
    let folder = TempDir::new()?;
    // Permissions don't bind root, so a file in a folder's place stands in for them.
    fs::write(folder.path().join("file"), "")?;
    let path = folder.path().join("file/sale.db");
    let report =
        Report::of(folder.path(), &well().set("store.path", path.to_string_lossy())).await?;
    assert_eq!(report.code, Some(2));
    report.assert("database", "fail", &["can't be made", "no folder"]);
    Ok(())
}

#[tokio::test]
async fn few_open_files() -> Result<()> {
    let folder = TempDir::new()?;
    let doctor = well().set("http.connections_max", "500").command(folder.path(), "doctor")?;
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 356; exec \"$@\"", "sh"]).arg(doctor.get_program());
    shell.args(doctor.get_args()).env_clear();
    let report = Report::by(folder.path(), shell).await?;
    assert_eq!(report.code, Some(1), "{report:#?}");
    report.assert("open files", "warn", &["limit 356", "50 connections", "500"]);
    Ok(())
}

#[tokio::test]
async fn products_without_stock_and_products_that_differ() -> Result<()> {
    let (folder, options) = left_behind().await?;
    let products = r#"[
        { prod_id = "pid_0001", prod_name = "iphoneX2019新款", price = "5998.000", stock = 100 },
        { prod_id = "pid_0003", prod_name = "华为MATE20", price = "2000.000", stock = 400 },
        { prod_id = "pid_0009", prod_name = "new", price = "1.000", stock = 0 },
    ]"#;
    let report = Report::of(folder.path(), &options.set("products", products)).await?;
    assert_eq!(report.code, Some(2), "{report:#?}");
    report.assert("products", "fail", &["pid_0001", "price 5999.000", "in the profile 5998.000"]);
    report.assert("products", "warn", &["pid_0002", "database alone"]);
    report.assert("products", "warn", &["pid_0009", "stock 0"]);
    report.assert("products", "warn", &["pid_0009", "isn't in the database"]);
    assert_eq!(report.lines("products").len(), 4, "{report:#?}");
    Ok(())
}

#[tokio::test]
async fn an_order_node_and_none_and_a_name_server_that_is_away() -> Result<()> {
    let folder = TempDir::new()?;
    let node = Daemon::start(well()).await?;
    let closed = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let gateway = |order_url: String| {
        Options::profile("offline")
            .roles(&["gateway"])
            .set("http.connections_max", "50")
            .set("rocketmq.name_servers", format!("[\"{closed}\"]"))
            .set("gateway.order_url", order_url)
    };
    let report = Report::of(folder.path(), &gateway(node.order_url())).await?;
    report.assert("order node", "ok", &["answers", "3 products"]);
    report.assert("name server", "fail", &[&closed.to_string(), "rocketmq.name_servers"]);
    report.assert("broker", "fail", &["not looked at"]);
    let report = Report::of(folder.path(), &gateway(format!("http://{closed}"))).await?;
    assert_eq!(report.code, Some(2));
    report.assert("order node", "fail", &["gateway.order_url"]);
    Ok(())
}
