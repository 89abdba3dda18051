//! The program as the tests run it: in a bare environment and an empty folder, in pipes or on a
//! terminal. Waiting is for a text, with a deadline.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// How long a test waits for what must come.
const DEADLINE: Duration = Duration::from_secs(20);

/// The program in a bare environment, without a terminal.
pub(crate) fn seckillctl(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seckillctl"));
    command.env_clear().current_dir(folder).stdin(Stdio::null());
    command
}

/// The same with a socket named.
pub(crate) fn at(socket: &Path, words: &[&str]) -> Command {
    let mut command = seckillctl(socket.parent().unwrap());
    command.arg("--socket").arg(socket).args(words);
    command
}

/// Runs it to its end.
pub(crate) fn run(socket: &Path, words: &[&str]) -> Ran {
    Ran::of(&at(socket, words).output().unwrap())
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) told: String,
}

impl Ran {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            told: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    /// The output, when all went well and nothing was to be told.
    pub(crate) fn fine(self) -> String {
        assert_eq!((self.code, self.told.as_str()), (0, ""), "{}", self.out);
        self.out
    }

    /// What was told, when it ended so and printed nothing.
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "{}", self.told);
        self.told
    }
}

/// What comes out of something, as it comes.
pub(crate) struct Text {
    coming: Receiver<Vec<u8>>,
    come: String,
}

impl Text {
    pub(crate) fn of(mut source: impl Read + Send + 'static) -> Self {
        let (sender, coming) = sync_channel(1024);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // A terminal whose other end is closed gives an error, which is its end.
            while let Ok(length @ 1..) = source.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { coming, come: String::new() }
    }

    /// Waits until `text` has come, and returns everything up to its end.
    pub(crate) fn up_to(&mut self, text: &str) -> String {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(at) = self.come.find(text) {
                let rest = self.come.split_off(at + text.len());
                return std::mem::replace(&mut self.come, rest);
            }
            let left = end.saturating_duration_since(Instant::now());
            let bytes = self.coming.recv_timeout(left);
            assert!(bytes.is_ok(), "{text:?} doesn't come after {:?}", self.come);
            let bytes = bytes.unwrap();
            self.come.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    /// Everything until its end.
    pub(crate) fn rest(&mut self) -> String {
        while let Ok(bytes) = self.coming.recv_timeout(DEADLINE) {
            self.come.push_str(std::str::from_utf8(&bytes).unwrap());
        }
        std::mem::take(&mut self.come)
    }
}

/// A terminal: where its keys are pressed and its screen is read, and what a program opens.
pub(crate) fn terminal() -> (File, File) {
    let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&keys).unwrap();
    unlockpt(&keys).unwrap();
    let name = ptsname(&keys, Vec::new()).unwrap().into_string().unwrap();
    let terminal = OpenOptions::new().read(true).write(true).open(name).unwrap();
    (File::from(keys), terminal)
}

/// The program with its questions on a terminal; its data goes to a pipe.
pub(crate) struct Seated {
    child: Child,
    keys: File,
    screen: Text,
    out: Text,
}

impl Seated {
    pub(crate) fn at(socket: &Path, words: &[&str]) -> Self {
        let (keys, terminal) = terminal();
        let mut command = at(socket, words);
        command.stdin(terminal.try_clone().unwrap()).stderr(terminal).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let screen = Text::of(keys.try_clone().unwrap());
        let out = Text::of(child.stdout.take().unwrap());
        Self { child, keys, screen, out }
    }

    /// Waits for the question's end and types an answer.
    pub(crate) fn answer(&mut self, prompt: &str, answer: &str) -> String {
        let question = self.screen.up_to(prompt);
        writeln!(self.keys, "{answer}").unwrap();
        question
    }

    /// Waits for the end: exit code and data.
    pub(crate) fn end(mut self) -> (i32, String) {
        let out = self.out.rest();
        (self.child.wait().unwrap().code().unwrap(), out)
    }
}
