//! `seckillctl status` as a process, against a socket that answers what the test says.

#![expect(clippy::unwrap_used, reason = "a test that can't go on should say so and end")]

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::JoinHandle;

use protocol::{Money, Phase, ProductView, QueueView, Snapshot};
use tempfile::TempDir;

fn snapshot() -> Snapshot {
    Snapshot {
        name: "seckilld".to_owned(),
        version: "0.1.0".to_owned(),
        env_type: "embedded".to_owned(),
        roles: vec!["gateway".to_owned(), "order".to_owned()],
        phase: Phase::Serving,
        uptime_s: 7,
        degraded: Vec::new(),
        warnings: Vec::new(),
        products: vec![ProductView {
            prod_id: "pid_0001".to_owned(),
            prod_name: "iphoneX2019新款".to_owned(),
            price: Money::from_milli(5_999_000),
            on_shelf: true,
            initial: 100,
            added: 0,
            stock: 60,
            sold: 40,
            held: None,
            free: None,
            balanced: true,
            missing: 0,
            version: 40,
        }],
        queue: QueueView {
            kind: "embedded".to_owned(),
            lag_messages: Some(0),
            lag_age_ms: None,
            queues: Vec::new(),
            dead_letters: Some(0),
            ..QueueView::default()
        },
        unconfirmed: None,
        ..Snapshot::default()
    }
}

/// A socket in a folder of its own that answers one request with these bytes.
struct Daemon {
    folder: TempDir,
    answering: JoinHandle<String>,
}

impl Daemon {
    fn answering(answer: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("admin.sock")).unwrap();
        let answering = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.push(byte[0]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(request).unwrap()
        });
        Self { folder, answering }
    }

    fn showing(snapshot: &Snapshot) -> Self {
        Self::answering(http("200 OK", &serde_json::to_string(snapshot).unwrap()))
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("admin.sock")
    }
}

fn http(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// The program in a bare environment, in an empty folder.
fn seckillctl(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seckillctl"));
    command.env_clear().current_dir(folder).stdin(Stdio::null());
    command
}

fn status(socket: &Path, options: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    seckillctl(folder.path())
        .arg("--socket")
        .arg(socket)
        .arg("status")
        .args(options)
        .output()
        .unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_healthy_daemon_is_0_and_a_table() {
    let daemon = Daemon::showing(&snapshot());
    let output = status(&daemon.socket(), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("\npid_0001  5999.000  on         100      0     60     –     –"),
        "{text}"
    );
    assert!(output.stderr.is_empty());
    let request = daemon.answering.join().unwrap();
    assert!(request.starts_with("GET /v1/status HTTP/1.1\r\n"), "{request}");
}

#[test]
fn json_is_the_daemons_own_document() {
    let mut document = serde_json::to_value(snapshot()).unwrap();
    document["of_a_later_version"] = 1.into();
    let daemon = Daemon::answering(http("200 OK", &document.to_string()));
    let output = status(&daemon.socket(), &["--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, document);
}

#[test]
fn trouble_is_1() {
    let mut degraded = snapshot();
    degraded.degraded.push("the broker is away".to_owned());
    let mut unbalanced = snapshot();
    unbalanced.products[0].balanced = false;
    let mut stopping = snapshot();
    stopping.phase = Phase::Stopping;
    for snapshot in [degraded, unbalanced, stopping] {
        let output = status(&Daemon::showing(&snapshot).socket(), &[]);
        assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    }
}

#[test]
fn nobody_there_is_69() {
    let folder = tempfile::tempdir().unwrap();
    let dead = folder.path().join("dead.sock");
    drop(UnixListener::bind(&dead).unwrap());
    for (socket, sentence) in
        [(dead, "no daemon listens there"), (folder.path().join("absent.sock"), "no such socket")]
    {
        let output = status(&socket, &[]);
        assert_eq!(output.status.code(), Some(69));
        assert!(output.stdout.is_empty());
        assert!(told(&output).contains(sentence), "{}", told(&output));
    }
    for (answer, sentence) in [
        (http("200 OK", "{}"), "is no seckilld"),
        (http("404 Not Found", "{}"), "404"),
        ("what?\r\n\r\n".to_owned(), "is no seckilld"),
    ] {
        let daemon = Daemon::answering(answer);
        let output = status(&daemon.socket(), &[]);
        assert_eq!(output.status.code(), Some(69));
        assert!(told(&output).contains(sentence), "{}", told(&output));
    }
}

#[test]
fn kept_out_is_77() {
    let daemon = Daemon::answering(http("403 Forbidden", "{}"));
    let output = status(&daemon.socket(), &[]);
    assert_eq!(output.status.code(), Some(77));
    assert!(told(&output).contains("not permitted"), "{}", told(&output));
}

#[test]
fn usage_is_64_and_help_is_0() {
    let folder = tempfile::tempdir().unwrap();
    for options in [&["stat"][..], &[], &["status", "--jsno"]] {
        let output = seckillctl(folder.path()).args(options).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{options:?}");
        assert!(output.stdout.is_empty(), "{options:?}");
    }
    for option in ["--help", "--version"] {
        let output = seckillctl(folder.path()).arg(option).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(!output.stdout.is_empty() && output.stderr.is_empty());
    }
}

#[test]
fn the_socket_is_found_by_the_variable() {
    let daemon = Daemon::showing(&snapshot());
    let output = seckillctl(daemon.folder.path())
        .arg("status")
        .env("SECKILLCTL_SOCKET", daemon.socket())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
}

#[test]
fn a_closed_pipe_is_quiet() {
    let daemon = Daemon::showing(&snapshot());
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = seckillctl(folder.path())
        .arg("--socket")
        .arg(daemon.socket())
        .arg("status")
        .stdout(writer)
        .output()
        .unwrap();
    assert_eq!((output.status.code(), told(&output).as_str()), (Some(0), ""));
}
