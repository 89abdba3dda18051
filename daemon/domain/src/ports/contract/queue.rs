//! What a queue owes with both its ends: a producer, and a consumer that hands its deliveries to an
//! order role. The order role takes an order that comes twice for one, as it always does; so what
//! is held here is what buyers see of the queue.

use std::future::Future;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::ports::{
    Consuming, Decider, Ended, Knowledge, Lag, Outgoing, Published, Queue, ReadError,
};

/// How long anything may take that has to happen.
const LONG: Duration = Duration::from_secs(60);

/// How long is waited for what must not happen.
const WHILE: Duration = Duration::from_millis(500);

/// Numbers of orders that one test may use.
const EACH: u32 = 1_000;

/// A queue under test, with an order role behind it whose product has units for everybody.
pub trait QueueRig {
    /// The queue that is open now.
    fn queue(&self) -> Arc<dyn Queue>;

    /// What its consumer gives deliveries to.
    fn decider(&self) -> Arc<dyn Decider>;

    /// The order of this number, below 10,000: its id and its buyer are no other's.
    fn order(&self, number: u32) -> Outgoing;

    /// The ids of all orders that have been decided, once for each decision.
    fn decided(&self) -> impl Future<Output = Vec<String>>;

    /// Ends the queue as a process does, and opens it again on what it left.
    fn reopen(&mut self) -> impl Future<Output = ()>;

    /// Brings about that nothing can be stored in the queue from now on.
    fn disturb(&mut self) -> impl Future<Output = ()>;

    /// Ends that.
    fn mend(&mut self) -> impl Future<Output = ()>;
}

/// All of them one after the other, for a rig that is costly to make.
pub async fn all(rig: &mut impl QueueRig) {
    what_is_stored_is_decided_once(rig, 0).await;
    a_repeated_publish_is_one_order(rig, EACH).await;
    a_pause_keeps_and_the_lag_counts(rig, 2 * EACH).await;
    a_stop_finishes_the_batch_and_the_next_start_goes_on(rig, 3 * EACH).await;
    what_is_refused_is_never_decided(rig, 4 * EACH).await;
    there_is_one_result_each_in_their_order(rig, 5 * EACH).await;
}

/// Orders that were stored before there was a consumer, and while there is one.
pub async fn what_is_stored_is_decided_once(rig: &mut impl QueueRig, from: u32) {
    let twice = send(rig, from..from + 40).await;
    until_lag(rig, 40..=40 + twice).await;
    start(rig, Consuming::Running);
    send(rig, from + 40..from + 80).await;
    until_decided(rig, from..from + 80).await;
    until_lag(rig, 0..=0).await;
    end(rig).await;
}

/// While the order waits, once it is decided, and in another process.
pub async fn a_repeated_publish_is_one_order(rig: &mut impl QueueRig, from: u32) {
    let numbers = from..from + 10;
    for _ in 0..2 {
        send(rig, numbers.clone()).await;
    }
    start(rig, Consuming::Running);
    until_decided(rig, numbers.clone()).await;
    send(rig, numbers.clone()).await;
    until_lag(rig, 0..=0).await;
    rig.reopen().await;
    start(rig, Consuming::Running);
    send(rig, numbers.clone()).await;
    until_lag(rig, 0..=0).await;
    until_decided(rig, numbers).await;
    end(rig).await;
}

/// A consumer that begins in a pause, and one that is paused; a pause outlives the process.
pub async fn a_pause_keeps_and_the_lag_counts(rig: &mut impl QueueRig, from: u32) {
    start(rig, Consuming::Paused);
    let twice = send(rig, from..from + 20).await;
    let lag = until_lag(rig, 20..=20 + twice).await;
    let of_queues = lag.queues.iter().map(|queue| queue.messages).sum::<u64>();
    assert_eq!(of_queues, lag.messages, "{lag:?}");
    assert!(lag.oldest_age_ms.is_some(), "{lag:?}");
    nothing_is_decided_of(rig, from..from + 20).await;
    rig.queue().set_consuming(Consuming::Running).await;
    until_decided(rig, from..from + 20).await;

    rig.queue().set_consuming(Consuming::Paused).await;
    let twice = send(rig, from + 20..from + 30).await;
    until_lag(rig, 10..=10 + twice).await;
    rig.reopen().await;
    until_lag(rig, 10..=10 + twice).await;
    assert_eq!(undecided(rig).await, expected_undecided(rig, from + 20..from + 30));
    start(rig, Consuming::Paused);
    nothing_is_decided_of(rig, from + 20..from + 30).await;
    rig.queue().set_consuming(Consuming::Running).await;
    until_decided(rig, from..from + 30).await;
    until_lag(rig, 0..=0).await;
    assert_eq!(undecided(rig).await, Ok(vec![]));
    end(rig).await;
}

/// After the stop nothing more is decided, and what the lag counts is what is left.
pub async fn a_stop_finishes_the_batch_and_the_next_start_goes_on(
    rig: &mut impl QueueRig,
    from: u32,
) {
    let numbers = from..from + 300;
    let twice = send(rig, numbers.clone()).await;
    start(rig, Consuming::Running);
    until("some are decided", async || !decided_of(rig, &numbers).await.is_empty()).await;
    rig.queue().stop_consuming().await;
    let decided = decided_of(rig, &numbers).await;
    tokio::time::sleep(WHILE).await;
    assert_eq!(decided_of(rig, &numbers).await, decided, "nothing is decided after the stop");
    let left = 300 - decided.len() as u64;
    until_lag(rig, left..=left + twice).await;
    rig.reopen().await;
    start(rig, Consuming::Running);
    until_decided(rig, numbers).await;
    until_lag(rig, 0..=0).await;
    end(rig).await;
}

/// Neither meanwhile nor later.
pub async fn what_is_refused_is_never_decided(rig: &mut impl QueueRig, from: u32) {
    start(rig, Consuming::Running);
    send(rig, from..from + 1).await;
    until_decided(rig, from..from + 1).await;
    rig.disturb().await;
    let refused = orders(rig, from + 1..from + 6);
    let results = rig.queue().producer().publish(Arc::new(refused.clone())).await;
    assert_eq!(results.len(), refused.len());
    assert!(results.iter().all(|one| matches!(one, Published::Rejected(..))), "{results:?}");
    rig.mend().await;
    send(rig, from + 6..from + 8).await;
    until_decided(rig, from + 6..from + 8).await;
    until_lag(rig, 0..=0).await;
    nothing_is_decided_of(rig, from + 1..from + 6).await;
    end(rig).await;
}

/// One order of the batch is larger than most queues take. Whatever the queue makes of it and of
/// the others, each result is that of the order in its place.
pub async fn there_is_one_result_each_in_their_order(rig: &mut impl QueueRig, from: u32) {
    const LARGE: usize = 5 << 20;
    let mut batch = orders(rig, from..from + 5);
    batch[2].message.charge_money = "1".repeat(LARGE);
    start(rig, Consuming::Running);
    // The way is open.
    send(rig, from + 5..from + 6).await;
    let results = rig.queue().producer().publish(Arc::new(batch.clone())).await;
    assert_eq!(results.len(), batch.len());
    let nothing = rig.queue().producer().publish(Arc::new(Vec::new())).await;
    assert_eq!(nothing, []);
    send(rig, from + 6..from + 7).await;
    until_decided(rig, from + 5..from + 7).await;
    until_lag(rig, 0..=0).await;
    for (number, result) in (from..).zip(&results) {
        let was_decided = !decided_of(rig, &(number..number + 1)).await.is_empty();
        match result {
            Published::Stored => assert!(was_decided, "{number} was stored"),
            Published::Rejected(..) => assert!(!was_decided, "{number} was refused: {result:?}"),
            // Either is right.
            Published::Unknown(_) => {}
        }
    }
    end(rig).await;
}

fn orders(rig: &impl QueueRig, numbers: Range<u32>) -> Vec<Outgoing> {
    numbers.map(|number| rig.order(number)).collect()
}

fn ids(rig: &impl QueueRig, numbers: Range<u32>) -> Vec<String> {
    numbers.map(|number| rig.order(number).message.order_id.to_string()).collect()
}

/// Publishes until all are stored, as a gateway does; how many may be there more than once, because
/// their results were unknown. Those that were definitely refused are not.
async fn send(rig: &impl QueueRig, numbers: Range<u32>) -> u64 {
    let producer = rig.queue().producer();
    until("the producer is ready", async || producer.ready().is_ok()).await;
    let (mut left, mut unknown, begun) = (orders(rig, numbers), 0, Instant::now());
    while !left.is_empty() {
        let results = producer.publish(Arc::new(left.clone())).await;
        assert_eq!(results.len(), left.len());
        assert!(begun.elapsed() < LONG, "never stored: {results:?}");
        unknown += results.iter().filter(|one| matches!(one, Published::Unknown(_))).count() as u64;
        let of_each = results.into_iter().zip(left);
        left = of_each
            .filter_map(|(result, order)| (result != Published::Stored).then_some(order))
            .collect();
    }
    unknown
}

fn start(rig: &impl QueueRig, consuming: Consuming) {
    rig.queue().start_consumer(rig.decider(), consuming);
}

/// Ends the consumer, so that the next test begins without one.
async fn end(rig: &mut impl QueueRig) {
    rig.queue().stop_consuming().await;
    assert_eq!(rig.queue().shutdown().await, Ended::Whole);
    rig.reopen().await;
}

async fn decided_of(rig: &impl QueueRig, numbers: &Range<u32>) -> Vec<String> {
    let wanted = ids(rig, numbers.clone());
    let mut decided = rig.decided().await;
    decided.retain(|id| wanted.contains(id));
    decided.sort();
    decided
}

async fn until_decided(rig: &impl QueueRig, numbers: Range<u32>) {
    let wanted = ids(rig, numbers.clone());
    until("all are decided", async || wanted.len() <= decided_of(rig, &numbers).await.len()).await;
    assert_eq!(decided_of(rig, &numbers).await, wanted, "each once");
}

async fn nothing_is_decided_of(rig: &impl QueueRig, numbers: Range<u32>) {
    tokio::time::sleep(WHILE).await;
    assert_eq!(decided_of(rig, &numbers).await, [""; 0]);
}

async fn until_lag(rig: &impl QueueRig, messages: RangeInclusive<u64>) -> Lag {
    let (reader, begun) = (rig.queue().lag_reader(), Instant::now());
    loop {
        let lag = reader.read_lag().await;
        match lag {
            Ok(lag) if messages.contains(&lag.messages) => return lag,
            _ => assert!(begun.elapsed() < LONG, "never a lag of {messages:?}: {lag:?}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn undecided(rig: &impl QueueRig) -> Result<Vec<String>, ReadError> {
    let mut ids: Vec<String> = rig
        .queue()
        .undecided()
        .await?
        .into_iter()
        .map(|order| order.order_id.to_string())
        .collect();
    ids.sort();
    Ok(ids)
}

/// What is to be known of these orders, which wait.
fn expected_undecided(rig: &impl QueueRig, numbers: Range<u32>) -> Result<Vec<String>, ReadError> {
    match rig.queue().knowledge() {
        Knowledge::Whole => Ok(ids(rig, numbers)),
        Knowledge::Partial => Ok(Vec::new()),
    }
}

async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < LONG, "{what}: not within {LONG:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
