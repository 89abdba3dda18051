//! What tests share, here and in the parts above: a store in a folder of its own, with one product
//! and a clock that stands.

mod memory;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::ports::{Consuming, Delivery, Outgoing, Sale, Seed};
use protocol::{EpochMs, Money, ORDER_TOPIC, OrderMessage, Phone, Terms};
use tempfile::TempDir;

pub use self::memory::{InMemoryStore, ready};
use crate::engine::error::JobError;
use crate::engine::tx::Tx;
use crate::{Balance, Outcomes, Settings, Store, Take, WriteError};
use instruments::clock::Now;

pub const PRICE: &str = "1200.000";
pub const PROD: &str = "pid_0002";

/// A store in a folder of its own, with one product and a clock that stands.
pub struct Fixture {
    pub store: Store,
    pub time: Arc<AtomicI64>,
    pub folder: TempDir,
}

pub fn seeds(stock: u32) -> Vec<Seed> {
    let terms = Terms { on_shelf: true, ..Terms::at(Money::parse(PRICE).unwrap()) };
    vec![Seed { prod_id: PROD.into(), prod_name: "小米9SE".to_owned(), terms, stock }]
}

pub fn settings(path: PathBuf) -> Settings {
    Settings { path, readers: 2, writes_waiting_max: 64, take: Take::Known }
}

impl Fixture {
    pub fn with_stock(stock: u32) -> Self {
        Self::open(tempfile::tempdir().unwrap(), Arc::new(AtomicI64::new(1_000_000)), stock)
    }

    pub(crate) fn open(folder: TempDir, time: Arc<AtomicI64>, stock: u32) -> Self {
        Self::open_with(folder, time, &seeds(stock))
    }

    /// One with these products.
    pub(crate) fn open_with(folder: TempDir, time: Arc<AtomicI64>, seeds: &[Seed]) -> Self {
        let seen = Arc::clone(&time);
        let clock: Now = Arc::new(move || EpochMs(seen.load(Ordering::SeqCst)));
        let settings = settings(folder.path().join("store.db"));
        let store = Store::open_with_clock(&settings, seeds, clock).unwrap();
        Self { store, time, folder }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("store.db")
    }

    pub fn pass_ms(&self, ms: i64) {
        self.time.fetch_add(ms, Ordering::SeqCst);
    }

    /// Runs SQL on the writing connection, as part of an ordinary job.
    pub async fn sql(&self, sql: &str) {
        let sql = sql.to_owned();
        self.write(move |tx| Ok(tx.connection.execute_batch(&sql)?)).await.unwrap();
    }

    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&Tx<'_>) -> Result<T, JobError> + Send + 'static,
    ) -> Result<T, WriteError> {
        self.store.writer().write(1, work).await
    }

    pub async fn decide(&self, deliveries: Vec<Delivery>) -> Outcomes {
        self.store.decide(deliveries).await.unwrap()
    }

    pub async fn balance(&self) -> Balance {
        let mut balances = self.store.books().await.unwrap();
        assert_eq!(balances.len(), 1);
        balances.remove(0)
    }
}

impl Store {
    /// Puts orders into the queue, as if consumption were paused.
    pub async fn enqueue(&self, orders: Vec<Outgoing>) -> Result<(), WriteError> {
        self.accept(Arc::new(orders), || Consuming::Paused).await
    }

    /// Places from a thread that may block.
    pub fn decide_blocking(&self, deliveries: Vec<Delivery>) -> Result<Outcomes, WriteError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(self.decide(deliveries))
    }
}

pub fn message(order_id: &str, user: u32, charge_money: &str) -> OrderMessage {
    OrderMessage {
        order_id: order_id.into(),
        phone: phone(user),
        prod_id: PROD.into(),
        charge_money: charge_money.to_owned(),
    }
}

pub fn phone(user: u32) -> Phone {
    format!("1520000{user:04}").into()
}

pub fn outgoing(order_id: &str, user: u32) -> Outgoing {
    Outgoing { message: message(order_id, user, PRICE), asked_at: EpochMs(900_000) }
}

pub fn delivery(message: &OrderMessage) -> Delivery {
    Delivery {
        body: message.encode(ORDER_TOPIC),
        asked_at: EpochMs(900_000),
        queued_at: Some(EpochMs(910_000)),
        origin: format!("broker-a/T/0@{}", message.order_id),
        redeliveries: 0,
    }
}

pub fn order(order_id: &str, user: u32) -> Delivery {
    delivery(&message(order_id, user, PRICE))
}
