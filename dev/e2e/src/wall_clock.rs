//! A wall clock of a daemon's own, which a test sets: Debian's libfaketime before libc. The clocks
//! that nobody sets stay untouched.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::daemon::Options;

/// Where Debian has it, on any architecture: the loader knows its own folder.
const LIBRARY: &str = "/usr/$LIB/faketime/libfaketimeMT.so.1";

/// The wall clock of the daemons that were started with it.
#[derive(Debug, Clone)]
pub struct WallClock {
    folder: Arc<TempDir>,
}

impl WallClock {
    /// One that shows the machine's time.
    ///
    /// # Errors
    /// libfaketime isn't there, or a file can't be written.
    pub fn new() -> Result<Self> {
        let is_there = |folder: &Path| folder.join("faketime/libfaketimeMT.so.1").exists();
        let mut folders = std::fs::read_dir("/usr/lib")?.filter_map(Result::ok);
        folders
            .find(|entry| is_there(&entry.path()))
            .context("libfaketime isn't there; on Debian: apt-get install -y libfaketime")?;
        let clock = Self { folder: Arc::new(TempDir::new()?) };
        clock.set(0)?;
        Ok(clock)
    }

    /// A daemon that goes by it.
    #[must_use]
    pub fn of(&self, options: Options) -> Options {
        options
            .variable("LD_PRELOAD", LIBRARY)
            .variable("FAKETIME_TIMESTAMP_FILE", self.file().to_string_lossy())
            .variable("FAKETIME_NO_CACHE", "1")
            .variable("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    }

    /// Sets it so many seconds before the machine's; negative: behind.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn set(&self, ahead_s: i64) -> Result<()> {
        let new = self.folder.path().join("new");
        std::fs::write(&new, format!("{ahead_s:+}\n"))?;
        Ok(std::fs::rename(new, self.file())?)
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ahead")
    }
}
