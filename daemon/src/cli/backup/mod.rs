//! `seckilld backup` and `seckilld restore`: where the copy goes and comes from, what is printed,
//! and the exit code. Copying, judging and replacing are the store's
//! (`store-sqlite/src/files/copy.rs`, `restore.rs`).
//!
//! Both work on the files and need no daemon: SQLite lets other processes read beside the one that
//! writes, so a backup is in nobody's way, costs the daemon no memory, and can be killed at any
//! time.
//!
//! ```text
//! target.rs     FILE of a backup: what may be there, the name until it is done, the name after
//! report.rs    what is printed of a copy, as text and as JSON
//! ```

mod report;
mod target;

use std::time::Instant;

use store_sqlite::{CopyError, RestoreError};

use crate::cli::args::{self, Copying};
use crate::cli::exit::Exit;
use crate::config::Config;
use report::Report;
use target::{BackupTarget, TargetError};

/// The lowest priority there is: a sale in full swing goes first.
const NICE: i32 = 19;

/// Copies the database, and prints what the copy holds on standard output.
#[must_use]
pub fn run(config: &Config, copying: &Copying) -> Exit {
    // Where the system refuses, the work is done at the usual priority.
    let _ = rustix::process::nice(NICE);
    let began = Instant::now();
    let database = &config.store.path;
    let target = match BackupTarget::at(&copying.file, database) {
        Ok(target) => target,
        Err(fault) => return args::complain(&fault, of_target(&fault)),
    };
    let copied = match store_sqlite::copy(database, target.begun()) {
        Ok(copied) => copied,
        Err(fault) => return args::complain(&fault, of_copy(&fault)),
    };
    if let Err(fault) = target.name() {
        return args::complain(&fault, of_target(&fault));
    }
    args::print(&Report::of_backup(&copying.file, &copied, began.elapsed()).printed(copying.json))
}

/// Puts a copy in the database's place, and prints what it holds on standard output.
#[must_use]
pub fn restore(config: &Config, copying: &Copying) -> Exit {
    let began = Instant::now();
    match store_sqlite::restore(&copying.file, &config.store.path) {
        Ok(restored) => {
            let report = Report::of_restore(&copying.file, &restored, began.elapsed());
            args::print(&report.printed(copying.json))
        }
        Err(fault) => {
            let exit = match &fault {
                RestoreError::Place(fault) => Exit::of_store(fault),
                RestoreError::Copy(fault) => of_copy(fault),
                RestoreError::Itself(_) => Exit::Usage,
            };
            args::complain(&fault, exit)
        }
    }
}

fn of_copy(fault: &CopyError) -> Exit {
    match fault {
        CopyError::Absent(_) | CopyError::Blank(_) => Exit::NoInput,
        CopyError::Source(fault) => Exit::of_store(fault),
        CopyError::CantCreate { .. } => Exit::CantCreate,
        CopyError::Broken { .. } => Exit::Io,
        CopyError::Faulty { .. } => Exit::DataErr,
    }
}

const fn of_target(fault: &TargetError) -> Exit {
    match fault {
        TargetError::NoName(_) | TargetError::Output => Exit::Usage,
        TargetError::Taken(_) | TargetError::Database { .. } | TargetError::Folder { .. } => {
            Exit::CantCreate
        }
        TargetError::Unnamed { .. } => Exit::Io,
    }
}
