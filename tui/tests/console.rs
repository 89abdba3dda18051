//! The console as a process on a terminal: the terminal is given back on every way out.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on should say so")]

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use protocol::{Line, PeerView, Permission, Snapshot};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(20);
const ENTER: &str = "\u{1b}[?1049h";
const LEAVE: &str = "\u{1b}[?1049l";
const SHOW_CURSOR: &str = "\u{1b}[?25h";

/// Answers each subscription with a state, and holds the connection.
fn serve(listener: &UnixListener) {
    let mut open: Vec<UnixStream> = Vec::new();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        let snapshot = Snapshot { name: "seckilld".to_owned(), ..Snapshot::default() };
        let permission = Permission::Operate;
        let you = PeerView { uid: 0, user: None, permission, missing: None };
        let line = Line::Snapshot { snapshot: Box::new(snapshot), you };
        let line = serde_json::to_string(&line).unwrap();
        stream.write_all(format!("HTTP/1.1 200 OK\r\n\r\n{line}\n").as_bytes()).unwrap();
        open.push(stream);
    }
}

/// A console on a terminal of its own.
struct Console {
    child: Child,
    master: Option<File>,
    slave: OwnedFd,
    output: Receiver<String>,
    seen: String,
    _folder: TempDir,
}

impl Console {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("admin.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        std::thread::spawn(move || serve(&listener));
        let (master, slave) = terminal();
        let end = || Stdio::from(slave.try_clone().unwrap());
        let child = Command::new(env!("CARGO_BIN_EXE_seckillctl"))
            .arg("--socket")
            .arg(&socket)
            .env("LANG", "C.UTF-8")
            .env("NO_COLOR", "1")
            .stdin(end())
            .stdout(end())
            .stderr(end())
            // Ctrl-Z stops the whole group, which must not be ours.
            .process_group(0)
            .spawn()
            .unwrap();
        let output = reading(master.try_clone().unwrap());
        let master = Some(master);
        Self { child, master, slave, output, seen: String::new(), _folder: folder }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    fn press(&mut self, keys: &str) {
        self.master.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the terminal was sent this, after what was seen before.
    fn see(&mut self, text: &str) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(at) = self.seen.find(text) {
                self.seen.drain(..at + text.len());
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(more) => self.seen.push_str(&more),
                Err(_) => panic!("never {text:?}; last: {:?}", self.seen),
            }
        }
    }

    /// Whether keys are echoed and lines are edited by the terminal, as before us.
    fn is_given_back(&self) -> bool {
        let modes = tcgetattr(&self.slave).unwrap().local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    fn ended(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn terminal() -> (File, OwnedFd) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&master, size).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let path = Path::new(OsStr::from_bytes(name.as_bytes())).to_owned();
    let slave = File::options().read(true).write(true).open(path).unwrap();
    (File::from(master), slave.into())
}

fn reading(mut master: File) -> Receiver<String> {
    let (sender, receiver) = sync_channel(1_024);
    std::thread::spawn(move || {
        let mut buffer = [0; 65_536];
        while let Ok(count) = master.read(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
            if sender.send(text).is_err() {
                return;
            }
        }
    });
    receiver
}

#[test]
fn quitting_gives_the_terminal_back() {
    for keys in ["q", "\u{3}", "D\u{3}"] {
        let mut console = Console::start();
        console.see(ENTER);
        console.see("Overview");
        assert!(!console.is_given_back());
        console.press(keys);
        console.see(LEAVE);
        console.see(SHOW_CURSOR);
        assert!(console.ended().success());
        assert!(console.is_given_back(), "{keys:?}");
    }
}

#[test]
fn signals_give_the_terminal_back() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let mut console = Console::start();
        console.see("Overview");
        console.signal(signal);
        console.see(LEAVE);
        console.ended();
        assert!(console.is_given_back(), "{signal:?}");
    }
}

#[test]
fn ctrl_z_gives_the_terminal_back_until_it_goes_on() {
    let mut console = Console::start();
    console.see("Overview");
    console.press("\u{1a}");
    console.see(LEAVE);
    let stopped = waitpid(Some(console.pid()), WaitOptions::UNTRACED).unwrap().unwrap();
    assert!(stopped.1.stopped());
    assert!(console.is_given_back());
    console.signal(Signal::CONT);
    console.see(ENTER);
    console.see("Overview");
    assert!(!console.is_given_back());
    console.press("q");
    console.see(LEAVE);
    assert!(console.ended().success());
}

#[test]
fn without_colours_the_selected_screen_is_still_reversed() {
    let mut console = Console::start();
    console.see("\u{1b}[7m");
    console.see("Overview");
    console.press("q");
    console.see(LEAVE);
    for colour in ["[31m", "[32m", "[36m", "[38;5;"] {
        assert!(!console.seen.contains(colour), "{colour}");
    }
}

#[test]
fn without_a_daemon_it_says_so_before_it_takes_the_terminal() {
    let (_master, slave) = terminal();
    let folder = tempfile::tempdir().unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_seckillctl"))
        .arg("--socket")
        .arg(folder.path().join("none.sock"))
        .stdin(slave.try_clone().unwrap())
        .stdout(slave)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(69));
    assert!(String::from_utf8(ended.stderr).unwrap().contains("is seckilld running?"));
}
