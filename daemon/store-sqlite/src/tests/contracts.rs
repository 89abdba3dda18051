//! The ports' contracts, over databases in files.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use domain::ports::desk::OperatorDesk;
use domain::ports::lists::Lists;
use domain::ports::{Delivery, Sale, Seed, contract};
use protocol::OrderMessage;

use super::Fixture;

fn with(seeds: &[Seed]) -> Fixture {
    let (folder, time) = (tempfile::tempdir().unwrap(), Arc::new(AtomicI64::new(1_000_000)));
    Fixture::open_with(folder, time, seeds)
}

impl contract::desk::Rig for Fixture {
    fn desk(&self) -> &dyn OperatorDesk {
        &self.store
    }

    fn lists(&self) -> &dyn Lists {
        &self.store
    }

    fn sale(&self) -> &dyn Sale {
        &self.store
    }

    async fn set_aside(&self, order: Delivery) {
        let order_id = OrderMessage::decode(&order.body).unwrap().order_id;
        self.sql(&format!(
            "CREATE TRIGGER set_aside BEFORE INSERT ON t_seckill_order
             WHEN NEW.order_id = '{order_id}' BEGIN SELECT RAISE(ABORT, 'on purpose'); END"
        ))
        .await;
        assert_eq!(self.place(vec![order]).await.dead_lettered, 1);
        self.sql("DROP TRIGGER set_aside").await;
    }
}

#[tokio::test]
async fn the_sale_is_kept_as_its_port_demands() {
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
