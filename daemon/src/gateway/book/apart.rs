//! Which products' charges are counted apart: those on the shelf, a hundred at most. All others
//! are counted together, so that figures take bounded room whatever anybody asks for.
//!
//! A charge is counted in one place, by what holds when it comes, and no count is ever moved: each
//! only rises. A product that leaves the shelf is no longer shown apart; when it is back, its
//! counts go on.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

use arc_swap::ArcSwap;
use domain::order_id::OrderIdKey;
use protocol::{ChargeOutcome, ChargesView, ProdId, ProductState};

use super::{Book, BookEntry};
use crate::gateway::outcomes::ChargeOutcomes;

/// Products counted apart at once.
pub const APART_MAX: usize = 100;

/// The name under which all others are shown. A product of this id is counted among them.
pub const OTHER: &str = "other";

/// What became of one product's charges.
#[derive(Debug)]
pub(super) struct Apart {
    is_now: AtomicBool,
    outcomes: ChargeOutcomes,
}

impl Apart {
    pub(super) const fn new(base: Instant) -> Self {
        Self { is_now: AtomicBool::new(false), outcomes: ChargeOutcomes::new(base) }
    }
}

impl BookEntry {
    /// Its outcomes, while they are counted apart.
    #[must_use]
    pub fn outcomes(&self) -> Option<&ChargeOutcomes> {
        self.apart.is_now.load(Relaxed).then_some(&self.apart.outcomes)
    }
}

impl Book {
    /// A book with no entries yet, whose meters are shown beside others of this base.
    #[must_use]
    pub fn counting_from(key: OrderIdKey, meter_base: Instant) -> Self {
        Self {
            entries: ArcSwap::default(),
            products: ArcSwap::default(),
            key,
            meter_base,
            elsewhere: ChargeOutcomes::new(meter_base),
        }
    }

    /// Counts a charge for the product on this entry, or for one that has none.
    pub fn count(&self, entry: Option<&BookEntry>, outcome: ChargeOutcome) {
        let entry = entry.filter(|_| outcome.is_of_a_product());
        let outcomes = entry.and_then(BookEntry::outcomes).unwrap_or(&self.elsewhere);
        outcomes.count(outcome, Instant::now());
    }

    /// What became of charges for products that aren't counted apart, and of those that named none.
    #[must_use]
    pub const fn elsewhere(&self) -> &ChargeOutcomes {
        &self.elsewhere
    }

    /// What became of the charges for a product; `None` where they aren't counted apart.
    #[must_use]
    pub fn charges(&self, prod_id: &ProdId) -> Option<ChargesView> {
        let entries = self.look();
        Some(entries.get(prod_id)?.outcomes()?.view())
    }

    /// Chooses the products whose charges are counted apart. A chosen product stays chosen while it
    /// is on the shelf; free places are given in the order of the ids.
    pub(super) fn choose_apart(&self, products: &[ProductState]) {
        let entries = self.look();
        let on_shelf = |product: &&ProductState| product.terms.on_shelf && product.prod_id != OTHER;
        let mut chosen: Vec<&ProductState> = products.iter().filter(on_shelf).collect();
        let is_apart =
            |prod_id: &ProdId| entries.get(prod_id).is_some_and(|s| s.outcomes().is_some());
        chosen.sort_by_cached_key(|product| (!is_apart(&product.prod_id), &product.prod_id));
        chosen.truncate(APART_MAX);
        let mut chosen: Vec<&ProdId> = chosen.iter().map(|product| &product.prod_id).collect();
        chosen.sort_unstable();
        for (prod_id, entry) in entries.0.iter() {
            let is_now = chosen.binary_search(&prod_id).is_ok();
            entry.apart.is_now.store(is_now, Relaxed);
        }
    }
}
