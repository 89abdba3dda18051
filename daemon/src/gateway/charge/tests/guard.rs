//! Tests of claims that nobody settles: a publisher or a batch that panics or is aborted leaves
//! them to the confirmer, and loses none.

use super::*;

/// Starts what publishes unconfirmed orders again, at such intervals that only its start and its
/// end matter.
fn confirming(gateway: &Gateway) -> (JoinHandle<()>, CancellationToken) {
    let cancel = CancellationToken::new();
    let running = Arc::clone(&gateway.unconfirmed).run(
        Arc::clone(&gateway.queue) as _,
        4_usize,
        Duration::from_secs(3_600),
        cancel.clone(),
    );
    (tokio::spawn(running), cancel)
}

/// Three charges: the first is being sent, the others wait for the publisher.
async fn three_under_way(gateway: &Gateway) -> Vec<JoinHandle<(Code, Option<String>)>> {
    gateway.queue.open.send_replace(false);
    let mut charges = vec![gateway.charging("15200008881")];
    until("the first to be sent", || !gateway.queue.sent_ids().is_empty()).await;
    charges.extend([gateway.charging("15200008882"), gateway.charging("15200008883")]);
    until("the others to wait", || gateway.held() == 3).await;
    charges
}

async fn all_unconfirmed(charges: Vec<JoinHandle<(Code, Option<String>)>>) -> Vec<String> {
    let mut ids = Vec::new();
    for charge in charges {
        let (code, id) = charge.await.unwrap();
        assert_eq!(code, Code::Unconfirmed);
        ids.push(id.unwrap());
    }
    ids
}

#[tokio::test]
async fn claims_of_a_publisher_that_is_aborted_in_mid_batch_are_unconfirmed_and_kept_at_once() {
    let gateway = gateway(9, ROOMY).await;
    let (confirmer, cancel) = confirming(&gateway);
    let charges = three_under_way(&gateway).await;
    gateway.publisher.abort();
    let ids = all_unconfirmed(charges).await;
    let mut kept: Vec<String> = gateway
        .kept
        .orders
        .lock()
        .unwrap()
        .iter()
        .map(|order| order.message.order_id.to_string())
        .collect();
    kept.sort();
    let mut wanted = ids.clone();
    wanted.sort();
    assert_eq!(kept, wanted, "a buyer is answered once the order is kept");
    assert_eq!((gateway.held(), gateway.desk.under_way(), gateway.unconfirmed.count()), (3, 0, 3));
    gateway.queue.open.send_replace(true);
    gateway.unconfirmed.round(&*gateway.queue, 4).await;
    assert_eq!((gateway.held(), gateway.unconfirmed.count()), (3, 0));
    assert_eq!(gateway.charge("15200008882").await, (Code::Queued, Some(ids[1].clone())));
    assert_eq!(gateway.queue.sent_ids().len(), 4);
    cancel.cancel();
    confirmer.await.unwrap();
}

/// Nothing that one turn of the publisher does may close the sale until a restart.
#[tokio::test]
async fn a_panic_of_the_publishers_own_ends_one_turn_and_loses_no_claim() {
    let gateway = gateway(9, ROOMY).await;
    gateway.queue.panics_beside.store(true, Ordering::SeqCst);
    gateway.queue.open.send_replace(false);
    let first = gateway.charging("15200008881");
    // With a batch under way, each turn asks whether another may be sent beside it.
    until("the first to be sent", || !gateway.queue.sent_ids().is_empty()).await;
    let second = gateway.charging("15200008882");
    until("the second to wait", || gateway.held() == 2).await;
    gateway.queue.open.send_replace(true);
    for charge in [first, second, gateway.charging("15200008883")] {
        assert_eq!(charge.await.unwrap().0, Code::Queued);
    }
    assert_eq!((gateway.held(), gateway.unconfirmed.count()), (3, 0));
    assert!(!gateway.publisher.is_finished());
}

/// The last batches are waited for after the channel is closed: no turn sees how they end.
#[tokio::test]
async fn a_last_batch_that_panics_does_not_take_the_publisher_along() {
    let gateway = gateway(9, ROOMY).await;
    *gateway.queue.beside.lock().unwrap() = (2, 0);
    gateway.kept.panics.store(true, Ordering::SeqCst);
    gateway.queue.then(Published::Unknown(cause("no answer")));
    gateway.queue.open.send_replace(false);
    let charge = gateway.charging(PHONE);
    until("it to be sent", || !gateway.queue.sent_ids().is_empty()).await;
    charge.abort();
    let _ = charge.await;
    let Gateway { desk, unconfirmed, kept, queue, publisher, .. } = gateway;
    drop(desk);
    queue.open.send_replace(true);
    publisher.await.unwrap();
    kept.panics.store(false, Ordering::SeqCst);
    queue.then(Published::Unknown(cause("no answer")));
    unconfirmed.round(&*queue, 4).await;
    assert_eq!((unconfirmed.count(), kept.orders.lock().unwrap().len()), (1, 1));
}

#[tokio::test]
async fn what_is_dropped_unsettled_is_kept_before_the_stop_ends_and_published_after_the_restart() {
    let first = gateway(9, ROOMY).await;
    let charges = three_under_way(&first).await;
    first.publisher.abort();
    until("the claims to end", || first.desk.under_way() == 0).await;
    assert_eq!(first.kept.orders.lock().unwrap().len(), 0);
    // The stop comes before the confirmer had a turn.
    let (confirmer, cancel) = confirming(&first);
    cancel.cancel();
    confirmer.await.unwrap();
    assert_eq!(first.kept.orders.lock().unwrap().len(), 3);
    let ids = all_unconfirmed(charges).await;
    let second = restarted(Arc::clone(&first.orders), Arc::clone(&first.kept), ROOMY).await;
    assert_eq!((second.held(), second.unconfirmed.count()), (3, 3));
    second.unconfirmed.round(&*second.queue, 4).await;
    let (mut sent, mut wanted) = (second.queue.sent_ids(), ids);
    sent.sort();
    wanted.sort();
    assert_eq!(sent, wanted);
    assert_eq!((second.unconfirmed.count(), second.kept.orders.lock().unwrap().len()), (0, 0));
}

/// The buyer's answer waits for the order to be kept, and a batch that is aborted meanwhile must
/// not take it along.
#[tokio::test]
async fn a_batch_that_is_aborted_while_its_doubts_are_kept_leaves_nobody_waiting() {
    let gateway = gateway(9, ROOMY).await;
    gateway.kept.is_silent.store(true, Ordering::SeqCst);
    gateway.queue.then(Published::Unknown(cause("no answer")));
    let charge = gateway.charging(PHONE);
    until("the order to be with the confirmer", || gateway.unconfirmed.count() == 1).await;
    gateway.publisher.abort();
    let _ = gateway.publisher.await;
    gateway.kept.is_silent.store(false, Ordering::SeqCst);
    gateway.queue.then(Published::Unknown(cause("no answer")));
    gateway.unconfirmed.round(&*gateway.queue, 4).await;
    assert_eq!(charge.await.unwrap().0, Code::Unconfirmed);
    assert_eq!(gateway.kept.orders.lock().unwrap().len(), 1);
}
