//! How often charges came to each outcome, since the start and by the second: for all charges
//! together, for one product, or for all products that aren't counted apart.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Instant;

use protocol::{ChargeOutcome, ChargesView, Counted, Rate};

use instruments::meter::RateMeter;

const OUTCOMES: usize = ChargeOutcome::ALL.len();

/// Counts charges by outcome. Counting takes no lock. A meter takes kilobytes and most products see
/// only a few outcomes, so the first charge with an outcome makes its meter.
#[derive(Debug)]
pub struct ChargeOutcomes {
    base: Instant,
    meters: [OnceLock<Box<RateMeter>>; OUTCOMES],
}

impl ChargeOutcomes {
    /// Nothing counted yet. Meters that are shown side by side share `base`.
    #[must_use]
    pub const fn new(base: Instant) -> Self {
        Self { base, meters: [const { OnceLock::new() }; OUTCOMES] }
    }

    /// Counts one more, at a moment that the caller has read.
    pub fn count(&self, outcome: ChargeOutcome, now: Instant) {
        let meter = &self.meters[outcome as usize];
        meter.get_or_init(|| Box::new(RateMeter::new(self.base))).add_at(now, 1);
    }

    fn meter(&self, outcome: ChargeOutcome) -> Option<&RateMeter> {
        self.meters[outcome as usize].get().map(Box::as_ref)
    }

    /// How many there were since the start.
    #[must_use]
    pub fn total(&self, outcome: ChargeOutcome) -> u64 {
        self.meter(outcome).map_or(0, RateMeter::total)
    }

    /// How many there were lately.
    #[must_use]
    pub fn rate(&self, outcome: ChargeOutcome) -> Rate {
        self.meter(outcome).map(RateMeter::rate).unwrap_or_default()
    }

    /// All that ever came.
    #[must_use]
    pub fn view(&self) -> ChargesView {
        let came = |outcome: ChargeOutcome| {
            let meter = self.meter(outcome)?;
            let Rate { last_1s, last_60s } = meter.rate();
            let counted = Counted { total: meter.total(), last_1s, last_60s };
            Some((outcome.as_str().to_owned(), counted))
        };
        ChargesView(ChargeOutcome::ALL.into_iter().filter_map(came).collect::<BTreeMap<_, _>>())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use protocol::ChargeOutcome;

    use super::ChargeOutcomes;

    #[test]
    fn outcomes_are_counted_apart_and_only_those_that_came_are_shown() {
        let base = Instant::now().checked_sub(Duration::from_secs(2)).unwrap();
        let outcomes = ChargeOutcomes::new(base);
        assert_eq!(outcomes.total(ChargeOutcome::SoldOut), 0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| outcomes.count(ChargeOutcome::SoldOut, base));
            }
        });
        outcomes.count(ChargeOutcome::Accepted, base);
        let view = outcomes.view();
        assert_eq!(view.0.keys().collect::<Vec<_>>(), ["accepted", "sold_out"]);
        let sold_out = view.0["sold_out"];
        assert_eq!((sold_out.total, sold_out.last_60s), (3, 3));
        assert_eq!(outcomes.total(ChargeOutcome::Accepted), 1);
        assert_eq!(outcomes.rate(ChargeOutcome::Accepted).last_60s, 1);
    }
}
