//! What the gateway counts of its own work, for the admin views: answers by code and outcome, what
//! was wrong with requests, rates, how long a charge takes. Nothing is decided by it.

use std::collections::BTreeMap;
use std::time::Instant;

use instruments::meter::{AnswerMeter, Endpoint, GaugeMeter, LatencyMeter, RateMeter};
use protocol::{ChargeOutcome, Code, LatencyView, Rate};

use crate::gateway::outcomes::Outcomes;
use crate::request::InvalidRequests;

/// The gateway's counters. Shared by its routes.
#[derive(Debug)]
pub struct Tally {
    charges: AnswerMeter,
    queries: AnswerMeter,
    charged: RateMeter,
    outcomes: Outcomes,
    invalid_charges: InvalidRequests,
    invalid_queries: InvalidRequests,
    latency: LatencyMeter,
    in_flight: GaugeMeter,
}

/// A request being answered, counted as in flight until it is dropped.
pub struct InFlight<'a> {
    tally: &'a Tally,
    since: Instant,
}

impl Tally {
    /// Nothing counted yet. Meters that are shown side by side share `base`.
    #[must_use]
    pub fn new(base: Instant) -> Self {
        Self {
            charges: AnswerMeter::new(Endpoint::Charge),
            queries: AnswerMeter::new(Endpoint::GatewayQuery),
            charged: RateMeter::new(base),
            outcomes: Outcomes::new(base),
            invalid_charges: InvalidRequests::new(Endpoint::Charge),
            invalid_queries: InvalidRequests::new(Endpoint::GatewayQuery),
            latency: LatencyMeter::new(base),
            in_flight: GaugeMeter::default(),
        }
    }

    /// A request begins to be answered.
    pub fn begin(&self) -> InFlight<'_> {
        self.in_flight.come();
        InFlight { tally: self, since: Instant::now() }
    }

    /// Answers to `charge.do` since the start, by code; codes that never came are left out.
    #[must_use]
    pub fn charges(&self) -> BTreeMap<String, u64> {
        self.charges.counts()
    }

    /// Answers to `query.do`, likewise.
    #[must_use]
    pub fn queries(&self) -> BTreeMap<String, u64> {
        self.queries.counts()
    }

    /// How long answers to `charge.do` took since the start, by code.
    #[must_use]
    pub const fn charge_durations(&self) -> &AnswerMeter {
        &self.charges
    }

    /// How long answers to `query.do` took, likewise.
    #[must_use]
    pub const fn query_durations(&self) -> &AnswerMeter {
        &self.queries
    }

    /// Charges answered.
    #[must_use]
    pub fn charge_rate(&self) -> Rate {
        self.charged.rate()
    }

    /// Charges answered by the second, oldest first.
    #[must_use]
    pub fn charge_history(&self) -> Vec<u64> {
        self.charged.history()
    }

    /// Charges answered 10000.
    #[must_use]
    pub fn accepted_rate(&self) -> Rate {
        self.outcomes.rate(ChargeOutcome::Accepted)
    }

    /// What became of all charges.
    #[must_use]
    pub const fn outcomes(&self) -> &Outcomes {
        &self.outcomes
    }

    /// Charges answered 40005.
    #[must_use]
    pub const fn invalid_charges(&self) -> &InvalidRequests {
        &self.invalid_charges
    }

    /// Queries answered 40005.
    #[must_use]
    pub const fn invalid_queries(&self) -> &InvalidRequests {
        &self.invalid_queries
    }

    /// From a charge's last byte to its answer, over the last minute.
    #[must_use]
    pub fn charge_latency(&self) -> Option<LatencyView> {
        self.latency.view()
    }

    /// Requests being answered now.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.in_flight.count()
    }
}

impl InFlight<'_> {
    /// A charge was answered.
    pub fn charged(self, outcome: ChargeOutcome) {
        let now = Instant::now();
        let took = now.saturating_duration_since(self.since);
        self.tally.charges.record(outcome.code(), took);
        self.tally.charged.add_at(now, 1);
        self.tally.outcomes.count(outcome, now);
        self.tally.latency.record_at(now, took);
    }

    /// A query was answered.
    pub fn queried(self, code: Code) {
        self.tally.queries.record(code, self.since.elapsed());
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.tally.in_flight.go();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use protocol::{ChargeOutcome, Code};

    use super::Tally;

    #[test]
    fn answers_are_counted_by_code_and_by_outcome() {
        let tally = Tally::new(Instant::now());
        for outcome in ChargeOutcome::ALL {
            tally.begin().charged(outcome);
        }
        tally.begin().queried(Code::NeverOrdered);
        let open = tally.begin();
        assert_eq!(tally.in_flight(), 1);
        drop(open);
        assert_eq!(tally.in_flight(), 0);
        let charges = tally.charges();
        assert_eq!((charges["10000"], charges["40006"], charges["40005"]), (1, 1, 3));
        assert_eq!(tally.outcomes().view().all().total, 14);
        assert_eq!(tally.queries().into_iter().collect::<Vec<_>>(), [("41004".to_owned(), 1)]);
        assert_eq!(tally.charge_latency().unwrap().count, 14);
    }
}
