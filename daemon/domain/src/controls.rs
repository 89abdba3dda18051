//! The operator's switches: intake, consumption, and the drain that sets both. Which command turns
//! which switch, and when it may. They are kept in the store, so that a pause survives a restart;
//! acting on them is the roles' business.

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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use protocol::{Controls, SwitchView};

    use super::{ControlVerb, Position, StaleGeneration, Switch, turn, turned};

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
}
