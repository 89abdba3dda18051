//! Where the roles meet the world: every call of a gateway to the queue, to the order side or to
//! its disk waits here until the history serves it, and its answer waits once more until the
//! history delivers it. So a crash, or any other step, can come between any two.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use domain::ports::notebook::UnconfirmedSends;
use domain::ports::order_side::{OrderLookup, OrderSide};
use domain::ports::{
    BoxFuture, Cause, Lag, LagReader, OrderRow, Outgoing, Producer, Published, ReadError,
    WriteError,
};
use protocol::{DecisionsPage, OrderId, Phone, ProdId, Seq};
use tokio::sync::{oneshot, watch};

use crate::order::query::known;

/// What a gateway asks of the world.
#[derive(Debug, Clone)]
pub(super) enum Ask {
    Publish(Vec<Outgoing>),
    Keep(Vec<Outgoing>),
    Forget(Vec<OrderId>),
    Load,
    Decisions(Seq),
    Look { prod_id: ProdId, phone: Phone },
    Lag,
}

/// What it hears.
pub(super) enum Answer {
    Published(Vec<Published>),
    Stored(Result<(), Cause>),
    Loaded(Result<Vec<Outgoing>, Cause>),
    Page(Result<DecisionsPage, Cause>),
    Row(Result<Option<OrderRow>, Cause>),
    Lag(Result<Lag, Cause>),
}

/// A call under way.
pub(super) struct Call {
    pub(super) gateway: usize,
    pub(super) ask: Ask,
    /// Served, and not delivered yet.
    pub(super) answer: Option<Answer>,
    reply: oneshot::Sender<Answer>,
}

impl Call {
    /// Delivers the answer, should anybody still wait for it.
    pub(super) fn deliver(self) {
        if let Some(answer) = self.answer {
            let _ = self.reply.send(answer);
        }
    }
}

/// All calls under way, oldest first.
#[derive(Default)]
pub(super) struct Ports {
    pub(super) calls: Mutex<Vec<Call>>,
    /// Whether gateways know the queue to be away.
    pub(super) away: AtomicBool,
}

/// One gateway's side of the ports.
pub(super) struct Port {
    pub(super) gateway: usize,
    pub(super) ports: Arc<Ports>,
}

pub(super) fn lost() -> Cause {
    Cause("the call got no answer".to_owned())
}

impl Port {
    async fn call(&self, ask: Ask) -> Option<Answer> {
        let (reply, answer) = oneshot::channel();
        let call = Call { gateway: self.gateway, ask, answer: None, reply };
        self.ports.calls.lock().unwrap().push(call);
        answer.await.ok()
    }
}

impl Producer for Port {
    fn publish(&self, batch: Arc<Vec<Outgoing>>) -> BoxFuture<'_, Vec<Published>> {
        Box::pin(async move {
            let ids: HashSet<_> = batch.iter().map(|order| &order.message.order_id).collect();
            assert_eq!(ids.len(), batch.len(), "one order twice in a batch");
            match self.call(Ask::Publish(batch.to_vec())).await {
                Some(Answer::Published(results)) => results,
                _ => vec![Published::Unknown(lost()); batch.len()],
            }
        })
    }

    fn ready(&self) -> Result<(), Cause> {
        if self.ports.away.load(Ordering::Relaxed) { Err(lost()) } else { Ok(()) }
    }

    fn batches_in_flight_max(&self) -> usize {
        2
    }
}

impl UnconfirmedSends for Port {
    fn keep(&self, orders: Vec<(Outgoing, Cause)>) -> BoxFuture<'_, Result<(), WriteError>> {
        let orders = orders.into_iter().map(|(order, _)| order).collect();
        Box::pin(async move {
            match self.call(Ask::Keep(orders)).await {
                Some(Answer::Stored(result)) => result.map_err(WriteError::Unknown),
                _ => Err(WriteError::Unknown(lost())),
            }
        })
    }

    fn forget(&self, order_ids: Vec<OrderId>) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(async move {
            match self.call(Ask::Forget(order_ids)).await {
                Some(Answer::Stored(result)) => result.map_err(WriteError::Unknown),
                _ => Err(WriteError::Unknown(lost())),
            }
        })
    }

    fn load(&self) -> BoxFuture<'_, Result<Vec<Outgoing>, ReadError>> {
        Box::pin(async move {
            match self.call(Ask::Load).await {
                Some(Answer::Loaded(result)) => result.map_err(ReadError::Failed),
                _ => Err(ReadError::Failed(lost())),
            }
        })
    }
}

impl LagReader for Port {
    fn read_lag(&self) -> BoxFuture<'_, Result<Lag, Cause>> {
        Box::pin(async move {
            match self.call(Ask::Lag).await {
                Some(Answer::Lag(result)) => result,
                _ => Err(lost()),
            }
        })
    }
}

impl OrderSide for Port {
    fn decisions(&self, after: Seq) -> BoxFuture<'_, Result<DecisionsPage, Cause>> {
        Box::pin(async move {
            match self.call(Ask::Decisions(after)).await {
                Some(Answer::Page(result)) => result,
                _ => Err(lost()),
            }
        })
    }

    /// The order role's own way, over three calls.
    fn find<'a>(
        &'a self,
        prod_id: &'a ProdId,
        phone: &'a Phone,
    ) -> BoxFuture<'a, Result<OrderLookup, Cause>> {
        Box::pin(async move {
            let look = || async {
                let (prod_id, phone) = (prod_id.clone(), phone.clone());
                match self.call(Ask::Look { prod_id, phone }).await {
                    Some(Answer::Row(result)) => result,
                    _ => Err(lost()),
                }
            };
            known(look, self).await
        })
    }

    fn changes(&self) -> Option<watch::Receiver<u64>> {
        None
    }
}
