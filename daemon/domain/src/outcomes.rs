//! How often each outcome of an order came about, of one batch or of all time. A store counts them
//! in the transaction of the outcomes themselves.

use protocol::Reason;

/// Outcomes of deliveries, of one batch or of all time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcomes {
    /// Orders that got a unit.
    pub placed: u64,
    /// Orders that got none, by reason, in the order of [`Reason::ALL`].
    pub failed: [u64; Reason::ALL.len()],
    /// Orders of a buyer who had a live one.
    pub duplicate_orders: u64,
    /// Deliveries of an order that was decided before.
    pub duplicate_deliveries: u64,
    /// Deliveries set aside: malformed, or at fault for an unexpected failure.
    pub dead_lettered: u64,
}

impl Outcomes {
    /// Orders decided, which excludes repeated deliveries and dead letters.
    #[must_use]
    pub fn decided(&self) -> u64 {
        self.placed + self.failed.iter().sum::<u64>() + self.duplicate_orders
    }

    /// Orders that failed for `reason`.
    #[must_use]
    pub fn failed_for(&self, reason: Reason) -> u64 {
        self.named().find(|(name, _)| *name == reason.as_str()).map_or(0, |(_, count)| count)
    }

    /// Counts one more failure.
    pub fn fail(&mut self, reason: Reason) {
        let counts = Reason::ALL.into_iter().zip(&mut self.failed);
        for (_, count) in counts.filter(|(known, _)| *known == reason) {
            *count += 1;
        }
    }

    /// The sum of both.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        for (count, more) in self.counts_mut().zip(other.named()) {
            *count += more.1;
        }
        self
    }

    /// Each figure under the name it is stored by; failures go by their reason's own.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let failed = Reason::ALL.into_iter().map(Reason::as_str).zip(self.failed);
        [
            ("placed", self.placed),
            ("duplicate_order", self.duplicate_orders),
            ("duplicate_delivery", self.duplicate_deliveries),
            ("dead_lettered", self.dead_lettered),
        ]
        .into_iter()
        .chain(failed)
    }

    /// The same figures in the same sequence.
    pub fn counts_mut(&mut self) -> impl Iterator<Item = &mut u64> {
        let Self { placed, failed, duplicate_orders, duplicate_deliveries, dead_lettered } = self;
        [placed, duplicate_orders, duplicate_deliveries, dead_lettered].into_iter().chain(failed)
    }
}

#[cfg(test)]
mod tests {
    use protocol::Reason;

    use super::Outcomes;

    #[test]
    fn sums_keep_each_figure_in_its_place() {
        let mut one = Outcomes { placed: 1, duplicate_orders: 2, ..Outcomes::default() };
        one.fail(Reason::PriceDiffers);
        let mut two = Outcomes { duplicate_deliveries: 3, dead_lettered: 4, ..one };
        two.fail(Reason::SoldOut);
        let sum = one.plus(&two);
        assert_eq!((sum.placed, sum.duplicate_orders), (2, 4));
        assert_eq!((sum.duplicate_deliveries, sum.dead_lettered), (3, 4));
        assert_eq!(sum.failed_for(Reason::PriceDiffers), 2);
        assert_eq!(sum.failed_for(Reason::SoldOut), 1);
        assert_eq!(sum.failed_for(Reason::Discarded), 0);
        assert_eq!(sum.decided(), 9);
    }
}
