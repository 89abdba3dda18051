//! Sends orders: in batches, never more sends at once than the transport bears, and every result
//! judged as stored, definitely not, or unknown. The keeper chooses the client that orders go
//! through.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use instruments::fault_points::{Point, reach};
use rocketmq_client_rust::{ClientResult, DefaultMQProducer, SendResult, SendStatus};
use rocketmq_model::common::message::message_single::Message;
use rocketmq_model::message::MessageQueue;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::answers::{self, Answering, unvouched};
use super::classify::{Facts, ILLEGAL, UNENDED, UNSENT};
use super::delivery::ACCEPT_TIME;
use super::{Blame, BoxFuture, Cause, Outgoing, Producer, Published, Shared};

/// Between 512 and 1,024 requests in flight the transport refuses, and floods break its connection.
const SENDS_IN_FLIGHT_MAX: usize = 256;
/// Orders in one message batch: about 120 KiB, well below the broker's 4 MiB.
const ORDERS_PER_SEND_MAX: usize = 256;
/// Batches under way at once. Few, so that under load the next batch grows while these are on their
/// way: one batch of a hundred costs the broker hardly more than one order.
const BATCHES_IN_FLIGHT_MAX: usize = 4;
/// A send ends by its own time-out; this much later we stop waiting for that.
const GRACE: Duration = Duration::from_millis(500);
/// How long a producer may take to end.
const PRODUCER_END_TIMEOUT: Duration = Duration::from_millis(1_500);

/// The client in use, and whether it is worth trying.
pub(super) struct ProducerSlot {
    client: ArcSwapOption<DefaultMQProducer>,
    unready: ArcSwapOption<Cause>,
    /// Where an order may be read, while there are queues that take orders and nobody may read.
    /// Empty: the client chooses.
    readable: ArcSwap<Vec<(String, u32)>>,
    turn: AtomicUsize,
}

impl ProducerSlot {
    pub(super) fn new() -> Self {
        let connecting = Cause("connecting to RocketMQ".to_owned());
        Self {
            client: ArcSwapOption::empty(),
            unready: ArcSwapOption::from_pointee(connecting),
            readable: ArcSwap::default(),
            turn: AtomicUsize::new(0),
        }
    }

    /// Puts a client in and gives the one before. Sends that are under way hold on to theirs.
    pub(super) fn swap(&self, client: Option<DefaultMQProducer>) -> Option<Arc<DefaultMQProducer>> {
        self.client.swap(client.map(Arc::new))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.client.load().is_none()
    }

    pub(super) fn set_ready(&self) {
        self.unready.store(None);
    }

    pub(super) fn set_unready(&self, cause: Cause) {
        self.unready.store(Some(Arc::new(cause)));
    }

    /// Sends to these queues in turn; to any that takes orders where there is none.
    pub(super) fn send_among(&self, readable: Vec<(String, u32)>) {
        if **self.readable.load() != readable {
            self.readable.store(Arc::new(readable));
        }
    }

    fn queue(&self, topic: &str) -> Option<MessageQueue> {
        let readable = self.readable.load();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let (broker, number) = readable.get(turn.checked_rem(readable.len())?)?;
        Some(MessageQueue::from_parts(topic, broker.as_str(), i32::try_from(*number).ok()?))
    }

    fn ready(&self) -> Result<(), Cause> {
        match self.unready.load().as_deref() {
            Some(cause) => Err(cause.clone()),
            None => Ok(()),
        }
    }

    fn client(&self) -> Guard<Option<Arc<DefaultMQProducer>>> {
        self.client.load()
    }
}

/// Ends a producer that no send begins on any more. Those that are under way hold it; it ends when
/// they have.
pub(super) async fn end_producer(producer: Option<Arc<DefaultMQProducer>>) {
    let Some(mut producer) = producer else { return };
    let deadline = Instant::now() + PRODUCER_END_TIMEOUT;
    loop {
        match Arc::try_unwrap(producer) {
            Ok(mut last) => {
                let _ = tokio::time::timeout_at(deadline, Box::pin(last.shutdown())).await;
                return;
            }
            Err(shared) => producer = shared,
        }
        if deadline < Instant::now() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The producer that the publisher and the confirmer share.
pub(super) struct RocketmqProducer {
    shared: Arc<Shared>,
    sends: Semaphore,
    sends_max: usize,
}

impl RocketmqProducer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let sends_max = shared.clients.settings.sends_in_flight_max.clamp(1, SENDS_IN_FLIGHT_MAX);
        Self { shared, sends: Semaphore::new(sends_max), sends_max }
    }

    async fn publish_all(&self, batch: &[Outgoing]) -> Vec<Published> {
        let timeout = Duration::from_millis(self.shared.clients.settings.send_timeout_ms);
        let deadline = Instant::now() + timeout;
        let mut results = Vec::with_capacity(batch.len());
        for orders in batch.chunks(ORDERS_PER_SEND_MAX) {
            self.publish_parts(orders, deadline, &mut results).await;
        }
        results
    }

    /// One send, and two of half the size where the client or the broker finds it illegal: a whole
    /// batch is refused for one order, or because the orders are together more than it takes.
    /// Nothing of such a batch is stored.
    async fn publish_parts(
        &self,
        orders: &[Outgoing],
        deadline: Instant,
        results: &mut Vec<Published>,
    ) {
        let mut parts = vec![orders];
        while let Some(part) = parts.pop() {
            let result = self.publish_some(part, deadline).await;
            if matches!(result, Published::Rejected(Blame::Order, _)) && 1 < part.len() {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
            } else {
                results.extend(std::iter::repeat_n(result, part.len()));
            }
        }
    }

    async fn publish_some(&self, orders: &[Outgoing], deadline: Instant) -> Published {
        // The way is known to be down: nothing is tried, so nothing can have arrived.
        if let Err(cause) = self.shared.producer.ready() {
            return Published::Rejected(Blame::Queue, cause);
        }
        let Ok(permit) = tokio::time::timeout_at(deadline, self.sends.acquire()).await else {
            let cause = Cause("all sends were taken until the time-out".to_owned());
            return Published::Rejected(Blame::Queue, cause);
        };
        let first = self.send(orders, deadline).await;
        // In a cluster the next queue may lie on another broker; and what was definitely not sent
        // can't be doubled.
        let result = match first {
            Err(facts) if facts.is_definite() && facts.doubts_the_way() => {
                self.shared.suspect();
                self.send(orders, deadline).await
            }
            first => first,
        };
        drop(permit);
        self.judge(result)
    }

    async fn send(&self, orders: &[Outgoing], deadline: Instant) -> Result<Sent, Facts> {
        let client = self.shared.producer.client().clone();
        let Some(client) = client else { return Err(unsent("no connection to RocketMQ")) };
        let left = deadline.saturating_duration_since(Instant::now());
        let left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        if left_ms == 0 {
            return Err(unsent("no time left for sending"));
        }
        let settings = &self.shared.clients.settings;
        let messages: Result<Vec<Message>, _> =
            orders.iter().map(|order| message(order, &settings.topic)).collect();
        let messages = messages.map_err(|error| illegal(&error))?;
        let queue = self.shared.producer.queue(&settings.topic);
        let sending = send(&client, messages, queue, left_ms);
        match tokio::time::timeout(left + GRACE, sending).await {
            Ok(Ok(Some(result))) => Ok(Sent::of(&result)),
            Ok(Ok(None)) => Err(unknown("the broker's answer holds no result")),
            Ok(Err(error)) => Err(Facts::of(&error)),
            Err(_) => Err(unknown("no end of the send within its time-out")),
        }
    }

    fn judge(&self, result: Result<Sent, Facts>) -> Published {
        let facts = match result {
            Ok(Sent { status, broker }) => match unvouched(status, &broker) {
                None => {
                    reach(Point::SendConfirmed);
                    return Published::Stored;
                }
                Some(why) => return Published::Unknown(Cause(why)),
            },
            Err(facts) => facts,
        };
        if facts.doubts_the_way() {
            self.shared.suspect();
        } else if facts.nobody().is_some() {
            self.shared.look();
        }
        if facts.phase.as_deref() == Some("connect") {
            // Unready until the keeper has looked: five failed connects close the client's breaker
            // for half a minute, and the next sends would fail as well.
            self.shared.producer.set_unready(Cause("the RocketMQ broker is away".to_owned()));
        }
        let cause = Cause(self.sentence(&facts));
        match facts.is_definite() {
            true => Published::Rejected(facts.blame(), cause),
            false => Published::Unknown(cause),
        }
    }

    /// What is wrong, and what to do where that is known.
    fn sentence(&self, facts: &Facts) -> String {
        let Some(code) = facts.answer() else {
            return format!("RocketMQ: {}", facts.sentence());
        };
        let clients = &self.shared.clients;
        let address = facts.broker.clone().unwrap_or_default();
        answers::sentence(
            code,
            &Answering {
                broker: self.shared.named(&address),
                topic: clients.names.topic.clone(),
                remark: clients.remarks.of(&address, code),
                address,
            },
        )
    }
}

/// How a send ended that the broker gave a result for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sent {
    status: SendStatus,
    /// The broker's name; empty where the result doesn't name it.
    broker: String,
}

impl Sent {
    fn of(result: &SendResult) -> Self {
        let queue = result.message_queue.as_ref();
        let broker = queue.map(|queue| queue.broker_name().to_string()).unwrap_or_default();
        Self { status: result.send_status, broker }
    }
}

impl Producer for RocketmqProducer {
    fn publish(&self, batch: Arc<Vec<Outgoing>>) -> BoxFuture<'_, Vec<Published>> {
        Box::pin(async move { self.publish_all(&batch).await })
    }

    fn ready(&self) -> Result<(), Cause> {
        self.shared.producer.ready()
    }

    fn batches_in_flight_max(&self) -> usize {
        self.sends_max.min(BATCHES_IN_FLIGHT_MAX)
    }
}

async fn send(
    client: &DefaultMQProducer,
    mut messages: Vec<Message>,
    queue: Option<MessageQueue>,
    timeout_ms: u64,
) -> ClientResult<Option<SendResult>> {
    // Sends are awaited, never one-way: those are lost at shutdown.
    let Some(last) = messages.pop() else { return Ok(None) };
    if messages.is_empty() {
        return match queue {
            None => Box::pin(client.send_with_timeout(last, timeout_ms)).await,
            Some(queue) => {
                Box::pin(client.send_to_queue_with_timeout(last, queue, timeout_ms)).await
            }
        };
    }
    messages.push(last);
    let sent = match queue {
        None => Box::pin(client.send_batch_with_timeout(messages, timeout_ms)).await,
        Some(queue) => {
            Box::pin(client.send_batch_to_queue_with_timeout(messages, queue, timeout_ms)).await
        }
    };
    sent.map(Some)
}

/// Exactly what the Java services read, plus the key for tracing and the accept time.
fn message(order: &Outgoing, topic: &str) -> rocketmq_error::Result<Message> {
    Message::builder()
        .topic(topic)
        .key(&*order.message.order_id.text())
        .raw_property(ACCEPT_TIME, order.asked_at.0.to_string())?
        .body(order.message.encode(topic))
        .build()
}

/// A failure of ours before the client was even asked.
fn unsent(text: &str) -> Facts {
    Facts {
        code: UNSENT.to_owned(),
        phase: Some("before_write".to_owned()),
        texts: text.to_owned(),
        ..Facts::default()
    }
}

/// An order that makes no message.
fn illegal(error: &impl std::fmt::Display) -> Facts {
    Facts { code: ILLEGAL.to_owned(), ..unsent(&format!("illegal message: {error}")) }
}

/// A failure to learn how the send ended.
fn unknown(text: &str) -> Facts {
    Facts { code: UNENDED.to_owned(), texts: text.to_owned(), ..Facts::default() }
}

#[cfg(test)]
mod tests {
    use protocol::{EpochMs, OrderMessage};
    use rocketmq_model::common::message::MessageTrait;

    use super::{Blame, Outgoing, ProducerSlot, illegal, message, unknown, unsent};

    #[test]
    fn a_message_carries_the_javas_body_the_key_and_the_accept_time() {
        let order = OrderMessage {
            order_id: "d90a05d0-c339-4e89-804d-87cc17135f2a".into(),
            phone: "15200008881".into(),
            prod_id: "pid_0003".into(),
            charge_money: "2000.000".to_owned(),
        };
        let body = order.encode("T");
        let outgoing = Outgoing { message: order, asked_at: EpochMs(1_795_444_100_572) };
        let message = message(&outgoing, "T").unwrap();
        assert_eq!(message.get_body().unwrap().as_ref(), body.as_slice());
        assert_eq!(message.property("KEYS"), Some("d90a05d0-c339-4e89-804d-87cc17135f2a"));
        assert_eq!(message.property("acceptTime"), Some("1795444100572"));
        assert_eq!(message.get_tags(), None);
    }

    #[test]
    fn queues_that_may_be_read_are_chosen_in_turn_while_there_are_others() {
        let slot = ProducerSlot::new();
        assert!(slot.queue("T").is_none(), "the client chooses");
        slot.send_among(vec![("a".to_owned(), 0), ("b".to_owned(), 0), ("a".to_owned(), 1)]);
        let chosen = || slot.queue("T").unwrap();
        let name = |queue: &super::MessageQueue| {
            format!("{}/{}/{}", queue.broker_name(), queue.topic(), queue.queue_id())
        };
        let mut names: Vec<_> = (0..6).map(|_| name(&chosen())).collect();
        names.sort();
        assert_eq!(names, ["a/T/0", "a/T/0", "a/T/1", "a/T/1", "b/T/0", "b/T/0"]);
        slot.send_among(Vec::new());
        assert!(slot.queue("T").is_none());
    }

    #[test]
    fn our_own_failures_are_judged_like_the_clients() {
        assert!(unsent("no connection").is_definite());
        assert_eq!(unsent("no connection").blame(), Blame::Queue);
        assert_eq!(unsent("no connection").sentence(), "no connection");
        assert!(illegal(&"too long").is_definite());
        assert_eq!(illegal(&"too long").blame(), Blame::Order);
        assert!(unknown("no end").doubts_the_way());
        assert!(!unknown("no end").is_definite());
    }
}
