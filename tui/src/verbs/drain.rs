//! `seckillctl drain`: pauses intake until nothing waits; with `--wait` stays until it is so, over
//! restarts of the daemon, and says by its exit code how it ended.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use protocol::{Controls, Done, Snapshot};
use serde_json::json;
use tokio::time::Instant;

use crate::args::Drain;
use crate::commands::switch::Switch;
use crate::exit::{Exit, NoAnswer};
use crate::table::facts;
use crate::verbs::command::{give, given};
use crate::verbs::confirm::{Consent, be_named, consent};
use crate::verbs::daemon_socket::{Answer, DaemonSocket, Printed, json, talk};
use crate::verbs::status::controls;
use crate::words::{UNKNOWN, counted_plainly, known, printable};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Where there is no terminal, what is left is printed this often.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// For so long nothing may have moved before dead letters are blamed for it: decisions reach the
/// gateway after the queue is empty.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// Drains.
pub(crate) async fn run(daemon: &DaemonSocket, options: Drain) -> Result<Printed, NoAnswer> {
    let Drain { wait, timeout, plain } = options;
    if consent(&plain.terms, "drain")? == Consent::ToAsk {
        let state = daemon.state().await?;
        be_named(&daemon.named_in(Switch::Drain.prompt(&state), &state), &state.name)?;
    }
    let command = Switch::Drain.command(None, given(&plain.terms, plain.reason)?);
    let answer = give::<Controls>(daemon, &command).await?;
    let shape = plain.terms.shape;
    if !wait {
        let table = |done: &Done<Controls>| facts(&controls(&done.state));
        return Ok(Printed::fine(answer.print(shape, table)));
    }
    let (state, left) = until_drained(daemon, timeout.map(Duration::from_secs)).await?;
    let exit = if left.letters() == 0 { Exit::Fine } else { Exit::Degraded };
    let text = if shape.json { document(answer, &state, left) } else { told(&state, left) };
    Ok(Printed { text, exit })
}

/// What isn't decided yet; `None` where this process doesn't know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Left {
    /// Messages in the queue.
    waiting: Option<u64>,
    /// Whether the lag was seen at 0 since the drain began.
    is_drained: bool,
    /// Units that undecided orders hold at the gateway.
    held: Option<u64>,
    /// Sends whose result is unknown.
    unconfirmed: Option<u64>,
    /// Messages set aside, at the broker included.
    set_aside: Option<u64>,
}

impl Left {
    /// # Errors
    /// The drain was undone.
    fn of(state: &Snapshot) -> Result<Self, NoAnswer> {
        let Some(drain) = &state.controls.drain else {
            let intake = state.controls.intake.as_ref();
            let by = intake.and_then(|intake| intake.by.as_deref()).map_or(UNKNOWN, |by| by);
            let sentence = format!("the drain was undone by {}", printable(by));
            return Err(NoAnswer::refused("drain_undone", sentence, Exit::Refused));
        };
        let held = state.products.iter().map(|product| product.held);
        let queue = &state.queue;
        let letters = [queue.dead_letters, queue.broker_dead_letters];
        Ok(Self {
            waiting: queue.lag_messages,
            is_drained: drain.drained,
            held: held.sum(),
            unconfirmed: state.unconfirmed.map(|sends| sends.count),
            set_aside: letters.into_iter().flatten().reduce(|a, b| a + b),
        })
    }

    const fn letters(&self) -> u64 {
        match self.set_aside {
            Some(count) => count,
            None => 0,
        }
    }

    /// Whether the queue is empty, and every send known.
    fn is_quiet(&self) -> bool {
        let none = |count: Option<u64>| count.is_none_or(|count| count == 0);
        self.is_drained && self.waiting == Some(0) && none(self.unconfirmed)
    }

    fn is_done(&self) -> bool {
        self.is_quiet() && self.held.is_none_or(|held| held == 0) && self.letters() == 0
    }

    fn sentence(&self) -> String {
        let mut parts = vec![format!("{} waiting", known(self.waiting))];
        parts.extend(self.held.map(|held| format!("{held} undecided")));
        parts.extend(self.unconfirmed.map(|count| format!("{count} unconfirmed")));
        parts.extend(self.set_aside.map(|count| counted_plainly(count, "dead letter")));
        parts.join(", ")
    }
}

/// Waits; what is left in the end is nothing but dead letters, if there are any.
async fn until_drained(
    daemon: &DaemonSocket,
    timeout: Option<Duration>,
) -> Result<(Snapshot, Left), NoAnswer> {
    let begun = Instant::now();
    let mut progress = Progress::begin();
    let mut since: Option<(Left, Instant)> = None;
    let mut known_left = UNKNOWN.to_owned();
    loop {
        match daemon.state().await {
            Ok(state) => {
                let left = Left::of(&state)?;
                if left.is_done() {
                    progress.end();
                    return Ok((state, left));
                }
                let unmoved = since.filter(|(before, _)| *before == left);
                let (_, at) = *since.insert(unmoved.unwrap_or((left, Instant::now())));
                if left.is_quiet() && 0 < left.letters() && SETTLED_AFTER <= at.elapsed() {
                    progress.end();
                    return Ok((state, left));
                }
                known_left = left.sentence();
                progress.tell(&known_left);
            }
            // It is restarting; the drain is stored and goes on with it.
            Err(NoAnswer::Unreachable { reason, .. } | NoAnswer::Lost { reason, .. }) => {
                progress.tell(&format!("NO CONNECTION: {reason}"));
            }
            Err(NoAnswer::Refused(refused)) if refused.exit == Exit::Later => {
                progress.tell(&refused.sentence);
            }
            Err(fault) => return Err(fault),
        }
        if timeout.is_some_and(|timeout| timeout <= begun.elapsed()) {
            progress.end();
            let seconds = timeout.unwrap_or_default().as_secs();
            let sentence = format!(
                "not drained within {seconds} s: {known_left}; the drain goes on, and intake stays \
                 paused"
            );
            return Err(NoAnswer::refused("not_drained", sentence, Exit::Later));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn told(state: &Snapshot, left: Left) -> String {
    let end = if left.letters() == 0 {
        "drained: nothing waits, and every order is decided\n".to_owned()
    } else {
        format!(
            "NOT ALL DECIDED: {} left; `dead-letters list` has them: resend or discard each\n",
            counted_plainly(left.letters(), "dead letter"),
        )
    };
    format!("{}{end}", facts(&controls(&state.controls)))
}

/// The command's answer with the state as it is now, and what is left.
fn document(answer: Answer<Done<Controls>>, state: &Snapshot, left: Left) -> String {
    let mut document = answer.document;
    document["state"] = json!(state.controls);
    document["left"] = json!({
        "waiting": left.waiting,
        "undecided": left.held,
        "unconfirmed": left.unconfirmed,
        "dead_letters": left.set_aside,
    });
    json(&document)
}

/// What is left, on standard error: one line that changes on a terminal, else a line now and then.
struct Progress {
    is_terminal: bool,
    told_at: Option<Instant>,
    last: String,
}

impl Progress {
    fn begin() -> Self {
        Self { is_terminal: io::stderr().is_terminal(), told_at: None, last: String::new() }
    }

    fn tell(&mut self, sentence: &str) {
        let sentence = printable(sentence);
        if self.is_terminal {
            // Back to the line's beginning, and what stood there is cleared.
            let _ = write!(io::stderr(), "\r\x1b[Kdraining: {sentence}");
        } else if self.last != sentence && self.told_at.is_none_or(|at| TELL_EVERY <= at.elapsed())
        {
            talk(&format!("draining: {sentence}"));
            self.told_at = Some(Instant::now());
        }
        self.last = sentence;
    }

    fn end(&mut self) {
        if self.is_terminal && !self.last.is_empty() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
        self.last.clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use protocol::{
        Controls, DrainView, EpochMs, QueueView, Snapshot, SwitchView, UnconfirmedView,
    };

    use super::Left;
    use crate::exit::Exit;

    fn state(lag: Option<u64>, drained: bool, unconfirmed: u64, letters: u64) -> Snapshot {
        let drain = Some(DrainView { since: EpochMs(1), drained });
        Snapshot {
            controls: Controls { drain, ..Controls::default() },
            queue: QueueView {
                lag_messages: lag,
                dead_letters: Some(letters),
                ..QueueView::default()
            },
            unconfirmed: Some(UnconfirmedView { count: unconfirmed, limit: 9 }),
            ..Snapshot::default()
        }
    }

    #[test]
    fn it_is_done_when_nothing_waits_is_in_doubt_or_set_aside() {
        let of = |state: &Snapshot| {
            let left = Left::of(state).unwrap();
            (left.is_quiet(), left.is_done())
        };
        assert_eq!(of(&state(Some(0), true, 0, 0)), (true, true));
        assert_eq!(of(&state(Some(1), true, 0, 0)), (false, false));
        assert_eq!(of(&state(None, true, 0, 0)), (false, false), "unknown is not 0");
        assert_eq!(of(&state(Some(0), false, 0, 0)), (false, false));
        assert_eq!(of(&state(Some(0), true, 1, 0)), (false, false));
        assert_eq!(of(&state(Some(0), true, 0, 2)), (true, false));
    }

    #[test]
    fn a_drain_that_somebody_undid_ends_it_with_that_name() {
        let mut undone = state(Some(0), true, 0, 0);
        undone.controls.drain = None;
        undone.controls.intake =
            Some(SwitchView { by: Some("ops".to_owned()), ..SwitchView::default() });
        let fault = Left::of(&undone).unwrap_err();
        assert_eq!(fault.exit(), Exit::Refused);
        assert!(fault.to_string().contains("undone by ops"), "{fault}");
    }
}
