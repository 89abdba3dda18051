//! What the gateway counts of its own work, for the admin views: answers by code and outcome, what
//! was wrong with requests, rates, how long a charge takes. Nothing is decided by it.

use std::collections::BTreeMap;
use std::time::Instant;

use instruments::meter::{AnswerMeter, Endpoint, GaugeMeter, LatencyMeter, RateMeter};
use protocol::{ChargeOutcome, Code, LatencyView, Rate};

use crate::gateway::outcomes::ChargeOutcomes;
use crate::request::InvalidRequests;

/// The gateway's counters. Shared by its routes.
#[derive(Debug)]
pub struct Tally {
    /// In the order of `Endpoint::ALL`. The place of another role's endpoint stays at 0.
    endpoints: [Answered; Endpoint::ALL.len()],
    charged: RateMeter,
    outcomes: ChargeOutcomes,
    latency: LatencyMeter,
    in_flight: GaugeMeter,
}

/// What is counted of one endpoint.
#[derive(Debug)]
pub struct Answered {
    /// How long its answers took since the start, by code.
    pub durations: AnswerMeter,
    /// Its answers 40005, by what was wrong.
    pub invalid: InvalidRequests,
}

impl Answered {
    fn new(endpoint: Endpoint) -> Self {
        let (durations, invalid) = (AnswerMeter::new(endpoint), InvalidRequests::new(endpoint));
        Self { durations, invalid }
    }

    /// Answers since the start, by code; codes that never came are left out.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.durations.counts()
    }
}

/// A request being answered, counted as in flight until it is dropped.
pub struct InFlight<'a> {
    tally: &'a Tally,
    endpoint: Endpoint,
    since: Instant,
}

impl Tally {
    /// Nothing counted yet. Meters that are shown side by side share `base`.
    #[must_use]
    pub fn new(base: Instant) -> Self {
        Self {
            endpoints: Endpoint::ALL.map(Answered::new),
            charged: RateMeter::new(base),
            outcomes: ChargeOutcomes::new(base),
            latency: LatencyMeter::new(base),
            in_flight: GaugeMeter::default(),
        }
    }

    /// A request begins to be answered.
    pub fn begin(&self, endpoint: Endpoint) -> InFlight<'_> {
        self.in_flight.come();
        InFlight { tally: self, endpoint, since: Instant::now() }
    }

    /// What is counted of an endpoint.
    #[must_use]
    pub const fn of(&self, endpoint: Endpoint) -> &Answered {
        &self.endpoints[endpoint as usize]
    }

    /// What is counted of each endpoint of the gateway.
    pub fn all(&self) -> impl Iterator<Item = &Answered> {
        Endpoint::of_gateway().map(|endpoint| self.of(endpoint))
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
    pub const fn outcomes(&self) -> &ChargeOutcomes {
        &self.outcomes
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
        self.tally.charged.add_at(now, 1);
        self.tally.outcomes.count(outcome, now);
        self.tally.latency.record_at(now, took);
        self.tally.of(self.endpoint).durations.record(outcome.code(), took);
    }

    /// Another request was answered.
    pub fn answered(self, code: Code) {
        self.tally.of(self.endpoint).durations.record(code, self.since.elapsed());
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

    use instruments::meter::Endpoint;
    use protocol::{ChargeOutcome, Code};

    use super::Tally;

    #[test]
    fn answers_are_counted_by_code_and_by_outcome() {
        let tally = Tally::new(Instant::now());
        for outcome in ChargeOutcome::ALL {
            tally.begin(Endpoint::Charge).charged(outcome);
        }
        tally.begin(Endpoint::GatewayQuery).answered(Code::NeverOrdered);
        let open = tally.begin(Endpoint::Charge);
        assert_eq!(tally.in_flight(), 1);
        drop(open);
        assert_eq!(tally.in_flight(), 0);
        let charges = tally.of(Endpoint::Charge).counts();
        assert_eq!((charges["10000"], charges["40006"], charges["40005"]), (1, 1, 3));
        assert_eq!(tally.outcomes().view().all().total, 16);
        let queries = tally.of(Endpoint::GatewayQuery).counts();
        assert_eq!(queries.into_iter().collect::<Vec<_>>(), [("41004".to_owned(), 1)]);
        assert_eq!(tally.charge_latency().unwrap().count, 16);
    }
}
