//! Publishes claimed orders by group commit: whatever waits when a batch is done becomes the next
//! one, with no artificial delay. It owns the end of every claim, so that a buyer who hangs up
//! changes nothing: each order ends stored, abandoned, or with the confirmer.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{error, warn};

use crate::gateway::claim::Claim;
use crate::gateway::confirmer::Doubts;
use crate::queue::{Cause, Outgoing, Producer, Published};

/// Publishes until every sender of `claims` is gone and all of theirs is sent.
pub async fn run(
    mut claims: mpsc::Receiver<Claim>,
    producer: Arc<dyn Producer>,
    doubts: Arc<Doubts>,
    batch_max: usize,
) {
    let mut in_flight = JoinSet::new();
    loop {
        if in_flight.len() < producer.batches_in_flight_max() {
            let mut batch = Vec::new();
            tokio::select! {
                biased;
                Some(_done) = in_flight.join_next() => {}
                taken = claims.recv_many(&mut batch, batch_max) => {
                    if taken == 0 {
                        break;
                    }
                    in_flight.spawn(publish(batch, Arc::clone(&producer), Arc::clone(&doubts)));
                }
            }
        } else {
            in_flight.join_next().await;
        }
    }
    in_flight.join_all().await;
}

async fn publish(claims: Vec<Claim>, producer: Arc<dyn Producer>, doubts: Arc<Doubts>) {
    let batch: Vec<Outgoing> = claims.iter().map(|claim| claim.outgoing.clone()).collect();
    // A task of its own, so that a panic in a queue's client costs certainty and not the claims.
    let publishing = tokio::spawn(async move { producer.publish(&batch).await });
    let results = publishing.await.unwrap_or_else(|fault| {
        error!(%fault, "publishing ended in disorder");
        Vec::new()
    });
    let missing = std::iter::repeat_with(|| {
        Published::Unknown(Cause("the queue gave no result for this order".to_owned()))
    });
    let (mut rejected, mut unknown) = (0_usize, Vec::new());
    let mut why = None;
    for (claim, result) in claims.into_iter().zip(results.into_iter().chain(missing)) {
        match result {
            Published::Stored => claim.store(),
            Published::Rejected(cause) => {
                claim.reject(&cause);
                rejected += 1;
                why = Some(cause);
            }
            Published::Unknown(cause) => {
                unknown.push((claim, cause.clone()));
                why = Some(cause);
            }
        }
    }
    if let Some(cause) = why {
        warn!(rejected, unknown = unknown.len(), %cause, "orders could not be published");
    }
    doubts.take(unknown).await;
}
