//! The log in systemd's journal, by its own protocol: what `journalctl` shows and what it finds
//! entries by. The test plays the journal, in a /run that only the daemon sees.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use seckill_e2e::daemon::Options;
use seckill_e2e::http::Client;
use seckill_e2e::process::{Running, STOP_MAX, ended};
use seckill_e2e::until;
use tempfile::TempDir;
use tokio::net::UnixDatagram;
use tokio::time::timeout;

use crate::log;

/// How long anything may take to be heard.
const LONG: Duration = Duration::from_secs(30);
/// The configuration has a fault.
const CONFIG: i32 = 78;
/// Runs the following command with an empty /run, in which the journal's socket lies where one is
/// named.
const WITH_ITS_OWN_RUN: &str = "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && \
     { [ -z \"$0\" ] || ln -s \"$0\" /run/systemd/journal/socket; } && exec \"$@\"";

/// The fields of an entry by name.
type Entry = BTreeMap<String, String>;

struct Journal(UnixDatagram);

impl Journal {
    /// The next entry.
    async fn entry(&self) -> Result<Entry> {
        let mut bytes = vec![0; 64 * 1024];
        loop {
            let received = timeout(LONG, self.0.recv(&mut bytes)).await;
            match received.context("nothing is logged")?? {
                // An empty datagram only asks whether the journal is there.
                0 => {}
                length => return parsed(&bytes[..length]).context("no entry of the journal"),
            }
        }
    }
}

/// `NAME=value` and a line end, or the name, a line end, and a value with its length before it.
fn parsed(mut bytes: &[u8]) -> Option<Entry> {
    let mut entry = Entry::new();
    while !bytes.is_empty() {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let line = std::str::from_utf8(&bytes[..end]).ok()?;
        bytes = &bytes[end + 1..];
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => (name, value.as_bytes()),
            None => {
                let (length, rest) = bytes.split_first_chunk()?;
                let (value, rest) =
                    rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
                bytes = rest.strip_prefix(b"\n")?;
                (line, value)
            }
        };
        entry.insert(name.to_owned(), String::from_utf8(value.to_vec()).ok()?);
    }
    Some(entry)
}

/// A command in a /run of its own. An error where nobody may have one.
fn in_its_own_run(command: &Command, socket: Option<&Path>) -> Result<Command> {
    let own = || {
        let mut own = Command::new("unshare");
        own.args(["--mount", "--map-root-user", "sh", "-c", WITH_ITS_OWN_RUN]);
        own.arg(socket.unwrap_or(Path::new("")));
        own
    };
    let may = own().arg("true").stdin(Stdio::null()).status()?.success();
    ensure!(may, "this test needs a /run of its own: run it as root, or allow user namespaces");
    let mut own = own();
    own.arg(command.get_program()).args(command.get_args());
    own.current_dir(command.get_current_dir().context("no folder")?).env_clear();
    own.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Ok(own)
}

/// A daemon that logs to a journal of the test's own.
fn journalling(folder: &Path) -> Result<(Journal, Running, log::SilencedDaemon)> {
    let socket = folder.join("journal");
    let journal = Journal(UnixDatagram::bind(&socket)?);
    let (command, silenced) =
        log::command_of(folder, Options::embedded().set("log.format", "journald"))?;
    let daemon = in_its_own_run(&command, Some(&socket))?.spawn()?;
    Ok((journal, Running(daemon), silenced))
}

#[tokio::test]
async fn a_line_of_the_journal_tells_its_fields_and_has_them_as_fields() -> Result<()> {
    let folder = TempDir::new()?;
    let (journal, mut daemon, _) = journalling(folder.path())?;
    let mut entries = Vec::new();
    while !entries.iter().any(|entry: &Entry| entry["MESSAGE"] == "serving") {
        entries.push(journal.entry().await?);
    }
    let listening = |role: &str| {
        let is = |entry: &&Entry| entry.get("SECKILL_ROLE").is_some_and(|found| found == role);
        entries.iter().find(is).with_context(|| format!("{role}: {entries:#?}"))
    };
    for role in ["gateway", "order"] {
        let entry = listening(role)?;
        let address = &entry["SECKILL_ADDRESS"];
        assert_eq!(entry["MESSAGE"], format!("listening role={role} address={address}"));
        assert_eq!(entry["PRIORITY"], "5");
        assert_eq!(entry["SYSLOG_IDENTIFIER"], "seckilld");
        assert_eq!(entry["TARGET"], "seckilld::app::serving");
        assert!(entry["CODE_FILE"].ends_with("serving.rs"), "{entry:?}");
        assert!(entry["CODE_LINE"].parse::<u32>().is_ok(), "{entry:?}");
        let ready = Client::default().get(&format!("http://{address}/readyz")).await?;
        assert_eq!(ready.status, 200);
    }
    let pid = i32::try_from(daemon.0.id()).ok().and_then(Pid::from_raw).context("no process")?;
    kill_process(pid, Signal::TERM)?;
    let asked = loop {
        let entry = journal.entry().await?;
        if entry.contains_key("SECKILL_SIGNAL") {
            break entry;
        }
    };
    assert_eq!(asked["MESSAGE"], "asked to stop signal=SIGTERM forced=false");
    assert_eq!(asked["PRIORITY"], "4");
    log::ended(&mut daemon).await
}

/// The kernel keeps a dozen entries for the process that listens there.
#[tokio::test]
async fn a_journal_that_nobody_reads_holds_nobody_up() -> Result<()> {
    let folder = TempDir::new()?;
    let (journal, mut daemon, silenced) = journalling(folder.path())?;
    silenced.until_ready().await?;
    silenced.flood().await?;
    silenced.serves().await?;
    let dropped = silenced.dropped().await?;
    ensure!(0 < dropped, "nothing was lost");
    // The journal reads again.
    let lost = loop {
        let entry = journal.entry().await?;
        if let Some(lines) = entry.get("SECKILL_LINES") {
            break lines.clone();
        }
    };
    assert_eq!(lost, dropped.to_string());
    silenced.signal(Signal::TERM).await?;
    log::ended(&mut daemon).await
}

#[tokio::test]
async fn a_journal_that_is_asked_for_and_away_is_a_fault() -> Result<()> {
    let folder = TempDir::new()?;
    let options = Options::embedded().set("log.format", "journald");
    let command = options.command(folder.path(), "run")?;
    let command = in_its_own_run(&command, None)?;
    let ended = ended(folder.path(), command).await?;
    assert_eq!(ended.code, Some(CONFIG), "{}", ended.log);
    assert!(ended.log.contains("the journal can't be reached"), "{}", ended.log);
    Ok(())
}

#[tokio::test]
async fn a_service_whose_journal_is_away_logs_text() -> Result<()> {
    let folder = TempDir::new()?;
    let log = folder.path().join("stderr");
    let file = File::create(&log)?;
    let found = file.metadata()?;
    let options = Options::embedded()
        .leave_out("log.format")
        .variable("JOURNAL_STREAM", format!("{}:{}", found.dev(), found.ino()));
    let command = options.command(folder.path(), "run")?;
    let mut command = in_its_own_run(&command, None)?;
    let mut daemon = Running(command.stderr(file).spawn()?);
    until("lines of JSON", LONG, || {
        let (text, status) = (fs::read_to_string(&log), daemon.0.try_wait());
        async move {
            if let Some(status) = status? {
                bail!("it ended: {status}");
            }
            Ok(text?.contains(r#""message":"serving""#).then_some(()))
        }
    })
    .await
}

#[tokio::test]
async fn a_login_session_has_its_admin_socket_in_its_runtime_folder() -> Result<()> {
    let (folder, runtime) = (TempDir::new()?, TempDir::new()?);
    let options = Options::embedded().leave_out("admin.socket");
    let log = File::create(folder.path().join("log"))?;
    let mut command = options.command(folder.path(), "run")?;
    command.env("XDG_RUNTIME_DIR", runtime.path());
    // An own /run, so that no installed service's folder is found.
    let mut command = in_its_own_run(&command, None)?;
    let _daemon = Running(command.stderr(log).spawn()?);
    let socket = runtime.path().join("seckill/admin.sock");
    until("the admin socket", STOP_MAX, || async { Ok(socket.exists().then_some(())) }).await?;
    Ok(())
}
