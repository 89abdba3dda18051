//! How the program ends: the exit codes of sysexits(3), and the faults that lead to them.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use protocol::{Flaw, RefusalCode};

/// An exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Fine,
    /// The daemon answers, and isn't in full service, its books don't balance, or buyers wait too
    /// long.
    Degraded,
    /// The question was answered No.
    Declined,
    /// The command line is wrong, or doesn't say which of several daemons is meant.
    Usage,
    /// The daemon refuses as things stand.
    Refused,
    /// The daemon has no such thing.
    NotFound,
    /// No daemon answers.
    Unreachable,
    /// The daemon has a fault of its own.
    Fault,
    /// The answer can't be written.
    Output,
    /// The daemon refuses for now; the same again may end otherwise.
    Later,
    /// The daemon is not for this user.
    NotPermitted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::Degraded | Exit::Declined => 1,
            Exit::Usage => 64,
            Exit::Refused => 65,
            Exit::NotFound => 66,
            Exit::Unreachable => 69,
            Exit::Fault => 70,
            Exit::Output => 74,
            Exit::Later => 75,
            Exit::NotPermitted => 77,
        })
    }
}

impl Exit {
    /// The exit code that tells of a refusal.
    pub(crate) const fn of_refusal(code: RefusalCode) -> Self {
        match code {
            RefusalCode::BadRequest | RefusalCode::MethodNotAllowed | RefusalCode::TooLarge => {
                Self::Usage
            }
            RefusalCode::NotPermitted => Self::NotPermitted,
            RefusalCode::NotFound => Self::NotFound,
            RefusalCode::StaleVersion
            | RefusalCode::RequestIdReused
            | RefusalCode::ProductExists
            | RefusalCode::NotEnoughStock
            | RefusalCode::NotResendable
            | RefusalCode::WrongRole
            | RefusalCode::ConfigFaulty
            | RefusalCode::RestartNeeded => Self::Refused,
            RefusalCode::Stopping | RefusalCode::StoreFailed | RefusalCode::TimedOut => Self::Later,
            RefusalCode::Internal => Self::Fault,
        }
    }
}

/// Why there is no answer to print.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// Nothing is at any of the default places.
    #[error(
        "found no admin socket at {}{}",
        list(.places),
        elsewhere(.holders.as_deref())
    )]
    NotFound {
        /// Where it was looked for.
        places: Vec<PathBuf>,
        /// Who holds a database all the same, in words.
        holders: Option<String>,
    },
    /// More than one daemon could be meant.
    #[error("found several admin sockets; name one with --socket PATH: {}", list(.0))]
    Several(Vec<PathBuf>),
    /// The socket was named with a character that can't be seen.
    #[error("{by} is {named:?}, which {flaw}")]
    Misspelt {
        /// The option, or the variable.
        by: &'static str,
        /// What it says.
        named: PathBuf,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// There is no daemon behind the path.
    #[error("{socket}: {reason}", socket = .socket.display())]
    Unreachable {
        /// The socket.
        socket: PathBuf,
        /// A sentence.
        reason: String,
    },
    /// The daemon was asked, and its answer didn't come: what was asked may have been done.
    #[error("{socket}: {reason}", socket = .socket.display())]
    Lost {
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
    /// The daemon refuses for a reason of its own.
    #[error("refused: {0}")]
    Refused(String, Exit),
    /// What is asked for would destroy, and nobody can be asked.
    #[error("{0}: nothing was done. Where there is no terminal to ask on, it wants --yes")]
    NeedsYes(String),
    /// The question was answered No.
    #[error("nothing was changed")]
    Declined,
    /// The answer can't be written.
    #[error("cannot write: {0}")]
    Output(io::Error),
    /// The program itself can't start.
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
}

impl Fault {
    pub(crate) fn unreachable(socket: &Path, reason: impl Into<String>) -> Self {
        Self::Unreachable { socket: socket.to_owned(), reason: reason.into() }
    }

    pub(crate) fn lost(socket: &Path, reason: impl Into<String>) -> Self {
        Self::Lost { socket: socket.to_owned(), reason: reason.into() }
    }

    /// The exit code that tells of it. A reader that has seen enough (`| head`) is no fault.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Several(_) | Self::Misspelt { .. } | Self::NeedsYes(_) => Exit::Usage,
            Self::NotFound { .. }
            | Self::Unreachable { .. }
            | Self::Lost { .. }
            | Self::Start(_) => Exit::Unreachable,
            Self::NotPermitted { .. } => Exit::NotPermitted,
            Self::Refused(_, exit) => *exit,
            Self::Declined => Exit::Declined,
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Fine,
            Self::Output(_) => Exit::Output,
        }
    }
}

fn elsewhere(holders: Option<&str>) -> String {
    match holders {
        Some(told) => format!(", but {told}; name its socket with --socket PATH"),
        None => "; is seckilld running? Start it with `seckilld`, or with `systemctl start \
                 seckilld@PROFILE`, or name its socket with --socket PATH"
            .to_owned(),
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
