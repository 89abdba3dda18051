//! Requests answered 40005, counted by what was wrong with them, and logged: the first of a kind at
//! once, the others together, so that neither a stranger nor a faulty page can fill the log.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use instruments::meter::{Endpoint, KindMeter};
use protocol::{Money, ProdId};
use tracing::info;

use super::excerpt;
use super::fault::FieldFault;
use super::fields::{Field, Fields};

/// Each kind has a line at most this often.
pub const TOLD_EVERY: Duration = Duration::from_secs(10);

/// The requests of one endpoint that were answered 40005.
#[derive(Debug)]
pub struct InvalidRequests {
    endpoint: Endpoint,
    base: Instant,
    counts: KindMeter<{ FieldFault::COUNT }>,
    told: [Told; FieldFault::COUNT],
}

/// What was logged of one kind.
#[derive(Debug, Default)]
struct Told {
    /// How many of them the lines so far have counted.
    count: AtomicU64,
    /// Milliseconds after the base before which there is no further line.
    next_ms: AtomicU64,
}

impl InvalidRequests {
    /// None yet at this endpoint.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        let told = std::array::from_fn(|_| Told::default());
        Self { endpoint, base: Instant::now(), counts: KindMeter::default(), told }
    }

    /// One more. `given` is what could be read of it.
    pub fn note(&self, fault: FieldFault, given: Option<&Fields<'_>>) {
        self.count(fault, || {
            let field = fault.of_value()?;
            let value = given?.given(field)?;
            Some(match field {
                Field::UserPhoneNum => excerpt::of_phone(value),
                Field::ChargePrice | Field::ProdId => excerpt::of_text(value),
            })
        });
    }

    /// One more whose price isn't the product's.
    pub fn note_price(&self, price: Money, prod_id: &ProdId) {
        let excerpt = || Some(format!("{} for {prod_id}", excerpt::of_price(price)));
        self.count(FieldFault::NotThePrice, excerpt);
    }

    fn count(&self, fault: FieldFault, excerpt: impl FnOnce() -> Option<String>) {
        let Some(kind) = kind_of(fault) else { return };
        self.counts.add_one(kind);
        if self.is_due(kind) {
            self.tell(fault, kind, excerpt().as_deref());
        }
    }

    /// Logs those that no line was due for when they came.
    pub fn tell_others(&self) {
        for (kind, fault) in FieldFault::ALL.into_iter().enumerate() {
            if self.told[kind].count.load(Relaxed) < self.counts.total(kind) && self.is_due(kind) {
                self.tell(fault, kind, None);
            }
        }
    }

    /// Logs all that are left, at the end.
    pub fn tell_last(&self) {
        for (kind, fault) in FieldFault::ALL.into_iter().enumerate() {
            self.tell(fault, kind, None);
        }
    }

    /// Whether this kind may have a line now; true for one of those who ask at once.
    fn is_due(&self, kind: usize) -> bool {
        let milliseconds = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let now_ms = milliseconds(self.base.elapsed());
        let next_ms = &self.told[kind].next_ms;
        let due_ms = next_ms.load(Relaxed);
        let after_ms = now_ms.saturating_add(milliseconds(TOLD_EVERY));
        due_ms <= now_ms && next_ms.compare_exchange(due_ms, after_ms, Relaxed, Relaxed).is_ok()
    }

    fn tell(&self, fault: FieldFault, kind: usize, excerpt: Option<&str>) {
        let total = self.counts.total(kind);
        let count = total.saturating_sub(self.told[kind].count.fetch_max(total, Relaxed));
        if count == 0 {
            return;
        }
        let (role, endpoint) = (self.endpoint.role(), self.endpoint.name());
        let (field, reason) = (fault.field(), fault.reason());
        info!(role, endpoint, field, reason, count, excerpt, "answered 40005: {fault}");
    }

    /// The faults that an endpoint's requests can have.
    pub fn of(endpoint: Endpoint) -> impl Iterator<Item = FieldFault> {
        let is_of = move |fault: &FieldFault| match endpoint {
            Endpoint::Charge => true,
            Endpoint::GatewayQuery | Endpoint::OrderQuery => fault.is_of_queries(),
        };
        FieldFault::ALL.into_iter().filter(is_of)
    }

    /// How many of each kind there were, those that never came included.
    pub fn counts(&self) -> impl Iterator<Item = (FieldFault, u64)> {
        let count = |fault| kind_of(fault).map_or(0, |kind| self.counts.total(kind));
        Self::of(self.endpoint).map(move |fault| (fault, count(fault)))
    }

    /// Whose requests they are.
    #[must_use]
    pub const fn endpoint(&self) -> Endpoint {
        self.endpoint
    }
}

/// Its place among all.
fn kind_of(fault: FieldFault) -> Option<usize> {
    FieldFault::ALL.iter().position(|known| *known == fault)
}

#[cfg(test)]
mod tests;
