//! The console as a process on a terminal: the terminal is given back on every way out.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{SyncSender, sync_channel};

use protocol::{Line, PeerView, Permission, Snapshot};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::daemon::{Daemon, Reply};
use crate::program::{Ran, Text, at, terminal};

const ENTER: &str = "\u{1b}[?1049h";
const LEAVE: &str = "\u{1b}[?1049l";
const SHOW_CURSOR: &str = "\u{1b}[?25h";

/// A daemon that gives its state and then holds the stream.
fn daemon() -> Daemon {
    let open: Mutex<Vec<SyncSender<String>>> = Mutex::default();
    Daemon::answering(move |_| {
        let snapshot = Snapshot { name: "seckilld".to_owned(), ..Snapshot::default() };
        let permission = Permission::Operate;
        let you = PeerView { uid: 0, user: None, permission, missing: None };
        let line = Line::Snapshot { snapshot: Box::new(snapshot), you };
        let (sender, receiver) = sync_channel(1);
        sender.send(serde_json::to_string(&line).unwrap()).unwrap();
        open.lock().unwrap().push(sender);
        Reply::Stream(receiver)
    })
}

/// A console on a terminal of its own.
struct Console {
    child: Child,
    keys: File,
    screen: Text,
    terminal: OwnedFd,
    _daemon: Daemon,
}

impl Console {
    fn start() -> Self {
        Self::of_size(80, 24, &[])
    }

    /// On a terminal that says it has so many columns and lines, with these variables.
    fn of_size(ws_col: u16, ws_row: u16, variables: &[(&str, &str)]) -> Self {
        let daemon = daemon();
        let (keys, terminal) = terminal();
        let size = Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&keys, size).unwrap();
        let terminal = OwnedFd::from(terminal);
        let end = || Stdio::from(terminal.try_clone().unwrap());
        let mut command = at(&daemon.socket(), &[]);
        command.env("TERM", "xterm").env("LANG", "C.UTF-8").env("NO_COLOR", "1");
        command.envs(variables.iter().copied());
        // Ctrl-Z stops the whole group, which must not be ours.
        command.stdin(end()).stdout(end()).stderr(end()).process_group(0);
        let child = command.spawn().unwrap();
        let screen = Text::of(keys.try_clone().unwrap());
        Self { child, keys, screen, terminal, _daemon: daemon }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the terminal was sent this; returns what came before it.
    fn see(&mut self, text: &str) -> String {
        self.screen.up_to(text)
    }

    /// Whether keys are echoed and lines are edited by the terminal, as before us.
    fn is_given_back(&self) -> bool {
        let modes = tcgetattr(&self.terminal).unwrap().local_modes;
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
    let drawn = console.see(LEAVE);
    for colour in ["[31m", "[32m", "[36m", "[38;5;"] {
        assert!(!drawn.contains(colour), "{colour}");
    }
}

/// A serial line has no size.
#[test]
fn a_terminal_without_a_size_is_drawn_on_all_the_same() {
    let mut console = Console::of_size(0, 0, &[]);
    console.see("Overview");
    console.see("\u{1b}[24;");
    console.press("q");
    console.see(LEAVE);
    assert!(console.ended().success());
    let mut console = Console::of_size(0, 0, &[("COLUMNS", "40"), ("LINES", "10")]);
    console.see("needs 60x20, has 40x10");
    console.press("q");
    assert!(console.ended().success());
}

/// It may be there before its daemon, and says whom it waits for. Verbs don't wait.
#[test]
fn without_a_daemon_it_waits_and_a_verb_does_not() {
    let (keys, terminal) = terminal();
    let size = Winsize { ws_row: 24, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&keys, size).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("none.sock");
    let ended = Ran::of(&at(&socket, &["status"]).output().unwrap());
    assert!(ended.failed(69).contains("is seckilld running?"));

    let mut command = at(&socket, &[]);
    let end = || Stdio::from(terminal.try_clone().unwrap());
    command.env("TERM", "xterm").env("LANG", "C.UTF-8").stdin(end()).stdout(end()).stderr(end());
    let mut child = command.spawn().unwrap();
    let mut screen = Text::of(keys.try_clone().unwrap());
    screen.up_to(&format!("no daemon yet at {}", socket.display()));
    (&keys).write_all(b"q").unwrap();
    screen.up_to(LEAVE);
    assert!(child.wait().unwrap().success());
}
