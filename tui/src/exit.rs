//! How the program ends: the exit codes of sysexits(3), and the faults that lead to them.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use protocol::{Flaw, RefusalCode, printable_json};
use serde_json::{Value, json};

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
    /// A signal ended what takes long.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

impl Exit {
    /// The exit code that tells of a refusal.
    pub(crate) const fn of_refusal(code: RefusalCode) -> Self {
        match code {
            RefusalCode::BadRequest
            | RefusalCode::MethodNotAllowed
            | RefusalCode::Ambiguous
            | RefusalCode::TooLarge => Self::Usage,
            RefusalCode::NotPermitted => Self::NotPermitted,
            RefusalCode::NotFound => Self::NotFound,
            RefusalCode::StaleVersion
            | RefusalCode::RequestIdReused
            | RefusalCode::ProductExists
            | RefusalCode::NotEnoughStock
            | RefusalCode::NotResendable
            | RefusalCode::WrongRole
            | RefusalCode::SaleIsOpen
            | RefusalCode::ConfigFaulty
            | RefusalCode::RestartNeeded => Self::Refused,
            RefusalCode::Stopping | RefusalCode::StoreFailed | RefusalCode::TimedOut => Self::Later,
            RefusalCode::Internal => Self::Fault,
        }
    }
}

/// Why there is no answer to print.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
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
    /// The daemon refuses for a reason of its own, or things aren't as the verb needs them.
    #[error("refused: {}", .0.sentence)]
    Refused(Box<Refused>),
    /// What is asked for would destroy, and nobody can be asked.
    #[error("{0}: nothing was done. Where there is no terminal to ask on, it wants --yes")]
    NeedsYes(String),
    /// The question was answered No.
    #[error("nothing was changed")]
    Declined,
    /// A signal ended it.
    #[error("interrupted")]
    Interrupted,
    /// The answer can't be written.
    #[error("cannot write: {0}")]
    Output(io::Error),
    /// The program itself can't start.
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
}

/// A refusal, for people and for programs.
#[derive(Debug)]
pub(crate) struct Refused {
    /// Why, for people on a terminal.
    pub(crate) sentence: String,
    /// Why, as the daemon says it.
    pub(crate) msg: String,
    /// Why, for programs: one of `docs/admin-api.md`, or one of the program's own.
    pub(crate) code: String,
    /// More, where there is more.
    pub(crate) data: Value,
    /// The exit code that goes with it.
    pub(crate) exit: Exit,
}

impl Exit {
    /// The number that the program ends with.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Degraded | Self::Declined => 1,
            Self::Usage => 64,
            Self::Refused => 65,
            Self::NotFound => 66,
            Self::Unreachable => 69,
            Self::Fault => 70,
            Self::Output => 74,
            Self::Later => 75,
            Self::NotPermitted => 77,
            Self::Interrupted => 130,
        }
    }
}

impl NoAnswer {
    /// A refusal with nothing more to it.
    pub(crate) fn refused(code: &str, sentence: impl Into<String>, exit: Exit) -> Self {
        let (sentence, code) = (sentence.into(), code.to_owned());
        let msg = sentence.clone();
        Self::Refused(Box::new(Refused { sentence, msg, code, data: Value::Null, exit }))
    }

    /// Why, for programs.
    fn code(&self) -> &str {
        match self {
            Self::NotFound { .. } => "no_socket",
            Self::Several(_) => "several_sockets",
            Self::Misspelt { .. } => "usage",
            Self::Unreachable { .. } => "unreachable",
            Self::Lost { .. } => "answer_lost",
            Self::NotPermitted { .. } => "not_permitted",
            Self::Refused(refused) => &refused.code,
            Self::NeedsYes(_) => "needs_yes",
            Self::Declined => "declined",
            Self::Interrupted => "interrupted",
            Self::Output(_) => "cannot_write",
            Self::Start(_) => "cannot_start",
        }
    }

    /// The fault as `--json` has it, in one line: `{"code","msg","data","exit"}`.
    pub(crate) fn to_json(&self) -> String {
        match self {
            Self::Refused(refused) => {
                error_json(&refused.code, &refused.msg, &refused.data, refused.exit)
            }
            _ => error_json(self.code(), &self.to_string(), &Value::Null, self.exit()),
        }
    }

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
            Self::Refused(refused) => refused.exit,
            Self::Declined => Exit::Declined,
            Self::Interrupted => Exit::Interrupted,
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

/// An error as `--json` has it, in one line.
pub(crate) fn error_json(code: &str, msg: &str, data: &Value, exit: Exit) -> String {
    let document = json!({ "code": code, "msg": msg, "data": data, "exit": exit.number() });
    printable_json(&document.to_string())
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
