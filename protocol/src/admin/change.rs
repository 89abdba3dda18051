//! The lines of `GET /v1/events`, and the reducer that both ends share: what the daemon finds
//! changed between two snapshots is exactly what a reader applies to the first to get the second.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::configuration::ConfigView;
use super::engines::{OverdueView, QueueView, RocketmqView, StoreView, UnconfirmedView};
use super::history::{NOTABLES_MAX, Notable, Seconds};
use super::listing::PeerView;
use super::snapshot::{
    Controls, EdgeView, GatewayView, LogView, OrdersView, Phase, ProductView, SaleClockView,
    Snapshot, Trouble,
};
use crate::EpochMs;

/// One line of the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum Line {
    /// The first: the whole state, and who the daemon takes the reader for.
    Snapshot {
        /// The state.
        snapshot: Box<Snapshot>,
        /// The reader.
        you: PeerView,
    },
    /// The next change.
    Change {
        /// One more than that of the line before.
        seq: u64,
        /// When it was found.
        at: EpochMs,
        /// What changed.
        change: Box<Change>,
    },
    /// Nothing changed for a while; the daemon is there.
    Heartbeat {
        /// The number of the newest change.
        seq: u64,
        /// When.
        at: EpochMs,
    },
    /// The last line: the daemon ends the stream.
    Closing {
        /// Why.
        reason: String,
    },
    /// A line that only a later version knows. It is never written.
    #[serde(other)]
    Unknown,
}

/// A part of the state with its new value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "part", content = "now", rename_all = "snake_case", remote = "Self")]
pub enum Change {
    /// The phase.
    Phase(Phase),
    /// Seconds by which the wall clock was set since the start.
    ClockStep(i64),
    /// The sale's clock.
    SaleClock(SaleClockView),
    /// The log's directives.
    LogLevel(String),
    /// How the log flows.
    Log(LogView),
    /// The configuration in force.
    Config(ConfigView),
    /// What keeps it from full service.
    Degraded(Vec<String>),
    /// What an operator should know.
    Warnings(Vec<String>),
    /// Parts whose last orders failed.
    Troubles(Vec<Trouble>),
    /// The switches.
    Controls(Controls),
    /// One product that was there before.
    Product(ProductView),
    /// All products, when some came or went.
    Products(Vec<ProductView>),
    /// The gateway role.
    Gateway(Option<GatewayView>),
    /// The order role.
    Orders(Option<OrdersView>),
    /// The queue.
    Queue(QueueView),
    /// The database.
    Store(StoreView),
    /// The way to RocketMQ.
    Rocketmq(Option<RocketmqView>),
    /// Sends whose result is unknown.
    Unconfirmed(Option<UnconfirmedView>),
    /// Buyers who wait too long.
    Overdue(Option<OverdueView>),
    /// The REST listeners.
    Edges(Vec<EdgeView>),
    /// One more second: charges, placed.
    Second {
        /// Charges answered in it.
        charges: u64,
        /// Orders placed in it.
        placed: u64,
    },
    /// The history, where more than one second passed.
    Seconds(Seconds),
    /// One more notable event.
    Notable(Notable),
    /// A part that only a later version knows: nothing here changes. It is never written.
    #[serde(skip)]
    Unknown,
}

/// The parts, as they are named in JSON.
const PARTS: [&str; 23] = [
    "phase",
    "clock_step",
    "sale_clock",
    "log_level",
    "log",
    "config",
    "degraded",
    "warnings",
    "troubles",
    "controls",
    "product",
    "products",
    "gateway",
    "orders",
    "queue",
    "store",
    "rocketmq",
    "unconfirmed",
    "overdue",
    "edges",
    "second",
    "seconds",
    "notable",
];

impl Serialize for Change {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Change {
    /// A part that isn't known is passed over, so that an older reader can follow a newer daemon; a
    /// known one that can't be read is an error.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let change = Value::deserialize(deserializer)?;
        let part = change.get("part").and_then(Value::as_str);
        let part = part.ok_or_else(|| D::Error::missing_field("part"))?;
        if !PARTS.contains(&part) {
            return Ok(Self::Unknown);
        }
        Self::deserialize(change).map_err(D::Error::custom)
    }
}

/// A change that isn't the next one: lines are missing, and the reader has to subscribe again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The number that was due.
    pub due: u64,
    /// The number that came.
    pub came: u64,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "change {} was due and {} came", self.due, self.came)
    }
}

impl std::error::Error for Gap {}

impl Snapshot {
    /// What has to be applied to this state to get `newer`, which is a later one of the same
    /// process. The moment itself is no change: every line carries it.
    #[must_use]
    pub fn changes_to(&self, newer: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut note = |is_new: bool, change: &dyn Fn() -> Change| {
            if is_new {
                changes.push(change());
            }
        };
        note(self.phase != newer.phase, &|| Change::Phase(newer.phase));
        let step = newer.clock_step_s;
        note(self.clock_step_s != step, &|| Change::ClockStep(step));
        let clock = newer.sale_clock;
        note(self.sale_clock != clock, &|| Change::SaleClock(clock));
        note(self.log_level != newer.log_level, &|| Change::LogLevel(newer.log_level.clone()));
        note(self.log != newer.log, &|| Change::Log(newer.log));
        note(self.config != newer.config, &|| Change::Config(newer.config.clone()));
        note(self.degraded != newer.degraded, &|| Change::Degraded(newer.degraded.clone()));
        note(self.warnings != newer.warnings, &|| Change::Warnings(newer.warnings.clone()));
        note(self.troubles != newer.troubles, &|| Change::Troubles(newer.troubles.clone()));
        note(self.controls != newer.controls, &|| Change::Controls(newer.controls.clone()));
        note(self.gateway != newer.gateway, &|| Change::Gateway(newer.gateway.clone()));
        note(self.orders != newer.orders, &|| Change::Orders(newer.orders.clone()));
        note(self.queue != newer.queue, &|| Change::Queue(newer.queue.clone()));
        note(self.store != newer.store, &|| Change::Store(newer.store.clone()));
        note(self.rocketmq != newer.rocketmq, &|| Change::Rocketmq(newer.rocketmq.clone()));
        note(self.unconfirmed != newer.unconfirmed, &|| Change::Unconfirmed(newer.unconfirmed));
        note(self.overdue != newer.overdue, &|| Change::Overdue(newer.overdue));
        note(self.edges != newer.edges, &|| Change::Edges(newer.edges.clone()));
        changes.extend(self.product_changes(newer));
        changes.extend(self.second_change(newer));
        // `None` is less than any number, 0 included.
        let newest = self.notables.last().map(|notable| notable.id);
        let notables = newer.notables.iter().filter(|notable| newest < Some(notable.id));
        changes.extend(notables.cloned().map(Change::Notable));
        changes
    }

    fn product_changes(&self, newer: &Self) -> Vec<Change> {
        let ids = |products: &[ProductView]| {
            products.iter().map(|product| product.prod_id.clone()).collect::<Vec<_>>()
        };
        if ids(&self.products) != ids(&newer.products) {
            return vec![Change::Products(newer.products.clone())];
        }
        let pairs = self.products.iter().zip(&newer.products);
        let changed = pairs.filter(|(before, after)| before != after);
        changed.map(|(_, after)| Change::Product(after.clone())).collect()
    }

    fn second_change(&self, newer: &Self) -> Option<Change> {
        if self.seconds == newer.seconds {
            return None;
        }
        let (charges, placed) =
            (newer.seconds.charges.last().copied(), newer.seconds.placed.last().copied());
        if let (Some(charges), Some(placed)) = (charges, placed) {
            let mut one_on = self.seconds.clone();
            one_on.push(charges, placed);
            if one_on == newer.seconds {
                return Some(Change::Second { charges, placed });
            }
        }
        Some(Change::Seconds(newer.seconds.clone()))
    }

    /// Takes in the next change.
    ///
    /// # Errors
    /// It isn't the next one; nothing is changed then.
    pub fn apply(&mut self, seq: u64, at: EpochMs, change: Change) -> Result<(), Gap> {
        let due = self.seq + 1;
        if seq != due {
            return Err(Gap { due, came: seq });
        }
        self.seq = seq;
        self.take(change);
        self.move_to(at);
        Ok(())
    }

    /// Takes in a heartbeat.
    ///
    /// # Errors
    /// Changes are missing.
    pub fn beat(&mut self, seq: u64, at: EpochMs) -> Result<(), Gap> {
        if seq != self.seq {
            return Err(Gap { due: self.seq, came: seq });
        }
        self.move_to(at);
        Ok(())
    }

    fn take(&mut self, change: Change) {
        match change {
            Change::Phase(now) => self.phase = now,
            Change::ClockStep(now) => self.clock_step_s = now,
            Change::SaleClock(now) => self.sale_clock = now,
            Change::LogLevel(now) => self.log_level = now,
            Change::Log(now) => self.log = now,
            Change::Config(now) => self.config = now,
            Change::Degraded(now) => self.degraded = now,
            Change::Warnings(now) => self.warnings = now,
            Change::Troubles(now) => self.troubles = now,
            Change::Controls(now) => self.controls = now,
            Change::Product(now) => {
                let same = |product: &&mut ProductView| product.prod_id == now.prod_id;
                if let Some(product) = self.products.iter_mut().find(same) {
                    *product = now;
                }
            }
            Change::Products(now) => self.products = now,
            Change::Gateway(now) => self.gateway = now,
            Change::Orders(now) => self.orders = now,
            Change::Queue(now) => self.queue = now,
            Change::Store(now) => self.store = now,
            Change::Rocketmq(now) => self.rocketmq = now,
            Change::Unconfirmed(now) => self.unconfirmed = now,
            Change::Overdue(now) => self.overdue = now,
            Change::Edges(now) => self.edges = now,
            Change::Second { charges, placed } => self.seconds.push(charges, placed),
            Change::Seconds(now) => self.seconds = now,
            Change::Notable(now) => self.notice(now),
            Change::Unknown => {}
        }
    }

    /// Keeps a notable event, and forgets the oldest where there are too many.
    pub fn notice(&mut self, notable: Notable) {
        self.notables.push(notable);
        let surplus = self.notables.len().saturating_sub(NOTABLES_MAX);
        self.notables.drain(..surplus);
    }
}
