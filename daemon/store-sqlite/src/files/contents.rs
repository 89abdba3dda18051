//! Whether what is in the open files is still what this process left there. `cp COPY store.db` or
//! `> store.db-wal` writes into the very file that is open: the file's number stays, and what was
//! stored is gone or mixed with another store.
//!
//! The database's file changes only while the log is moved into it, and only this process does
//! that, so the file's time of change and length are noted afterwards. The log changes with each
//! commit, and gets shorter only when this process cuts it. A change by another program in these
//! very moments isn't seen.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::engine::open::beside;

/// What is noted of the two files.
pub(crate) struct Contents {
    database: PathBuf,
    log: PathBuf,
    noted: Mutex<Noted>,
}

#[derive(Default)]
struct Noted {
    /// How the database's file was left.
    left: Option<Left>,
    /// Bytes that the log's file had at least.
    log_bytes: u64,
    /// How many threads are writing to the database's file.
    moving: u32,
    /// Whether a transaction is under way.
    is_committing: bool,
    /// What was found wrong. The finding stays, because what was there is gone.
    wrong: Option<String>,
}

/// The time of the last change, in seconds and nanoseconds, and the length.
type Left = (i64, i64, u64);

/// The precision to which file systems keep times, in nanoseconds, from NTFS to FAT.
const KEPT_TO: [i128; 6] = [100, 1_000, 1_000_000, 10_000_000, 1_000_000_000, 2_000_000_000];

/// While this guard lives the database's file is written to.
pub(crate) struct Moving<'a>(&'a Contents);

/// While this guard lives the log is written to.
pub(crate) struct Committing<'a>(&'a Contents);

impl Contents {
    /// Notes the files of the database at this path, as they are now.
    pub(crate) fn of(database: &Path) -> Self {
        let (database, log) = (database.to_owned(), beside(database, "-wal"));
        let this = Self { database, log, noted: Mutex::default() };
        this.note_database(&mut this.noted());
        this.note_log(&mut this.noted());
        this
    }

    /// What is wrong with the files. Asked only while both files are where they belong.
    pub(crate) fn look(&self) -> Option<String> {
        let mut noted = self.noted();
        self.look_at_database(&mut noted);
        self.look_at_log(&mut noted);
        noted.wrong.clone()
    }

    /// What was found wrong, without another look.
    pub(crate) fn wrong(&self) -> Option<String> {
        self.noted().wrong.clone()
    }

    /// To be held while the log is moved into the database's file; `None` where the file isn't as
    /// it was left, so that nothing may be moved into it.
    pub(crate) fn moving(&self) -> Option<Moving<'_>> {
        let mut noted = self.noted();
        self.look_at_database(&mut noted);
        noted.wrong.is_none().then(|| {
            noted.moving += 1;
            Moving(self)
        })
    }

    /// To be held during a transaction.
    pub(crate) fn committing(&self) -> Committing<'_> {
        self.noted().is_committing = true;
        Committing(self)
    }

    fn look_at_database(&self, noted: &mut Noted) {
        let Some(was) = noted.left.filter(|_| noted.moving == 0 && noted.wrong.is_none()) else {
            return;
        };
        if left(&self.database).is_some_and(|is| !is_same(was, is)) {
            noted.wrong = Some(format!("{} was written to by another", self.database.display()));
        }
    }

    fn look_at_log(&self, noted: &mut Noted) {
        if noted.is_committing || noted.wrong.is_some() {
            return;
        }
        if bytes(&self.log).is_some_and(|bytes| bytes < noted.log_bytes) {
            noted.wrong = Some(format!("{} was cut short by another", self.log.display()));
        }
    }

    fn note_database(&self, noted: &mut Noted) {
        noted.left = left(&self.database);
    }

    fn note_log(&self, noted: &mut Noted) {
        noted.log_bytes = bytes(&self.log).unwrap_or(0);
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Moving<'_> {
    fn drop(&mut self) {
        let mut noted = self.0.noted();
        noted.moving -= 1;
        if noted.moving == 0 {
            self.0.note_database(&mut noted);
        }
    }
}

impl Drop for Committing<'_> {
    fn drop(&mut self) {
        let mut noted = self.0.noted();
        noted.is_committing = false;
        self.0.note_log(&mut noted);
    }
}

/// Whether a file is as it was left. A file system that lies elsewhere (shared with a virtual
/// machine, say) may keep times less exactly than the kernel first reports them.
fn is_same((seconds, nanos, bytes): Left, now: Left) -> bool {
    let was = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    let is = i128::from(now.0) * 1_000_000_000 + i128::from(now.1);
    let is_kept = |step: &i128| was - was.rem_euclid(*step) == is;
    bytes == now.2 && (was == is || KEPT_TO.iter().any(is_kept))
}

fn left(file: &Path) -> Option<Left> {
    let found = fs::metadata(file).ok()?;
    Some((found.mtime(), found.mtime_nsec(), found.len()))
}

fn bytes(file: &Path) -> Option<u64> {
    fs::metadata(file).ok().map(|found| found.len())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::Duration;

    use super::{Contents, is_same};

    #[test]
    fn a_time_that_is_kept_less_exactly_is_the_same_and_another_is_not() {
        let was = (1_001, 123_456_789, 4_096);
        for (seconds, nanos) in [
            (1_001, 123_456_789),
            (1_001, 123_456_700),
            (1_001, 123_456_000),
            (1_001, 123_000_000),
            (1_001, 120_000_000),
            (1_001, 0),
            (1_000, 0),
        ] {
            assert!(is_same(was, (seconds, nanos, 4_096)), "{seconds} {nanos}");
            assert!(!is_same(was, (seconds, nanos, 8_192)), "{seconds} {nanos}");
        }
        for (seconds, nanos) in [(1_001, 123_456_788), (1_001, 124_000_000), (1_002, 0), (999, 0)] {
            assert!(!is_same(was, (seconds, nanos, 4_096)), "{seconds} {nanos}");
        }
    }

    /// A database with its log, and what is noted of them.
    struct Fixture {
        folder: tempfile::TempDir,
        contents: Contents,
    }

    impl Fixture {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("s.db");
            fs::write(&path, "what is sold").unwrap();
            fs::write(folder.path().join("s.db-wal"), "log").unwrap();
            Self { folder, contents: Contents::of(&path) }
        }

        /// Writes as if a moment had passed.
        fn write(&self, name: &str, text: &str) {
            let path = self.folder.path().join(name);
            let was = fs::metadata(&path).unwrap().modified().unwrap();
            fs::write(&path, text).unwrap();
            let later = was + Duration::from_secs(1);
            File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
        }

        fn wrong(&self) -> String {
            self.contents.look().unwrap_or_default()
        }
    }

    #[test]
    fn another_hand_at_the_database_shows_and_its_own_does_not() {
        let fixture = Fixture::new();
        assert_eq!(fixture.wrong(), "");
        let (first, second) = (fixture.contents.moving(), fixture.contents.moving());
        fixture.write("s.db", "what is told");
        drop(first);
        assert_eq!(fixture.wrong(), "");
        drop(second);
        assert_eq!(fixture.wrong(), "");
        fixture.write("s.db", "what was lost");
        assert!(fixture.wrong().ends_with("s.db was written to by another"));
        assert!(fixture.contents.moving().is_none(), "something may be moved into it");
        assert!(!fixture.wrong().is_empty(), "it is forgotten");
    }

    #[test]
    fn a_log_gets_shorter_by_its_own_hand_only() {
        let fixture = Fixture::new();
        fixture.write("s.db-wal", "a longer log");
        assert_eq!(fixture.wrong(), "");
        let committing = fixture.contents.committing();
        fixture.write("s.db-wal", "l");
        assert_eq!(fixture.wrong(), "");
        drop(committing);
        assert_eq!(fixture.wrong(), "");
        fixture.write("s.db-wal", "");
        assert!(fixture.wrong().ends_with("s.db-wal was cut short by another"));
    }

    #[test]
    fn what_is_away_is_not_judged() {
        let fixture = Fixture::new();
        let away = fixture.folder.path().join("away");
        fs::rename(fixture.folder.path().join("s.db"), &away).unwrap();
        assert_eq!(fixture.wrong(), "");
        fs::rename(&away, fixture.folder.path().join("s.db")).unwrap();
        assert_eq!(fixture.wrong(), "");
    }
}
