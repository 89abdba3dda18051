//! Failures: of one job beside others, of the disk, of the writer.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use domain::backoff::Backoff;
use domain::ports::{Consuming, Sale};
use protocol::EpochMs;
use rusqlite::Connection;
use tokio::task::JoinHandle;

use super::{Fixture, order, outgoing, settings};
use crate::engine::error::JobError;
use crate::engine::tx::Tx;
use crate::{CloseError, Settings, Store, Take, WriteError};
use instruments::clock::Now;

fn insert(tx: &Tx<'_>, key: &str) -> Result<(), JobError> {
    let sql = "INSERT INTO seckill_meta (key, value) VALUES (?1, x'00')";
    tx.connection.execute(sql, [key])?;
    Ok(())
}

/// Holds the writer until the gate is dropped, so that what comes meanwhile shares the next
/// transaction. Returns once it does.
async fn hold(store: &Store) -> (SyncSender<()>, JoinHandle<Result<(), WriteError>>) {
    let (began, begun) = tokio::sync::oneshot::channel();
    let (gate, closed) = sync_channel::<()>(1);
    let holder = store.clone();
    let holding = tokio::spawn(async move {
        let hold = move |_: &Tx<'_>| {
            let _ = began.send(());
            let _ = closed.recv();
            Ok(())
        };
        holder.writer().write_once(1, hold).await
    });
    begun.await.unwrap();
    (gate, holding)
}

/// Runs good, bad and panicking jobs in one transaction: those of `write`, which is for work that
/// can be done again, and one by `write_once` beside them where `beside_one` says so.
async fn only_the_bad_are_undone(beside_one: bool) {
    let fixture = Fixture::with_stock(1);
    let commits = fixture.store.meters().commits.total();
    let (gate, holding) = hold(&fixture.store).await;
    let once = async {
        if beside_one {
            fixture.write_once(|tx| insert(tx, "once")).await.unwrap();
        }
    };
    let good = fixture.write(|tx| insert(tx, "good"));
    let bad = fixture.write(|tx| insert(tx, "bad").and_then(|()| insert(tx, "good")));
    let panicking = fixture.write(|tx| -> Result<(), JobError> {
        insert(tx, "panicking")?;
        std::panic::panic_any("on purpose");
    });
    let last = fixture.write(|tx| insert(tx, "last"));
    let release = async {
        tokio::task::yield_now().await;
        drop(gate);
    };
    let (_, (), good, bad, panicking, last, ()) =
        tokio::join!(holding, once, good, bad, panicking, last, release);
    assert_eq!((good, last), (Ok(()), Ok(())));
    assert!(matches!(bad, Err(WriteError::Rejected(_))), "{bad:?}");
    assert!(matches!(&panicking, Err(WriteError::Rejected(cause)) if cause.0.contains("purpose")));
    let stored = [
        ("good", true),
        ("bad", false),
        ("panicking", false),
        ("last", true),
        ("once", beside_one),
    ];
    for (key, stored) in stored {
        assert_eq!(fixture.store.meta(key).await.unwrap().is_some(), stored, "{key}");
    }
    // The holder's, and theirs: what was done over was committed once.
    assert_eq!(fixture.store.meters().commits.total(), commits + 2);
}

#[tokio::test]
async fn a_job_that_fails_or_panics_undoes_itself_and_no_other() {
    only_the_bad_are_undone(false).await;
    only_the_bad_are_undone(true).await;
}

#[tokio::test]
async fn a_job_beside_one_that_fails_is_done_over_and_counted_once() {
    let fixture = Fixture::with_stock(5);
    let (gate, holding) = hold(&fixture.store).await;
    let orders = Arc::new(vec![outgoing("a", 1), outgoing("b", 2)]);
    let queued = fixture.store.accept(orders, || Consuming::Paused);
    let bad = fixture.write(|tx| insert(tx, "bad").and_then(|()| insert(tx, "bad")));
    let release = async {
        tokio::task::yield_now().await;
        drop(gate);
    };
    let (_, queued, bad, ()) = tokio::join!(holding, queued, bad, release);
    assert_eq!(queued, Ok(()));
    assert!(matches!(bad, Err(WriteError::Rejected(_))), "{bad:?}");
    let lag = fixture.store.embedded_lag().await.unwrap();
    assert_eq!((lag.messages, fixture.store.pending().await.unwrap().len()), (2, 2));
    assert_eq!(fixture.store.meters().orders.total(), 2);
}

#[tokio::test]
async fn a_full_disk_rejects_writes_and_the_store_recovers_with_it() {
    let fixture = Fixture::with_stock(500);
    fixture.decide(vec![order("a", 1)]).await;
    let pages: i64 = fixture
        .write(|tx| Ok(tx.connection.query_row("PRAGMA page_count", [], |row| row.get(0))?))
        .await
        .unwrap();
    fixture.sql(&format!("PRAGMA max_page_count = {pages}")).await;
    let many: Vec<_> = (10..400).map(|user| outgoing(&user.to_string(), user)).collect();
    let rejected = fixture.store.enqueue(many.clone()).await;
    assert!(matches!(rejected, Err(WriteError::Rejected(_))), "{rejected:?}");
    assert!(fixture.store.trouble().is_some_and(|cause| cause.0.contains("full")));
    assert_eq!(fixture.store.pending().await.unwrap(), []);
    let deliveries = (10..400).map(|user| order(&user.to_string(), user)).collect();
    let store = fixture.store.clone();
    let placed = tokio::task::spawn_blocking(move || store.decide_blocking(deliveries)).await;
    assert!(matches!(placed.unwrap(), Err(WriteError::Rejected(_))));
    let balance = fixture.balance().await;
    assert!(balance.holds() && balance.sold == 1, "{balance:?}");
    fixture.sql("PRAGMA max_page_count = 1000000").await;
    fixture.store.probe().await.unwrap();
    assert_eq!(fixture.store.trouble(), None);
    fixture.store.enqueue(many).await.unwrap();
    let backoff = Backoff { first_ms: 1, max_ms: 1 };
    let taken = fixture.store.decide_from_queue(1_000, 3, backoff).await.unwrap();
    assert_eq!(taken.outcomes.placed, 390);
    assert!(fixture.balance().await.holds());
}

#[tokio::test]
async fn when_too_much_waits_the_next_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let settings = Settings { path, readers: 1, writes_waiting_max: 1, take: Take::Known };
    let store = Store::open(&settings, &[]).unwrap();
    let (gate, holding) = hold(&store).await;
    let waiter = store.clone();
    let waiting = async move { waiter.enqueue(vec![outgoing("a", 1)]).await };
    let refused = async {
        let refused = store.enqueue(vec![outgoing("b", 2)]).await;
        drop(gate);
        refused
    };
    let (waited, refused) = tokio::join!(biased; waiting, refused);
    assert_eq!((waited, refused), (Ok(()), Err(WriteError::Overloaded)));
    holding.await.unwrap().unwrap();
    assert_eq!(store.pending().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_database_that_another_program_locks_rejects_writes_and_recovers() {
    let fixture = Fixture::with_stock(1);
    fixture.sql("SELECT 1").await;
    fixture.write(|tx| Ok(tx.connection.busy_timeout(Duration::ZERO)?)).await.unwrap();
    let other = Connection::open(fixture.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let rejected = fixture.store.set_meta("key", vec![1]).await;
    assert!(matches!(rejected, Err(WriteError::Rejected(_))), "{rejected:?}");
    other.execute_batch("ROLLBACK").unwrap();
    fixture.store.set_meta("key", vec![1]).await.unwrap();
}

#[tokio::test]
async fn when_the_writing_thread_dies_its_callers_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let dead = Arc::new(AtomicBool::new(false));
    let dies = Arc::clone(&dead);
    let clock: Now = Arc::new(move || {
        if dies.load(Ordering::SeqCst) {
            std::panic::panic_any("on purpose");
        }
        EpochMs(1)
    });
    let settings = settings(folder.path().join("store.db"));
    let store = Store::open_with_clock(&settings, &[], clock).unwrap();
    store.set_meta("key", vec![1]).await.unwrap();
    dead.store(true, Ordering::SeqCst);
    let lost = store.set_meta("key", vec![2]).await;
    assert!(matches!(lost, Err(WriteError::Unknown(_))), "{lost:?}");
    let later = store.set_meta("key", vec![3]).await;
    assert!(matches!(later, Err(WriteError::Unknown(_) | WriteError::Closed)), "{later:?}");
    assert_eq!(store.meta("key").await, Ok(Some(vec![1])));
    assert_eq!(store.close().await, Err(CloseError::WriterDied));
    assert!(store.is_closed());
}

#[tokio::test]
async fn the_write_ahead_log_is_moved_into_the_database_as_it_grows() {
    const MIB: u64 = 1 << 20;
    let fixture = Fixture::with_stock(1);
    for byte in 0..120 {
        fixture.store.set_meta("large", vec![byte; 1 << 20]).await.unwrap();
    }
    let log = fs::metadata(fixture.folder.path().join("store.db-wal")).unwrap().len();
    assert!(log < 80 * MIB, "{log} bytes after 120 MiB of writes");
    assert_eq!(fixture.store.meta("large").await.unwrap().unwrap()[0], 119);
}

#[tokio::test]
async fn the_write_ahead_log_is_moved_in_small_pieces_while_nobody_waits() {
    let fixture = Fixture::with_stock(1);
    let size = |name| fs::metadata(fixture.folder.path().join(name)).unwrap().len();
    let before = size("store.db");
    let mut byte = 0_u8;
    while size("store.db") == before {
        let log = size("store.db-wal");
        assert!(log < 8 << 20, "nothing is moved of {log} bytes, though nobody waits");
        fixture.store.set_meta("small", vec![byte; 64 << 10]).await.unwrap();
        byte = byte.wrapping_add(1);
        // The helper's time between two writes.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_query_that_panics_costs_no_connection() {
    let fixture = Fixture::with_stock(1);
    for _ in 0..5 {
        let answer = fixture
            .store
            .read(|_| -> rusqlite::Result<()> { std::panic::panic_any("on purpose") })
            .await;
        assert!(answer.is_err());
    }
    assert_eq!(fixture.store.products().await.unwrap().len(), 1);
}
