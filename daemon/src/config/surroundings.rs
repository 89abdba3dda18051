//! What the process finds around it: environment variables and the folders that systemd prepared.
//! This is the only place of the daemon that reads the environment.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Access, access, fstat};

/// Prefix of the variables that set keys.
const PREFIX: &str = "SECKILL_";
/// The variables that choose the profile, in the order in which they count; the second is how the
/// Java services' users write it.
pub(super) const ENV_TYPE_VARIABLES: [&str; 2] = ["ENV_TYPE", "envType"];
/// The folder for state when systemd names none.
const STATE_FOLDER: &str = "/var/lib/seckill";
/// The folder for sockets when systemd names none.
const RUNTIME_FOLDER: &str = "/run/seckill";
/// The folder with each envType's configuration file.
const CONFIG_FOLDER: &str = "/etc/seckill";

/// The service manager that started this process, if one did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manager {
    /// The socket on which it hears how the process is, as `NOTIFY_SOCKET` names it.
    pub notify_socket: Option<OsString>,
    /// After how long a silence it ends the process; `None` when it doesn't.
    pub watchdog: Option<Duration>,
    /// The names of the sockets that it passed, with colons between them.
    pub socket_names: Option<String>,
}

/// The environment, read once.
#[derive(Debug, Clone)]
pub(super) struct Surroundings {
    /// The variables that set keys, by full name, sorted.
    pub(super) variables: Vec<(String, OsString)>,
    /// The variables that choose the profile: those that are set and not empty.
    pub(super) env_types: Vec<(&'static str, String)>,
    /// `$CREDENTIALS_DIRECTORY`
    pub(super) credentials_folder: Option<PathBuf>,
    /// `$STATE_DIRECTORY`, the first of several.
    pub(super) service_state_folder: Option<PathBuf>,
    /// `$RUNTIME_DIRECTORY`, the first of several.
    pub(super) service_runtime_folder: Option<PathBuf>,
    /// `$XDG_RUNTIME_DIR`
    pub(super) user_runtime_folder: Option<PathBuf>,
    /// Whether standard error is the journal's.
    pub(super) journal: bool,
    /// What the service manager wants to hear.
    pub(super) manager: Manager,
    pub(super) state_folder: PathBuf,
    pub(super) runtime_folder: PathBuf,
    pub(super) config_folder: PathBuf,
}

impl Surroundings {
    /// Reads the environment.
    pub(super) fn read() -> Self {
        let folder = |name| variable(name).map(PathBuf::from);
        Self {
            variables: prefixed(),
            env_types: ENV_TYPE_VARIABLES
                .into_iter()
                .filter_map(|name| Some((name, variable(name)?)))
                .map(|(name, value)| (name, value.to_string_lossy().into_owned()))
                .collect(),
            credentials_folder: folder("CREDENTIALS_DIRECTORY"),
            service_state_folder: variable("STATE_DIRECTORY").map(first_of_several),
            service_runtime_folder: variable("RUNTIME_DIRECTORY").map(first_of_several),
            user_runtime_folder: folder("XDG_RUNTIME_DIR"),
            manager: Manager {
                notify_socket: variable("NOTIFY_SOCKET"),
                watchdog: sd_notify::watchdog_enabled(),
                socket_names: variable("LISTEN_FDNAMES")
                    .map(|names| names.to_string_lossy().into_owned()),
            },
            journal: variable("JOURNAL_STREAM").is_some_and(|stream| is_standard_error(&stream)),
            state_folder: STATE_FOLDER.into(),
            runtime_folder: RUNTIME_FOLDER.into(),
            config_folder: CONFIG_FOLDER.into(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

#[expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]
fn prefixed() -> Vec<(String, OsString)> {
    let mut found: Vec<_> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| name.starts_with(PREFIX))
        .collect();
    found.sort();
    found
}

/// systemd joins several folders by colons.
fn first_of_several(folders: OsString) -> PathBuf {
    match folders.to_str().and_then(|text| text.split_once(':')) {
        Some((first, _)) => first.into(),
        None => folders.into(),
    }
}

/// `$JOURNAL_STREAM` is inherited by whatever a service starts, so it counts only while standard
/// error still is the stream that it names by device and inode.
fn is_standard_error(stream: &OsString) -> bool {
    let named = stream.to_str().and_then(|text| text.split_once(':'));
    let (Some((device, inode)), Ok(found)) = (named, fstat(std::io::stderr())) else {
        return false;
    };
    device == found.st_dev.to_string() && inode == found.st_ino.to_string()
}

/// The dotted key that a variable sets: `SECKILL_GATEWAY__LISTEN` is `gateway.listen`.
pub(super) fn key_of_variable(name: &str) -> String {
    name.strip_prefix(PREFIX).unwrap_or(name).to_lowercase().replace("__", ".")
}

/// Whether something is at a path. What hides behind a closed folder counts as there.
pub(super) fn is_there(path: &Path) -> bool {
    path.try_exists().unwrap_or(true)
}

/// Whether files can be made in a folder that exists.
pub(super) fn is_writable_folder(folder: &Path) -> bool {
    folder.is_dir() && access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}
