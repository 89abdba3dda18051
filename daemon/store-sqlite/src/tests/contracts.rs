//! The ports' contracts, over databases in files with a writing thread, and in memory without one.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use domain::ports::{Delivery, Sale, Seed, contract};
use protocol::{EpochMs, OrderMessage};

use super::{Fixture, InMemoryStore, phone};
use crate::Store;

fn with(seeds: &[Seed]) -> Fixture {
    let (folder, time) = (tempfile::tempdir().unwrap(), Arc::new(AtomicI64::new(1_000_000)));
    Fixture::open_with(folder, time, seeds)
}

impl contract::desk::Rig for Fixture {
    type Store = Store;

    fn store(&self) -> &Store {
        &self.store
    }

    async fn set_aside(&self, order: Delivery) {
        let order_id = OrderMessage::decode(&order.body).unwrap().order_id;
        self.sql(&format!(
            "CREATE TRIGGER set_aside BEFORE INSERT ON t_seckill_order
             WHEN NEW.order_id = '{order_id}' BEGIN SELECT RAISE(ABORT, 'on purpose'); END"
        ))
        .await;
        assert_eq!(self.decide(vec![order]).await.dead_lettered, 1);
        self.sql("DROP TRIGGER set_aside").await;
    }
}

impl contract::resent::Rig for Fixture {
    async fn disturb(&self, user: u32) {
        self.sql(&format!(
            "CREATE TRIGGER disturbed BEFORE INSERT ON t_seckill_order
             WHEN NEW.user_phoneno = '{}' BEGIN SELECT RAISE(ABORT, 'on purpose'); END",
            phone(user).whole()
        ))
        .await;
    }

    /// The last thing that a look does is undone, and all that came before it.
    async fn cut_off(&self) {
        self.sql(
            "CREATE TRIGGER cut_off BEFORE UPDATE OF resolved_at ON seckill_dead_letter
             BEGIN SELECT RAISE(ROLLBACK, 'cut off'); END",
        )
        .await;
    }

    async fn mend(&self) {
        self.sql("DROP TRIGGER IF EXISTS disturbed; DROP TRIGGER IF EXISTS cut_off").await;
    }

    fn pass_ms(&self, ms: i64) {
        Self::pass_ms(self, ms);
    }
}

#[tokio::test]
async fn the_sale_is_kept_as_its_port_demands_in_a_file() {
    contract::sale::holds(async |seeds| {
        let fixture = with(&seeds);
        (Arc::new(fixture.store.clone()) as Arc<dyn Sale>, fixture)
    })
    .await;
}

#[tokio::test]
async fn commands_are_carried_out_as_their_port_demands() {
    contract::desk::holds(async || with(&contract::sale::seeds())).await;
}

#[tokio::test]
async fn lists_have_what_their_port_demands() {
    contract::lists::holds(async || with(&contract::sale::seeds())).await;
}

#[tokio::test]
async fn letters_come_back_as_their_port_demands() {
    contract::resent::holds(async || with(&contract::sale::seeds())).await;
}

#[tokio::test]
async fn the_sale_is_kept_as_its_port_demands_in_memory() {
    contract::sale::holds(async |seeds| {
        let memory = InMemoryStore::default();
        memory.begin_history(&seeds);
        (Arc::new(memory.store.clone()) as Arc<dyn Sale>, memory)
    })
    .await;
}

impl contract::desk::Rig for InMemoryStore {
    type Store = Store;

    fn store(&self) -> &Store {
        &self.store
    }

    async fn set_aside(&self, order: Delivery) {
        self.poison(&OrderMessage::decode(&order.body).unwrap().phone);
        assert_eq!(self.store.decide(vec![order]).await.unwrap().dead_lettered, 1);
        self.cure_all();
    }
}

impl contract::resent::Rig for InMemoryStore {
    async fn disturb(&self, user: u32) {
        self.poison(&phone(user));
    }

    async fn cut_off(&self) {
        self.undo_next();
    }

    async fn mend(&self) {
        self.cure_all();
    }

    fn pass_ms(&self, ms: i64) {
        self.set_now(EpochMs(self.store.now().0 + ms));
    }
}

fn in_memory() -> InMemoryStore {
    let memory = InMemoryStore::default();
    memory.begin_history(&contract::sale::seeds());
    memory.set_now(EpochMs(1_000_000));
    memory
}

#[tokio::test]
async fn commands_and_lists_are_what_their_ports_demand_in_memory() {
    contract::desk::holds(async || in_memory()).await;
    contract::lists::holds(async || in_memory()).await;
    contract::resent::holds(async || in_memory()).await;
}
