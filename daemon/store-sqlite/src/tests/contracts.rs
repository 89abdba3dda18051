//! The ports' contracts, over databases in files with a writing thread, and in memory without one.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use domain::ports::{Delivery, Sale, Seed, contract};
use protocol::OrderMessage;

use super::{Fixture, InMemoryStore};
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

fn in_memory() -> InMemoryStore {
    let memory = InMemoryStore::default();
    memory.begin_history(&contract::sale::seeds());
    memory.set_now(protocol::EpochMs(1_000_000));
    memory
}

#[tokio::test]
async fn commands_and_lists_are_what_their_ports_demand_in_memory() {
    contract::desk::holds(async || in_memory()).await;
    contract::lists::holds(async || in_memory()).await;
}
