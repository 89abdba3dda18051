//! Standard error as the log's sink: a terminal, a file or a pipe.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;

use super::handover::{HandOver, Sink};

/// Between two tries where the descriptor would block and says so: another process that shares it
/// has made it non-blocking.
const AGAIN_AFTER: Duration = Duration::from_millis(10);

/// Standard error, by a descriptor of its own: a thread that holds the standard library's lock on
/// it, say to write about a panic, isn't held up by a line that hangs, and the other way round.
/// What is behind the descriptor is shared with other processes, so it isn't made non-blocking.
pub(super) struct StandardError {
    file: File,
    /// Whether only a part of the last line was written.
    is_torn: bool,
}

impl StandardError {
    pub(super) fn open() -> io::Result<Self> {
        let own = io::stderr().as_fd().try_clone_to_owned()?;
        Ok(Self { file: File::from(own), is_torn: false })
    }

    /// Writes all of it; `Err` with how much was written.
    fn write_all(&mut self, text: &[u8]) -> Result<(), (usize, io::Error)> {
        let mut written = 0;
        while written < text.len() {
            match self.file.write(&text[written..]) {
                Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    wait();
                }
                Err(error) => return Err((written, error)),
            }
        }
        Ok(())
    }
}

impl Sink for StandardError {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.is_torn {
            self.write_all(b"\n").map_err(|(_, error)| error)?;
            self.is_torn = false;
        }
        self.write_all(line).map_err(|(written, error)| {
            self.is_torn = written != 0;
            error
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "this thread is there to wait, and nobody for it")]
fn wait() {
    thread::sleep(AGAIN_AFTER);
}

/// Gives each event a writer that leaves its line in the hand-over.
#[derive(Clone)]
pub(super) struct Lines(pub(super) HandOver);

/// Takes one line, which comes in one piece.
pub(super) struct LineOf<'a> {
    level: Level,
    to: &'a HandOver,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = LineOf<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        LineOf { level: Level::INFO, to: &self.0 }
    }

    fn make_writer_for(&'a self, meta: &tracing::Metadata<'_>) -> Self::Writer {
        LineOf { level: *meta.level(), to: &self.0 }
    }
}

impl Write for LineOf<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.to.leave(self.level, line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
