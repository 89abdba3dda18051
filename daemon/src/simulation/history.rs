//! A history: what happens, step by step, made from a seed. Steps choose by numbers that are taken
//! modulo what is there, so that any part of a history is a history as well: that is how a failing
//! one is made shorter.

use super::dice::Dice;

/// What kind of installation it happens to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Both roles in one process over the embedded queue; else a broker between them.
    pub(super) embedded: bool,
    pub(super) gateways: usize,
    /// Units of each product.
    pub(super) stock: [u32; 2],
    /// Milliseconds from the start until the second product opens; none: it is open.
    pub(super) opens_in: Option<i64>,
    /// The first product's preheat ratio, in thousandths.
    pub(super) preheat_milli: i64,
}

#[derive(Debug, Clone)]
pub(super) struct History {
    pub(super) shape: Shape,
    pub(super) steps: Vec<Step>,
}

/// What happens. `pick` and `how` choose among what is there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) deed: Deed,
    pub(super) pick: u64,
    pub(super) how: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// A buyer asks for a product.
    Charge,
    /// A buyer asks how it stands.
    Query,
    /// A buyer hangs up: nobody hears the answer to a charge any more.
    HangUp,
    /// A call is served, or its answer delivered.
    Serve,
    /// A gateway reads on.
    Follow,
    /// A gateway publishes its unconfirmed orders again.
    Confirm,
    /// The order role takes a batch.
    Consume,
    /// It takes what operators sent again.
    ConsumeResent,
    /// A send of unknown result arrives, or never will.
    Wire,
    /// The broker has a message twice.
    Duplicate,
    /// The broker goes away, or comes back.
    Broker,
    CrashGateway,
    StartGateway,
    /// The order node goes away, or comes back.
    OrderNode,
    /// A Java gateway's order.
    Foreign,
    Stock,
    Shelf,
    /// An operator moves a product's window, or takes it away.
    Window,
    PauseIntake,
    PauseConsumption,
    /// A buyer's order can't be written, or all can again.
    Poison,
    /// An operator sends a dead letter again.
    Resend,
    /// An operator gives a dead letter up.
    Discard,
}

/// How often each comes.
const WEIGHTS: [(Deed, u64); 23] = [
    (Deed::Charge, 22),
    (Deed::Query, 12),
    (Deed::HangUp, 1),
    (Deed::Serve, 60),
    (Deed::Follow, 14),
    (Deed::Confirm, 6),
    (Deed::Consume, 18),
    (Deed::ConsumeResent, 2),
    (Deed::Wire, 4),
    (Deed::Duplicate, 2),
    (Deed::Broker, 1),
    (Deed::CrashGateway, 3),
    (Deed::StartGateway, 5),
    (Deed::OrderNode, 2),
    (Deed::Foreign, 3),
    (Deed::Stock, 3),
    (Deed::Shelf, 1),
    (Deed::Window, 3),
    (Deed::PauseIntake, 1),
    (Deed::PauseConsumption, 1),
    (Deed::Poison, 2),
    (Deed::Resend, 2),
    (Deed::Discard, 1),
];

/// Steps of the longest history.
const STEPS_MAX: u64 = 90;

impl History {
    pub(super) fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let embedded = dice.below(3) == 0;
        let gateways = if embedded { 1 } else { 1 + (dice.below(3) != 0) as usize };
        let stock = [dice.below(4), dice.below(3)].map(|units| u32::try_from(units).unwrap());
        let opens_in = i64::try_from(dice.below(60)).ok().filter(|ms| *ms < 30);
        let preheat_milli = if dice.below(3) == 0 {
            1_000 + i64::try_from(dice.below(2_001)).unwrap()
        } else {
            1_000
        };
        let length = 20 + dice.below(STEPS_MAX - 20);
        let total: u64 = WEIGHTS.iter().map(|(_, weight)| weight).sum();
        let steps = (0..length)
            .map(|_| {
                let mut at = dice.below(total);
                let mut deeds = WEIGHTS.iter().skip_while(|(_, weight)| {
                    let passed = *weight <= at;
                    at = at.saturating_sub(if passed { *weight } else { 0 });
                    passed
                });
                let deed = deeds.next().unwrap().0;
                Step { deed, pick: dice.next(), how: dice.next() }
            })
            .collect();
        Self { shape: Shape { embedded, gateways, stock, opens_in, preheat_milli }, steps }
    }

    /// A history that still fails, and doesn't when any one of its steps is left out.
    pub(super) fn shortened(mut self, fails: impl Fn(&Self) -> bool) -> Self {
        let mut chunk = self.steps.len().div_ceil(2);
        while 0 < chunk {
            let mut at = 0;
            while at < self.steps.len() {
                let mut shorter = self.clone();
                shorter.steps.drain(at..(at + chunk).min(self.steps.len()));
                if fails(&shorter) {
                    self = shorter;
                } else {
                    at += chunk;
                }
            }
            chunk /= 2;
        }
        self
    }
}
