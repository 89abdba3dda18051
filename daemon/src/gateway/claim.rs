//! A claim on its way to the queue, and how it ends. It is a guard: a claim that is dropped before
//! its result is known, as when the task that publishes it panics or is aborted, neither frees its
//! unit nor forgets it. Its order is unconfirmed from then on, and the confirmer's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use domain::ports::{Cause, Outgoing};
use protocol::{Code, OrderId};
use tracing::{debug, error};

use crate::gateway::book::BookEntry;
use crate::gateway::confirmer::UnconfirmedOrders;
use crate::gateway::ticket::Ticket;

/// A claimed order.
pub struct Claim {
    entry: Arc<BookEntry>,
    id: OrderId,
    ticket: Arc<Ticket>,
    /// Its message, but for the time in which a batch has it.
    order: Option<Outgoing>,
    stage: Stage,
    under_way: UnderWay,
}

/// How far a claim has come, which says what its end means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// At the desk: nothing was sent.
    AtDesk,
    /// Handed to the publisher: the queue may have the order.
    Handed,
    /// Settled: its buyer has an answer, or the confirmer has its order.
    Settled,
}

/// What is counted of claims, and where those go whose result is unknown.
pub struct Passage {
    unconfirmed: Arc<UnconfirmedOrders>,
    under_way: AtomicUsize,
    accepted: AtomicU64,
}

impl Passage {
    /// Nothing counted yet.
    pub(super) const fn new(unconfirmed: Arc<UnconfirmedOrders>) -> Self {
        Self { unconfirmed, under_way: AtomicUsize::new(0), accepted: AtomicU64::new(0) }
    }

    /// Claims whose publication is open.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Acquire)
    }

    /// Orders that the queue confirmed, each counted once. Answers to repeats aren't counted, nor
    /// are orders that were unconfirmed first.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }
}

/// A claim between its admission and the end of its publication, counted for as long as this lives.
struct UnderWay(Arc<Passage>);

impl UnderWay {
    fn begin(passage: &Arc<Passage>) -> Self {
        passage.under_way.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(passage))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Claim {
    /// The claim of an order that the entry has as claimed. Requests wait on the ticket.
    pub(super) fn new(
        entry: &Arc<BookEntry>,
        id: OrderId,
        order: Outgoing,
        ticket: &Arc<Ticket>,
        passage: &Arc<Passage>,
    ) -> Self {
        Self {
            entry: Arc::clone(entry),
            id,
            ticket: Arc::clone(ticket),
            order: Some(order),
            stage: Stage::AtDesk,
            under_way: UnderWay::begin(passage),
        }
    }

    /// The same claim, from now on the publisher's.
    pub(super) fn handed(mut self) -> Self {
        self.stage = Stage::Handed;
        self
    }

    /// Its message, for the batch that sends it. The batch gives it back should the claim be
    /// dropped unsettled.
    pub(super) const fn lend(&mut self) -> Option<Outgoing> {
        self.order.take()
    }

    /// The message comes back, for a claim that isn't settled.
    pub(super) fn give_back(&mut self, order: &Outgoing) {
        if self.stage == Stage::Handed && self.order.is_none() {
            self.order = Some(order.clone());
        }
    }

    /// Nothing was sent, or is going to be: the unit that it may hold is given back.
    pub(super) fn give_up(mut self, answer: Code) {
        self.undo(answer);
    }

    /// The order was decided before this claim had a unit; its requests get this answer.
    pub(super) fn decided(mut self, answer: Code) {
        self.settle(answer);
    }

    /// The queue has it durably.
    pub(super) fn store(&mut self, order: &Outgoing) {
        self.entry.confirm(&order.message.phone, &self.id);
        self.settle_stored();
    }

    /// The queue definitely doesn't have it: its unit is given back.
    pub(super) fn reject(&mut self, order: &Outgoing, cause: &Cause) {
        let phone = &order.message.phone;
        let user = phone.to_string();
        debug!(order_id = %self.id, user, %cause, "not queued: its unit is given back");
        self.entry.abandon(phone, &self.id);
        self.settle(Code::BizError);
    }

    /// It is unknown whether the queue has it: the confirmer takes it over, and answers its
    /// requests once the order is kept. Gives the id back, unless the order was decided meanwhile,
    /// so that the queue had it.
    pub(super) fn mark_unconfirmed(&mut self, order: &Outgoing, cause: Cause) -> Option<OrderId> {
        if !self.entry.mark_unconfirmed(&order.message.phone, &self.id) {
            self.settle_stored();
            return None;
        }
        self.stage = Stage::Settled;
        let ticket = Arc::clone(&self.ticket);
        self.under_way.0.unconfirmed.enter(self.id.clone(), order.clone(), cause, ticket);
        Some(self.id.clone())
    }

    fn settle_stored(&mut self) {
        self.under_way.0.accepted.fetch_add(1, Ordering::Relaxed);
        self.settle(Code::Queued);
    }

    fn settle(&mut self, answer: Code) {
        self.stage = Stage::Settled;
        self.ticket.settle(answer);
    }

    fn undo(&mut self, answer: Code) {
        if let Some(order) = &self.order {
            self.entry.abandon(&order.message.phone, &self.id);
        }
        self.settle(answer);
    }

    /// Dropped while the queue may have the order.
    fn lose(&mut self) {
        let Some(order) = self.order.take() else {
            // No batch does that; but a buyer must not wait for ever.
            error!(order_id = %self.id, "a claim was dropped without its message");
            self.settle(Code::Unconfirmed);
            return;
        };
        let user = order.message.phone.to_string();
        debug!(order_id = %self.id, user, "its publication ended without a result");
        let cause = Cause("its publication ended without a result".to_owned());
        if self.mark_unconfirmed(&order, cause).is_some() {
            self.under_way.0.unconfirmed.keep_soon();
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        match self.stage {
            Stage::AtDesk => self.undo(Code::ServerError),
            Stage::Handed => self.lose(),
            Stage::Settled => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::order_id::OrderIdKey;
    use protocol::{Decision, EpochMs, OrderMessage, Outcome, Seq};

    use super::*;
    use crate::gateway::book::Book;
    use crate::gateway::testing::{FakeOrders, FakeUnconfirmed, PHONE, PROD};

    struct Desk {
        entry: Arc<BookEntry>,
        ticket: Arc<Ticket>,
        passage: Arc<Passage>,
    }

    /// A desk with nine units, and a claim that holds one of them.
    fn desk() -> (Desk, Claim) {
        let book = Arc::new(Book::new(OrderIdKey::new(vec![7; 32])));
        book.renew_cards(&FakeOrders::with_stock(9).page.lock().unwrap().products);
        let entry = book.entry(&PROD.into()).unwrap();
        entry.stock.refresh(9, 0);
        let unconfirmed = Arc::new(UnconfirmedOrders::new(book, Arc::<FakeUnconfirmed>::default()));
        let (ticket, passage) = (Arc::default(), Arc::new(Passage::new(unconfirmed)));
        let id = entry.claim(&PHONE.into(), EpochMs(1), &ticket, |_| "a".into()).unwrap();
        let message = OrderMessage {
            order_id: id.clone(),
            phone: PHONE.into(),
            prod_id: PROD.into(),
            charge_money: "5999.000".to_owned(),
        };
        let order = Outgoing { message, asked_at: EpochMs(1) };
        let claim = Claim::new(&entry, id.clone(), order, &ticket, &passage);
        entry.hold(&PHONE.into(), &id, protocol::PreheatRatio::NONE).unwrap();
        (Desk { entry, ticket, passage }, claim)
    }

    impl Desk {
        /// Units held, claims under way and orders with the confirmer.
        fn counts(&self) -> (u32, usize, usize) {
            let held = self.entry.stock.figures().held;
            (held, self.passage.under_way(), self.passage.unconfirmed.count())
        }
    }

    #[tokio::test]
    async fn dropped_before_anything_was_sent_it_gives_its_unit_back() {
        let (desk, claim) = desk();
        assert_eq!(desk.counts(), (1, 1, 0));
        drop(claim);
        assert_eq!(desk.counts(), (0, 0, 0));
        assert_eq!(desk.ticket.wait().await, Code::ServerError);
        assert!(desk.entry.buyer(&PHONE.into()).is_none(), "the buyer may charge");
    }

    #[tokio::test]
    async fn dropped_on_its_way_it_keeps_its_unit_and_is_unconfirmed() {
        let (desk, claim) = desk();
        drop(claim.handed());
        assert_eq!(desk.counts(), (1, 0, 1));
        assert!(desk.entry.is_unconfirmed(&PHONE.into(), &"a".into()));
        desk.passage.unconfirmed.keep_entered(&["a".into()]).await;
        assert_eq!(desk.ticket.wait().await, Code::Unconfirmed);
    }

    #[tokio::test]
    async fn dropped_after_its_decision_it_is_known_to_have_been_stored() {
        let (desk, claim) = desk();
        let ends_a_hold = desk.entry.decide(&Decision {
            seq: Seq(1),
            order_id: "a".into(),
            prod_id: PROD.into(),
            phone: PHONE.into(),
            outcome: Outcome::Placed,
            reason: None,
            live_order_id: None,
        });
        assert!(ends_a_hold);
        drop(claim.handed());
        assert_eq!((desk.passage.unconfirmed.count(), desk.passage.accepted()), (0, 1));
        assert_eq!(desk.ticket.wait().await, Code::Queued);
    }

    #[test]
    fn what_is_settled_is_not_settled_by_its_end() {
        let (desk, mut claim) = desk();
        let order = claim.lend().unwrap();
        claim.store(&order);
        drop(claim);
        assert_eq!(desk.counts(), (1, 0, 0));
        assert!(!desk.entry.is_unconfirmed(&PHONE.into(), &"a".into()));
    }
}
