//! The writer's meters: what was committed is counted, and nothing else.

use std::sync::atomic::Ordering;

use domain::ports::Delivery;

use super::deciding::POISON;
use super::{Fixture, delivery, message, order, outgoing};

#[tokio::test]
async fn commits_orders_and_waits_are_counted() {
    let fixture = Fixture::with_stock(2);
    let meters = fixture.store.meters();
    assert_eq!((meters.commits.total(), meters.decided.accept_to_placed.view()), (0, None));
    fixture
        .store
        .enqueue(vec![outgoing("a", 1), outgoing("b", 2), outgoing("a", 1)])
        .await
        .unwrap();
    assert_eq!(
        (meters.commits.total(), meters.orders.total(), meters.decided.decided.total()),
        (1, 2, 0)
    );
    fixture.take().await;
    let redelivered = Delivery { redeliveries: 2, ..order("c", 3) };
    fixture.decide(vec![redelivered.clone(), order("d", 1)]).await;
    assert_eq!((meters.commits.total(), meters.orders.total()), (3, 6));
    assert_eq!((meters.decided.placed.total(), meters.decided.decided.total()), (2, 4));
    assert_eq!(meters.decided.redeliveries.load(Ordering::Relaxed), 1);
    fixture.decide(vec![redelivered]).await;
    assert_eq!(
        (meters.decided.decided.total(), meters.decided.redeliveries.load(Ordering::Relaxed)),
        (4, 2)
    );
    let waits = meters.decided.accept_to_placed.view().unwrap();
    assert_eq!(waits.count, 2);
    assert!(waits.p50_us.abs_diff(60_000_000) < 1_000_000, "100 s count as a minute: {waits:?}");
    assert_eq!(meters.commit_latency.view().unwrap().count, 4);
}

#[tokio::test]
async fn what_is_undone_is_not_counted() {
    let fixture = Fixture::with_stock(5);
    fixture.sql(POISON).await;
    fixture.decide(vec![order("a", 1), order("poison", 2), delivery(&message("b", 3, "1"))]).await;
    let meters = fixture.store.meters();
    assert_eq!(
        (meters.decided.placed.total(), meters.decided.decided.total(), meters.orders.total()),
        (1, 2, 2)
    );
    assert_eq!(meters.decided.accept_to_placed.view().unwrap().count, 1);
    // A commit that fails: deferred foreign keys are looked at by the commit itself.
    fixture
        .sql(
            "CREATE TABLE parent (id INTEGER PRIMARY KEY) STRICT;
             CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED) STRICT;
             CREATE TRIGGER orphan AFTER INSERT ON t_seckill_order
             BEGIN INSERT INTO child VALUES (1); END",
        )
        .await;
    let commits = meters.commits.total();
    let store = fixture.store.clone();
    let failed = tokio::task::spawn_blocking(move || store.decide_blocking(vec![order("c", 4)]));
    assert!(failed.await.unwrap().is_err());
    assert_eq!((meters.commits.total(), meters.decided.placed.total()), (commits, 1));
    assert!(fixture.balance().await.holds());
}

#[tokio::test]
async fn the_files_are_named_and_measured() {
    let fixture = Fixture::with_stock(5);
    fixture.decide(vec![order("a", 1)]).await;
    let files = fixture.store.files();
    assert_eq!(files.path, fixture.path().canonicalize().unwrap());
    assert!(files.size_bytes.is_some_and(|bytes| 0 < bytes), "{files:?}");
    assert!(files.wal_bytes.is_some_and(|bytes| 0 < bytes), "{files:?}");
    fixture.store.close().await.unwrap();
    assert_eq!(fixture.store.files().wal_bytes, None, "closed in good order");
}
