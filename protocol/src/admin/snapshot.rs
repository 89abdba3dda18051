//! The whole state of a daemon at one moment. Every figure that can't be known is `None`, and where
//! that may surprise, a sentence beside it says why.
//!
//! Rates are counts over whole seconds, so that a figure is exactly what was counted and two of
//! them can be compared for equality.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::charges::ChargesView;
use super::configuration::ConfigView;
use super::engines::{OverdueView, QueueView, RocketmqView, StoreView, UnconfirmedView};
use super::history::{Notable, Seconds};
use crate::{EpochMs, ProdId, ProductState, SaleState, Terms, TermsSet, known};

/// Where the process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Not serving yet.
    #[default]
    Starting,
    /// Serving.
    Serving,
    /// Finishing what is in flight.
    Stopping,
    /// Done.
    Stopped,
    /// One that only another version knows.
    #[serde(other)]
    Other,
}

impl Phase {
    /// The phase as it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Serving => "serving",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Other => "other",
        }
    }
}

/// The whole state at one moment (`GET /v1/status`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// The number of the newest change that is contained. Numbers start over with each start.
    #[serde(default)]
    pub seq: u64,
    /// When it was put together.
    #[serde(default)]
    pub at: EpochMs,
    /// `seckilld`.
    pub name: String,
    /// The daemon's version.
    pub version: String,
    /// The profile: `embedded`, `offline` or `aliyun`.
    pub env_type: String,
    /// `gateway`, `order` or both.
    pub roles: Vec<String>,
    /// The process id.
    #[serde(default)]
    pub pid: u32,
    /// When the process started.
    #[serde(default)]
    pub started_at: EpochMs,
    /// Whole seconds by which the wall clock was set forward since the start (negative: back).
    #[serde(default)]
    pub clock_step_s: i64,
    /// What time the sale goes by.
    #[serde(default)]
    pub sale_clock: SaleClockView,
    /// Whole seconds since the start: from `started_at` to `at`, without `clock_step_s`.
    pub uptime_s: u64,
    /// Where the process is in its life.
    pub phase: Phase,
    /// The directives of the log that are in force.
    #[serde(default)]
    pub log_level: String,
    /// How the log flows.
    #[serde(default)]
    pub log: LogView,
    /// The configuration in force.
    #[serde(default)]
    pub config: ConfigView,
    /// What keeps it from full service, in sentences; empty when nothing does.
    #[serde(default)]
    pub degraded: Vec<String>,
    /// What works but an operator should know, such as a stranger in the consumer group.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Parts whose last orders failed, each with how it stands now. Those that are failing are
    /// among `degraded` as well.
    #[serde(default)]
    pub troubles: Vec<Trouble>,
    /// What an operator may switch.
    #[serde(default)]
    pub controls: Controls,
    /// Each product.
    pub products: Vec<ProductView>,
    /// The gateway role; `None` without it.
    #[serde(default)]
    pub gateway: Option<GatewayView>,
    /// The order role; `None` without it.
    #[serde(default)]
    pub orders: Option<OrdersView>,
    /// The queue.
    pub queue: QueueView,
    /// The database of this process.
    #[serde(default)]
    pub store: StoreView,
    /// The way to RocketMQ; `None` on the embedded queue.
    #[serde(default)]
    pub rocketmq: Option<RocketmqView>,
    /// Sends whose result is unknown; `None` without the gateway role.
    #[serde(default)]
    pub unconfirmed: Option<UnconfirmedView>,
    /// Buyers who have been "queueing" for too long; `None` without the gateway role.
    #[serde(default)]
    pub overdue: Option<OverdueView>,
    /// Each REST listener.
    #[serde(default)]
    pub edges: Vec<EdgeView>,
    /// The last [`SECONDS_KEPT`](crate::SECONDS_KEPT) seconds.
    #[serde(default)]
    pub seconds: Seconds,
    /// The last [`NOTABLES_MAX`](crate::NOTABLES_MAX) notable events, oldest first.
    #[serde(default)]
    pub notables: Vec<Notable>,
}

/// A part whose last orders were refused, or couldn't be confirmed, for a reason of its own. It
/// ends when an order has gone through.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Trouble {
    /// `queue`, `store` or `gateway`.
    pub part: String,
    /// What can't be done, such as `orders can't be sent`. With `part` it names the trouble.
    pub what: String,
    /// How it stands.
    pub state: TroubleState,
    /// When it began.
    pub since: EpochMs,
    /// Orders that failed since; 0 where only a look at the part has found it.
    pub orders: u64,
    /// Whether every buyer is refused for it at present.
    pub refuses: bool,
    /// What can't be done, and the last cause.
    pub text: String,
}

/// What time the sale goes by: accept times are stamped with it, and windows judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SaleClockView {
    /// Whether it follows the wall clock, as it does while no product is scheduled or open by the
    /// clock.
    pub follows: bool,
    /// Whole seconds by which the wall clock is ahead of it (negative: behind), where it was
    /// stepped and isn't followed; else 0.
    pub wall_ahead_s: i64,
    /// Milliseconds by which the order node's is ahead of it (negative: behind), in steps of 10;
    /// `None` where that isn't known, or the order role is in this process.
    pub order_node_ahead_ms: Option<i64>,
}

impl Default for SaleClockView {
    fn default() -> Self {
        Self { follows: true, wall_ahead_s: 0, order_node_ahead_ms: None }
    }
}

/// How a trouble stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TroubleState {
    /// The last orders failed.
    #[default]
    Failing,
    /// Some orders fail and some go through.
    Partly,
    /// The cause is seen gone, and nobody has tried for a while: the next order tells.
    Recovering,
}

impl TroubleState {
    /// The state as it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Partly => "partly",
            Self::Recovering => "recovering",
        }
    }
}

impl Snapshot {
    /// What the sale's clock showed at its moment, which is the wall's, to about a second.
    #[must_use]
    pub const fn sale_at(&self) -> EpochMs {
        EpochMs(self.at.0.saturating_sub(self.sale_clock.wall_ahead_s.saturating_mul(1_000)))
    }
}

impl Trouble {
    /// Whether it is the same trouble, at another moment.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        (&self.part, &self.what) == (&other.part, &other.what)
    }
}

impl Snapshot {
    /// Moves the moment, and the uptime with it.
    pub fn move_to(&mut self, at: EpochMs) {
        self.at = at;
        let stepped = self.clock_step_s.saturating_mul(1_000);
        let milliseconds = at.0.saturating_sub(self.started_at.0).saturating_sub(stepped);
        self.uptime_s = u64::try_from(milliseconds / 1_000).unwrap_or(0);
    }
}

/// How the log flows. Nobody waits for it: what isn't taken in time is dropped and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LogView {
    /// Lines that were lost since the start, because nobody took them in time or they couldn't be
    /// written.
    pub dropped: u64,
    /// Warnings and errors among them.
    pub dropped_grave: u64,
    /// Whether lines were lost of which the log itself couldn't tell yet.
    pub is_losing: bool,
}

/// What an operator may switch; each survives a restart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Controls {
    /// Whether new orders are taken; `None` without the gateway role.
    pub intake: Option<SwitchView>,
    /// Whether orders are taken from the queue; `None` without the order role.
    pub consumption: Option<SwitchView>,
    /// Set while a drain was asked for and not undone; `None` otherwise.
    pub drain: Option<DrainView>,
    /// How often any of them was changed, over restarts; `None` from a daemon that doesn't tell.
    pub generation: Option<u64>,
}

/// One switch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SwitchView {
    /// Whether it is off.
    pub paused: bool,
    /// When it was switched last; `None` when it never was.
    pub since: Option<EpochMs>,
    /// Who switched it: a user's name, or `uid 1000`; `None` when nobody ever did.
    pub by: Option<String>,
    /// Why, in that person's words; `None` where none were given.
    pub reason: Option<String>,
}

/// A drain: intake is paused, consumption goes on until nothing waits, and the daemon stays up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainView {
    /// When it was asked for.
    pub since: EpochMs,
    /// Whether the lag was seen at 0 since then; `false` as well while it can't be read.
    pub drained: bool,
}

/// One product's stock, as the database and the desk have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductView {
    /// The product's id.
    pub prod_id: ProdId,
    /// Its name.
    pub prod_name: String,
    /// What it is sold at and whether.
    #[serde(flatten)]
    pub terms: Terms,
    /// Where its sale stands; `None` where no time goes with it.
    #[serde(default, deserialize_with = "known::or_none")]
    pub state: Option<SaleState>,
    /// Units at the start.
    pub initial: u64,
    /// Units added since (negative: withdrawn).
    pub added: i64,
    /// Units not sold.
    pub stock: u64,
    /// Live orders.
    pub sold: u64,
    /// Units accepted and not yet decided; `None` where that can't be known.
    pub held: Option<u64>,
    /// Units that may still be promised: the stock by its preheat ratio, less what is held; `None`
    /// where held is.
    pub free: Option<u64>,
    /// Whether `initial + added = stock + sold`, live orders counted one by one.
    pub balanced: bool,
    /// Units that are unaccounted for: `initial + added − stock − live orders`. Negative: more were
    /// sold than there were.
    #[serde(default)]
    pub missing: i64,
    /// Counts the row's changes, sales included.
    #[serde(default)]
    pub version: u64,
    /// Counts the commands that changed its terms; no sale raises it.
    #[serde(default)]
    pub terms_version: u64,
    /// Who changed its terms last; `None` where nobody has.
    #[serde(default)]
    pub terms_set: Option<TermsSet>,
    /// What became of the charges for it since the gateway has counted them apart; `None` without
    /// the gateway role, and for a product that isn't counted apart.
    #[serde(default)]
    pub charges: Option<ChargesView>,
}

impl From<ProductState> for ProductView {
    /// The product as its row alone has it: what a gateway holds and counts isn't known.
    fn from(product: ProductState) -> Self {
        let ProductState { prod_id, prod_name, terms, terms_set, .. } = product;
        let ProductState { initial, added, stock, sold, version, terms_version, .. } = product;
        let missing =
            i128::from(initial) + i128::from(added) - i128::from(stock) - i128::from(sold);
        Self {
            prod_id,
            prod_name,
            terms,
            state: None,
            initial,
            added,
            stock,
            sold,
            held: None,
            free: None,
            balanced: missing == 0,
            missing: i64::try_from(missing).unwrap_or(i64::MAX),
            version,
            terms_version,
            terms_set,
            charges: None,
        }
    }
}

/// A count over the last second and the last minute; both end with the last whole second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Rate {
    /// In the last whole second.
    pub last_1s: u64,
    /// In the last 60 whole seconds.
    pub last_60s: u64,
}

/// How long something took, over the last minute.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LatencyView {
    /// How often it was measured.
    pub count: u64,
    /// Half took no longer, in microseconds.
    pub p50_us: u64,
    /// 99 % took no longer, in microseconds.
    pub p99_us: u64,
    /// 99.9 % took no longer, in microseconds.
    pub p999_us: u64,
    /// The longest, in microseconds.
    pub max_us: u64,
    /// How they are spread, in buckets whose ends double; empty ones at both ends are left out.
    pub buckets: Vec<Bucket>,
}

/// Part of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// The upper end, in microseconds.
    pub up_to_us: u64,
    /// How many lie above the bucket before and not above this end.
    pub count: u64,
}

/// The gateway role at work.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GatewayView {
    /// Answers to `charge.do` since the start, by code.
    pub charges: BTreeMap<String, u64>,
    /// Answers to `query.do` since the start, by code.
    pub queries: BTreeMap<String, u64>,
    /// What became of all charges.
    pub outcomes: ChargesView,
    /// Charges answered 40005 since the start, by field and reason as in the header
    /// `Seckill-Reason`.
    pub invalid_charges: BTreeMap<String, u64>,
    /// Queries answered 40005, likewise.
    pub invalid_queries: BTreeMap<String, u64>,
    /// Charges answered, whatever the answer.
    pub charge_rate: Rate,
    /// Charges answered 10000.
    pub accepted_rate: Rate,
    /// From a charge's last byte to its answer; `None` when there was none in the last minute.
    pub charge_latency: Option<LatencyView>,
    /// Charges and queries being answered now.
    pub in_flight: u64,
    /// Charges that wait for the publisher.
    pub publish_waiting: u64,
    /// How many may wait; one more is answered 42002.
    pub publish_waiting_max: u64,
}

/// The order role at work. The counts are durable: they go on over restarts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OrdersView {
    /// Orders that got a unit.
    pub placed: u64,
    /// Orders that got none, by reason.
    pub failed: BTreeMap<String, u64>,
    /// Further orders of buyers who had one, set aside.
    pub duplicate_orders: u64,
    /// Deliveries of orders that were decided before.
    pub duplicate_deliveries: u64,
    /// Messages set aside with a reason.
    pub dead_lettered: u64,
    /// Deliveries that were not the first of their message, since the start.
    pub redeliveries: u64,
    /// Orders that got a unit.
    pub placed_rate: Rate,
    /// Orders taken from the queue and decided, whatever the outcome.
    pub decided_rate: Rate,
    /// From the buyer's request to the placed order; `None` when none was placed in the last
    /// minute.
    pub accept_to_placed: Option<LatencyView>,
    /// Queries at the order node answered 40005 since the start, by field and reason as in the
    /// header `Seckill-Reason`.
    pub invalid_queries: BTreeMap<String, u64>,
    /// Why the durable counts can't be read; they are those of the last reading then. `None` while
    /// they can.
    pub unreadable: Option<String>,
}

/// What came to one REST listener since the start.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EdgeView {
    /// `gateway` or `order`.
    pub role: String,
    /// Connections open now.
    pub connections_open: u64,
    /// How many may be open at once, while more wait in the kernel. 0 from a daemon that doesn't
    /// tell.
    pub connections_max: u64,
    /// Requests whose head was read.
    pub requests: u64,
    /// Handlers that panicked; each was answered 500.
    pub panics: u64,
    /// Requests that didn't arrive in time.
    pub timeouts: u64,
    /// Requests over a limit of size.
    pub too_large: u64,
    /// Requests that were no HTTP.
    pub malformed: u64,
}
