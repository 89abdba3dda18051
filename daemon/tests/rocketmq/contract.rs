//! The queue's contract over a real broker, with an order role on a database of its own.

use std::sync::Arc;

use domain::ports::contract::queue::{self as contract, QueueRig};
use domain::ports::{Decider, Outgoing, Queue, Sale};
use queue_rocketmq::RocketmqQueue;
use seckilld::order::StoreDecider;
use store_sqlite::testing::{Fixture, outgoing};
use tokio::runtime::Handle;

use crate::rig::{Rig, open, shut, until};

struct OverBroker {
    rig: Rig,
    queue: Arc<RocketmqQueue>,
    orders: Fixture,
}

impl QueueRig for OverBroker {
    fn queue(&self) -> Arc<dyn Queue> {
        Arc::clone(&self.queue) as _
    }

    fn decider(&self) -> Arc<dyn Decider> {
        Arc::new(StoreDecider::new(Arc::new(self.orders.store.clone()), Handle::current()))
    }

    fn order(&self, number: u32) -> Outgoing {
        outgoing(&format!("00000000-0000-8000-8000-{number:012}"), number)
    }

    async fn decided(&self) -> Vec<String> {
        let page = self.orders.store.decisions(protocol::Seq(0), usize::MAX).await.unwrap();
        page.decisions.into_iter().map(|decision| decision.order_id.to_string()).collect()
    }

    async fn reopen(&mut self) {
        shut(&self.queue).await;
        self.queue = open(&self.rig.settings());
    }

    async fn disturb(&mut self) {
        self.rig.broker.kill().await.unwrap();
        let producer = self.queue.producer();
        until("the outage is noticed", async || producer.ready().is_err()).await;
    }

    async fn mend(&mut self) {
        self.rig.broker.start_again().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_keeps_its_contract() {
    let rig = Rig::plain().await;
    let queue = open(&rig.settings());
    let orders = Fixture::with_stock(10_000);
    contract::all(&mut OverBroker { rig, queue, orders }).await;
}
