//! Puts the operator's switches into effect: intake at the charge desk, consumption at the queue.
//! It also finds whether a drain has come to its end. The store has what was asked for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use domain::ports::Consuming;
use protocol::{Controls, SwitchView};

use super::queue::QueueParts;
use crate::gateway::charge::{ChargeDesk, IntakePaused};
use crate::observe::status::LagReading;

/// The switches of this process.
pub(super) struct Switches {
    state: Mutex<State>,
    /// Not owned: the publisher ends when the last owner of the desk is gone.
    desk: Weak<ChargeDesk>,
    queue: Arc<QueueParts>,
}

struct State {
    controls: Controls,
    /// While draining: since when nothing has been on its way into the queue.
    quiet_since: Option<Instant>,
    /// Consumption as it was set last. `None` before the first time, and while a change is under
    /// way.
    consuming: Option<Consuming>,
}

impl Switches {
    /// Everything on, until `apply` is called.
    pub(super) fn new(desk: Weak<ChargeDesk>, queue: Arc<QueueParts>) -> Self {
        let state = State { controls: Controls::default(), quiet_since: None, consuming: None };
        Self { state: Mutex::new(state), desk, queue }
    }

    /// Puts the switches into effect. The queue is set only when consumption changes: that may take
    /// as long as the start of a consumer over a silent wire, and a command to intake must not wait
    /// for it. One call at a time.
    pub(super) async fn apply(&self, controls: &Controls) {
        let is_paused =
            |switch: &Option<SwitchView>| switch.as_ref().is_some_and(|switch| switch.paused);
        if let Some(desk) = self.desk.upgrade() {
            desk.set_intake_paused(match is_paused(&controls.intake) {
                true => IntakePaused::Yes,
                false => IntakePaused::No,
            });
        }
        let consuming = match is_paused(&controls.consumption) {
            true => Consuming::Paused,
            false => Consuming::Running,
        };
        // Taken out: should this call be cut off half-way, the next call sets the queue again.
        let told = self.state().consuming.take();
        if told != Some(consuming) {
            self.queue.set_consuming(consuming).await;
        }
        *self.state() =
            State { controls: controls.clone(), quiet_since: None, consuming: Some(consuming) };
    }

    /// The switches as they are, with the drain judged by what is on its way: claims whose
    /// publication is open, sends whose result is unknown, and what the queue holds. A lag of 0
    /// counts only if its reading began after everything else had come to rest.
    pub(super) fn look(&self, unconfirmed: usize, lag: &LagReading) -> Controls {
        let under_way = self.desk.upgrade().map_or(0, |desk| desk.under_way());
        let mut state = self.state();
        let State { controls, quiet_since, .. } = &mut *state;
        if let Some(drain) = &mut controls.drain
            && !drain.drained
        {
            if under_way == 0 && unconfirmed == 0 {
                let since = *quiet_since.get_or_insert_with(Instant::now);
                let is_empty = lag.lag.as_ref().is_ok_and(|lag| lag.messages == 0);
                drain.drained = is_empty && since < lag.begun;
            } else {
                *quiet_since = None;
            }
        }
        controls.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
