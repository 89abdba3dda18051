//! The store over real databases. Here: what its tests share.

mod accepting;
mod answers;
mod commands;
mod conserving;
mod copying;
mod failing;
mod histories;
mod letters;
mod lists;
mod measuring;
mod migrating;
mod opening;
mod placing;
mod queueing;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use protocol::{EpochMs, Money, ORDER_TOPIC, OrderMessage, OrderState};
use serde_json::Value;
use tempfile::TempDir;

use super::clock::Clock;
use super::error::Fault;
use super::tx::Tx;
use super::{
    Actor, Backoff, Balance, Command, Outcomes, Seed, Settings, Store, Take, Taken, WriteError,
};
use crate::queue::{Consuming, Delivery, Outgoing};

pub(crate) const PRICE: &str = "1200.000";
pub(crate) const PROD: &str = "pid_0002";

/// A store in a folder of its own, with one product and a clock that stands.
pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) time: Arc<AtomicI64>,
    pub(crate) folder: TempDir,
}

pub(crate) fn seeds(stock: u32) -> Vec<Seed> {
    let price = Money::parse(PRICE).unwrap();
    vec![Seed { prod_id: PROD.to_owned(), prod_name: "小米9SE".to_owned(), price, stock }]
}

pub(crate) fn settings(path: PathBuf) -> Settings {
    Settings { path, readers: 2, writes_waiting_max: 64, take: Take::Known }
}

impl Fixture {
    pub(crate) fn with_stock(stock: u32) -> Self {
        Self::open(tempfile::tempdir().unwrap(), Arc::new(AtomicI64::new(1_000_000)), stock)
    }

    fn open(folder: TempDir, time: Arc<AtomicI64>, stock: u32) -> Self {
        let seen = Arc::clone(&time);
        let clock: Clock = Arc::new(move || EpochMs(seen.load(Ordering::SeqCst)));
        let settings = settings(folder.path().join("store.db"));
        let store = Store::open_with_clock(&settings, &seeds(stock), clock).unwrap();
        Self { store, time, folder }
    }

    /// The same database, closed and opened again.
    pub(super) async fn reopened(self) -> Self {
        let Self { store, time, folder } = self;
        store.close().await.unwrap();
        drop(store);
        Self::open(folder, time, 0)
    }

    /// One look of the consumer at the queue.
    pub(super) async fn take(&self) -> Taken {
        let backoff = Backoff { first_ms: 1_000, max_ms: 3_000 };
        self.store.place_from_queue(10, 1, backoff).await.unwrap()
    }

    /// Where the order stands, by its history; `None` when it is unknown.
    pub(super) async fn state(&self, order_id: &str) -> Option<OrderState> {
        let detail = self.store.order_history(order_id).await.unwrap();
        detail.map(|detail| detail.history.order.state)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("store.db")
    }

    pub(crate) fn pass_ms(&self, ms: i64) {
        self.time.fetch_add(ms, Ordering::SeqCst);
    }

    /// Runs SQL on the writing connection, as part of an ordinary job.
    pub(crate) async fn sql(&self, sql: &str) {
        let sql = sql.to_owned();
        self.write(move |tx| Ok(tx.connection.execute_batch(&sql)?)).await.unwrap();
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, WriteError> {
        self.store.writer().write(1, work).await
    }

    pub(super) async fn write_once<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, WriteError> {
        self.store.writer().write_once(1, work).await
    }

    /// Places from a thread that may block.
    pub(crate) async fn place(&self, deliveries: Vec<Delivery>) -> Outcomes {
        let store = self.store.clone();
        let placing = move || store.place_blocking(deliveries);
        tokio::task::spawn_blocking(placing).await.unwrap().unwrap()
    }

    pub(crate) async fn balance(&self) -> Balance {
        let mut balances = self.store.conservation().await.unwrap();
        assert_eq!(balances.len(), 1);
        balances.remove(0)
    }
}

impl Store {
    /// Puts orders into the queue, as if consumption were paused.
    pub(crate) async fn enqueue(&self, orders: Vec<Outgoing>) -> Result<(), WriteError> {
        self.accept(Arc::new(orders), || Consuming::Paused).await
    }
}

/// A command on `object` with these arguments, by a user of no name.
pub(super) fn command(request_id: &str, object: &str, arguments: Value) -> Command {
    Command {
        request_id: request_id.to_owned(),
        verb: "test.verb",
        object: object.to_owned(),
        arguments,
        reason: Some("because".to_owned()),
        actor: Actor { uid: 1_000, user: None, pid: Some(42) },
    }
}

/// A command with nothing to say but its number.
pub(super) fn bare(request_id: &str) -> Command {
    command(request_id, "", Value::Null)
}

pub(crate) fn message(order_id: &str, user: u32, charge_money: &str) -> OrderMessage {
    OrderMessage {
        order_id: order_id.to_owned(),
        user_phone: phone(user),
        prod_id: PROD.to_owned(),
        charge_money: charge_money.to_owned(),
    }
}

pub(crate) fn phone(user: u32) -> String {
    format!("1520000{user:04}")
}

pub(crate) fn outgoing(order_id: &str, user: u32) -> Outgoing {
    Outgoing { message: message(order_id, user, PRICE), accepted_at: EpochMs(900_000) }
}

pub(crate) fn delivery(message: &OrderMessage) -> Delivery {
    Delivery {
        body: message.encode(ORDER_TOPIC),
        charged_at: EpochMs(900_000),
        queued_at: Some(EpochMs(910_000)),
        origin: format!("broker-a/T/0@{}", message.order_id),
        redeliveries: 0,
    }
}

pub(crate) fn order(order_id: &str, user: u32) -> Delivery {
    delivery(&message(order_id, user, PRICE))
}
