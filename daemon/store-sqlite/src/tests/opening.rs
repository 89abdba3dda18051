//! Opening: what is refused stays as it is; what was answered is found again.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use domain::ports::Sale;
use rusqlite::Connection;

use super::{Fixture, PROD, order, outgoing, phone, seeds, settings};
use crate::engine::migrations::{APPLICATION_ID, KNOWN};
use crate::{CloseError, OpenError, ReadError, Settings, Store, Take, WriteError};

fn open(path: &Path) -> Result<Store, OpenError> {
    Store::open(&settings(path.to_owned()), &seeds(7))
}

/// Opens a file that must be refused, and makes sure that it is the same after.
fn refused(path: &Path) -> OpenError {
    let before = fs::read(path).unwrap();
    let error = open(path).err().unwrap();
    assert_eq!(fs::read(path).unwrap(), before, "{error}");
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    error
}

#[tokio::test]
async fn a_fresh_database_has_the_products_and_an_identity_that_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/folder/store.db");
    let store = open(&path).unwrap();
    let (id, key) = (store.store_id().to_owned(), store.order_id_key());
    assert_eq!(id.len(), 36);
    let product = store.products().await.unwrap().remove(0);
    assert_eq!((product.prod_id.as_str(), product.initial, product.stock), (PROD, 7, 7));
    assert_eq!((product.added, product.version, product.terms.on_shelf), (0, 0, true));
    store.close().await.unwrap();
    // The database wins over the profile.
    let store = Store::open(&settings(path.clone()), &seeds(1_000)).unwrap();
    assert_eq!((store.store_id(), store.order_id_key()), (id.as_str(), key));
    assert_eq!(store.products().await.unwrap()[0].stock, 7);
    let other = open(&folder.path().join("other.db")).unwrap();
    assert_ne!(other.store_id(), id);
    assert_ne!(other.order_id_key(), key);
}

#[tokio::test]
async fn closing_leaves_one_file_and_refuses_what_comes_later() {
    let fixture = Fixture::with_stock(5);
    fixture.store.enqueue(vec![outgoing("a", 1)]).await.unwrap();
    let store = fixture.store.clone();
    assert_eq!(store.close().await, Ok(()));
    assert_eq!(store.close().await, Ok::<(), CloseError>(()));
    assert!(store.is_closed());
    assert_eq!(store.enqueue(vec![outgoing("b", 2)]).await, Err(WriteError::Closed));
    assert_eq!(store.pending().await, Err(ReadError::Closed));
    assert!(!fixture.folder.path().join("store.db-wal").exists());
    let again = open(&fixture.path()).unwrap();
    assert_eq!(again.pending().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_dropped_store_has_finished_what_waited_and_can_be_opened_at_once() {
    let fixture = Fixture::with_stock(5);
    fixture.decide(vec![order("a", 1)]).await;
    let Fixture { store, folder, .. } = fixture;
    drop(store);
    let store = open(&folder.path().join("store.db")).unwrap();
    assert!(store.find(&PROD.into(), &phone(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn after_a_crash_everything_answered_is_there() {
    let fixture = Fixture::with_stock(5);
    fixture.decide(vec![order("a", 1)]).await;
    fixture.store.enqueue(vec![outgoing("b", 2)]).await.unwrap();
    // The files as a kill at this moment would leave them: everything lies in the log still.
    let copy = tempfile::tempdir().unwrap();
    for name in ["store.db", "store.db-wal"] {
        fs::copy(fixture.folder.path().join(name), copy.path().join(name)).unwrap();
    }
    let store = open(&copy.path().join("store.db")).unwrap();
    assert_eq!(store.store_id(), fixture.store.store_id());
    assert_eq!(store.find(&PROD.into(), &phone(1)).await.unwrap().unwrap().order_id, "a");
    assert_eq!(store.pending().await.unwrap()[0].order_id, "b");
    assert!(store.books().await.unwrap()[0].holds());
}

#[test]
fn only_the_owner_can_read_a_new_database() {
    let fixture = Fixture::with_stock(1);
    for name in ["store.db", "store.db-wal"] {
        let mode = fs::metadata(fixture.folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} has mode {mode:o}");
    }
}

#[test]
fn a_database_in_use_is_refused_by_any_of_its_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = open(&path).unwrap();
    assert!(matches!(open(&path), Err(OpenError::Held { .. })));
    let alias = folder.path().join("alias.db");
    std::os::unix::fs::symlink(&path, &alias).unwrap();
    assert!(matches!(open(&alias), Err(OpenError::Held { .. })));
    drop(store);
    open(&alias).unwrap();
}

#[test]
fn a_newer_schema_is_refused_even_when_its_header_lies_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    drop(open(&path).unwrap());
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", KNOWN + 1).unwrap();
    let wanted = OpenError::NewerSchema { path: path.clone(), found: KNOWN + 1, known: KNOWN };
    assert!(fs::metadata(folder.path().join("store.db-wal")).unwrap().len() > 0);
    assert_eq!(refused(&path), wanted);
    drop(newer);
    assert_eq!(refused(&path), wanted);
}

#[test]
fn files_of_other_programs_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
    assert_eq!(refused(&path), OpenError::Foreign { path: path.clone(), application_id: 0 });
    other.pragma_update(None, "application_id", 77).unwrap();
    drop(other);
    assert_eq!(refused(&path), OpenError::Foreign { path: path.clone(), application_id: 77 });
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [("text", &b"hello"[..]), ("long", &[b'x'; 9_000])] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        assert_eq!(refused(&path), OpenError::NotADatabase { path });
    }
}

#[test]
fn a_damaged_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    drop(open(&path).unwrap());
    let mut bytes = fs::read(&path).unwrap();
    let middle = 4_096..bytes.len();
    bytes[middle].fill(0xA5);
    fs::write(&path, bytes).unwrap();
    assert!(matches!(refused(&path), OpenError::Corrupt { .. }));
}

#[test]
fn an_empty_file_and_a_database_cut_short_in_its_making_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.db");
    fs::write(&empty, b"").unwrap();
    open(&empty).unwrap();
    let begun = folder.path().join("begun.db");
    Connection::open(&begun).unwrap().pragma_update(None, "journal_mode", "WAL").unwrap();
    drop(open(&begun).unwrap());
    let id: i32 = Connection::open(&begun)
        .unwrap()
        .query_row("PRAGMA application_id", [], |row| row.get(0))
        .unwrap();
    assert_eq!(id, APPLICATION_ID);
}

#[test]
fn a_path_that_cannot_be_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"x").unwrap();
    for path in [file.join("store.db"), folder.path().to_owned(), Path::new("/").to_owned()] {
        let error = open(&path).err().unwrap();
        assert!(matches!(error, OpenError::Unwritable { .. }), "{error}");
    }
}

#[test]
fn another_store_or_none_is_refused_where_one_was_and_while_a_restore_is_at_work_either_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (path, id_file) = (folder.path().join("store.db"), folder.path().join("store.db.id"));
    let id = open(&path).unwrap().store_id().to_owned();
    assert_eq!(fs::read_to_string(&id_file).unwrap(), format!("{id}\n"));
    fs::write(&id_file, "another\n").unwrap();
    assert!(matches!(refused(&path), OpenError::Another { found, .. } if found == id));
    // As a restore that was killed leaves it.
    fs::write(&id_file, format!("another\n{id}\n")).unwrap();
    drop(open(&path).unwrap());
    assert_eq!(fs::read_to_string(&id_file).unwrap(), format!("{id}\n"));
    // What names no store is no leave to start over.
    fs::write(&id_file, "").unwrap();
    let told = refused(&path).to_string();
    assert!(told.contains("another belongs here: none that can be told"), "{told}");
    fs::write(&id_file, format!("\u{feff}{id}\0{}", "x".repeat(4_000))).unwrap();
    let told = refused(&path).to_string();
    assert!(told.contains(&format!("\\u{{feff}}{id}\\0xxx")) && told.len() < 800, "{told}");
    fs::write(&id_file, "another\n").unwrap();
    let any = Settings { take: Take::Any, ..settings(path.clone()) };
    assert_eq!(Store::open(&any, &seeds(7)).unwrap().store_id(), id);
    fs::remove_file(&path).unwrap();
    assert!(matches!(open(&path), Err(OpenError::Gone { .. })));
    assert!(!path.exists());
    assert_ne!(Store::open(&any, &seeds(7)).unwrap().store_id(), id);
}

/// Between its commit and that of its id a first start may be killed.
#[test]
fn a_store_whose_id_was_not_told_yet_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let id = open(&path).unwrap().store_id().to_owned();
    fs::rename(folder.path().join("store.db.id"), folder.path().join("store.db.id.new")).unwrap();
    assert_eq!(open(&path).unwrap().store_id(), id);
    assert!(folder.path().join("store.db.id").exists());
}

/// Closing the last connection removes the log by its name.
#[tokio::test]
async fn what_lies_in_its_place_by_now_is_not_touched_by_a_close() {
    let fixture = Fixture::with_stock(5);
    fixture.decide(vec![order("a", 1)]).await;
    for end in ["", "-wal", "-shm"] {
        let file = fixture.folder.path().join(format!("store.db{end}"));
        fs::remove_file(&file).unwrap();
        fs::write(&file, "another's").unwrap();
    }
    let refused = fixture.store.enqueue(vec![outgoing("b", 2)]).await;
    assert!(matches!(refused, Err(WriteError::Rejected(_))), "{refused:?}");
    assert!(fixture.store.displaced().unwrap().0.contains("store.db-shm is another file"));
    let closed = fixture.store.close().await;
    let Err(CloseError::Displaced { rescued: Ok(copy), .. }) = &closed else {
        panic!("{closed:?}");
    };
    assert_eq!(fixture.store.close().await, closed);
    for end in ["", "-wal", "-shm"] {
        let file = fixture.folder.path().join(format!("store.db{end}"));
        assert_eq!(fs::read_to_string(file).unwrap(), "another's", "{end}");
    }
    let copy = crate::examine(copy, std::time::Duration::MAX).unwrap().unwrap();
    assert_eq!((copy.orders, copy.queued, copy.faults), (1, 0, Some(Vec::new())));
}
