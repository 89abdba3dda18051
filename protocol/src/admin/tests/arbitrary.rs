//! States of any kind, and pairs of states of one process, the second after the first.

mod products;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::{
    Bucket, ConfigView, Controls, DrainView, EdgeView, EpochMs, GatewayView, LatencyView, LogView,
    NOTABLES_MAX, Notable, NotableKind, OrdersView, OverdueView, Phase, QueuePart, QueueView, Rate,
    ReloadOutcome, ReloadView, RocketmqBroker, RocketmqView, SECONDS_KEPT, SaleClockView, Seconds,
    Severity, Snapshot, StoreView, SwitchView, Trend, Trouble, TroubleState, UnconfirmedView,
};

use products::{charges, products};

/// Up to the year 2100.
const MOMENTS: std::ops::Range<i64> = 0..4_102_444_800_000;

/// Few and short: what matters is whether two are the same. The last is one that JSON escapes.
fn text() -> BoxedStrategy<String> {
    select(vec!["", "a", "b", "华为", "\u{1b}\"\\\n"]).prop_map(str::to_owned).boxed()
}

fn maybe_text() -> BoxedStrategy<Option<String>> {
    option::of(text()).boxed()
}

fn texts() -> BoxedStrategy<Vec<String>> {
    vec(text(), 0..3).boxed()
}

fn count() -> BoxedStrategy<u64> {
    prop_oneof![0_u64..4, any::<u64>()].boxed()
}

fn maybe_count() -> BoxedStrategy<Option<u64>> {
    option::of(count()).boxed()
}

fn moment() -> BoxedStrategy<EpochMs> {
    MOMENTS.prop_map(EpochMs).boxed()
}

fn phase() -> BoxedStrategy<Phase> {
    select(vec![Phase::Starting, Phase::Serving, Phase::Stopping, Phase::Stopped]).boxed()
}

fn rate() -> BoxedStrategy<Rate> {
    (count(), count()).prop_map(|(last_1s, last_60s)| Rate { last_1s, last_60s }).boxed()
}

fn latency() -> BoxedStrategy<Option<LatencyView>> {
    let bucket = (count(), count()).prop_map(|(up_to_us, count)| Bucket { up_to_us, count });
    let view = ([count(), count(), count(), count(), count()], vec(bucket, 0..3)).prop_map(
        |([count, p50_us, p99_us, p999_us, max_us], buckets)| LatencyView {
            count,
            p50_us,
            p99_us,
            p999_us,
            max_us,
            buckets,
        },
    );
    option::of(view).boxed()
}

fn switch() -> BoxedStrategy<Option<SwitchView>> {
    let view = (any::<bool>(), option::of(moment()), maybe_text(), maybe_text())
        .prop_map(|(paused, since, by, reason)| SwitchView { paused, since, by, reason });
    option::of(view).boxed()
}

fn controls() -> BoxedStrategy<Controls> {
    let drain = (moment(), any::<bool>()).prop_map(|(since, drained)| DrainView { since, drained });
    (switch(), switch(), option::of(drain), option::of(count()))
        .prop_map(|(intake, consumption, drain, generation)| Controls {
            intake,
            consumption,
            drain,
            generation,
        })
        .boxed()
}

fn config() -> BoxedStrategy<ConfigView> {
    let outcomes = [ReloadOutcome::Changed, ReloadOutcome::Unchanged, ReloadOutcome::Refused];
    let reload = (moment(), text(), select(outcomes.to_vec()), text())
        .prop_map(|(at, by, outcome, text)| ReloadView { at, by, outcome, text });
    (moment(), [count(), count(), count()], option::of(reload))
        .prop_map(|(since, [generation, unchanged, refused], last_reload)| ConfigView {
            generation,
            since,
            reloads_unchanged: unchanged,
            reloads_refused: refused,
            last_reload,
        })
        .boxed()
}

fn log() -> BoxedStrategy<LogView> {
    (count(), count(), any::<bool>())
        .prop_map(|(dropped, dropped_grave, is_losing)| LogView {
            dropped,
            dropped_grave,
            is_losing,
        })
        .boxed()
}

fn gateway() -> BoxedStrategy<Option<GatewayView>> {
    let counts = || btree_map(text(), count(), 0..3);
    let answers = [counts(), counts(), counts(), counts()];
    let view = (answers, charges(), rate(), rate(), latency(), [count(), count(), count()])
        .prop_map(|(answers, outcomes, charge_rate, accepted_rate, charge_latency, now)| {
            let [charges, queries, invalid_charges, invalid_queries] = answers;
            GatewayView {
                charges,
                queries,
                outcomes,
                invalid_charges,
                invalid_queries,
                charge_rate,
                accepted_rate,
                charge_latency,
                in_flight: now[0],
                publish_waiting: now[1],
                publish_waiting_max: now[2],
            }
        });
    option::of(view).boxed()
}

fn orders() -> BoxedStrategy<Option<OrdersView>> {
    let counts = [count(), count(), count(), count(), count()];
    let failed = [btree_map(text(), count(), 0..3), btree_map(text(), count(), 0..3)];
    let view = (counts, failed, rate(), rate(), latency(), maybe_text()).prop_map(
        |(counts, by_name, placed_rate, decided_rate, accept_to_placed, unreadable)| {
            let [failed, invalid_queries] = by_name;
            OrdersView {
                placed: counts[0],
                failed,
                duplicate_orders: counts[1],
                duplicate_deliveries: counts[2],
                dead_lettered: counts[3],
                redeliveries: counts[4],
                placed_rate,
                decided_rate,
                accept_to_placed,
                invalid_queries,
                unreadable,
            }
        },
    );
    option::of(view).boxed()
}

fn queue_part() -> BoxedStrategy<QueuePart> {
    (text(), count(), [maybe_count(), maybe_count(), maybe_count()], maybe_text(), maybe_text())
        .prop_map(|(name, lag_messages, known, broker, owner)| QueuePart {
            name,
            lag_messages,
            lag_age_ms: known[0],
            end_offset: known[1],
            consumed_offset: known[2],
            broker,
            owner,
        })
        .boxed()
}

fn queue() -> BoxedStrategy<QueueView> {
    let known = [maybe_count(), maybe_count(), maybe_count(), maybe_count()];
    let slope = option::of(any::<i64>());
    let trend = option::of(select(vec![Trend::Draining, Trend::Steady, Trend::Growing]));
    (text(), known, slope, trend, vec(queue_part(), 0..3), maybe_text())
        .prop_map(|(kind, known, lag_slope_per_s, trend, queues, unreadable)| QueueView {
            kind,
            lag_messages: known[0],
            lag_age_ms: known[1],
            lag_slope_per_s,
            trend,
            queues,
            dead_letters: known[2],
            broker_dead_letters: known[3],
            unreadable,
        })
        .boxed()
}

fn store() -> BoxedStrategy<StoreView> {
    let known = [maybe_count(), maybe_count()];
    (text(), known, count(), rate(), rate(), latency(), maybe_text())
        .prop_map(|(path, known, commits, commit_rate, order_rate, commit_latency, trouble)| {
            StoreView {
                path,
                size_bytes: known[0],
                wal_bytes: known[1],
                commits,
                commit_rate,
                order_rate,
                commit_latency,
                trouble,
            }
        })
        .boxed()
}

fn rocketmq() -> BoxedStrategy<Option<RocketmqView>> {
    let broker = (text(), text(), maybe_text())
        .prop_map(|(name, address, version)| RocketmqBroker { name, address, version });
    let view = ([text(), text(), text()], any::<[bool; 2]>(), texts(), vec(broker, 0..3)).prop_map(
        |([connection, topic, group], flags, name_servers, brokers)| RocketmqView {
            connection,
            producer_ready: flags[0],
            consumer_running: flags[1],
            name_servers,
            topic,
            group,
            brokers,
        },
    );
    option::of(view).boxed()
}

fn unconfirmed() -> BoxedStrategy<Option<UnconfirmedView>> {
    option::of((count(), count()).prop_map(|(count, limit)| UnconfirmedView { count, limit }))
        .boxed()
}

fn overdue() -> BoxedStrategy<Option<OverdueView>> {
    let view = (count(), count(), option::of(moment()))
        .prop_map(|(count, bound_ms, oldest_at)| OverdueView { count, bound_ms, oldest_at });
    option::of(view).boxed()
}

fn edges() -> BoxedStrategy<Vec<EdgeView>> {
    let view = (text(), any::<[u64; 7]>()).prop_map(|(role, counts)| EdgeView {
        role,
        connections_open: counts[0],
        requests: counts[1],
        panics: counts[2],
        timeouts: counts[3],
        too_large: counts[4],
        malformed: counts[5],
        connections_max: counts[6],
    });
    vec(view, 0..3).boxed()
}

/// Of the usual length, or as another version might send it.
fn seconds() -> BoxedStrategy<Seconds> {
    let row = || prop_oneof![vec(count(), SECONDS_KEPT), vec(count(), 0..4)];
    (row(), row()).prop_map(|(charges, placed)| Seconds { charges, placed }).boxed()
}

fn notable() -> BoxedStrategy<Notable> {
    let kinds = vec![
        NotableKind::Audit,
        NotableKind::Phase,
        NotableKind::Condition,
        NotableKind::Product,
        NotableKind::Queue,
    ];
    let severities = vec![Severity::Info, Severity::Warning, Severity::Error];
    (moment(), select(kinds), select(severities), text())
        .prop_map(|(at, kind, severity, text)| Notable { id: 0, at, kind, severity, text })
        .boxed()
}

/// So many that old ones are forgotten now and then.
fn notables() -> BoxedStrategy<Vec<Notable>> {
    prop_oneof![
        8 => vec(notable(), 0..4),
        1 => vec(notable(), NOTABLES_MAX - 1..NOTABLES_MAX + 20),
    ]
    .boxed()
}

fn troubles() -> BoxedStrategy<Vec<Trouble>> {
    let states = vec![TroubleState::Failing, TroubleState::Partly, TroubleState::Recovering];
    let trouble = ((text(), text()), select(states), moment(), count(), any::<bool>(), text())
        .prop_map(|((part, what), state, since, orders, refuses, text)| Trouble {
            part,
            what,
            state,
            since,
            orders,
            refuses,
            text,
        });
    vec(trouble, 0..3).boxed()
}

/// Any state, but for its history.
fn present() -> BoxedStrategy<Snapshot> {
    let step = select(vec![0, 0, -3_600, 1, 3_600]);
    let sale_clock = (any::<bool>(), -3_600..3_600_i64, option::of(-5_000..5_000_i64)).prop_map(
        |(follows, wall_ahead_s, order_node_ahead_ms)| SaleClockView {
            follows,
            wall_ahead_s,
            order_node_ahead_ms,
        },
    );
    let words = (
        phase(),
        (step, sale_clock),
        text(),
        log(),
        texts(),
        texts(),
        troubles(),
        controls(),
        products(),
    );
    let roles = (gateway(), orders(), queue(), store(), rocketmq());
    (words, roles, config(), unconfirmed(), overdue(), edges())
        .prop_map(|(words, roles, config, unconfirmed, overdue, edges)| {
            let (
                phase,
                (clock_step_s, sale_clock),
                log_level,
                log,
                degraded,
                warnings,
                troubles,
                controls,
                products,
            ) = words;
            let (gateway, orders, queue, store, rocketmq) = roles;
            Snapshot {
                phase,
                clock_step_s,
                sale_clock,
                log_level,
                log,
                config,
                degraded,
                warnings,
                troubles,
                controls,
                products,
                gateway,
                orders,
                queue,
                store,
                rocketmq,
                unconfirmed,
                overdue,
                edges,
                ..Snapshot::default()
            }
        })
        .boxed()
}

/// What stays the same as long as a process lives.
fn identity() -> BoxedStrategy<Snapshot> {
    (text(), text(), text(), texts(), any::<u32>(), moment())
        .prop_map(|(name, version, env_type, roles, pid, started_at)| Snapshot {
            name,
            version,
            env_type,
            roles,
            pid,
            started_at,
            ..Snapshot::default()
        })
        .boxed()
}

fn of(identity: &Snapshot, present: Snapshot, at: EpochMs) -> Snapshot {
    let mut state = Snapshot {
        name: identity.name.clone(),
        version: identity.version.clone(),
        env_type: identity.env_type.clone(),
        roles: identity.roles.clone(),
        pid: identity.pid,
        started_at: identity.started_at,
        ..present
    };
    state.move_to(at);
    state
}

/// How a part of the second state comes from that of the first.
fn later_seconds(older: Seconds) -> BoxedStrategy<Seconds> {
    let pushed = vec((count(), count()), 0..3).prop_map(move |passed| {
        let mut seconds = older.clone();
        passed.into_iter().for_each(|(charges, placed)| seconds.push(charges, placed));
        seconds
    });
    prop_oneof![3 => pushed, 1 => seconds()].boxed()
}

fn notice_all(state: &mut Snapshot, next_id: u64, notables: Vec<Notable>) {
    for (id, notable) in (next_id..).zip(notables) {
        state.notice(Notable { id, ..notable });
    }
}

/// A state.
pub(super) fn state() -> BoxedStrategy<Snapshot> {
    let history = (seconds(), notables(), 0_u64..3, any::<u32>());
    (identity(), present(), moment(), history)
        .prop_map(|(identity, present, at, (seconds, notables, first_id, seq))| {
            let mut state = of(&identity, present, at);
            state.seconds = seconds;
            state.seq = seq.into();
            notice_all(&mut state, first_id, notables);
            state
        })
        .boxed()
}

/// Two states of one process. In the second each part is changed or the same.
pub(super) fn two_states() -> BoxedStrategy<(Snapshot, Snapshot)> {
    let later = |older: Snapshot| {
        let seconds = later_seconds(older.seconds.clone());
        let passed_ms = 0_i64..100_000;
        (Just(older), present(), any::<[bool; 17]>(), seconds, notables(), passed_ms)
    };
    state()
        .prop_flat_map(later)
        .prop_map(|(older, present, is_same, seconds, notables, passed)| {
            let mut newer = of(&older, present, EpochMs(older.at.0 + passed));
            keep(&mut newer, &older, is_same);
            newer.seconds = seconds;
            newer.notables.clone_from(&older.notables);
            let next_id = older.notables.last().map_or(0, |notable| notable.id + 1);
            notice_all(&mut newer, next_id, notables);
            (older, newer)
        })
        .boxed()
}

/// Leaves parts as they were.
fn keep(newer: &mut Snapshot, older: &Snapshot, is_same: [bool; 17]) {
    let mut kept = older.clone();
    let pairs: [&mut dyn FnMut(); 17] = [
        &mut || std::mem::swap(&mut newer.phase, &mut kept.phase),
        &mut || std::mem::swap(&mut newer.log_level, &mut kept.log_level),
        &mut || std::mem::swap(&mut newer.log, &mut kept.log),
        &mut || std::mem::swap(&mut newer.config, &mut kept.config),
        &mut || std::mem::swap(&mut newer.degraded, &mut kept.degraded),
        &mut || std::mem::swap(&mut newer.warnings, &mut kept.warnings),
        &mut || std::mem::swap(&mut newer.troubles, &mut kept.troubles),
        &mut || std::mem::swap(&mut newer.controls, &mut kept.controls),
        &mut || std::mem::swap(&mut newer.products, &mut kept.products),
        &mut || std::mem::swap(&mut newer.gateway, &mut kept.gateway),
        &mut || std::mem::swap(&mut newer.orders, &mut kept.orders),
        &mut || std::mem::swap(&mut newer.queue, &mut kept.queue),
        &mut || std::mem::swap(&mut newer.store, &mut kept.store),
        &mut || std::mem::swap(&mut newer.rocketmq, &mut kept.rocketmq),
        &mut || std::mem::swap(&mut newer.unconfirmed, &mut kept.unconfirmed),
        &mut || std::mem::swap(&mut newer.overdue, &mut kept.overdue),
        &mut || std::mem::swap(&mut newer.edges, &mut kept.edges),
    ];
    pairs.into_iter().zip(is_same).filter(|(_, same)| *same).for_each(|(swap, _)| swap());
}
