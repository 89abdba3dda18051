//! Every metric in one table: its name, type, labels and help. A test holds docs/metrics.md,
//! contrib/grafana.json and contrib/alerts.yml to it.
//!
//! A counter with labels names the table of its series, `from` which all are there, at 0, before
//! their first event: a rate sees nothing of a series that begins with it. A product's are there
//! for as long as it is on the shelf.

use edge::Refused;
use instruments::meter::Endpoint;
use protocol::{ChargeOutcome, Reason, ReloadOutcome};

use crate::gateway::book::OTHER;
use crate::observe::telemetry::Dropped;
use crate::request::InvalidRequests;

/// The types of Prometheus that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// The labels' values of every series that a metric can have, in the order of its labels.
pub(super) type Rows = Vec<Vec<&'static str>>;

/// In a row: each value that the state has, such as every product.
pub(super) const EACH: &str = "*";

/// Whether a series with these values is one of the row's.
pub(super) fn fits(row: &[&str], values: &[&str]) -> bool {
    row.iter().zip(values).all(|(row, value)| *row == EACH || row == value)
}

/// A metric with all its series.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) labels: &'static [&'static str],
    /// What series there are; `None` where there are no labels, or where a gauge's series come and
    /// go.
    pub(super) rows: Option<fn() -> Rows>,
    pub(super) help: &'static str,
}

impl Kind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A constant for each family, and the table of them all.
macro_rules! families {
    (@rows) => { None };
    (@rows $rows:ident) => { Some($rows) };
    ($(
        $constant:ident: $kind:ident $name:literal [$($label:literal),*] $(from $rows:ident)?
            $help:literal;
    )+) => {
        $(
            pub(super) const $constant: &Family = &Family {
                name: $name,
                kind: Kind::$kind,
                labels: &[$($label),*],
                rows: families!(@rows $($rows)?),
                help: $help,
            };
        )+

        /// All of them, in the order of the text.
        #[cfg(test)]
        pub(super) const ALL: &[&Family] = &[$($constant),+];
    };
}

fn by_outcome_of_a_reload() -> Rows {
    ReloadOutcome::ALL.into_iter().map(|outcome| vec![outcome.as_str()]).collect()
}

fn by_level_of_the_log() -> Rows {
    Dropped::LEVELS.into_iter().map(|level| vec![level]).collect()
}

fn by_reason_of_an_order() -> Rows {
    Reason::ALL.into_iter().map(|reason| vec![reason.as_str()]).collect()
}

fn by_answer() -> Rows {
    let of_one = |endpoint: Endpoint| {
        let codes = endpoint.codes().iter();
        codes.map(move |code| vec![endpoint.role(), endpoint.name(), code.as_str()])
    };
    Endpoint::ALL.into_iter().flat_map(of_one).collect()
}

fn by_fault() -> Rows {
    let of_one = |endpoint: Endpoint| {
        InvalidRequests::of(endpoint)
            .map(move |fault| vec![endpoint.role(), endpoint.name(), fault.field(), fault.reason()])
    };
    Endpoint::ALL.into_iter().flat_map(of_one).collect()
}

/// Each product that is counted apart has what can become of charges for a product; the others
/// together have all there is.
fn by_outcome_of_a_charge() -> Rows {
    let product = |outcome: ChargeOutcome| match outcome.is_of_a_product() {
        true => EACH,
        false => OTHER,
    };
    let row = |outcome: ChargeOutcome| vec![product(outcome), outcome.as_str()];
    ChargeOutcome::ALL.into_iter().map(row).collect()
}

/// Roles with a REST listener.
const ROLES: [&str; 2] = ["gateway", "order"];

fn by_role() -> Rows {
    ROLES.into_iter().map(|role| vec![role]).collect()
}

fn by_refusal() -> Rows {
    let of_one = |role| Refused::ALL.into_iter().map(move |reason| vec![role, reason.as_str()]);
    ROLES.into_iter().flat_map(of_one).collect()
}

families! {
    BUILD_INFO: Gauge "seckill_build_info" ["version", "env_type", "roles", "queue"]
        "1; the labels say what runs.";
    PHASE: Gauge "seckill_phase" ["phase"]
        "1 for the phase that the process is in, 0 for the others.";
    HEALTHY: Gauge "seckill_healthy" []
        "Whether it serves in full: in its serving phase with nothing degraded.";
    DEGRADED: Gauge "seckill_degraded_conditions" ["part"]
        "Reasons that keep a part from full service; /v1/status has them in words.";
    RECOVERING: Gauge "seckill_recovering_conditions" ["part"]
        "Troubles of a part whose cause is gone and whose end the next order proves.";
    WARNINGS: Gauge "seckill_warning_conditions" []
        "What works but an operator should know; /v1/status has it in words.";
    INTAKE_PAUSED: Gauge "seckill_intake_paused" []
        "Whether an operator has paused intake; a drain does so too.";
    CONSUMPTION_PAUSED: Gauge "seckill_consumption_paused" []
        "Whether an operator has paused consumption.";
    DRAINING: Gauge "seckill_draining" []
        "Whether a drain was asked for and not undone.";

    WALL_AHEAD: Gauge "seckill_wall_clock_ahead_seconds" []
        "By how much the wall clock is ahead of the sale's, where it was stepped and isn't followed; negative: behind.";

    CONFIG_GENERATION: Gauge "seckill_config_generation" []
        "The configuration in force: 1 at the start, one more with each reload that changes something.";
    CONFIG_RELOADS: Counter "seckill_config_reloads_total" ["outcome"] from by_outcome_of_a_reload
        "Reloads of the configuration since the start, by how they ended.";

    LOG_DROPPED: Counter "seckill_log_lines_dropped_total" ["level"] from by_level_of_the_log
        "Lines of the log that nobody took in time, or that couldn't be written, since the start.";

    REQUESTS: Counter "seckill_requests_total" ["role", "endpoint", "code"] from by_answer
        "Answers since the start, by business code.";
    REQUEST_DURATION: Histogram "seckill_request_duration_seconds" ["role", "endpoint", "code"] from by_answer
        "From a request's last byte to its answer.";
    INVALID: Counter "seckill_invalid_requests_total" ["role", "endpoint", "field", "reason"] from by_fault
        "Answers 40005 since the start, by the field that is wrong and how.";
    IN_FLIGHT: Gauge "seckill_requests_in_flight" []
        "Charges and queries that the gateway is answering.";
    PUBLISH_WAITING: Gauge "seckill_publish_waiting" []
        "Charges that wait for the publisher.";
    PUBLISH_WAITING_LIMIT: Gauge "seckill_publish_waiting_limit" []
        "How many charges may wait for the publisher; one more is answered 42002.";
    ACCEPTED: Counter "seckill_orders_accepted_total" []
        "New orders that the gateway has accepted since the start; answers 10000 to repeats aren't counted.";
    CONNECTIONS_OPEN: Gauge "seckill_http_connections_open" ["role"]
        "Connections open.";
    CONNECTIONS_LIMIT: Gauge "seckill_http_connections_limit" ["role"]
        "How many connections may be open at once; more wait in the kernel.";
    CONNECTIONS: Counter "seckill_http_connections_total" ["role"] from by_role
        "Connections accepted since the start.";
    HTTP_REQUESTS: Counter "seckill_http_requests_total" ["role"] from by_role
        "Requests of any path whose head was read since the start.";
    HTTP_REFUSED: Counter "seckill_http_refused_total" ["role", "reason"] from by_refusal
        "Requests refused at a limit of the HTTP edge since the start.";
    HTTP_PANICS: Counter "seckill_http_panics_total" ["role"] from by_role
        "Handlers that panicked since the start, each answered 500: faults of the program.";
    ACCEPT_FAILURES: Counter "seckill_http_accept_failures_total" ["role"] from by_role
        "Connections that couldn't be accepted since the start, as when files run out.";

    INITIAL: Gauge "seckill_product_initial_units" ["product"]
        "Units at the start of the sale.";
    ADDED: Gauge "seckill_product_added_units" ["product"]
        "Units added since; negative where some were withdrawn.";
    STOCK: Gauge "seckill_product_stock_units" ["product"]
        "Units not sold.";
    SOLD: Gauge "seckill_product_sold_units" ["product"]
        "Units sold: live orders.";
    HELD: Gauge "seckill_product_held_units" ["product"]
        "Units accepted and not decided; absent where that can't be known.";
    FREE: Gauge "seckill_product_free_units" ["product"]
        "Units that may still be promised: the stock by its preheat ratio, less what is held; absent where held is.";
    ON_SHELF: Gauge "seckill_product_on_shelf" ["product"]
        "Whether it may be charged.";
    OPEN: Gauge "seckill_product_open" ["product"]
        "Whether its sale is open: on the shelf, and within its window.";
    OPENS_AT: Gauge "seckill_product_opens_at_seconds" ["product"]
        "When its sale opens, in seconds since 1970; absent where it has no such bound.";
    CLOSES_AT: Gauge "seckill_product_closes_at_seconds" ["product"]
        "When its sale is over, in seconds since 1970; absent where it has no such bound.";
    BALANCED: Gauge "seckill_product_balanced" ["product"]
        "Whether initial + added = stock + sold, live orders counted one by one.";
    MISSING: Gauge "seckill_product_missing_units" ["product"]
        "Units unaccounted for; negative where more were sold than there were.";

    CHARGES: Counter "seckill_product_charges_total" ["product", "outcome"] from by_outcome_of_a_charge
        "Charges answered since the start, by what became of them; all but 100 products on the shelf are other.";

    PLACED: Counter "seckill_orders_placed_total" []
        "Orders that got a unit; goes on over restarts.";
    FAILED: Counter "seckill_orders_failed_total" ["reason"] from by_reason_of_an_order
        "Orders that got none; goes on over restarts.";
    DUPLICATE_ORDERS: Counter "seckill_duplicate_orders_total" []
        "Further orders of buyers who had one, set aside; goes on over restarts.";
    DUPLICATE_DELIVERIES: Counter "seckill_duplicate_deliveries_total" []
        "Deliveries of orders that were decided before; goes on over restarts.";
    DEAD_LETTERED: Counter "seckill_dead_lettered_total" []
        "Messages set aside with a reason; goes on over restarts.";
    REDELIVERIES: Counter "seckill_redeliveries_total" []
        "Deliveries that were not the first of their message, since the start.";
    DECIDED: Counter "seckill_orders_decided_total" []
        "Orders decided since the start, whatever the outcome.";
    PLACED_AFTER: Histogram "seckill_order_placed_after_seconds" []
        "From the buyer's request to the placed order.";
    OUTCOMES_READABLE: Gauge "seckill_order_outcomes_readable" []
        "Whether the outcomes could be read; while they can't, they stay as they were.";

    LAG: Gauge "seckill_queue_lag_messages" []
        "Messages not yet consumed; absent while that can't be read.";
    LAG_AGE: Gauge "seckill_queue_lag_age_seconds" []
        "Since the oldest of them was queued; 0 when there is none.";
    LAG_SLOPE: Gauge "seckill_queue_lag_slope_messages" []
        "Messages per second by which the lag changes, over ten seconds.";
    LAG_READABLE: Gauge "seckill_queue_lag_readable" []
        "Whether the lag could be read.";
    PART_LAG: Gauge "seckill_queue_part_lag_messages" ["queue"]
        "Messages of one queue that are not yet consumed.";
    PART_LAG_AGE: Gauge "seckill_queue_part_lag_age_seconds" ["queue"]
        "Since the oldest message of one queue was queued; 0 when there is none.";
    DEAD_LETTERS: Gauge "seckill_dead_letters" []
        "Messages set aside that nobody has settled.";
    BROKER_DEAD_LETTERS: Gauge "seckill_broker_dead_letters" []
        "Messages in the broker's own dead-letter topic of our group.";
    UNCONFIRMED: Gauge "seckill_unconfirmed_sends" []
        "Sends whose result is unknown.";
    UNCONFIRMED_LIMIT: Gauge "seckill_unconfirmed_sends_limit" []
        "At how many unknown sends intake is answered 42002.";
    OVERDUE: Gauge "seckill_overdue_orders" []
        "Orders of this gateway that are undecided for longer than the bound.";
    OVERDUE_BOUND: Gauge "seckill_overdue_bound_seconds" []
        "The bound: admin.overdue_after_ms.";
    ROCKETMQ_CONNECTED: Gauge "seckill_rocketmq_connected" []
        "Whether the way to RocketMQ is open; absent on the embedded queue.";
    PRODUCER_READY: Gauge "seckill_rocketmq_producer_ready" []
        "Whether orders can be sent; absent on the embedded queue.";
    CONSUMER_RUNNING: Gauge "seckill_rocketmq_consumer_running" []
        "Whether deliveries come; absent on the embedded queue.";

    STORE_SIZE: Gauge "seckill_store_size_bytes" []
        "The database file's size.";
    STORE_WAL: Gauge "seckill_store_wal_bytes" []
        "The write-ahead log's size, which a checkpoint starts over.";
    STORE_TROUBLE: Gauge "seckill_store_trouble" []
        "Whether nothing can be stored at the moment.";
    COMMITS: Counter "seckill_store_commits_total" []
        "Commits since the start.";
    COMMIT_DURATION: Histogram "seckill_store_commit_duration_seconds" []
        "From the begin of a transaction to the end of its commit.";
    ORDERS_PER_COMMIT: Histogram "seckill_store_orders_per_commit" []
        "Orders queued or decided by one commit.";

    CPU: Counter "process_cpu_seconds_total" []
        "Processor time since the start, user and system.";
    RESIDENT: Gauge "process_resident_memory_bytes" []
        "Resident memory.";
    OPEN_FDS: Gauge "process_open_fds" []
        "Open file descriptors.";
    MAX_FDS: Gauge "process_max_fds" []
        "File descriptors that may be open; absent where there is no limit.";
    THREADS: Gauge "process_threads" []
        "Threads.";
    START_TIME: Gauge "process_start_time_seconds" []
        "When the process started, since 1970.";
}
