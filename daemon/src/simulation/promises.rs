//! What buyers were answered, and what must hold of it: from then on, and in the end.

use std::collections::{HashMap, HashSet};

use domain::ports::{Outgoing, Sale};
use domain::terms::{self, Window};
use protocol::{
    ChargeDetails, Code, Decision, EpochMs, OrderId, OrderStatus, Outcome, ProdId, QueryData,
    Reason, Terms,
};
use store_sqlite::testing::ready;

use super::gateway::{Told, Wish};

/// What one buyer was answered about one product.
#[derive(Debug, Default)]
struct BuyerPromises {
    queueing: HashSet<OrderId>,
    placed: Option<OrderId>,
    failed: HashSet<OrderId>,
}

/// All that was answered.
#[derive(Default)]
pub(super) struct Promises {
    known: HashMap<Wish, BuyerPromises>,
    /// By gateway's run, orders whose unit that run holds until they are decided.
    pub(super) held: Vec<(usize, u32, Wish, OrderId)>,
    /// What the buyer had been answered when the query was asked.
    asked: HashMap<u64, Before>,
    /// Orders that were durable in the queue at some time.
    pub(super) stored: HashSet<OrderId>,
    /// When the buyers of those had asked.
    asked_at: HashMap<OrderId, EpochMs>,
    /// The windows that each product has had on the shelf.
    windows: HashMap<ProdId, Vec<Window>>,
    /// Unconfirmed orders that were durable on a gateway's disk at some time.
    pub(super) kept: HashSet<OrderId>,
    /// How often each code was answered: shows that the histories get about.
    pub(super) codes: HashMap<&'static str, u64>,
}

#[derive(Debug, Clone, Default)]
struct Before {
    queueing: bool,
    placed: Option<OrderId>,
    /// Undecided orders whose buyers the gateway that is asked has answered itself.
    told_here: Vec<OrderId>,
}

impl Promises {
    /// Notes what the buyer knows at the moment of asking.
    pub(super) fn ask(&mut self, number: u64, (gateway, run): (usize, u32), wish: &Wish) {
        let known = self.known.get(wish);
        let told_here = self
            .held
            .iter()
            .filter(|held| (held.0, held.1) == (gateway, run) && held.2 == *wish)
            .map(|held| held.3.clone());
        let before = Before {
            queueing: known.is_some_and(|known| !known.queueing.is_empty()),
            placed: known.and_then(|known| known.placed.clone()),
            told_here: told_here.collect(),
        };
        self.asked.insert(number, before);
    }

    /// Takes note of an answer, and judges it.
    pub(super) fn hear(&mut self, gateway: (usize, u32), told: Told) -> Result<(), String> {
        match told {
            Told::Charged(wish, reply) => {
                *self.codes.entry(reply.code.as_str()).or_default() += 1;
                let Some(data) = reply.data().and_then(ChargeDetails::order) else {
                    return Ok(());
                };
                let id = data.order_id.clone();
                self.held.push((gateway.0, gateway.1, wish.clone(), id.clone()));
                if reply.code == Code::Queued {
                    if !self.stored.contains(&id) {
                        return Err(format!("{id} is called queueing before it is durable"));
                    }
                    self.known.entry(wish).or_default().queueing.insert(id);
                }
                Ok(())
            }
            Told::Queried(number, wish, reply) => {
                *self.codes.entry(reply.code.as_str()).or_default() += 1;
                let before = self.asked.remove(&number).unwrap_or_default();
                let known = self.known.entry(wish.clone()).or_default();
                match (reply.code, reply.data()) {
                    (Code::NeverOrdered, _)
                        if before.queueing
                            || before.placed.is_some()
                            || !before.told_here.is_empty() =>
                    {
                        Err(format!("{wish:?} has an order and is told there is none"))
                    }
                    (_, Some(data)) => {
                        let decided = |id: &OrderId| self.held.iter().all(|held| held.3 != *id);
                        known.hear(&self.stored, decided, &before, data)
                    }
                    _ => Ok(()),
                }
            }
        }
    }

    /// What must hold in the end, when everything that could be decided is.
    pub(super) fn judge(&self, decisions: &[Decision]) -> Result<(), String> {
        let mut ends: HashMap<&OrderId, Vec<&Decision>> = HashMap::new();
        for decision in decisions {
            ends.entry(&decision.order_id).or_default().push(decision);
        }
        if let Some((id, ends)) = ends.iter().find(|(_, ends)| ends.len() != 1) {
            return Err(format!("{id} is decided {} times", ends.len()));
        }
        let promised = self.known.values().flat_map(|known| &known.queueing).chain(&self.kept);
        for id in promised.chain(&self.stored) {
            if !ends.contains_key(id) {
                return Err(format!("{id} is never decided"));
            }
        }
        self.windows_hold(decisions)?;
        let mut live = HashSet::new();
        for decision in decisions.iter().filter(|one| one.outcome == Outcome::Placed) {
            if !live.insert((&decision.prod_id, &decision.phone)) {
                return Err(format!("{decision:?} is the buyer's second"));
            }
        }
        for known in self.known.values() {
            let outcome = |id: &OrderId| ends.get(id).map(|ends| ends[0].outcome);
            if let Some(id) = &known.placed
                && outcome(id) != Some(Outcome::Placed)
            {
                return Err(format!("{id} was told to be placed and isn't"));
            }
            if let Some(id) = known.failed.iter().find(|id| outcome(id) != Some(Outcome::Failed)) {
                return Err(format!("{id} was told to have failed and hasn't"));
            }
        }
        Ok(())
    }

    /// An order is durable in the queue.
    pub(super) fn arrives(&mut self, Outgoing { message, asked_at }: &Outgoing) {
        self.stored.insert(message.order_id.clone());
        self.asked_at.insert(message.order_id.clone(), *asked_at);
    }

    /// A product has these terms from now on.
    pub(super) fn shows(&mut self, prod_id: &ProdId, terms: &Terms) {
        let windows = self.windows.entry(prod_id.clone()).or_default();
        windows.extend(terms::window_to_keep(terms).filter(|window| !windows.contains(window)));
    }

    /// No order got a unit whose buyer asked outside of all windows, and none failed for its time
    /// that was told to be queueing.
    fn windows_hold(&self, decisions: &[Decision]) -> Result<(), String> {
        let promised: HashSet<_> = self.known.values().flat_map(|known| &known.queueing).collect();
        for decision in decisions {
            let untimely = matches!(decision.reason, Some(Reason::NotOpen | Reason::Closed));
            if untimely && promised.contains(&decision.order_id) {
                return Err(format!("queueing, and then {decision:?}"));
            }
            let Some(asked_at) = self.asked_at.get(&decision.order_id) else { continue };
            let windows = self.windows.get(&decision.prod_id);
            let open = windows.is_some_and(|all| all.iter().any(|one| one.holds(*asked_at)));
            if decision.outcome == Outcome::Placed && !open {
                return Err(format!("asked for at {asked_at:?}, in no window: {decision:?}"));
            }
        }
        Ok(())
    }

    /// Whether this buyer was answered that an order is queueing.
    pub(super) fn has(&self, wish: &Wish) -> bool {
        self.known.get(wish).is_some_and(|known| !known.queueing.is_empty())
    }
}

impl BuyerPromises {
    fn hear(
        &mut self,
        stored: &HashSet<OrderId>,
        decided: impl Fn(&OrderId) -> bool,
        before: &Before,
        data: &QueryData,
    ) -> Result<(), String> {
        let (id, status) = (&data.order_id, data.order_status);
        if let Some(placed) = &before.placed
            && (status != OrderStatus::Placed || placed != id)
        {
            return Err(format!("{placed} was told to be placed; now {id} is told {status:?}"));
        }
        if !stored.contains(id) {
            return Err(format!("{id} is told to be {status:?} and was never stored"));
        }
        // `told_here` leaves out what was decided before the query was asked.
        if let Some(newest) = before.told_here.iter().find(|newest| *newest != id)
            && status == OrderStatus::Failed
            && !decided(newest)
        {
            return Err(format!("{newest} waits, and its buyer is told that {id} failed"));
        }
        match status {
            OrderStatus::Placed | OrderStatus::Finished => self.placed = Some(id.clone()),
            OrderStatus::Queued => {
                self.queueing.insert(id.clone());
            }
            OrderStatus::Failed => {
                self.failed.insert(id.clone());
            }
        }
        Ok(())
    }
}

/// `initial + added = stock + sold`, and nothing is below 0.
pub(super) fn books_balance(sale: &dyn Sale) -> Result<(), String> {
    for balance in ready(sale.books()).unwrap() {
        if !balance.holds() || balance.stock < 0 || balance.sold < 0 {
            return Err(format!("the books do not balance: {balance:?}"));
        }
    }
    Ok(())
}

/// Where the desk can know every hold, no order that it promised may fail for want of a unit.
pub(super) fn nobody_is_sold_out(decisions: &[Decision]) -> Result<(), String> {
    let sold_out = decisions.iter().find(|one| one.reason == Some(Reason::SoldOut));
    sold_out.map_or(Ok(()), |one| Err(format!("a unit was promised that wasn't there: {one:?}")))
}
