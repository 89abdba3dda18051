//! Stand-ins for the queue, the order side and the store of unconfirmed orders, for the gateway's
//! own tests.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use domain::ports::notebook::UnconfirmedSends;
use domain::ports::order_side::{OrderLookup, OrderSide};
use domain::ports::{BoxFuture, Cause, Outgoing, Producer, Published, ReadError, WriteError};
use protocol::{
    Decision, DecisionsPage, EpochMs, Money, OrderId, OrderStatus, Outcome, Phone, ProdId,
    ProductState, QueryData, Reason, Seq, Terms,
};
use tokio::sync::watch;

pub(crate) const PHONE: &str = "15200008881";
pub(crate) const PROD: &str = "pid_0001";

pub(crate) fn cause(text: &str) -> Cause {
    Cause(text.to_owned())
}

/// A queue that answers as it is set, `Stored` by default, and remembers what it was sent.
pub(crate) struct FakeQueue {
    answers: Mutex<VecDeque<Published>>,
    pub(crate) sent: Mutex<Vec<Outgoing>>,
    /// Batches are answered only while this is true.
    pub(crate) open: watch::Sender<bool>,
    pub(crate) away: Mutex<Option<Cause>>,
    pub(crate) panics: Mutex<bool>,
    /// Whether it panics when the publisher asks for its limits.
    pub(crate) panics_beside: AtomicBool,
    /// Batches in flight at most, and the orders that have to wait for one beside another.
    pub(crate) beside: Mutex<(usize, usize)>,
}

impl FakeQueue {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::default(),
            sent: Mutex::default(),
            open: watch::Sender::new(true),
            away: Mutex::default(),
            panics: Mutex::default(),
            panics_beside: AtomicBool::new(false),
            beside: Mutex::new((1, 0)),
        })
    }

    pub(crate) fn then(&self, answer: Published) {
        self.answers.lock().unwrap().push_back(answer);
    }

    pub(crate) fn sent_ids(&self) -> Vec<String> {
        let sent = self.sent.lock().unwrap();
        sent.iter().map(|order| order.message.order_id.to_string()).collect()
    }
}

impl Producer for FakeQueue {
    fn publish(&self, batch: Arc<Vec<Outgoing>>) -> BoxFuture<'_, Vec<Published>> {
        Box::pin(async move {
            let panics = *self.panics.lock().unwrap();
            assert!(!panics, "as the test asked");
            self.sent.lock().unwrap().extend_from_slice(&batch);
            let _ = self.open.subscribe().wait_for(|open| *open).await;
            let mut answers = self.answers.lock().unwrap();
            batch.iter().map(|_| answers.pop_front().unwrap_or(Published::Stored)).collect()
        })
    }

    fn ready(&self) -> Result<(), Cause> {
        self.away.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    fn batches_in_flight_max(&self) -> usize {
        assert!(!self.panics_beside.load(Ordering::SeqCst), "as the test asked");
        self.beside.lock().unwrap().0
    }

    fn batch_min_beside_another(&self) -> usize {
        self.beside.lock().unwrap().1
    }
}

/// An order side with one product, whose decisions a test appends.
pub(crate) struct FakeOrders {
    pub(crate) page: Mutex<DecisionsPage>,
    pub(crate) known: Mutex<Result<OrderLookup, Cause>>,
    pub(crate) away: Mutex<Option<Cause>>,
}

impl FakeOrders {
    pub(crate) fn with_stock(stock: u64) -> Arc<Self> {
        let product = ProductState {
            prod_id: PROD.into(),
            prod_name: "iphoneX2019新款".to_owned(),
            terms: Terms { on_shelf: true, ..Terms::at(Money::from_milli(5_999_000)) },
            initial: stock,
            added: 0,
            stock,
            sold: 0,
            version: 0,
            terms_version: 2,
            terms_set: None,
        };
        Arc::new(Self {
            page: Mutex::new(DecisionsPage {
                store_id: "store".to_owned(),
                head: Seq(0),
                decisions: Vec::new(),
                products: vec![product],
                paused: false,
                now: None,
            }),
            known: Mutex::new(Ok(OrderLookup::Never)),
            away: Mutex::default(),
        })
    }

    pub(crate) fn decide(&self, order_id: &str, phone: &Phone, outcome: Outcome) {
        let mut page = self.page.lock().unwrap();
        page.head = page.head.next();
        let decision = Decision {
            seq: page.head,
            order_id: order_id.into(),
            prod_id: PROD.into(),
            phone: phone.clone(),
            outcome,
            reason: (outcome == Outcome::Failed).then_some(Reason::SoldOut),
            live_order_id: None,
        };
        page.decisions.push(decision);
        if outcome == Outcome::Placed {
            page.products[0].stock -= 1;
        }
    }
}

impl OrderSide for FakeOrders {
    fn decisions(&self, after: Seq) -> BoxFuture<'_, Result<DecisionsPage, Cause>> {
        Box::pin(async move {
            if let Some(cause) = self.away.lock().unwrap().clone() {
                return Err(cause);
            }
            let mut page = self.page.lock().unwrap().clone();
            page.decisions.retain(|decision| after < decision.seq);
            // Pages of two, so that every test reads more than one.
            page.decisions.truncate(2);
            Ok(page)
        })
    }

    fn find<'a>(
        &'a self,
        _: &'a ProdId,
        _: &'a Phone,
    ) -> BoxFuture<'a, Result<OrderLookup, Cause>> {
        Box::pin(async { self.known.lock().unwrap().clone() })
    }

    fn changes(&self) -> Option<watch::Receiver<u64>> {
        None
    }
}

/// Keeps unconfirmed orders in memory, unless a test has it fail.
#[derive(Default)]
pub(crate) struct FakeUnconfirmed {
    pub(crate) orders: Mutex<Vec<Outgoing>>,
    /// As by another program.
    pub(crate) is_locked: AtomicBool,
    /// It gives no answer.
    pub(crate) is_silent: AtomicBool,
    pub(crate) panics: AtomicBool,
}

impl UnconfirmedSends for FakeUnconfirmed {
    fn keep(&self, orders: Vec<(Outgoing, Cause)>) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(async move {
            assert!(!self.panics.load(Ordering::SeqCst), "as the test asked");
            if self.is_silent.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            if self.is_locked.load(Ordering::SeqCst) {
                return Err(WriteError::Rejected(cause("database is locked")));
            }
            self.orders.lock().unwrap().extend(orders.into_iter().map(|(order, _)| order));
            Ok(())
        })
    }

    fn forget(&self, order_ids: Vec<OrderId>) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(async move {
            self.orders
                .lock()
                .unwrap()
                .retain(|order| !order_ids.contains(&order.message.order_id));
            Ok(())
        })
    }

    fn load(&self) -> BoxFuture<'_, Result<Vec<Outgoing>, ReadError>> {
        Box::pin(async { Ok(self.orders.lock().unwrap().clone()) })
    }
}

pub(crate) fn found(order_id: &str, order_status: OrderStatus) -> OrderLookup {
    OrderLookup::Found(Box::new(QueryData {
        order_id: order_id.into(),
        order_status,
        phone: PHONE.into(),
        prod_id: PROD.into(),
        prod_name: String::new(),
        charge_money: None,
        asked_at: EpochMs(1),
        finish_time: None,
        reason: None,
        duplicates: 0,
    }))
}
