//! The looks at causes, once a second: whether the database can be written, whether anything is
//! known of the queue, whether the gateway refuses everybody by itself. What they find goes into
//! the track records, beside what becomes of orders; each change of a trouble is one line of the
//! log.

use std::sync::{Arc, Weak};
use std::time::Duration;

use domain::ports::Cause;
use domain::ports::notebook::DataFile;
use instruments::meter::Endpoint;
use protocol::{Code, Trouble, TroubleState};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use super::gateway::GatewayParts;
use super::queue::QueueParts;
use super::refused;
use super::standstill::Standstill;
use super::view::Shown;
use crate::gateway::charge::ChargeDesk;
use crate::gateway::confirmer::UnconfirmedOrders;
use crate::gateway::tally::Tally;
use crate::observe::status::{Condition, Part, Record, Refuses, Status, Subject};
use crate::tunable::Tunable;

const EVERY: Duration = Duration::from_secs(1);

/// A write that is at one step for so long is shown; a disk that is merely slow takes less.
const STALLED_AFTER: Duration = Duration::from_secs(2);

/// Seconds with refusals, and no order accepted in or between them, after which the gateway is
/// said to refuse everybody. One alone may be a moment's rush.
const SECONDS_REFUSING: u32 = 3;

/// Begins the looks, and the logging of what was wrong with requests; both end when cancelled.
pub(super) fn begin(shown: &Shown<'_>, watchers: &TaskTracker, cancel: &CancellationToken) {
    watchers.spawn(Arc::clone(shown.clock).run(cancel.clone()));
    let (file, queue, status) = (Arc::new(shown.store.clone()), shown.queue, shown.status);
    let limit = || shown.tunables.gateway.unconfirmed_max.clone();
    let answers = shown.gateway.map(|gateway| Answers::new(gateway, queue, limit(), status));
    let (queue, status) = (Arc::clone(queue), Arc::clone(status));
    watchers.spawn(watch(file, queue, answers, status, cancel.clone()));
    let tally = shown.gateway.map(|gateway| Arc::clone(&gateway.endpoints.tally));
    if let Some(standstill) = shown.gateway.and_then(|it| Standstill::of(it, shown.status)) {
        watchers.spawn(standstill.watch(Arc::clone(shown.status), cancel.clone()));
    }
    watchers.spawn(refused::tell(tally, shown.rest.order_tally(), cancel.clone()));
}

/// Looks until cancelled.
async fn watch(
    file: Arc<dyn DataFile>,
    queue: Arc<QueueParts>,
    mut answers: Option<Answers>,
    status: Arc<Status>,
    cancel: CancellationToken,
) {
    let mut place = file.watch_place();
    let looking = async {
        let (mut told, mut was_displaced, mut is_first) = (Vec::new(), false, true);
        loop {
            queue.look();
            let is_displaced = file.displaced().is_some();
            if was_displaced && !is_displaced {
                // What was refused meanwhile was refused for that and nothing else.
                queue.records().store.cured();
                queue.records().placing.cured();
            }
            was_displaced = is_displaced;
            look_at_file(&file, &queue, std::mem::take(&mut is_first)).await;
            look_ahead(&*file, &status);
            if let Some(answers) = &mut answers {
                answers.look(&status);
            }
            let now = status.troubles();
            log_turns(&told, &now);
            told = now;
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                // An error means that the store is gone; the next look finds that as well.
                Ok(()) = place.changed() => {}
            }
        }
    };
    cancel.run_until_cancelled(looking).await;
}

/// While there is a reason, a write of our own finds out whether the database can be written,
/// because perhaps no order comes to try it. The first look always writes: nothing is known yet,
/// and the first buyer needn't find out. No write is queued behind a stalled one.
async fn look_at_file(file: &Arc<dyn DataFile>, queue: &QueueParts, is_first: bool) {
    let records = queue.records();
    let known = match file.displaced() {
        Some(cause) => Some(cause),
        None => stall(file).await,
    };
    let found = match known {
        Some(cause) => Err(cause),
        None => {
            let is_troubled = records.store.is_troubled() || records.placing.is_troubled();
            if !is_first && !is_troubled && file.trouble().is_none() {
                return;
            }
            match timeout(file.probed_within(), file.probe()).await {
                Ok(written) => written.map_err(Cause::from),
                Err(_) => {
                    let stalled = stall(file).await;
                    Err(stalled.unwrap_or_else(|| Cause("no answer from the database".to_owned())))
                }
            }
        }
    };
    match found {
        Ok(()) => {
            records.store.gone();
            records.placing.gone();
        }
        Err(cause) => {
            records.store.seen(cause);
            records.placing.still();
        }
    }
}

/// Looks for what lets the sale go on now, and would make the next start fail.
fn look_ahead(file: &dyn DataFile, status: &Status) {
    let warnings = file.closed_to_a_start().map(|cause| cause.to_string());
    let warnings = warnings.into_iter().collect();
    status.report(Part::Store, Condition { warnings, ..Condition::default() });
}

async fn stall(file: &Arc<dyn DataFile>) -> Option<Cause> {
    let file = Arc::clone(file);
    // It reads files.
    let asked = tokio::task::spawn_blocking(move || file.stall(STALLED_AFTER));
    asked.await.ok().flatten()
}

/// The gateway's own refusals: at a limit, or by a fault of the program. They are shown where
/// nothing else is degraded that explains them.
pub(super) struct Answers {
    record: Arc<Record>,
    sends: Arc<Record>,
    tally: Arc<Tally>,
    /// Not owned: the publisher ends when the last owner of the desk is gone.
    desk: Weak<ChargeDesk>,
    unconfirmed: Arc<UnconfirmedOrders>,
    unconfirmed_max: Tunable,
    last: Counts,
    /// Seconds with refusals since an order was accepted last.
    seconds: u32,
}

/// Counted since the start.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    overloaded: u64,
    faults: u64,
    accepted: u64,
}

impl Answers {
    pub(super) fn new(
        gateway: &GatewayParts,
        queue: &QueueParts,
        unconfirmed_max: Tunable,
        status: &Status,
    ) -> Self {
        let what = "every charge is refused";
        let subject = Subject { part: Part::Gateway, what, refuses: Refuses::Everybody };
        Self {
            record: status.record(subject),
            sends: Arc::clone(&queue.records().sends),
            tally: Arc::clone(&gateway.endpoints.tally),
            desk: Arc::downgrade(&gateway.endpoints.charge),
            unconfirmed: Arc::clone(&gateway.unconfirmed),
            unconfirmed_max,
            last: Counts::default(),
            seconds: 0,
        }
    }

    fn look(&mut self, status: &Status) {
        let charges = self.tally.of(Endpoint::Charge).counts();
        let count = |code: Code| charges.get(code.as_str()).copied().unwrap_or(0);
        let now = Counts {
            overloaded: count(Code::Overloaded),
            faults: count(Code::ServerError),
            accepted: self.sends.throughs(),
        };
        let before = std::mem::replace(&mut self.last, now);
        let refused = now.overloaded - before.overloaded + now.faults - before.faults;
        if before.accepted < now.accepted {
            self.seconds = 0;
            self.record.through();
        } else if refused == 0 {
            self.record.gone();
        } else {
            self.seconds += 1;
            let is_explained = !self.record.is_troubled() && !status.is_ready();
            if SECONDS_REFUSING <= self.seconds && !is_explained {
                let cause = self.cause(before.faults < now.faults);
                self.record.failed(usize::try_from(refused).unwrap_or(usize::MAX), &cause);
            }
        }
    }

    fn cause(&self, by_fault: bool) -> Cause {
        let (waiting, waiting_max) = self.desk.upgrade().map_or((0, 1), |desk| desk.waiting());
        let why = if by_fault {
            "20000, a fault of the program: the log has it"
        } else if self.unconfirmed_max.count() <= self.unconfirmed.count() {
            "42002, as many sends are unconfirmed as may be (gateway.unconfirmed_max)"
        } else if waiting_max <= waiting {
            "42002, as many charges wait for the publisher as may (gateway.publish_waiting_max)"
        } else {
            "42002"
        };
        Cause(format!("answered {why}"))
    }
}

/// A line for each trouble that begins, recovers, fails again or is over.
fn log_turns(before: &[Trouble], now: &[Trouble]) {
    for trouble in now {
        let earlier = before.iter().find(|earlier| earlier.is(trouble));
        if earlier.map(|earlier| earlier.state) == Some(trouble.state) {
            continue;
        }
        let Trouble { text, orders, .. } = trouble;
        match trouble.state {
            TroubleState::Failing => error!(orders, "{text}"),
            TroubleState::Partly => warn!(orders, "for some orders, {text}"),
            TroubleState::Recovering => {
                warn!(orders, "recovering, the next order tells: {text}");
            }
        }
    }
    for trouble in before.iter().filter(|trouble| !now.iter().any(|one| one.is(trouble))) {
        info!(orders = trouble.orders, "over: {}", trouble.text);
    }
}
