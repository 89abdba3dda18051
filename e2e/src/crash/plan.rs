//! What happens in one round, drawn from its seed before it begins: the goods, the crowd, and how
//! each life of the daemon ends. The same seed gives the same plan; how far the daemon gets in each
//! life is the machine's.

use fastrand::Rng;

/// The queue that a round runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// In the daemon's own database.
    Embedded,
    /// A real RocketMQ.
    Rocketmq,
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
    /// Told to drain so many milliseconds after it was up, and killed that much later, or where the
    /// order to drain is stored and not in effect yet.
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
pub fn points(queue: Queue) -> Vec<&'static str> {
    let of_orders: &[(&str, u32)] = match queue {
        Queue::Embedded => &ON_EMBEDDED,
        Queue::Rocketmq => &ON_ROCKETMQ,
    };
    let of_orders = of_orders.iter().map(|(point, _)| *point);
    of_orders.chain(OF_A_STOP).chain(["switch-stored"]).collect()
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
    pub fn draw(seed: u64, queue: Queue) -> Self {
        let mut rng = Rng::with_seed(seed);
        let goods = (1..=rng.u32(1..=3)).map(|number| draw_goods(&mut rng, number)).collect();
        let lives = (0..rng.usize(2..=4)).map(|turn| draw_life(&mut rng, queue, turn)).collect();
        let (clicks, connections) = (rng.u32(1..=4), rng.usize(4..=48));
        Self { seed, goods, clicks, connections, lives }
    }
}

fn draw_goods(rng: &mut Rng, number: u32) -> Goods {
    let stock = rng.u32(1..=60);
    // From too few buyers to twice too many.
    let buyers = rng.u32(1.max(stock / 2)..=stock * 2);
    Goods { prod_id: format!("pid_{number:04}"), stock, buyers }
}

fn draw_life(rng: &mut Rng, queue: Queue, turn: usize) -> Life {
    // Over a broker everything takes longer, the start above all.
    let slow = match queue {
        Queue::Embedded => 1,
        Queue::Rocketmq => 3,
    };
    match rng.u32(0..10) {
        0..=2 => Life::Killed { after_ms: rng.u64(1..=900) * slow },
        3 => {
            let point = OF_A_STOP[rng.usize(0..OF_A_STOP.len())];
            let delay_us = (point == "checkpoint-of-stop").then(|| rng.u32(50..=3_000));
            let death = Death { point, passes: 0, delay_us };
            Life::Stopped { after_ms: rng.u64(1..=500) * slow, death }
        }
        4 => {
            let killed_after_ms = rng.bool().then(|| rng.u64(0..=100));
            Life::Drained { after_ms: rng.u64(1..=300) * slow, killed_after_ms }
        }
        _ => Life::Dies(draw_death(rng, queue, turn)),
    }
}

fn draw_death(rng: &mut Rng, queue: Queue, turn: usize) -> Death {
    let points: &[(&'static str, u32)] = match (queue, turn) {
        // A step of the schema is only done in a first life.
        (Queue::Embedded, 0) => &ON_EMBEDDED,
        (Queue::Embedded, _) => &ON_EMBEDDED[2..],
        (Queue::Rocketmq, _) => &ON_ROCKETMQ,
    };
    let (point, passes_max) = points[rng.usize(0..points.len())];
    let delay_us = (point == "checkpoint").then(|| rng.u32(0..=3_000));
    Death { point, passes: rng.u32(0..passes_max), delay_us }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Death, Life, Plan, Queue, points};

    #[test]
    fn a_seed_gives_its_plan_again_and_another_seed_another() {
        let drawn = |seed| format!("{:?}", Plan::draw(seed, Queue::Embedded));
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
    }

    #[test]
    fn two_hundred_rounds_plan_every_point_more_than_once() {
        for queue in [Queue::Embedded, Queue::Rocketmq] {
            let mut planned: Vec<&str> = Vec::new();
            for seed in 0..200 {
                planned.extend(Plan::draw(seed, queue).lives.iter().filter_map(
                    |life| match life {
                        Life::Dies(death) | Life::Stopped { death, .. } => Some(death.point),
                        Life::Drained { killed_after_ms: None, .. } => Some("switch-stored"),
                        Life::Killed { .. } | Life::Drained { .. } => None,
                    },
                ));
            }
            let known: HashSet<_> = points(queue).into_iter().collect();
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
