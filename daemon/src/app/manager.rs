//! What the service manager gets while the daemon serves: one line about the sale, and signs of
//! life of the loops that everything depends on. When one of these loops hangs, no more signs of
//! life are sent and the service manager ends the process: what was accepted is in the database,
//! and a new process goes on with it.

use std::sync::Arc;
use std::time::Duration;

use protocol::{Hindrance, ReloadOutcome, Selling, Snapshot};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::admin::StatusSource;
use crate::config::Manager;
use crate::observe::status::Status;
use crate::os::systemd;

/// Between two looks at how the sale goes.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// Characters of a refusal that the line shows; the log has it whole.
const WHY_CHARS_MAX: usize = 160;

/// Signs of life per period of the watchdog: one may come late.
const SIGNS_PER_PERIOD: u32 = 4;

/// The part of the watchdog's period for which a loop may be at the same thing.
const PERIODS_BUSY_MAX: f64 = 0.5;

/// One line for people who ask the service manager: what is wrong and what keeps buyers from
/// buying, if something does, then units sold, lag, and charges of the last second.
pub(super) fn line(snapshot: &Snapshot) -> String {
    let sold: u64 = snapshot.products.iter().map(|product| product.sold).sum();
    let there_were: i128 = snapshot
        .products
        .iter()
        .map(|product| i128::from(product.initial) + i128::from(product.added))
        .sum();
    let lag = snapshot.queue.lag_messages.map_or_else(|| "?".to_owned(), |lag| lag.to_string());
    let mut line = format!("sold {sold}/{there_were} · lag {lag}");
    if let Some(gateway) = &snapshot.gateway {
        line += &format!(" · {}/s", shortened(gateway.charge_rate.last_1s));
    }
    if let Some(reload) = &snapshot.config.last_reload
        && reload.outcome == ReloadOutcome::Refused
    {
        let why: String = reload.text.chars().take(WHY_CHARS_MAX).collect();
        line = format!("reload refused: {why} · {line}");
    }
    if let Some(hindrance) = hindrance(snapshot) {
        line = format!("not selling: {hindrance} · {line}");
    }
    if let Some(trouble) = snapshot.recovering().next() {
        line = format!("recovering: {} · {line}", trouble.text);
    }
    if let Some(first) = snapshot.degraded.first() {
        line = format!("degraded: {first} · {line}");
    }
    line
}

/// What keeps every buyer from buying, but for what the line has anyway: a fault stands before it
/// as what is degraded, and the service manager knows by itself who starts and stops.
fn hindrance(snapshot: &Snapshot) -> Option<Hindrance<'_>> {
    match snapshot.selling() {
        Selling::No(Hindrance::NotServing(_) | Hindrance::NothingAccepted(_)) => None,
        Selling::No(hindrance) => Some(hindrance),
        Selling::Yes | Selling::InDoubt(_) | Selling::Elsewhere => None,
    }
}

/// A rate in four characters or so.
fn shortened(rate: u64) -> String {
    if rate < 1_000 {
        return rate.to_string();
    }
    format!("{}.{}k", rate / 1_000, rate % 1_000 / 100)
}

/// Sends the line whenever it changes, and after each reload, which sends a line of its own.
pub(super) async fn show(source: Arc<dyn StatusSource>, cancel: CancellationToken) {
    let showing = async {
        let mut told = (String::new(), None);
        loop {
            let snapshot = source.snapshot().await;
            let now = (line(&snapshot), snapshot.config.last_reload);
            if now != told {
                systemd::status(&now.0);
                told = now;
            }
            systemd::tell_kept();
            tokio::time::sleep(LINE_EVERY).await;
        }
    };
    cancel.run_until_cancelled(showing).await;
}

/// Gives signs of life for as long as no loop hangs.
pub(super) async fn live(status: Arc<Status>, period: Duration, cancel: CancellationToken) {
    let limit = period.mul_f64(PERIODS_BUSY_MAX);
    let living = async {
        let mut was_stuck = false;
        loop {
            let stuck = status.vitals().stuck(limit);
            match stuck {
                None => systemd::alive(),
                Some((name, time)) if !was_stuck => {
                    error!(
                        name,
                        for_ms = time.as_millis(),
                        "hangs: the watchdog hears nothing until it goes on"
                    );
                }
                Some(_) => {}
            }
            if was_stuck && stuck.is_none() {
                info!("what hung goes on");
            }
            was_stuck = stuck.is_some();
            tokio::time::sleep(period / SIGNS_PER_PERIOD).await;
        }
    };
    cancel.run_until_cancelled(living).await;
}

/// Both tasks, as far as the service manager asks for them.
pub(super) fn watchers(
    manager: &Manager,
    source: Arc<dyn StatusSource>,
    status: &Arc<Status>,
    cancel: &CancellationToken,
) -> impl Future<Output = ()> + Send + use<> {
    let listens = manager.notify_socket.is_some();
    let line = listens.then(|| show(source, cancel.clone()));
    let signs = manager.watchdog.filter(|_| listens);
    let signs = signs.map(|period| live(Arc::clone(status), period, cancel.clone()));
    async move {
        let line = async {
            if let Some(line) = line {
                line.await;
            }
        };
        let signs = async {
            if let Some(signs) = signs {
                signs.await;
            }
        };
        tokio::join!(line, signs);
    }
}

#[cfg(test)]
mod tests {
    use protocol::{EpochMs, GatewayView, Phase, ReloadOutcome, ReloadView, Snapshot, SwitchView};

    use super::{line, shortened};

    #[test]
    fn a_refused_reload_stays_in_the_line_until_the_next_one() {
        let mut state = Snapshot::default();
        let reload = |outcome| {
            let (by, text) = ("root".to_owned(), "x".repeat(1_000));
            Some(ReloadView { at: EpochMs(1), by, outcome, text })
        };
        state.config.last_reload = reload(ReloadOutcome::Refused);
        let told = line(&state);
        assert!(told.starts_with("reload refused: xxx"), "{told}");
        assert!(told.ends_with("xxx · sold 0/0 · lag ?") && told.len() < 250, "{told}");
        state.config.last_reload = reload(ReloadOutcome::Changed);
        assert_eq!(line(&state), "sold 0/0 · lag ?");
    }

    #[test]
    fn the_line_says_what_keeps_buyers_from_buying() {
        let mut state = Snapshot {
            phase: Phase::Serving,
            gateway: Some(GatewayView::default()),
            ..Snapshot::default()
        };
        let told = "not selling: no product is on the shelf · sold 0/0 · lag ? · 0/s";
        assert_eq!(line(&state), told);
        state.controls.intake = Some(SwitchView { paused: true, ..SwitchView::default() });
        state.degraded = vec!["no broker".to_owned()];
        let told = "degraded: no broker · not selling: intake is paused · sold 0/0 · lag ? · 0/s";
        assert_eq!(line(&state), told);
        state.phase = Phase::Stopping;
        assert_eq!(line(&state), "degraded: no broker · sold 0/0 · lag ? · 0/s");
    }

    #[test]
    fn rates_are_short() {
        let rates = [0, 999, 1_000, 2_149, 100_000].map(shortened);
        assert_eq!(rates, ["0", "999", "1.0k", "2.1k", "100.0k"]);
    }
}
