//! What happens in one round, drawn from its seed before it begins: the goods, the crowd, and how
//! each life of the daemon ends. The same seed gives the same plan; how far the daemon gets in each
//! life depends on the machine.

use std::time::Duration;

use fastrand::Rng;

use crate::proxy::Weather;

/// Who dies in a round, and on which queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mortal {
    /// Both roles in one process, with the queue in its database.
    Embedded,
    /// Both roles in one process, over a broker.
    Rocketmq,
    /// The order node; its gateway lives on.
    OrderNode,
    /// The gateway; its order node lives on.
    Gateway,
}

/// A round.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What it was drawn from.
    pub seed: u64,
    /// The goods, each with its crowd; the crowds share their buyers.
    pub goods: Vec<Goods>,
    /// How often each buyer clicks at once.
    pub clicks: u32,
    /// Requests under way at once, per crowd.
    pub connections: usize,
    /// The daemon's lives before the last, undisturbed one.
    pub lives: Vec<Life>,
    /// What the wire to the broker goes through meanwhile, over and over.
    pub storms: Vec<Storm>,
}

/// A while of clear weather on the wire, then a while of bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storm {
    /// How long it is clear before.
    pub clear: Duration,
    /// The bad weather that comes then.
    pub weather: Weather,
    /// How long it lasts.
    pub lasts: Duration,
    /// Whether all connections are reset at its end, with what was held back.
    pub end: End,
}

/// How bad weather ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// What was held back arrives.
    Thaw,
    /// What was held back is lost with its connections.
    Reset,
}

/// A product and how many want it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goods {
    /// Its id.
    pub prod_id: String,
    /// Units on sale.
    pub stock: u32,
    /// Buyers who want one.
    pub buyers: u32,
}

/// How a life of the daemon ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Life {
    /// Killed so many milliseconds after its start, which may be in the midst of the start.
    Killed {
        /// When.
        after_ms: u64,
    },
    /// It dies by itself at a fault point.
    Dies(Death),
    /// Asked to stop so many milliseconds after it was up, it dies on its way down.
    Stopped {
        /// When.
        after_ms: u64,
        /// Where.
        death: Death,
    },
    /// Ordered to drain so many milliseconds after it was up, and killed that much later, or where
    /// the order to drain is stored and not in effect yet.
    Drained {
        /// When.
        after_ms: u64,
        /// How much later it is killed; none for the fault point.
        killed_after_ms: Option<u64>,
    },
}

/// A fault point and when it strikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// Its name.
    pub point: &'static str,
    /// How often it is passed unharmed.
    pub passes: u32,
    /// How much later than there; none for there itself.
    pub delay_us: Option<u32>,
}

/// Fault points of the way of an order on the embedded queue, and how often each is passed unharmed
/// at most: a short life gets that far.
const ON_EMBEDDED: [(&str, u32); 7] = [
    ("migration-before-commit", 2),
    ("migration-after-commit", 2),
    ("enqueue-before-commit", 12),
    ("enqueue-after-commit", 12),
    ("placing-before-commit", 12),
    ("placing-after-commit", 12),
    ("checkpoint", 3),
];

/// The same over a broker.
const ON_ROCKETMQ: [(&str, u32); 5] = [
    ("send-confirmed", 8),
    ("placing-before-commit", 8),
    ("placing-after-commit", 8),
    ("ack-before", 8),
    ("checkpoint", 3),
];

/// The order node's fault points among these.
const ON_ORDER_NODE: [(&str, u32); 4] = [
    ("placing-before-commit", 6),
    ("placing-after-commit", 6),
    ("ack-before", 6),
    ("checkpoint", 2),
];

/// The gateway's fault points among these.
const ON_GATEWAY: [(&str, u32); 3] =
    [("send-confirmed", 8), ("doubt-before-keep", 1), ("doubt-after-keep", 1)];

/// Fault points of an ordered stop.
const OF_A_STOP: [&str; 5] = [
    "stop-accepting",
    "stop-published",
    "stop-consumed",
    "stop-before-checkpoint",
    "checkpoint-of-stop",
];

/// All points that a campaign on this queue must have struck at, given enough rounds.
#[must_use]
pub fn points(mortal: Mortal) -> Vec<&'static str> {
    let of_orders: &[(&str, u32)] = match mortal {
        Mortal::Embedded => &ON_EMBEDDED,
        Mortal::Rocketmq => &ON_ROCKETMQ,
        Mortal::OrderNode => &ON_ORDER_NODE,
        Mortal::Gateway => &ON_GATEWAY,
    };
    let of_orders = of_orders.iter().map(|(point, _)| *point);
    // A drain is a matter of intake, which an order node doesn't have.
    let of_a_drain = (mortal != Mortal::OrderNode).then_some("switch-stored");
    of_orders.chain(OF_A_STOP).chain(of_a_drain).collect()
}

impl Death {
    /// The variable `FAILPOINTS` for it.
    #[must_use]
    pub fn armed(&self) -> String {
        // The last checkpoint is reached right after the point before it.
        let point = match self.point {
            "checkpoint-of-stop" => "stop-before-checkpoint",
            point => point,
        };
        let delay = self.delay_us.map_or_else(String::new, |delay_us| format!("({delay_us})"));
        format!("{point}={}*off->return{delay}", self.passes)
    }
}

impl Plan {
    /// Draws a plan.
    #[must_use]
    pub fn draw(seed: u64, mortal: Mortal) -> Self {
        let mut rng = Rng::with_seed(seed);
        let goods = (1..=rng.u32(1..=3)).map(|number| draw_goods(&mut rng, number)).collect();
        let lives = (0..rng.usize(2..=4)).map(|turn| draw_life(&mut rng, mortal, turn)).collect();
        let (clicks, connections) = (rng.u32(1..=4), rng.usize(4..=48));
        let storms = (0..rng.usize(1..=3)).map(|_| draw_storm(&mut rng)).collect();
        Self { seed, goods, clicks, connections, lives, storms }
    }
}

fn draw_storm(rng: &mut Rng) -> Storm {
    let (weather, lasts_ms) = match rng.u32(0..3) {
        0 => (Weather::Slow(Duration::from_millis(rng.u64(20..=200))), rng.u64(500..=3_000)),
        // Longer than a send waits, so that sends end unknown.
        1 => (Weather::AnswersHeld, rng.u64(3_500..=5_000)),
        _ => (Weather::Silent, rng.u64(3_500..=5_000)),
    };
    let clear = Duration::from_millis(rng.u64(300..=1_500));
    let end = if rng.bool() { End::Thaw } else { End::Reset };
    Storm { clear, weather, lasts: Duration::from_millis(lasts_ms), end }
}

fn draw_goods(rng: &mut Rng, number: u32) -> Goods {
    let stock = rng.u32(1..=60);
    // From too few buyers to twice too many.
    let buyers = rng.u32(1.max(stock / 2)..=stock * 2);
    Goods { prod_id: format!("pid_{number:04}"), stock, buyers }
}

fn draw_life(rng: &mut Rng, mortal: Mortal, turn: usize) -> Life {
    // Over a broker everything takes longer, the start above all.
    let slow = match mortal {
        Mortal::Embedded => 1,
        Mortal::Rocketmq | Mortal::OrderNode | Mortal::Gateway => 3,
    };
    match rng.u32(0..10) {
        0..=2 => Life::Killed { after_ms: rng.u64(1..=900) * slow },
        3 => {
            let point = OF_A_STOP[rng.usize(0..OF_A_STOP.len())];
            let delay_us = (point == "checkpoint-of-stop").then(|| rng.u32(50..=3_000));
            let death = Death { point, passes: 0, delay_us };
            Life::Stopped { after_ms: rng.u64(1..=500) * slow, death }
        }
        4 if mortal != Mortal::OrderNode => {
            let killed_after_ms = rng.bool().then(|| rng.u64(0..=100));
            Life::Drained { after_ms: rng.u64(1..=300) * slow, killed_after_ms }
        }
        _ => Life::Dies(draw_death(rng, mortal, turn)),
    }
}

fn draw_death(rng: &mut Rng, mortal: Mortal, turn: usize) -> Death {
    let points: &[(&'static str, u32)] = match (mortal, turn) {
        // A step of the schema is only done in a first life.
        (Mortal::Embedded, 0) => &ON_EMBEDDED,
        (Mortal::Embedded, _) => &ON_EMBEDDED[2..],
        (Mortal::Rocketmq, _) => &ON_ROCKETMQ,
        (Mortal::OrderNode, _) => &ON_ORDER_NODE,
        (Mortal::Gateway, _) => &ON_GATEWAY,
    };
    let (point, passes_max) = points[rng.usize(0..points.len())];
    let delay_us = (point == "checkpoint").then(|| rng.u32(0..=3_000));
    Death { point, passes: rng.u32(0..passes_max), delay_us }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Death, Life, Mortal, Plan, points};

    #[test]
    fn a_seed_gives_its_plan_again_and_another_seed_another() {
        let drawn = |seed| format!("{:?}", Plan::draw(seed, Mortal::Embedded));
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
    }

    #[test]
    fn two_hundred_rounds_plan_every_point_more_than_once() {
        for mortal in [Mortal::Embedded, Mortal::Rocketmq, Mortal::OrderNode, Mortal::Gateway] {
            let mut planned: Vec<&str> = Vec::new();
            for seed in 0..200 {
                planned.extend(Plan::draw(seed, mortal).lives.iter().filter_map(
                    |life| match life {
                        Life::Dies(death) | Life::Stopped { death, .. } => Some(death.point),
                        Life::Drained { killed_after_ms: None, .. } => Some("switch-stored"),
                        Life::Killed { .. } | Life::Drained { .. } => None,
                    },
                ));
            }
            let known: HashSet<_> = points(mortal).into_iter().collect();
            assert_eq!(planned.iter().copied().collect::<HashSet<_>>(), known);
            for point in known {
                assert!(1 < planned.iter().filter(|planned| **planned == point).count(), "{point}");
            }
        }
    }

    #[test]
    fn a_death_is_armed_in_the_crates_syntax() {
        let death = Death { point: "checkpoint", passes: 2, delay_us: Some(300) };
        assert_eq!(death.armed(), "checkpoint=2*off->return(300)");
        let death = Death { point: "checkpoint-of-stop", passes: 0, delay_us: Some(50) };
        assert_eq!(death.armed(), "stop-before-checkpoint=0*off->return(50)");
    }
}
