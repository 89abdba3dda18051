//! The queue between the roles, as the roles see it.
//!
//! A producer tells of each order whether it is stored, definitely not, or unknown; a consumer
//! hands deliveries to the order role and acknowledges them only after its commit. `Queue` holds
//! both ends of one kind of queue; what only a queue outside of this process has is in `broker`.

use std::sync::Arc;

use protocol::{EpochMs, OrderId, OrderMessage, Phone, ProdId};

use super::{BoxFuture, Broker, Cause, ReadError};

/// An order on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// What is sent.
    pub message: OrderMessage,
    /// When the buyer asked.
    pub asked_at: EpochMs,
}

/// How publishing one order went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// Durable in the queue.
    Stored,
    /// Definitely not in the queue, now or later.
    Rejected(Blame, Cause),
    /// It may have arrived, or may yet.
    Unknown(Cause),
}

/// Whose fault a definite refusal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The queue's, or the way's to it: the next order is refused as well.
    Queue,
    /// This order's own, such as a message that the broker finds illegal: the next order has
    /// nothing to fear, and the queue is no worse for it.
    Order,
}

/// Sends orders. Shared by the publisher (fresh orders) and the confirmer (unknown ones, again).
pub trait Producer: Send + Sync + 'static {
    /// Publishes the orders; one result each, in their order. Never waits longer than the kind's
    /// own send time-out, and never panics on a broken queue.
    fn publish(&self, batch: Arc<Vec<Outgoing>>) -> BoxFuture<'_, Vec<Published>>;

    /// What is known of the way to the queue without asking it. While it is `Err`, the gateway
    /// answers 40004 at once instead of trying.
    ///
    /// # Errors
    /// Says why nothing can be sent at the moment.
    fn ready(&self) -> Result<(), Cause>;

    /// How many `publish` calls may usefully be under way at once.
    fn batches_in_flight_max(&self) -> usize;

    /// How many orders have to wait, at the moment when a batch is sent or ends, for another to be
    /// sent beside those that are under way. Fewer wait for the next such moment, and share a batch
    /// with those that come until then. That suits a queue where batches end one after the other;
    /// where each takes its own time, a slow one would hold up the rest: 0 sends them at once.
    fn batch_min_beside_another(&self) -> usize {
        0
    }
}

/// Whether orders are taken from the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consuming {
    /// They are.
    Running,
    /// They stay where they are. What is being placed is finished.
    Paused,
}

/// How much of the queue is not consumed yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lag {
    /// Messages, waiting retries included.
    pub messages: u64,
    /// Milliseconds since the oldest was queued, where it can be known.
    pub oldest_age_ms: Option<u64>,
    /// Each queue's own part.
    pub queues: Vec<QueueLag>,
    /// Messages that count as consumed and weren't placed, as somebody moved the offset: they don't
    /// wait, and the buyer of one must not be answered that there is no such order.
    pub passed_over: u64,
}

/// One queue's part of the lag.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueLag {
    /// The queue's name: `embedded`, or broker, topic and number.
    pub name: String,
    /// Messages not yet consumed.
    pub messages: u64,
    /// Milliseconds since the oldest of them was queued, where it can be known.
    pub oldest_age_ms: Option<u64>,
    /// The broker that keeps it; `None` on the embedded queue.
    pub broker: Option<String>,
    /// The offset after its newest message.
    pub end_offset: Option<u64>,
    /// The offset up to which it is consumed.
    pub consumed_offset: Option<u64>,
    /// The client id of the consumer that has it, where it is known.
    pub owner: Option<String>,
}

/// An order that waits in a queue of this process's own to be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Its id.
    pub order_id: OrderId,
    /// The product.
    pub prod_id: ProdId,
    /// The buyer.
    pub phone: Phone,
    /// When the buyer asked.
    pub asked_at: EpochMs,
}

/// Reads the lag.
pub trait LagReader: Send + Sync + 'static {
    /// A reading that is taken after this call.
    ///
    /// # Errors
    /// Says why the lag can't be read; it is then unknown, not 0.
    fn read_lag(&self) -> BoxFuture<'_, Result<Lag, Cause>>;
}

/// A message as it came from the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The body, decompressed.
    pub body: Vec<u8>,
    /// When the buyer asked: our accept-time property, else the message's born time.
    pub asked_at: EpochMs,
    /// When the queue had it; `None` where that isn't known.
    pub queued_at: Option<EpochMs>,
    /// Where it came from, for the dead letters and the log: `broker-a/TOPIC/3@1234` or
    /// `embedded@17`.
    pub origin: String,
    /// How often it was delivered before.
    pub redeliveries: u32,
}

/// Takes deliveries and makes their outcomes durable: the order role, as a consumer sees it.
pub trait Decider: Send + Sync + 'static {
    /// Decides every delivery in one transaction and returns after the commit. Malformed ones end
    /// as dead letters of ours, so an error means that the store failed and nothing was decided:
    /// deliver the whole batch again. Blocks; call it on a thread that may.
    ///
    /// # Errors
    /// The store failed.
    fn decide(&self, deliveries: Vec<Delivery>) -> Result<(), Cause>;
}

/// How much of what is undecided a process can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knowledge {
    /// All of it: the queue is in this process.
    Whole,
    /// What came through this process since its start: an earlier run or another gateway may have
    /// left more in the queue.
    Partial,
}

/// How the end of a queue went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything came to its end.
    Whole,
    /// Something took too long and was cut off; the queue has logged what.
    CutOff,
}

/// A queue of one kind, from its opening to its end: what the roles and the start and the stop of
/// the process do to it. One per process.
pub trait Queue: Send + Sync + 'static {
    /// The way in; used from the first call on.
    fn producer(&self) -> Arc<dyn Producer>;

    /// Tells how many orders wait.
    fn lag_reader(&self) -> Arc<dyn LagReader>;

    /// How much of what is undecided this process can know.
    fn knowledge(&self) -> Knowledge;

    /// The orders that an earlier run left in the queue or set aside, where that can be known:
    /// with [`Knowledge::Partial`] there are none.
    ///
    /// # Errors
    /// They can't be read.
    fn undecided(&self) -> BoxFuture<'_, Result<Vec<Pending>, ReadError>>;

    /// Consumes in the background from now on, and again after each outage. `consuming` says
    /// whether orders are taken at once, because pauses survive a restart. A queue that shares the
    /// transactions of the order role's store decides in them, and doesn't ask `decider`. Call
    /// it on a tokio runtime.
    fn start_consumer(&self, decider: Arc<dyn Decider>, consuming: Consuming);

    /// Pauses consumption or goes on with it; the batch under way is finished. Without a consumer
    /// it only says how the next one begins.
    fn set_consuming(&self, consuming: Consuming) -> BoxFuture<'_, ()>;

    /// Ends the consumer after the batch that it is at. Bounded, where that depends on others.
    fn stop_consuming(&self) -> BoxFuture<'_, ()>;

    /// Lets go of the queue: nothing can be published or consumed afterwards. Bounded.
    fn shutdown(&self) -> BoxFuture<'_, Ended>;

    /// What only a queue outside of this process has; `None` where it is inside.
    fn broker(&self) -> Option<&dyn Broker>;
}
