//! Consumes orders: hands each batch to the decider on the client's threads, and acknowledges it
//! after the decider's commit. Holds a batch that can't be decided now (a store that fails, a
//! pause) instead of giving it back. Given back, its messages would come again after 10 s, 30 s,
//! 1 min … by way of the retry topic, out of the lag's sight until then, and at last end in the
//! broker's dead letters.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use instruments::fault_points::{Point, reach};
use instruments::streak::{InRun, Streak};
use protocol::{Ending, OrderMessage, mask_phones};
use rocketmq_client_rust::{
    ClientError, ClientResult, ConsumeConcurrentlyContext, ConsumeConcurrentlyStatus,
    DefaultMQPushConsumer, MQConsumerInner, MessageListenerConcurrently,
};
use rocketmq_model::common::message::message_ext::MessageExt;
use rocketmq_model::message::MessageQueue;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::client::Clients;
use super::delivery::delivery;
use super::offsets::{Handled, Run};
use super::queues::queue_name;
use super::{Consuming, Decider, Delivery};

/// Waits between two tries at a failing store.
const RETRY_AFTER_MIN: Duration = Duration::from_millis(100);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(2);
/// How long the batches that are being placed may take when consuming ends.
const WORK_END_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the client may take to say goodbye: more than its listeners' end and its offsets' way
/// to a broker that answers; a silent broker costs redeliveries, not our own end.
const CLIENT_END_TIMEOUT: Duration = Duration::from_millis(2_500);

/// How long after placing the offsets go to the broker. The client itself begins to send them 10 s
/// after its start, and then sends them each second at best. Until then the lag counts orders that
/// are long decided, and nobody is answered "never ordered".
const PERSIST_AFTER: Duration = Duration::from_millis(100);

/// How many orders of a batch a line of the log names.
const NAMED_MAX: usize = 32;

/// A consumer at work.
pub(super) struct RunningConsumer {
    client: DefaultMQPushConsumer,
    gate: Arc<Gate>,
    persister: Option<AbortHandle>,
}

impl RunningConsumer {
    /// Starts one.
    pub(super) async fn start(
        clients: &Clients,
        decider: Arc<dyn Decider>,
        consuming: Consuming,
    ) -> ClientResult<Self> {
        let gate = Arc::new(Gate::default());
        gate.set(consuming);
        let placed = Arc::new(Notify::new());
        let listener = Listener {
            decider,
            gate: gate.clone(),
            placed: placed.clone(),
            streak: Streak::default(),
            progress: Progress {
                handled: clients.handled.clone(),
                topic: clients.names.topic.clone(),
            },
        };
        let client = Box::pin(clients.consumer(listener)).await?;
        let inner = client.default_mq_push_consumer_impl().cloned();
        let persister = inner.map(|inner| {
            let persist = async move {
                loop {
                    placed.notified().await;
                    tokio::time::sleep(PERSIST_AFTER).await;
                    Box::pin(inner.persist_consumer_offset()).await;
                }
            };
            tokio::spawn(persist).abort_handle()
        });
        Ok(Self { client, gate, persister })
    }

    /// Pauses or goes on, at once: the gate holds what was pulled, and the client pulls until it
    /// has a thousand messages of each queue. The client's own pause isn't used: the client looks
    /// only once a second whether its pause is over, and meanwhile takes over no queues from a
    /// consumer that died.
    pub(super) fn set(&self, consuming: Consuming) {
        self.gate.set(consuming);
    }

    /// The queues that this consumer has now, each as `broker/topic/number`.
    pub(super) async fn queues(&self) -> HashSet<String> {
        let Some(inner) = self.client.default_mq_push_consumer_impl() else {
            return HashSet::new();
        };
        let running = Box::pin(inner.consumer_running_info()).await;
        let name =
            |queue: &MessageQueue| queue_name(queue.broker_name(), queue.topic(), queue.queue_id());
        running.mq_table.keys().map(name).collect()
    }

    /// Registers this consumer with the brokers at these addresses and has the queues divided
    /// again. The client does both by itself, but each 30 s and each 20 s: until then a broker that
    /// was silent for a while may have forgotten the consumer. False where a broker didn't answer.
    pub(super) async fn register_again(&self, addresses: &[String]) -> bool {
        let inner = self.client.default_mq_push_consumer_impl();
        let Some(instance) = inner.and_then(|inner| inner.get_mq_client_factory()) else {
            return false;
        };
        let mut heard = true;
        for (name, brokers) in instance.broker_addr_snapshot() {
            for (id, address) in &brokers {
                if addresses.iter().any(|wanted| wanted == address.as_str()) {
                    let hello = instance.send_heartbeat_to_broker(*id, &name, address, false);
                    heard &= Box::pin(hello).await;
                }
            }
        }
        instance.re_balance_immediately();
        heard
    }

    /// Ends the consumer and keeps the offsets of all that was decided: first the batches under way
    /// end, then the client with its offsets. Messages that were held come again at the next start,
    /// from their offset.
    pub(super) async fn stop(mut self) {
        self.gate.retire(WORK_END_TIMEOUT).await;
        self.stop_persisting();
        let gate = self.gate.clone();
        // The end runs on a task of its own that nothing breaks off: a client that is dropped half
        // ended stays in the group for as long as we run, pulls its share of the orders and gives
        // them back.
        let ending = tokio::spawn(async move { Box::pin(self.client.shutdown()).await });
        if tokio::time::timeout(CLIENT_END_TIMEOUT, ending).await.is_err() {
            gate.release();
            tracing::warn!(
                target: "seckilld::queue",
                "the consumer didn't end in time: the broker may deliver some orders again"
            );
        }
    }

    fn stop_persisting(&mut self) {
        if let Some(persister) = self.persister.take() {
            persister.abort();
        }
    }
}

impl Drop for RunningConsumer {
    fn drop(&mut self) {
        self.stop_persisting();
        // Done last, because a held thread would keep the clients' runtime from ending.
        self.gate.release();
    }
}

struct Listener {
    decider: Arc<dyn Decider>,
    gate: Arc<Gate>,
    placed: Arc<Notify>,
    /// Batches that couldn't be decided; every thread tries its own again and again.
    streak: Streak,
    progress: Progress,
}

/// Notes how far the orders' topic has been handled.
struct Progress {
    handled: Arc<Handled>,
    topic: String,
}

impl Progress {
    /// A batch comes from one queue. A batch that is delivered again comes by way of the retry
    /// topic: it bears the name of the orders' topic, with offsets of the retry topic.
    fn note(&self, messages: &[&MessageExt]) {
        let fresh = || messages.iter().filter(|message| message.reconsume_times() == 0);
        let first = fresh().map(|message| message.queue_offset()).min();
        let Some(last) = fresh().max_by_key(|message| message.queue_offset()) else { return };
        let queue = queue_name(last.broker_name(), &self.topic, last.queue_id());
        let next = last.queue_offset() + 1;
        self.handled.note(&queue, Run { first: first.unwrap_or(next), next });
    }
}

impl MessageListenerConcurrently for Listener {
    fn consume_message(
        &self,
        messages: &[&MessageExt],
        _context: &ConsumeConcurrentlyContext,
    ) -> ClientResult<ConsumeConcurrentlyStatus> {
        // A batch is acknowledged or given back whole (the listener can't set an acknowledge
        // index), which is why the decider gives every message a durable outcome of its own.
        let deliveries: Vec<Delivery> = messages.iter().map(|message| delivery(message)).collect();
        let passed = self.gate.through(|| decide(&*self.decider, &deliveries, &self.streak));
        if passed != Passed::Held {
            // Before the acknowledgement, so that nobody takes our progress for another's.
            self.progress.note(messages);
        }
        match passed {
            Passed::Done => {
                reach(Point::AckBefore);
                self.placed.notify_one();
                Ok(ConsumeConcurrentlyStatus::ConsumeSuccess)
            }
            Passed::GivenUp | Passed::Held => {
                Err(ClientError::invalid_state("placed", "given back"))
            }
        }
    }
}

/// One try.
fn decide(decider: &dyn Decider, deliveries: &[Delivery], streak: &Streak) -> Tried {
    match catch_unwind(AssertUnwindSafe(|| decider.decide(deliveries.to_vec()))) {
        Ok(Ok(())) => {
            if streak.succeeded() == InRun::First {
                tracing::info!(target: "seckilld::queue", "orders can be placed again");
            }
            Tried::Done
        }
        Ok(Err(cause)) => {
            let orders = deliveries.len();
            match streak.failed() {
                InRun::First => tracing::warn!(
                    target: "seckilld::queue",
                    orders, "orders wait because they can't be placed now: {cause}"
                ),
                InRun::Further => {
                    tracing::debug!(target: "seckilld::queue", orders, %cause, "more orders wait");
                }
            }
            Tried::Again
        }
        // A failure in this process, which the same batch would meet again: the broker counts the
        // redeliveries.
        Err(_) => {
            let orders = named(deliveries);
            tracing::error!(target: "seckilld::queue", orders, "placing panicked; given back");
            Tried::GiveUp
        }
    }
}

/// The orders of a batch by their ids; a message without one by its place in the queue.
fn named(deliveries: &[Delivery]) -> String {
    let name = |delivery: &Delivery| match OrderMessage::decode(&delivery.body) {
        // Somebody else's id may be anything.
        Ok(message) => mask_phones(&message.order_id.text(), Ending::Whole),
        Err(_) => delivery.origin.clone(),
    };
    let mut names: Vec<String> = deliveries.iter().take(NAMED_MAX).map(name).collect();
    if NAMED_MAX < deliveries.len() {
        names.push(format!("{} more", deliveries.len() - NAMED_MAX));
    }
    names.join(", ")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tried {
    Done,
    Again,
    GiveUp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passed {
    Done,
    GivenUp,
    /// The batch was held until the client had ended: it comes again from the same offset.
    Held,
}

/// Lets batches through to the decider, or holds them.
#[derive(Default)]
struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
    idle: Notify,
}

#[derive(Default)]
struct GateState {
    paused: bool,
    /// No batch begins any more, and none is tried again.
    retiring: bool,
    /// The client has ended: batches that are held are dropped.
    released: bool,
    working: usize,
}

impl Gate {
    fn set(&self, consuming: Consuming) {
        self.lock().paused = consuming == Consuming::Paused;
        self.changed.notify_all();
    }

    /// Runs `attempt` until it is done; holds the caller while it may not run.
    fn through(&self, mut attempt: impl FnMut() -> Tried) -> Passed {
        let mut wait = RETRY_AFTER_MIN;
        loop {
            if !self.enter() {
                return Passed::Held;
            }
            let tried = attempt();
            self.leave();
            match tried {
                Tried::Done => return Passed::Done,
                Tried::GiveUp => return Passed::GivenUp,
                Tried::Again => self.sleep(wait),
            }
            wait = (wait * 2).min(RETRY_AFTER_MAX);
        }
    }

    fn enter(&self) -> bool {
        let held = |state: &mut GateState| !state.released && (state.paused || state.retiring);
        let state = self.changed.wait_while(self.lock(), held);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        if state.released {
            return false;
        }
        state.working += 1;
        true
    }

    fn leave(&self) {
        let mut state = self.lock();
        state.working -= 1;
        if state.working == 0 {
            self.idle.notify_one();
        }
    }

    fn sleep(&self, wait: Duration) {
        let waking = |state: &mut GateState| !state.released && !state.retiring;
        drop(self.changed.wait_timeout_while(self.lock(), wait, waking));
    }

    /// From now on every batch is held; returns when none is being placed, or after `limit`.
    async fn retire(&self, limit: Duration) {
        self.lock().retiring = true;
        self.changed.notify_all();
        let idle = async {
            while self.lock().working != 0 {
                self.idle.notified().await;
            }
        };
        if tokio::time::timeout(limit, idle).await.is_err() {
            tracing::warn!(target: "seckilld::queue", "orders are still being placed; not awaited");
        }
    }

    fn release(&self) {
        self.lock().released = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, GateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
