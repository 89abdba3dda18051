//! How a daemon is run: its profile, settings, variables and sockets, and the command line of them.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::Result;
use serde_json::Value;

use crate::process::{bare_command, passing};

/// When a start counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Every listener says 200 on `/readyz`.
    Ready,
    /// Every listener is bound: for a start while something the daemon needs is away.
    Listening,
    /// The process is there: for a start that is to be cut off.
    Spawned,
}

/// How to run a daemon.
#[derive(Debug, Clone)]
pub struct Options {
    pub(super) name: String,
    pub(super) env_type: String,
    pub(super) file: Option<PathBuf>,
    pub(super) roles: Vec<&'static str>,
    pub(super) settings: Vec<(String, String)>,
    pub(super) left_out: Vec<String>,
    pub(super) arguments: Vec<String>,
    pub(super) fault_points: String,
    pub(super) variables: Vec<(String, String)>,
    pub(super) passed: Option<(String, Arc<OwnedFd>)>,
    pub(super) until: Until,
}

impl Options {
    /// Both roles on the embedded queue.
    #[must_use]
    pub fn embedded() -> Self {
        Self::profile("embedded")
    }

    /// Both roles with a profile.
    #[must_use]
    pub fn profile(env_type: &str) -> Self {
        Self {
            name: "seckilld".to_owned(),
            env_type: env_type.to_owned(),
            file: None,
            roles: vec!["gateway", "order"],
            settings: Vec::new(),
            left_out: Vec::new(),
            arguments: Vec::new(),
            fault_points: String::new(),
            variables: Vec::new(),
            passed: None,
            until: Until::Ready,
        }
    }

    /// Names the process: its database, log and socket are called so. Two in one folder need two.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Runs these roles only.
    #[must_use]
    pub fn roles(mut self, roles: &[&'static str]) -> Self {
        self.roles = roles.to_vec();
        self
    }

    /// Sets a key as `--set` does: TOML where the key is no text (`5`, `["a"]`), a text as it
    /// stands. The last setting of a key wins.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<String>) -> Self {
        self.settings.retain(|(known, _)| known != key);
        self.settings.push((key.to_owned(), value.into()));
        self
    }

    /// Names a configuration file, as `--config` does. What the tests set stands above it.
    #[must_use]
    pub fn file(mut self, path: &Path) -> Self {
        self.file = Some(path.to_owned());
        self
    }

    /// Leaves out what the tests set by themselves, so that another layer may set it.
    #[must_use]
    pub fn leave_out(mut self, key: &str) -> Self {
        self.left_out.push(key.to_owned());
        self
    }

    /// Gives the subcommand an argument of its own.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Where it dies, in the syntax of the crate `fail`: only a build with fault points does.
    #[must_use]
    pub fn fault_points(mut self, points: &str) -> Self {
        points.clone_into(&mut self.fault_points);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Passes a socket that is bound already, under this name, as a service manager does.
    #[must_use]
    pub fn pass(mut self, name: &str, socket: impl Into<OwnedFd>) -> Self {
        self.passed = Some((name.to_owned(), Arc::new(socket.into())));
        self
    }

    /// Says when the start counts as done.
    #[must_use]
    pub fn until(mut self, until: Until) -> Self {
        self.until = until;
        self
    }

    /// Where its database is in a folder.
    #[must_use]
    pub fn database(&self, folder: &Path) -> PathBuf {
        let chosen = self.settings.iter().find(|(key, _)| key == "store.path");
        chosen.map_or_else(|| folder.join(format!("{}.db", self.name)), |(_, path)| path.into())
    }

    /// Where its admin socket is in a folder.
    #[must_use]
    pub fn socket(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.sock", self.name))
    }

    /// The command line of a subcommand with these options.
    ///
    /// # Errors
    /// The program isn't built.
    pub fn command(&self, folder: &Path, subcommand: &str) -> Result<Command> {
        let mut command = bare_command(folder)?;
        command.args([subcommand, "--env-type", &self.env_type]).args(&self.arguments);
        if let Some(file) = &self.file {
            command.arg("--config").arg(file);
        }
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let mut all = vec![
            ("store.path".to_owned(), text(self.database(folder))),
            ("admin.socket".to_owned(), text(self.socket(folder))),
            ("log.format".to_owned(), "json".to_owned()),
            ("gateway.listen".to_owned(), "127.0.0.1:0".to_owned()),
            ("order.listen".to_owned(), "127.0.0.1:0".to_owned()),
            ("roles".to_owned(), Value::from(self.roles.clone()).to_string()),
        ];
        all.retain(|(key, _)| self.settings.iter().all(|(known, _)| known != key));
        all.retain(|(key, _)| !self.left_out.contains(key));
        if !self.fault_points.is_empty() {
            command.env("FAILPOINTS", &self.fault_points);
        }
        for (key, value) in all.iter().chain(&self.settings) {
            command.arg("--set").arg(format!("{key}={value}"));
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        match &self.passed {
            Some((name, socket)) => passing(&command, name, socket),
            None => Ok(command),
        }
    }
}
