//! Puts the operator's switches into effect: intake at the charge desk, consumption at the queue.
//! It also looks how far a drain has come. The store has what was asked for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use domain::controls::{DrainLook, DrainStage};
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
    drain: DrainStage,
    /// Consumption as it was set last. `None` before the first time, and while a change is under
    /// way.
    consuming: Option<Consuming>,
}

impl Switches {
    /// Everything on, until `apply` is called.
    pub(super) fn new(desk: Weak<ChargeDesk>, queue: Arc<QueueParts>) -> Self {
        let (controls, drain) = (Controls::default(), DrainStage::default());
        Self { state: Mutex::new(State { controls, drain, consuming: None }), desk, queue }
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
        let set_last = self.state().consuming.take();
        if set_last != Some(consuming) {
            self.queue.set_consuming(consuming).await;
        }
        let (controls, drain) = (controls.clone(), DrainStage::default());
        *self.state() = State { controls, drain, consuming: Some(consuming) };
    }

    /// The switches as they are, with the drain judged by what is on its way (claims whose
    /// publication is open, sends whose result is unknown) and by what the queue holds.
    pub(super) fn look(&self, unconfirmed: usize, lag: &LagReading) -> Controls {
        let under_way = self.desk.upgrade().map_or(0, |desk| desk.under_way());
        let mut state = self.state();
        let State { controls, drain: stage, .. } = &mut *state;
        if let Some(drain) = &mut controls.drain
            && !drain.drained
        {
            *stage = stage.after(&DrainLook {
                at: Instant::now(),
                on_its_way: under_way + unconfirmed,
                lag_begun: lag.begun,
                lag: lag.lag.as_ref().ok().map(|lag| lag.messages),
            });
            drain.drained = *stage == DrainStage::Drained;
        }
        controls.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
