//! Publishes claimed orders by group commit: the orders that wait when a batch is done become the
//! next batch, with no artificial delay. Where enough wait, another batch is sent beside those
//! under way. The publisher ends every claim itself, so that a buyer who hangs up changes nothing:
//! each order ends stored, abandoned, or with the confirmer. A claim whose batch panics or is
//! aborted goes to the confirmer by itself.

use std::sync::Arc;

use domain::ports::{Cause, Outgoing, Producer, Published};
use instruments::panics::{Panicked, contain};
use instruments::signs_of_life::Pulse;
use instruments::streak::{InRun, Streak};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{debug, error, info, warn};

use crate::gateway::claim::Claim;
use crate::gateway::confirmer::UnconfirmedOrders;
use crate::tunable::Tunable;

/// The claims and orders of one batch, side by side. Later batches use the same memory: the system
/// has to clear memory that is newly allocated.
///
/// A batch that is dropped gives the claims that aren't settled their messages back, which the
/// claims need to go to the confirmer.
#[derive(Default)]
struct Batch {
    claims: Vec<Claim>,
    orders: Arc<Vec<Outgoing>>,
}

impl Batch {
    /// Takes all of these claims, and borrows their messages.
    fn fill(&mut self, taken: &mut Vec<Claim>) {
        let orders = Arc::make_mut(&mut self.orders);
        for mut claim in taken.drain(..) {
            orders.extend(claim.lend());
            self.claims.push(claim);
        }
    }

    /// Makes room for others once each claim is settled.
    fn clear(&mut self) {
        self.claims.clear();
        match Arc::get_mut(&mut self.orders) {
            Some(orders) => orders.clear(),
            // The queue has kept the vector: there is none to use again.
            None => self.orders = Arc::default(),
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        for (claim, order) in self.claims.iter_mut().zip(&*self.orders) {
            claim.give_back(order);
        }
    }
}

/// Publishes until every sender of `claims` is gone and everything in the channel is published.
/// `pulse` beats with the batches.
pub async fn run(
    mut claims: mpsc::Receiver<Claim>,
    producer: Arc<dyn Producer>,
    unconfirmed: Arc<UnconfirmedOrders>,
    batch_max: impl Into<Tunable>,
    pulse: Arc<Pulse>,
) {
    let batch_max = batch_max.into();
    let (mut in_flight, mut taken) = (JoinSet::new(), Vec::new());
    let mut spare: Vec<Batch> = Vec::new();
    let streak = Arc::<Streak>::default();
    loop {
        let may_send = in_flight.is_empty()
            || in_flight.len() < producer.batches_in_flight_max()
                && producer.batch_min_beside_another() <= claims.len();
        tokio::select! {
            biased;
            Some(done) = in_flight.join_next() => {
                match done {
                    Ok(batch) => spare.push(batch),
                    // Its claims have gone to the confirmer.
                    Err(error) => error!(%error, "publishing a batch ended in disorder"),
                }
                beat(&pulse, &in_flight);
            }
            count = claims.recv_many(&mut taken, batch_max.count()), if may_send => {
                if count == 0 {
                    break;
                }
                let mut batch = spare.pop().unwrap_or_default();
                batch.fill(&mut taken);
                if in_flight.is_empty() {
                    pulse.begin();
                }
                let (producer, unconfirmed) = (Arc::clone(&producer), Arc::clone(&unconfirmed));
                in_flight.spawn(publish(batch, producer, unconfirmed, Arc::clone(&streak)));
            }
        }
    }
    in_flight.join_all().await;
}

/// A batch is done. The publisher is alive as long as one batch after the other ends.
fn beat(pulse: &Pulse, in_flight: &JoinSet<Batch>) {
    if in_flight.is_empty() {
        pulse.rest();
    } else {
        pulse.begin();
    }
}

/// Has a batch published. After a panic in the queue's client the results are unknown; neither the
/// claims nor the task are lost.
pub(super) async fn published(
    producer: &dyn Producer,
    orders: Arc<Vec<Outgoing>>,
) -> Vec<Published> {
    contain(producer.publish(orders).as_mut()).await.unwrap_or_else(|Panicked(why)| {
        error!(why, "publishing ended in disorder");
        Vec::new()
    })
}

/// Publishes a batch, ends its claims and gives its room back.
async fn publish(
    mut batch: Batch,
    producer: Arc<dyn Producer>,
    unconfirmed: Arc<UnconfirmedOrders>,
    streak: Arc<Streak>,
) -> Batch {
    let results = published(&*producer, Arc::clone(&batch.orders)).await;
    let missing = std::iter::repeat_with(|| {
        Published::Unknown(Cause("the queue gave no result for this order".to_owned()))
    });
    let (mut rejected, mut unknown) = (0_usize, 0_usize);
    let (mut entered, mut why) = (Vec::new(), None);
    let results = results.into_iter().chain(missing);
    for ((claim, order), result) in batch.claims.iter_mut().zip(&*batch.orders).zip(results) {
        match result {
            Published::Stored => claim.store(order),
            Published::Rejected(_, cause) => {
                claim.reject(order, &cause);
                rejected += 1;
                why = Some(cause);
            }
            Published::Unknown(cause) => {
                entered.extend(claim.mark_unconfirmed(order, cause.clone()));
                unknown += 1;
                why = Some(cause);
            }
        }
    }
    batch.clear();
    complain(&streak, rejected, unknown, why.as_ref());
    unconfirmed.keep_entered(&entered).await;
    batch
}

fn complain(streak: &Streak, rejected: usize, unknown: usize, why: Option<&Cause>) {
    let Some(cause) = why else {
        if streak.succeeded() == InRun::First {
            info!("orders are published again");
        }
        return;
    };
    match streak.failed() {
        InRun::First => warn!(rejected, unknown, %cause, "orders could not be published"),
        InRun::Further => debug!(rejected, unknown, %cause, "more orders could not be published"),
    }
}
