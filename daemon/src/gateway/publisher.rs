//! Publishes claimed orders by group commit: the orders that wait when a batch is done become the
//! next batch, with no artificial delay. Where enough wait, another batch is sent beside those
//! under way. The publisher ends every claim itself, so that a buyer who hangs up changes nothing:
//! each order ends stored, abandoned, or with the confirmer. A claim whose batch panics or is
//! aborted goes to the confirmer by itself. A panic of the publisher's own ends one of its turns.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use domain::ports::{Cause, Outgoing, Producer, Published};
use instruments::panics::{Panicked, contain};
use instruments::signs_of_life::Pulse;
use instruments::streak::{InRun, Streak};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
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

/// How long the next turn waits after a panic with nothing under way, so that a panic that comes
/// each time leaves the processor to others.
const REST_AFTER_PANIC: Duration = Duration::from_millis(100);

/// Publishes until every sender of `claims` is gone and everything in the channel is published. A
/// panic ends one turn. `pulse` beats with the batches, and goes on from a panic until a turn has
/// got past it.
pub async fn run(
    claims: mpsc::Receiver<Claim>,
    producer: Arc<dyn Producer>,
    unconfirmed: Arc<UnconfirmedOrders>,
    batch_max: impl Into<Tunable>,
    pulse: Arc<Pulse>,
) {
    let mut publisher = Publisher::new(claims, producer, unconfirmed, batch_max.into(), pulse);
    loop {
        let result = contain(pin!(publisher.turn())).await;
        match result {
            Ok(Turn::Done) => {}
            Ok(Turn::Last) => break,
            Err(panicked) => publisher.recover(panicked).await,
        }
    }
    publisher.end().await;
}

/// What a turn has found.
enum Turn {
    /// A batch was sent, or has ended.
    Done,
    /// No claim comes any more.
    Last,
}

struct Publisher {
    claims: mpsc::Receiver<Claim>,
    producer: Arc<dyn Producer>,
    unconfirmed: Arc<UnconfirmedOrders>,
    batch_max: Tunable,
    pulse: Arc<Pulse>,
    in_flight: JoinSet<Batch>,
    /// Out of the channel and in no batch yet; empty between turns.
    taken: Vec<Claim>,
    spare: Vec<Batch>,
    /// Of batches that could not be published.
    streak: Arc<Streak>,
    /// Of turns that panicked.
    panics: Streak,
}

impl Publisher {
    fn new(
        claims: mpsc::Receiver<Claim>,
        producer: Arc<dyn Producer>,
        unconfirmed: Arc<UnconfirmedOrders>,
        batch_max: Tunable,
        pulse: Arc<Pulse>,
    ) -> Self {
        Self {
            claims,
            producer,
            unconfirmed,
            batch_max,
            pulse,
            in_flight: JoinSet::new(),
            taken: Vec::new(),
            spare: Vec::new(),
            streak: Arc::default(),
            panics: Streak::default(),
        }
    }

    /// Sends a batch, or sees one end.
    async fn turn(&mut self) -> Turn {
        let may_send = self.may_send();
        if self.panics.succeeded() == InRun::First {
            info!("batches are sent again as before");
        }
        if self.in_flight.is_empty() {
            self.pulse.rest();
        }
        tokio::select! {
            biased;
            Some(done) = self.in_flight.join_next() => self.note_end(done),
            count = self.claims.recv_many(&mut self.taken, self.batch_max.count()), if may_send => {
                if count == 0 {
                    return Turn::Last;
                }
                self.send();
            }
        }
        Turn::Done
    }

    /// Whether a batch may be sent beside those under way.
    fn may_send(&self) -> bool {
        let (in_flight, producer) = (self.in_flight.len(), &self.producer);
        in_flight == 0
            || in_flight < producer.batches_in_flight_max()
                && producer.batch_min_beside_another() <= self.claims.len()
    }

    fn send(&mut self) {
        let mut batch = self.spare.pop().unwrap_or_default();
        batch.fill(&mut self.taken);
        if self.in_flight.is_empty() {
            self.pulse.begin();
        }
        let (producer, unconfirmed) = (Arc::clone(&self.producer), Arc::clone(&self.unconfirmed));
        self.in_flight.spawn(publish(batch, producer, unconfirmed, Arc::clone(&self.streak)));
    }

    /// A batch is done. The publisher is alive as long as one batch after the other ends; whether
    /// it rests then shows in the next turn.
    fn note_end(&mut self, done: Result<Batch, JoinError>) {
        match done {
            Ok(batch) => self.spare.push(batch),
            // Its claims have gone to the confirmer.
            Err(error) => error!(%error, "publishing a batch ended in disorder"),
        }
        if !self.in_flight.is_empty() {
            self.pulse.begin();
        }
    }

    /// Goes on after a turn that panicked. The claims that it had taken go to the confirmer. With
    /// no batch under way the queue isn't asked whether another may be sent beside it, so the next
    /// turn waits for one to end.
    async fn recover(&mut self, Panicked(why): Panicked) {
        self.taken.clear();
        let is_first = self.panics.failed() == InRun::First;
        match is_first {
            true => error!(why, "a turn of the publisher panicked: the next one follows"),
            false => debug!(why, "another turn of the publisher panicked"),
        }
        if let Some(done) = self.in_flight.join_next().await {
            self.note_end(done);
            return;
        }
        if is_first {
            self.pulse.begin();
        }
        tokio::time::sleep(REST_AFTER_PANIC).await;
    }

    /// Waits for the batches under way. One that panics ends by itself alone.
    async fn end(mut self) {
        while let Some(done) = self.in_flight.join_next().await {
            self.note_end(done);
        }
        self.pulse.rest();
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

#[cfg(test)]
mod tests;
