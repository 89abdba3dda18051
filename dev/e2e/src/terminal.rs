//! A real terminal for a program that wants one: tmux, on a server of its own, with keys to press
//! and a screen to read.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::until;

/// How long a screen may take to show what is waited for.
const SHOWN_MAX: Duration = Duration::from_secs(30);

/// A terminal with one program in it. Dropped, it ends with its server.
pub struct Terminal {
    socket: PathBuf,
}

impl Terminal {
    /// Runs a program with these arguments on a screen of so many columns and lines. `folder` holds
    /// the terminal's own socket.
    ///
    /// # Errors
    /// tmux can't be run.
    pub fn run(
        folder: &Path,
        (columns, lines): (u16, u16),
        program: &Path,
        arguments: &[&str],
    ) -> Result<Self> {
        let terminal = Self { socket: folder.join("tmux.sock") };
        let (columns, lines) = (columns.to_string(), lines.to_string());
        let mut command = terminal.tmux();
        command.args(["-f", "/dev/null", "new-session", "-d", "-x", &columns, "-y", &lines]);
        command.arg(program).args(arguments);
        done(&command.output().with_context(missing)?)?;
        Ok(terminal)
    }

    fn tmux(&self) -> Command {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(&self.socket).env("LC_ALL", "C.UTF-8").env("TERM", "xterm");
        // Nothing of the developer's own terminal may get in.
        command.env_remove("TMUX").env_remove("NO_COLOR");
        command
    }

    /// Presses a key, by tmux's names: `a`, `Enter`, `C-c`.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn press(&self, key: &str) -> Result<()> {
        done(&self.tmux().args(["send-keys", key]).output()?)
    }

    /// Types a text at once, faster than anybody can.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn type_at_once(&self, text: &str) -> Result<()> {
        done(&self.tmux().args(["send-keys", "-l", text]).output()?)
    }

    /// Pastes a text as a terminal does that marks pastes, where the program asks for that.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn paste(&self, text: &str) -> Result<()> {
        done(&self.tmux().args(["set-buffer", text]).output()?)?;
        done(&self.tmux().args(["paste-buffer", "-p"]).output()?)
    }

    /// Pastes a text as a terminal does that marks no pastes: it comes as keys.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn paste_as_keys(&self, text: &str) -> Result<()> {
        done(&self.tmux().args(["set-buffer", text]).output()?)?;
        done(&self.tmux().arg("paste-buffer").output()?)
    }

    /// Gives the terminal another size.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn resize(&self, (columns, lines): (u16, u16)) -> Result<()> {
        let (columns, lines) = (columns.to_string(), lines.to_string());
        done(&self.tmux().args(["resize-window", "-x", &columns, "-y", &lines]).output()?)
    }

    /// The screen as text.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn screen(&self) -> Result<String> {
        let output = self.tmux().args(["capture-pane", "-p"]).output()?;
        done(&output)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Waits until the screen is as wanted, and returns it.
    ///
    /// # Errors
    /// It doesn't become so in time; the screen is in the message.
    pub async fn shows(&self, what: &str, wanted: impl Fn(&str) -> bool) -> Result<String> {
        let shown = until(what, SHOWN_MAX, || async {
            let screen = self.screen()?;
            Ok(wanted(&screen).then_some(screen))
        });
        let shown = shown.await;
        shown.with_context(|| format!("the screen:\n{}", self.screen().unwrap_or_default()))
    }

    /// Whether the program still runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        let listed = self.tmux().arg("has-session").output();
        listed.is_ok_and(|output| output.status.success())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.tmux().arg("kill-server").output();
    }
}

fn done(output: &Output) -> Result<()> {
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "tmux: {told}");
    Ok(())
}

fn missing() -> String {
    "tmux can't be run; on Debian: apt-get install -y tmux".to_owned()
}
