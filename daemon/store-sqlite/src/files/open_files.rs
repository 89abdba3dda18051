//! Whether the files that are open are still those at their paths. A file that was removed, moved
//! or replaced goes on taking what is written, and the next start wouldn't find it; so nothing is
//! accepted until the file is back. Files are looked at by `stat`, because closing a second
//! descriptor of the database would drop SQLite's locks on it. `contents` looks whether another
//! program wrote into them.
//!
//! The writer looks before each transaction, the keeper twice a second. The keeper also keeps the
//! lock and the file with the store's id where they belong.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use domain::ports::Cause;
use instruments::streak::{InRun, Streak};
use rustix::fs::Access;
use rustix::io::Errno;
use tokio::sync::watch;

use crate::engine::open::beside;
use crate::files::contents::Contents;
use crate::files::holder::{FileNumber, number, number_of_open, off, off_itself};
use crate::files::id_file::IdFiles;
use crate::files::lock::Lock;

/// Between two looks while nothing is written.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The ends of the names of what SQLite has open beside a database while a daemon runs.
const OPEN_BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Written behind a store's id where another program wrote into its files: the id alone says
/// nothing then, because an older copy has the same.
const BEFORE: &str = ", before another program wrote into its files";

/// Where the open files belong.
pub(crate) struct OpenFiles {
    /// The database.
    path: PathBuf,
    /// Its folder.
    folder: Option<FileNumber>,
    /// Each path with the file that it has to lead to; the database's own is the first.
    files: Vec<(PathBuf, FileNumber)>,
    contents: Arc<Contents>,
    /// Why the lock isn't held by its path.
    unlocked: Mutex<Option<String>>,
    displaced: watch::Sender<Option<Cause>>,
    /// Why files that are in their place couldn't be opened again.
    closed_to_a_start: Mutex<Option<Cause>>,
    /// Whether the last look was taken: closing removes what SQLite has beside the database.
    is_left: AtomicBool,
    /// Wakes the keeper.
    wake: OnceLock<SyncSender<Wake>>,
}

impl OpenFiles {
    /// The open files of the database at `path`, which the configuration calls `named`, when every
    /// connection to it is open. `data` is the database's file.
    pub(crate) fn of(
        named: &Path,
        path: &Path,
        data: &File,
        contents: Arc<Contents>,
    ) -> io::Result<Self> {
        let ours = number(&data.metadata()?);
        let mut files = vec![(path.to_owned(), ours)];
        for end in OPEN_BESIDE {
            let beside = beside(path, end);
            let open = match number_of_open(&beside) {
                Some(open) => open,
                // The list of open files can't be read.
                None => number(&std::fs::metadata(&beside)?),
            };
            files.push((beside, open));
        }
        if named != path {
            // A link may be turned to another database.
            files.push((named.to_owned(), ours));
        }
        let (unlocked, displaced) = (Mutex::default(), watch::Sender::new(None));
        let (is_left, wake) = (AtomicBool::new(false), OnceLock::new());
        let (folder, path) = (folder_of(path), path.to_owned());
        let closed_to_a_start = Mutex::default();
        Ok(Self {
            path,
            folder,
            files,
            contents,
            unlocked,
            displaced,
            closed_to_a_start,
            is_left,
            wake,
        })
    }

    /// The database.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the database's folder is the one that it was opened in, and not one that was made or
    /// mounted in its place.
    fn has_its_folder(&self) -> bool {
        folder_of(&self.path) == self.folder
    }

    /// What is in the files.
    pub(crate) fn contents(&self) -> &Contents {
        &self.contents
    }

    /// Why the files are out of their place, as the last look found it.
    pub(crate) fn displaced(&self) -> Option<Cause> {
        self.displaced.borrow().clone()
    }

    /// A receiver that sees each change of `displaced`.
    pub(crate) fn watch(&self) -> watch::Receiver<Option<Cause>> {
        self.displaced.subscribe()
    }

    /// Looks now.
    pub(crate) fn look(&self) -> Option<Cause> {
        // Held during the look, so that of two looks at once the later one has the last word.
        let unlocked = self.unlocked.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_left.load(Ordering::Relaxed) {
            return self.displaced();
        }
        let now = self.wrong(unlocked.clone()).map(Cause);
        let mut was = None;
        self.displaced.send_if_modified(|shown| {
            let changed = *shown != now;
            if changed {
                was = Some(std::mem::replace(shown, now.clone()).is_some());
            }
            changed
        });
        match (was, &now) {
            (Some(false), Some(cause)) => {
                let outlook = match self.contents.wrong() {
                    None => "nothing is accepted until the database is back at its path",
                    Some(_) => "nothing is accepted any more",
                };
                tracing::error!(%cause, "{outlook}; an ordered stop copies what is open");
                // Where the channel is full, the keeper is about to look anyway.
                let _ = self.wake.get().map(|wake| wake.try_send(Wake::Displaced));
            }
            (Some(true), None) => {
                tracing::info!(path = %self.path.display(), "the database is back at its path");
            }
            _ => {}
        }
        now
    }

    /// What is wrong with the files, in words.
    fn wrong(&self, unlocked: Option<String>) -> Option<String> {
        let is_off = |(path, number): &(PathBuf, FileNumber)| match *path == self.path {
            // SQLite would look for the log beside the file that a link leads to.
            true => off_itself(path, |found| found == *number),
            false => off(path, |found| found == *number),
        };
        let wrong: Vec<String> = self.files.iter().filter_map(is_off).chain(unlocked).collect();
        if !wrong.is_empty() {
            let wrong = wrong.join(", ");
            return Some(format!("the open database isn't the one at its path: {wrong}"));
        }
        let wrong = self.contents.look()?;
        Some(format!("the open database isn't what it was: {wrong}"))
    }

    /// Why the next start would be refused, as the keeper's last look found it.
    pub(crate) fn closed_to_a_start(&self) -> Option<Cause> {
        self.closed_to_a_start.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks whether the files could be opened for writing once more. An open file stays open when
    /// its permissions are taken away, or when its file system becomes read-only.
    fn look_ahead(&self) {
        let refused = |(path, _): &(PathBuf, FileNumber)| {
            let error = rustix::fs::access(path, Access::READ_OK | Access::WRITE_OK).err()?;
            // A file that is gone is out of its place, or was removed by the closing.
            let is_gone = error == Errno::NOENT;
            (!is_gone).then(|| format!("{}: {}", path.display(), io::Error::from(error)))
        };
        // While the files are out of their place, only that is shown.
        let refused = match self.displaced() {
            Some(_) => None,
            None => self.files.iter().find_map(refused),
        };
        let now = refused.map(|why| {
            Cause(format!(
                "a restart would be refused, as the database can't be opened again: {why}"
            ))
        });
        let mut shown = self.closed_to_a_start.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*shown, &now) {
            (None, Some(cause)) => tracing::warn!("{cause}"),
            (Some(cause), None) => tracing::info!("over: {cause}"),
            _ => {}
        }
        *shown = now;
    }

    /// Looks for the last time, before the database is closed.
    pub(crate) fn leave(&self) -> Option<Cause> {
        let last = self.look();
        let _alone = self.unlocked.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_left.store(true, Ordering::Relaxed);
        last
    }

    /// Whether the log may be moved into the database: the database lies in its place as it was
    /// left, and no other process has made a log or shared memory of its own beside it.
    pub(crate) fn may_fold(&self) -> bool {
        let in_place = |(path, ours): &(PathBuf, FileNumber)| match std::fs::symlink_metadata(path)
        {
            Ok(found) => number(&found) == *ours,
            Err(error) => error.kind() == io::ErrorKind::NotFound && *path != self.path,
        };
        self.contents.wrong().is_none()
            && self.files.iter().take(1 + OPEN_BESIDE.len()).all(in_place)
    }

    fn note_lock(&self, kept: Result<(), String>) {
        *self.unlocked.lock().unwrap_or_else(PoisonError::into_inner) = kept.err();
    }
}

/// The thread that looks while nothing is written. Ends when this is dropped.
pub(crate) struct FilesKeeper {
    wake: SyncSender<Wake>,
    thread: Option<JoinHandle<()>>,
}

/// What the keeper is woken for.
enum Wake {
    /// The files are out of their place.
    Displaced,
    End,
}

impl FilesKeeper {
    /// Starts the keeper for the store of this id.
    pub(crate) fn start(
        place: Arc<OpenFiles>,
        lock: Arc<Lock>,
        id_files: IdFiles,
        id: String,
    ) -> io::Result<Self> {
        let (wake, woken) = sync_channel(1);
        // The keeper is woken at once, and not at its next look: a kill or a stop may come before.
        let _ = place.wake.set(wake.clone());
        let work = move || {
            let streak = Streak::default();
            loop {
                let ends = matches!(woken.recv_timeout(LOOK_EVERY), Ok(Wake::End));
                if !ends {
                    keep_lock(&lock, &place);
                }
                // Done at the end as well: the next start has to know which store was here.
                let is_in_place = place.look().is_none();
                place.look_ahead();
                keep_id(&id_files, &id, &place, is_in_place, &streak);
                if ends {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("store-place".to_owned()).spawn(work)?;
        Ok(Self { wake, thread: Some(thread) })
    }
}

impl Drop for FilesKeeper {
    fn drop(&mut self) {
        // An error means that the keeper has died, which is logged below.
        let _ = self.wake.send(Wake::End);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that looks after the database's place has died");
        }
    }
}

/// What must outlive the work of the writing thread. The fields are dropped in this sequence when
/// the thread ends.
pub(crate) struct Ground {
    place: Arc<OpenFiles>,
    data: Arc<File>,
    _keeper: FilesKeeper,
    _lock: Arc<Lock>,
}

impl Ground {
    /// Where the files belong, the database's file, the thread that looks after them, and the lock,
    /// which is held to the very end.
    pub(crate) const fn new(
        place: Arc<OpenFiles>,
        data: Arc<File>,
        keeper: FilesKeeper,
        lock: Arc<Lock>,
    ) -> Self {
        Self { place, data, _keeper: keeper, _lock: lock }
    }

    /// Where the files belong.
    pub(crate) fn place(&self) -> Arc<OpenFiles> {
        Arc::clone(&self.place)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // Handles of the store may live longer and keep the file open.
        let _ = self.data.unlock();
    }
}

fn folder_of(path: &Path) -> Option<FileNumber> {
    std::fs::metadata(path.parent()?).ok().as_ref().map(number)
}

fn keep_lock(lock: &Lock, place: &OpenFiles) {
    // Where something is mounted over the folder, a file that is open there would keep an operator
    // from unmounting it. The id keeps a second daemon out.
    if !place.has_its_folder() {
        return;
    }
    let kept = lock.keep();
    if let Ok(true) = kept {
        tracing::warn!(
            database = %place.path.display(),
            "the lock file was removed or replaced; it was made anew"
        );
    }
    place.note_lock(kept.map(|_| ()).map_err(|error| format!("its lock is lost: {error}")));
}

fn keep_id(id_files: &IdFiles, id: &str, place: &OpenFiles, is_in_place: bool, streak: &Streak) {
    let kept = match place.contents.wrong() {
        None => id_files.keep(id, is_in_place),
        // A start that took these files for the sale's own would sell their stock once more.
        Some(_) => id_files.write(&[&format!("{id}{BEFORE}")]),
    };
    match kept {
        Ok(()) if streak.succeeded() == InRun::First => {
            tracing::info!("the store's id is kept beside it again");
        }
        Ok(()) => {}
        Err(error) if streak.failed() == InRun::First => {
            tracing::warn!(%error, "the store's id can't be kept beside it; trying again");
        }
        Err(_) => {}
    }
}
