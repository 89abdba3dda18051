//! How the program ends: the exit codes of sysexits(3), and the faults that lead to them.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// An exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Fine,
    /// The daemon answers, and isn't in full service or its books don't balance.
    Degraded,
    /// The command line is wrong, or doesn't say which of several daemons is meant.
    Usage,
    /// No daemon answers.
    Unreachable,
    /// The answer can't be written.
    Output,
    /// The daemon is not for this user.
    NotPermitted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::Degraded => 1,
            Exit::Usage => 64,
            Exit::Unreachable => 69,
            Exit::Output => 74,
            Exit::NotPermitted => 77,
        })
    }
}

/// Why there is no answer to print.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// Nothing is at any of the default places.
    #[error(
        "found no admin socket at {}; is seckilld running? Name its socket with --socket PATH",
        list(.0)
    )]
    NotFound(Vec<PathBuf>),
    /// More than one daemon could be meant.
    #[error("found several admin sockets; name one with --socket PATH: {}", list(.0))]
    Several(Vec<PathBuf>),
    /// There is no daemon behind the path.
    #[error("{socket}: {reason}", socket = .socket.display())]
    Unreachable {
        /// The socket.
        socket: PathBuf,
        /// A sentence.
        reason: String,
    },
    /// The file's mode or the daemon itself keeps this user out.
    #[error("{socket}: {reason}", socket = .socket.display())]
    NotPermitted {
        /// The socket.
        socket: PathBuf,
        /// A sentence.
        reason: String,
    },
    /// The program itself can't start.
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
}

impl Fault {
    pub(crate) fn unreachable(socket: &Path, reason: impl Into<String>) -> Self {
        Self::Unreachable { socket: socket.to_owned(), reason: reason.into() }
    }

    /// The exit code that tells of it.
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Several(_) => Exit::Usage,
            Self::NotFound(_) | Self::Unreachable { .. } | Self::Start(_) => Exit::Unreachable,
            Self::NotPermitted { .. } => Exit::NotPermitted,
        }
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
