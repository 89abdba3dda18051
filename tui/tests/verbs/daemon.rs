//! A socket in a folder of its own that answers by a rule and remembers what it was asked.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// What the program asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    /// `GET /v1/status`.
    pub(crate) line: String,
    /// Null without a body.
    pub(crate) body: Value,
}

/// What it is answered.
pub(crate) enum Reply {
    /// A document.
    Json(u16, Value),
    /// These bytes and the end of the connection.
    Bytes(String),
    /// The connection breaks.
    Cut,
    /// Nothing, until the program gives up.
    Silence,
    /// A stream of lines, as long as somebody sends them.
    Stream(Receiver<String>),
    /// A stream that breaks after these lines.
    Broken(Vec<String>),
}

pub(crate) fn ok(document: impl serde::Serialize) -> Reply {
    Reply::Json(200, serde_json::to_value(document).unwrap())
}

/// The daemon.
pub(crate) struct Daemon {
    folder: TempDir,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Daemon {
    /// Answers by this rule, for as long as the test runs.
    pub(crate) fn answering(rule: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("admin.sock")).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (rule, memory) = (Arc::new(rule), Arc::clone(&asked));
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let (rule, memory) = (Arc::clone(&rule), Arc::clone(&memory));
                std::thread::spawn(move || serve(stream, &*rule, &memory));
            }
        });
        Self { folder, asked }
    }

    /// Answers everything so.
    pub(crate) fn always(document: impl serde::Serialize) -> Self {
        let document = serde_json::to_value(document).unwrap();
        Self::answering(move |_| ok(&document))
    }

    /// Answers these in turn, and breaks the connection when they are used up.
    pub(crate) fn in_turn(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies: Mutex<Vec<Reply>> =
            Mutex::new(replies.into_iter().collect::<Vec<_>>().into_iter().rev().collect());
        Self::answering(move |_| replies.lock().unwrap().pop().unwrap_or(Reply::Cut))
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("admin.sock")
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }

    /// The first lines of what it was asked so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|request| request.line).collect()
    }
}

/// A connection that brings no request (somebody looks whether a daemon is there) is none.
fn serve(
    mut stream: UnixStream,
    rule: &(dyn Fn(&Request) -> Reply + Sync),
    memory: &Mutex<Vec<Request>>,
) {
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let Some(request) = read(&mut stream) else { return };
    memory.lock().unwrap().push(request.clone());
    // The program may have seen enough: what it doesn't read is no fault of the test.
    let _ = match rule(&request) {
        Reply::Json(status, document) => stream.write_all(http(status, &document).as_bytes()),
        Reply::Bytes(bytes) => stream.write_all(bytes.as_bytes()),
        Reply::Cut => Ok(()),
        Reply::Silence => stream.read(&mut [0]).map(drop),
        Reply::Stream(lines) => {
            let head = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
            head.and_then(|()| lines.iter().try_for_each(|line| writeln!(stream, "{line}")))
        }
        Reply::Broken(lines) => {
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            write!(stream, "{head}{:x}\r\n{text}\r\nff\r\n", text.len())
        }
    };
}

fn read(stream: &mut UnixStream) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).ok()?;
    let line = head.lines().next()?.strip_suffix(" HTTP/1.1")?.to_owned();
    Some(Request { line, body: serde_json::from_slice(&body).unwrap_or_default() })
}

/// A whole answer.
pub(crate) fn http(status: u16, document: &Value) -> String {
    let body = document.to_string();
    format!("HTTP/1.1 {status} .\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}
