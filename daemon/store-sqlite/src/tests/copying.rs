//! Copies of a database beside its writer, and copies put in a database's place.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::ports::Sale;
use rusqlite::Connection;
use tempfile::TempDir;

use super::{Fixture, PROD, order, outgoing, phone, seeds, settings};
use crate::engine::migrations::KNOWN;
use crate::{CopyError, OpenError, RestoreError, Store, copy, examine, restore};

fn open(path: &Path) -> Store {
    Store::open(&settings(path.to_owned()), &seeds(7)).unwrap()
}

/// Names of the files of a folder, but for the lock's.
fn names(folder: &TempDir) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| name(entry).to_string_lossy().into_owned())
        .filter(|name| !name.ends_with(".lock"))
        .collect();
    names.sort();
    names
}

/// A backup with one order in a folder of its own, and the folder of its source, which has one more
/// and is closed.
async fn backed_up() -> (TempDir, PathBuf, TempDir) {
    let fixture = Fixture::with_stock(5);
    fixture.decide(vec![order("a", 1)]).await;
    fixture.store.enqueue(vec![outgoing("q", 3)]).await.unwrap();
    let aside = tempfile::tempdir().unwrap();
    let file = aside.path().join("copy");
    copy(&fixture.path(), &file).unwrap();
    fixture.decide(vec![order("b", 2)]).await;
    fixture.store.close().await.unwrap();
    (aside, file, fixture.folder)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_one_balanced_moment_of_a_database_that_is_written_meanwhile() {
    let fixture = Fixture::with_stock(1_000_000);
    fixture.decide((0..50).map(|user| order(&format!("before-{user}"), user)).collect()).await;
    let done = Arc::new(AtomicBool::new(false));
    let (store, stop) = (fixture.store.clone(), Arc::clone(&done));
    let writing = tokio::task::spawn_blocking(move || {
        let mut users = 50..;
        while !stop.load(Ordering::Relaxed) {
            let more = users.by_ref().take(5).map(|user| order(&format!("{user}"), user));
            store.decide_blocking(more.collect()).unwrap();
        }
        users.start
    });
    let copies = tempfile::tempdir().unwrap();
    let mut orders = 50;
    for turn in 0..5 {
        let (path, file) = (fixture.path(), copies.path().join(format!("copy-{turn}")));
        let copied = tokio::task::spawn_blocking({
            let file = file.clone();
            move || copy(&path, &file).unwrap()
        });
        let copied = copied.await.unwrap();
        assert!(orders <= copied.examined.orders, "{copied:?}");
        orders = copied.examined.orders;
        assert_eq!(copied.examined.orders, copied.examined.products[0].sold);
        assert_eq!(copied.examined.orders % 5, 0, "half a commit: {copied:?}");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    done.store(true, Ordering::Relaxed);
    let written = u64::from(writing.await.unwrap());
    assert!(50 < orders && orders <= written, "{orders} of {written}");
    assert_eq!(names(&copies), [0, 1, 2, 3, 4].map(|turn| format!("copy-{turn}")));
    let copied = open(&copies.path().join("copy-0"));
    let found = copied.find(&PROD.into(), &phone(49)).await.unwrap();
    assert!(found.is_some());
}

#[tokio::test]
async fn a_backup_is_one_file_that_is_read_where_nothing_can_be_written() {
    let (_aside, file, _source) = backed_up().await;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o400)).unwrap();
    let mode: String = Connection::open(&file)
        .unwrap()
        .query_row("PRAGMA journal_mode", [], |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "delete");
    let target = tempfile::tempdir().unwrap();
    let restored = restore(&file, &target.path().join("store.db")).unwrap();
    assert_eq!((restored.copied.examined.orders, restored.copied.examined.queued), (1, 1));
    assert_eq!((restored.aside.path, restored.aside.damage), (None, None));
}

#[tokio::test]
async fn a_restored_database_has_its_key_another_name_and_nothing_of_later() {
    let (_aside, file, source) = backed_up().await;
    let path = source.path().join("store.db");
    let store = open(&path);
    let (name, key) = (store.store_id().to_owned(), store.order_id_key());
    store.close().await.unwrap();
    drop(store);

    let restored = restore(&file, &path).unwrap();
    assert!(restored.copied.moment.is_some());
    let store = open(&path);
    assert_ne!(store.store_id(), name);
    assert_eq!(store.order_id_key(), key);
    assert!(store.find(&PROD.into(), &phone(1)).await.unwrap().is_some());
    assert!(store.find(&PROD.into(), &phone(2)).await.unwrap().is_none());
    assert_eq!(store.pending().await.unwrap().len(), 1);
    let page = store.decisions(protocol::Seq(0), 10).await.unwrap();
    assert_eq!((page.head, page.products[0].stock), (protocol::Seq(1), 4));
    store.close().await.unwrap();
    drop(store);

    // What stood there has everything, and can be put back.
    let aside = restored.aside.path.unwrap();
    assert!(aside.display().to_string().contains("store.db.before-restore-20"), "{aside:?}");
    let back = restore(&aside, &path).unwrap();
    assert_eq!((back.copied.moment, back.copied.examined.orders), (None, 2));
    let store = open(&path);
    assert!(store.find(&PROD.into(), &phone(2)).await.unwrap().is_some());
    // A restored database is of no moment any more.
    let again = source.path().join("again");
    let copied = copy(&path, &again).unwrap();
    assert!(restored.copied.moment < copied.moment);
}

#[tokio::test]
async fn a_log_that_a_dead_daemon_left_goes_with_its_own_database() {
    let fixture = Fixture::with_stock(5);
    fixture.decide(vec![order("a", 1)]).await;
    let (_aside, file, _source) = backed_up().await;
    // The files as a kill would leave them: everything lies in the log still.
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("store.db");
    for end in ["", "-wal"] {
        let from = fixture.folder.path().join(format!("store.db{end}"));
        fs::copy(from, place.path().join(format!("store.db{end}"))).unwrap();
    }
    fs::write(place.path().join("store.db.restoring"), "of a restore that was cut off").unwrap();
    let restored = restore(&file, &path).unwrap();
    let aside = restored.aside.path.unwrap();
    let name = aside.file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(names(&place), ["store.db".to_owned(), name, "store.db.id".to_owned()]);
    assert_eq!(examine(&aside, std::time::Duration::MAX).unwrap().unwrap().orders, 1);
    assert_eq!(open(&path).pending().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_damaged_database_is_kept_with_all_that_lies_beside_it() {
    let (_aside, file, _source) = backed_up().await;
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("store.db");
    for damaged in ["no database".to_owned(), "no database".repeat(1_000)] {
        for (end, bytes) in [("", damaged.as_str()), ("-wal", "no log"), ("-journal", "j")] {
            fs::write(place.path().join(format!("store.db{end}")), bytes).unwrap();
        }
        let restored = restore(&file, &path).unwrap();
        assert!(restored.aside.damage.is_some());
        let aside = restored.aside.path.unwrap().display().to_string();
        assert_eq!(fs::read_to_string(&aside).unwrap(), damaged);
        assert_eq!(fs::read_to_string(format!("{aside}-wal")).unwrap(), "no log");
        assert_eq!(fs::read_to_string(format!("{aside}-journal")).unwrap(), "j");
        assert_eq!(open(&path).pending().await.unwrap().len(), 1);
    }

    // A log without its database mustn't become the new one's.
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("store.db-wal"), "no log").unwrap();
    let restored = restore(&file, &place.path().join("store.db")).unwrap();
    assert_eq!(restored.aside.path, None);
    assert!(names(&place).iter().any(|name| name.ends_with("Z-wal")), "{:?}", names(&place));
    assert!(!place.path().join("store.db-wal").exists());
}

#[tokio::test]
async fn what_is_no_fit_copy_changes_nothing() {
    let (aside, file, source) = backed_up().await;
    let path = source.path().join("store.db");
    let before = fs::read(&path).unwrap();
    let files = names(&source);
    let refused = |from: &Path| {
        let error = restore(from, &path).unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), before, "{error}");
        assert_eq!(names(&source), files, "{error}");
        assert!(error.to_string().contains(&from.display().to_string()), "{error}");
        error
    };
    let with = |name: &str, change: &str| {
        let changed = aside.path().join(name);
        fs::copy(&file, &changed).unwrap();
        Connection::open(&changed).unwrap().execute_batch(change).unwrap();
        changed
    };
    let absent = refused(&aside.path().join("absent"));
    assert!(matches!(absent, RestoreError::Copy(CopyError::Absent(_))), "{absent}");
    fs::write(aside.path().join("empty"), "").unwrap();
    let empty = refused(&aside.path().join("empty"));
    assert!(matches!(empty, RestoreError::Copy(CopyError::Blank(_))), "{empty}");
    fs::write(aside.path().join("text"), "this is no database, I am afraid").unwrap();
    let text = refused(&aside.path().join("text"));
    let source_of = |error| match error {
        RestoreError::Copy(CopyError::Source(error)) => error,
        other => panic!("{other}"),
    };
    assert!(matches!(source_of(text), OpenError::NotADatabase { .. }));
    let newer = refused(&with("newer", &format!("PRAGMA user_version = {}", KNOWN + 1)));
    assert!(matches!(source_of(newer), OpenError::NewerSchema { .. }));
    let foreign = refused(&with("foreign", "PRAGMA application_id = 7"));
    assert!(matches!(source_of(foreign), OpenError::Foreign { .. }));
    let off = refused(&with("off", "UPDATE t_seckill_product SET prod_stock = 3"));
    assert!(off.to_string().contains("out of balance"), "{off}");

    let damaged = aside.path().join("damaged");
    let mut bytes = fs::read(&file).unwrap();
    // All but the header and the schema.
    bytes[4096..].fill(0x5A);
    fs::write(&damaged, bytes).unwrap();
    assert!(matches!(source_of(refused(&damaged)), OpenError::Corrupt { .. }));

    let same = source.path().join("same");
    fs::hard_link(&path, &same).unwrap();
    let left = source.path().join("store.db.restoring");
    fs::copy(&file, &left).unwrap();
    for of_the_database in [same, left] {
        let error = restore(&of_the_database, &path).unwrap_err();
        assert!(matches!(error, RestoreError::Itself(_)), "{error}");
        assert!(of_the_database.exists());
    }
    let nowhere = source.path().join("nowhere/store.db");
    restore(&aside.path().join("absent"), &nowhere).unwrap_err();
    assert!(!source.path().join("nowhere").exists(), "a folder was made");
}

#[tokio::test]
async fn a_database_in_use_or_of_another_program_is_not_replaced() {
    let (_aside, file, source) = backed_up().await;
    let path = source.path().join("store.db");
    let store = open(&path);
    let error = restore(&file, &path).unwrap_err();
    assert!(matches!(error, RestoreError::Place(OpenError::Held { .. })), "{error}");
    let pid = std::process::id();
    assert!(error.to_string().ends_with(&format!("is locked by process {pid}")), "{error}");
    store.close().await.unwrap();

    let other = source.path().join("other.db");
    let foreign = "PRAGMA application_id = 7; CREATE TABLE t (x)";
    Connection::open(&other).unwrap().execute_batch(foreign).unwrap();
    let before = fs::read(&other).unwrap();
    let error = restore(&file, &other).unwrap_err();
    assert!(matches!(error, RestoreError::Place(OpenError::Foreign { .. })), "{error}");
    assert_eq!(fs::read(&other).unwrap(), before);
}

#[tokio::test]
async fn a_copy_that_cannot_be_made_says_why() {
    let (aside, file, source) = backed_up().await;
    let path = source.path().join("store.db");
    let error = copy(&path, &file).unwrap_err();
    assert!(matches!(error, CopyError::CantCreate { .. }), "{error}");
    let error = copy(&source.path().join("absent"), &aside.path().join("new")).unwrap_err();
    assert!(matches!(error, CopyError::Absent(_)), "{error}");
    assert_eq!(names(&aside), ["copy"]);
}
