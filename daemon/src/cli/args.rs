//! The command line: which verb, and what it says about configuration. Carrying verbs out is
//! `main`'s and, for those that only print, this module's.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand};
use store_sqlite::Take;

use crate::cli::exit::Exit;
use crate::config::{self, Faults, Loaded, Options, QueueKind, Role};

/// The version with the commit that it was built from, by `build/commit.rs`.
pub const BUILD: &str = env!("BUILT_FROM");

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What to do.
    pub verb: Verb,
    /// What it says about configuration.
    pub options: Options,
}

/// What the program can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// Be the daemon.
    Run(Take),
    /// Judge the configuration.
    CheckConfig,
    /// Show the configuration.
    PrintConfig,
    /// Print docs/config.md.
    PrintDocs,
    /// Look at everything a start needs.
    Doctor {
        /// Whether the report is JSON for a program, or text for a person.
        json: bool,
    },
    /// Copy the database while it sells.
    Backup(Copying),
    /// Put a copy in the database's place.
    Restore(Copying),
}

/// A copy's file, and who reads the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copying {
    /// The copy.
    pub file: PathBuf,
    /// Whether the report is JSON for a program, or text for a person.
    pub json: bool,
}

/// The flash-sale daemon: gateway role, order role, or both.
#[derive(Debug, Parser)]
#[command(name = "seckilld", version = BUILD, after_help = "Configuration: docs/config.md")]
struct Cli {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Args)]
struct ConfigArgs {
    /// Profile: embedded, offline or aliyun [else $ENV_TYPE, else $envType, else embedded]
    #[arg(long, value_name = "NAME")]
    env_type: Option<String>,
    /// Configuration file [else /etc/seckill/ENV_TYPE.toml if there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Set one key, such as gateway.listen=0.0.0.0:8070; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon; what no verb means too
    Run {
        #[command(flatten)]
        config: ConfigArgs,
        /// Take whichever store lies at store.path, or begin with a new one, where another was
        /// before. Nothing of it is changed or removed
        #[arg(long)]
        new_store: bool,
    },
    /// Judge the configuration: a summary, or every fault and exit code 78
    CheckConfig {
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Print the effective configuration, each value with its source
    PrintConfig {
        #[command(flatten)]
        config: ConfigArgs,
        /// Print docs/config.md instead
        #[arg(long, hide = true)]
        docs: bool,
    },
    /// Look at everything a start needs, changing nothing: a line for each, with what to do; exit
    /// code 0 when all is well, 1 with warnings, 2 with failures
    Doctor {
        #[command(flatten)]
        config: ConfigArgs,
        /// Print a JSON list of {check, state, found, advice}; state is ok, warn or fail
        #[arg(long)]
        json: bool,
    },
    /// Copy the database into FILE while the daemon sells: one moment of it, whole and checked.
    /// FILE must not exist, and is there only when all is well; only its owner can read it
    Backup {
        #[command(flatten)]
        config: ConfigArgs,
        #[command(flatten)]
        copying: CopyingArgs,
    },
    /// Put a copy of FILE in the database's place while no daemon runs. FILE is checked first; the
    /// database that stood there is kept beside it as NAME.before-restore-TIME. docs/backup.md says
    /// what becomes of later orders
    Restore {
        #[command(flatten)]
        config: ConfigArgs,
        #[command(flatten)]
        copying: CopyingArgs,
    },
}

#[derive(Debug, Args)]
struct CopyingArgs {
    /// The copy
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("must be KEY=VALUE".to_owned()),
    }
}

/// The command line as clap knows it, for the manual and the completions.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Reads the command line, the program's name first. Where there is nothing to do but to print
/// (`--help`, `--version`, a usage fault), that is done and the exit is the error.
///
/// # Errors
/// The exit with which the process is to end at once.
pub fn parse(command_line: impl IntoIterator<Item = OsString>) -> Result<Asked, Exit> {
    match Cli::try_parse_from(command_line) {
        Ok(cli) => Ok(cli.asked()),
        Err(page) => {
            let exit = if page.use_stderr() { Exit::Usage } else { Exit::Ok };
            // Nobody is left to hear that the terminal is gone.
            let _ = page.print();
            Err(exit)
        }
    }
}

impl From<CopyingArgs> for Copying {
    fn from(CopyingArgs { file, json }: CopyingArgs) -> Self {
        Self { file, json }
    }
}

impl Cli {
    fn asked(self) -> Asked {
        let (verb, config) = match self.command {
            None => (Verb::Run(Take::Known), None),
            Some(Command::Run { config, new_store }) => {
                (Verb::Run(if new_store { Take::Any } else { Take::Known }), Some(config))
            }
            Some(Command::CheckConfig { config }) => (Verb::CheckConfig, Some(config)),
            Some(Command::PrintConfig { config, docs: false }) => (Verb::PrintConfig, Some(config)),
            Some(Command::PrintConfig { config, docs: true }) => (Verb::PrintDocs, Some(config)),
            Some(Command::Doctor { config, json }) => (Verb::Doctor { json }, Some(config)),
            Some(Command::Backup { config, copying }) => {
                (Verb::Backup(copying.into()), Some(config))
            }
            Some(Command::Restore { config, copying }) => {
                (Verb::Restore(copying.into()), Some(config))
            }
        };
        let before = self.config;
        let options = match config {
            None => Options { env_type: before.env_type, file: before.config, set: before.set },
            Some(after) => Options {
                env_type: after.env_type.or(before.env_type),
                file: after.config.or(before.config),
                set: before.set.into_iter().chain(after.set).collect(),
            },
        };
        Asked { verb, options }
    }
}

/// Prints the configuration's faults on standard error.
#[must_use]
pub fn refuse(faults: &Faults) -> Exit {
    complain(faults, Exit::Config)
}

/// How long the reader of standard error may take for the last words: a service manager that waits
/// for the start learns of its end soon, even where nobody reads.
const LAST_WORDS_MAX: Duration = Duration::from_secs(3);

/// Prints a fault on standard error, for as long as there is no log.
#[must_use]
pub fn complain(fault: &impl std::fmt::Display, exit: Exit) -> Exit {
    let text = format!("seckilld: {fault}\n");
    let (done, is_done) = sync_channel(1);
    let words = text.clone();
    // Nobody is left to hear that the terminal is gone.
    let write = move || {
        let _ = io::stderr().write_all(words.as_bytes());
        let _ = done.send(());
    };
    match thread::Builder::new().name("last-words".to_owned()).spawn(write) {
        // An error says that nobody reads: the process ends all the same.
        Ok(_) => drop(is_done.recv_timeout(LAST_WORDS_MAX)),
        Err(_) => drop(io::stderr().write_all(text.as_bytes())),
    }
    exit
}

/// Prints a text on standard output. A reader that has left (`| head`) is no failure.
#[must_use]
pub fn print(text: &str) -> Exit {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Ok(()) => Exit::Ok,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Ok,
        Err(_) => Exit::Io,
    }
}

/// What `check-config` says of a configuration without fault.
#[must_use]
pub fn summary(loaded: &Loaded) -> String {
    let config::Config { roles, gateway, order, queue, rocketmq, store, admin, .. } =
        &loaded.config;
    let mut lines = vec![format!("ok: envType {}", loaded.env_type)];
    if roles.contains(&Role::Gateway) {
        lines.push(format!("gateway: http://{}", gateway.listen));
    }
    if roles.contains(&Role::Order) {
        lines.push(format!("order:   http://{}", order.listen));
    } else {
        lines.push(format!("order:   at {}", gateway.order_url));
    }
    lines.push(match queue.kind {
        QueueKind::Embedded => "queue:   embedded".to_owned(),
        QueueKind::Rocketmq => {
            format!("queue:   rocketmq, {} at {}", rocketmq.topic, rocketmq.name_servers.join(", "))
        }
    });
    lines.push(format!("store:   {}", store.path.display()));
    lines.push(match admin.socket.as_os_str().is_empty() {
        true => "admin:   no socket".to_owned(),
        false => format!("admin:   {}", admin.socket.display()),
    });
    lines.extend(loaded.notes.iter().map(|note| format!("note:    {note}")));
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::{Asked, Exit, Take, Verb, parse};

    fn parsed(line: &str) -> Result<Asked, Exit> {
        parse(line.split_whitespace().map(Into::into))
    }

    #[test]
    fn no_verb_means_run() {
        assert_eq!(parsed("seckilld").unwrap(), parsed("seckilld run").unwrap());
        assert_eq!(parsed("seckilld").unwrap().verb, Verb::Run(Take::Known));
        assert_eq!(parsed("seckilld run").unwrap().verb, Verb::Run(Take::Known));
        assert_eq!(parsed("seckilld run --new-store").unwrap().verb, Verb::Run(Take::Any));
    }

    #[test]
    fn options_stand_before_or_after_the_verb_and_add_up() {
        let asked = parsed(
            "seckilld --set a=1 --env-type offline --config x check-config --set b=2=3 --config y",
        )
        .unwrap();
        assert_eq!(asked.verb, Verb::CheckConfig);
        assert_eq!(asked.options.env_type.as_deref(), Some("offline"));
        assert_eq!(asked.options.file.as_deref(), Some("y".as_ref()));
        let set: Vec<_> = asked.options.set.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(set, [("a", "1"), ("b", "2=3")]);
    }

    #[test]
    fn a_copy_has_a_file_and_may_have_a_reader_of_json() {
        let copying = |json| super::Copying { file: "a b".into(), json };
        let line = ["seckilld", "backup", "--env-type", "offline", "a b"].map(Into::into);
        let asked = parse(line).unwrap();
        assert_eq!(asked.verb, Verb::Backup(copying(false)));
        assert_eq!(asked.options.env_type.as_deref(), Some("offline"));
        let line = ["seckilld", "restore", "--json", "--", "a b"].map(Into::into);
        assert_eq!(parse(line).unwrap().verb, Verb::Restore(copying(true)));
        for line in ["seckilld backup", "seckilld restore", "seckilld backup a b"] {
            assert_eq!(parsed(line), Err(Exit::Usage), "{line}");
        }
        assert_eq!(parsed("seckilld backup -a"), Err(Exit::Usage));
    }

    #[test]
    fn usage_faults_and_help_have_their_exits() {
        for line in
            ["seckilld walk", "seckilld --set a", "seckilld --set =1", "seckilld --listen 1"]
        {
            assert_eq!(parsed(line), Err(Exit::Usage), "{line}");
        }
        for line in ["seckilld --version", "seckilld --help", "seckilld run --help"] {
            assert_eq!(parsed(line), Err(Exit::Ok), "{line}");
        }
    }
}
