//! The operator's switches: intake, consumption, and the drain that sets both. Which command turns
//! which switch, when it may, and when a drain has come to its end. They are kept in the store, so
//! that a pause survives a restart; acting on them is the roles' business.

use std::time::Instant;

use protocol::{Controls, SwitchView};
use serde_json::{Value, json};

/// What can be done with the switches. Doing what is done already is fine, and changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ControlVerb {
    /// New orders are refused.
    PauseIntake,
    /// New orders are taken. Undoes a drain.
    ResumeIntake,
    /// No orders are taken from the queue. A drain could never end so, and is none any more: its
    /// mark goes, and intake stays paused.
    PauseConsumption,
    /// Orders are taken from the queue.
    ResumeConsumption,
    /// New orders are refused and consumption goes on until nothing waits.
    Drain,
}

/// One switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Switch {
    /// Engaged, new orders are refused.
    Intake,
    /// Engaged, no orders are taken from the queue.
    Consumption,
    /// Engaged, an operator waits for the queue to become empty.
    Drain,
}

impl Switch {
    /// As it stands in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Consumption => "consumption",
            Self::Drain => "drain",
        }
    }
}

/// How a switch stands. One that stands so already keeps since when, by whom and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Position {
    /// It holds something back.
    Engaged,
    /// It doesn't.
    Disengaged,
}

/// A switch, and how it is to stand.
pub type Turn = (Switch, Position);

impl ControlVerb {
    /// The switches that it turns, in their sequence.
    #[must_use]
    pub const fn turns(self) -> &'static [Turn] {
        use Position::{Disengaged, Engaged};
        match self {
            Self::PauseIntake => &[(Switch::Intake, Engaged)],
            Self::ResumeIntake => &[(Switch::Intake, Disengaged), (Switch::Drain, Disengaged)],
            Self::PauseConsumption => {
                &[(Switch::Consumption, Engaged), (Switch::Drain, Disengaged)]
            }
            Self::ResumeConsumption => &[(Switch::Consumption, Disengaged)],
            Self::Drain => &[
                (Switch::Intake, Engaged),
                (Switch::Consumption, Disengaged),
                (Switch::Drain, Engaged),
            ],
        }
    }
}

/// Why no switch is turned: they were turned since the asker saw them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaleGeneration {
    /// The generation that they are of.
    pub current: u64,
    /// The generation that the asker saw.
    pub seen: u64,
}

/// The switches that are turned, where the asker saw them at generation `if_generation`, if they
/// say so: what was asked for of an open sale isn't done to one that somebody has begun to drain.
///
/// # Errors
/// They are of another generation.
pub fn turn(
    now: &Controls,
    verb: ControlVerb,
    if_generation: Option<u64>,
) -> Result<&'static [Turn], StaleGeneration> {
    let current = generation(now);
    match if_generation.filter(|seen| *seen != current) {
        Some(seen) => Err(StaleGeneration { current, seen }),
        None => Ok(verb.turns()),
    }
}

/// The switches after a command, with their generation: it rises where any of them stands
/// otherwise than before.
#[must_use]
pub fn turned(before: &Controls, after: Controls) -> Controls {
    let is_other = in_short(before) != in_short(&after);
    Controls { generation: Some(generation(before) + u64::from(is_other)), ..after }
}

fn generation(controls: &Controls) -> u64 {
    controls.generation.unwrap_or(0)
}

/// The switches as the audit log keeps them: a format of the database, by which generations are
/// counted.
#[must_use]
pub fn in_short(controls: &Controls) -> Value {
    let paused = |switch: &Option<SwitchView>| switch.as_ref().map(|switch| switch.paused);
    json!({
        "intake_paused": paused(&controls.intake),
        "consumption_paused": paused(&controls.consumption),
        "draining": controls.drain.is_some(),
    })
}

/// How far a drain has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DrainStage {
    /// Something may still be on its way into the queue.
    #[default]
    Busy,
    /// Nothing has been on its way since then; the queue may hold orders.
    Quiet(Instant),
    /// Nothing waits any more.
    Drained,
}

/// What a look at a drain sees.
#[derive(Debug, Clone, Copy)]
pub struct DrainLook {
    /// The moment of the look.
    pub at: Instant,
    /// Claims whose publication is open, and sends whose result is unknown.
    pub on_its_way: usize,
    /// When the newest reading of the lag began.
    pub lag_begun: Instant,
    /// Messages that it found; `None` where they couldn't be counted, which is never 0.
    pub lag: Option<u64>,
}

impl DrainStage {
    /// The stage after a look. A lag of 0 is the end only if its reading began when nothing was on
    /// its way any more: an older reading may have missed what came into the queue after it.
    #[must_use]
    pub fn after(self, look: &DrainLook) -> Self {
        let since = match self {
            Self::Drained => return Self::Drained,
            Self::Quiet(since) => since,
            Self::Busy => look.at,
        };
        if 0 < look.on_its_way {
            return Self::Busy;
        }
        match look.lag {
            Some(0) if since < look.lag_begun => Self::Drained,
            _ => Self::Quiet(since),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::{Duration, Instant};

    use protocol::{Controls, SwitchView};

    use super::{
        ControlVerb, DrainLook, DrainStage, Position, StaleGeneration, Switch, turn, turned,
    };

    /// The engaged switches after these commands.
    fn engaged(verbs: &[ControlVerb]) -> Vec<&'static str> {
        let mut engaged = HashSet::new();
        for (switch, position) in verbs.iter().flat_map(|verb| verb.turns()) {
            match position {
                Position::Engaged => engaged.insert(*switch),
                Position::Disengaged => engaged.remove(switch),
            };
        }
        let all = [Switch::Intake, Switch::Consumption, Switch::Drain];
        all.into_iter().filter(|switch| engaged.contains(switch)).map(Switch::as_str).collect()
    }

    #[test]
    fn a_drain_is_intake_paused_and_consumption_on_until_it_is_undone() {
        use ControlVerb::{Drain, PauseConsumption, PauseIntake, ResumeConsumption, ResumeIntake};
        for (verbs, wanted) in [
            (&[PauseConsumption][..], &["consumption"][..]),
            (&[PauseConsumption, Drain], &["intake", "drain"]),
            (&[Drain, PauseIntake], &["intake", "drain"]),
            (&[Drain, ResumeConsumption], &["intake", "drain"]),
            (&[Drain, ResumeIntake], &[]),
            (&[Drain, PauseConsumption], &["intake", "consumption"]),
            (&[Drain, PauseConsumption, ResumeConsumption], &["intake"]),
        ] {
            assert_eq!(engaged(verbs), wanted, "{verbs:?}");
        }
    }

    fn paused(generation: Option<u64>) -> Controls {
        let intake = Some(SwitchView { paused: true, ..SwitchView::default() });
        Controls { intake, generation, ..Controls::default() }
    }

    #[test]
    fn only_switches_as_they_were_seen_are_turned() {
        let verb = ControlVerb::ResumeIntake;
        for seen in [None, Some(3)] {
            assert_eq!(turn(&paused(Some(3)), verb, seen), Ok(verb.turns()));
        }
        let stale = StaleGeneration { current: 3, seen: 2 };
        assert_eq!(turn(&paused(Some(3)), verb, Some(2)), Err(stale));
        assert_eq!(turn(&paused(None), verb, Some(0)), Ok(verb.turns()));
    }

    #[test]
    fn the_generation_rises_with_each_change_and_with_nothing_else() {
        let open = Controls { generation: Some(3), ..paused(None) };
        let same = turned(&open, paused(Some(3)));
        assert_eq!(same.generation, Some(3));
        let resumed = turned(&open, Controls::default());
        assert_eq!(resumed.generation, Some(4));
    }

    #[test]
    fn a_drain_ends_with_a_lag_of_0_that_was_read_when_nothing_was_on_its_way() {
        let start = Instant::now();
        let second = |count| start + Duration::from_secs(count);
        let look = |at, on_its_way, lag_begun, lag| DrainLook {
            at: second(at),
            on_its_way,
            lag_begun: second(lag_begun),
            lag,
        };
        let stage =
            |looks: &[DrainLook]| looks.iter().fold(DrainStage::default(), DrainStage::after);
        let quiet = |since| DrainStage::Quiet(second(since));
        // The reading is older than the rest, or of the same moment.
        assert_eq!(stage(&[look(5, 0, 4, Some(0))]), quiet(5));
        assert_eq!(stage(&[look(5, 0, 4, Some(0)), look(6, 0, 5, Some(0))]), quiet(5));
        assert_eq!(stage(&[look(5, 0, 4, Some(0)), look(7, 0, 6, Some(0))]), DrainStage::Drained);
        // Orders wait, or it isn't known whether any do.
        for lag in [Some(1), None] {
            assert_eq!(stage(&[look(5, 0, 4, Some(0)), look(7, 0, 6, lag)]), quiet(5));
        }
        // What comes on its way in between begins the rest again.
        let between = [look(5, 0, 4, Some(0)), look(7, 1, 6, Some(0))];
        assert_eq!(stage(&between), DrainStage::Busy);
        assert_eq!(DrainStage::Busy.after(&look(8, 0, 7, Some(0))), quiet(8));
        // What was drained stays so: intake is paused.
        assert_eq!(DrainStage::Drained.after(&look(9, 1, 8, Some(1))), DrainStage::Drained);
    }
}
