//! Pausing and resuming intake and consumption, and draining. Each survives a restart.

use protocol::{Code, Endpoint, SetSwitch, Snapshot, SwitchView};

use super::{Command, Given, Prompt, on_sale, waiting};
use crate::words::narrow::clock;
use crate::words::printable;

/// What is switched, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch {
    PauseIntake,
    ResumeIntake,
    PauseConsumption,
    ResumeConsumption,
    Drain,
}

impl Switch {
    const fn endpoint(self) -> Endpoint {
        match self {
            Self::PauseIntake => Endpoint::PauseIntake,
            Self::ResumeIntake => Endpoint::ResumeIntake,
            Self::PauseConsumption => Endpoint::PauseConsumption,
            Self::ResumeConsumption => Endpoint::ResumeConsumption,
            Self::Drain => Endpoint::Drain,
        }
    }

    /// In words, as the verb has it.
    pub(crate) const fn what(self) -> &'static str {
        match self {
            Self::PauseIntake => "pause intake",
            Self::ResumeIntake => "resume intake",
            Self::PauseConsumption => "pause consumption",
            Self::ResumeConsumption => "resume consumption",
            Self::Drain => "drain",
        }
    }

    /// The command, about switches of this generation, where they were shown. A daemon that doesn't
    /// say their generation doesn't take it either.
    pub(crate) fn command(self, shown_generation: Option<u64>, given: Given) -> Command {
        let Given { request_id, reason } = given;
        let body = SetSwitch { request_id, reason, if_generation: shown_generation };
        Command::new(self.endpoint(), self.what(), &body)
    }

    /// What is asked before.
    pub(crate) fn prompt(self, state: &Snapshot) -> Prompt {
        let name = printable(&state.name);
        let title = match self {
            Self::PauseIntake => format!("Pause intake of {name}?"),
            Self::ResumeIntake => format!("Resume intake of {name}?"),
            Self::PauseConsumption => format!("Pause consumption of {name}?"),
            Self::ResumeConsumption => format!("Resume consumption of {name}?"),
            Self::Drain => format!("Drain {name}?"),
        };
        Prompt { title, lines: self.lines(state) }
    }

    fn lines(self, state: &Snapshot) -> Vec<String> {
        let controls = &state.controls;
        let intake = in_words(controls.intake.as_ref(), "open");
        let consumption = in_words(controls.consumption.as_ref(), "running");
        let paused = Code::IntakePaused.as_str();
        match self {
            Self::PauseIntake => vec![
                format!("Now: intake is {intake}."),
                format!("New orders are refused (code {paused}) until intake is resumed."),
                "Orders already accepted are decided as usual.".to_owned(),
                format!("Touches: {}.", on_sale(state)),
            ],
            Self::ResumeIntake => {
                let mut lines =
                    vec![format!("Now: intake is {intake}."), "Buyers can order again.".to_owned()];
                lines.extend(end_of_drain(state));
                lines.push(format!("Touches: {}.", on_sale(state)));
                lines
            }
            Self::PauseConsumption => {
                let mut lines = vec![
                    format!("Now: consumption is {consumption}."),
                    "Orders stay in the queue, and their buyers stay \"queueing\".".to_owned(),
                    "Intake goes on: the queue grows until consumption is resumed.".to_owned(),
                ];
                lines.extend(end_of_drain(state));
                lines.push(format!("Touches: {}, and those that come.", waiting(state)));
                lines
            }
            Self::ResumeConsumption => vec![
                format!("Now: consumption is {consumption}."),
                "Orders are taken from the queue and decided again.".to_owned(),
                format!("Touches: {}.", waiting(state)),
            ],
            Self::Drain => vec![
                format!("Now: intake is {intake}, consumption is {consumption}."),
                format!(
                    "Intake is paused (code {paused}); consumption goes on until nothing waits."
                ),
                "The daemon stays up; resuming intake undoes it.".to_owned(),
                format!("Touches: {}; {}.", waiting(state), on_sale(state)),
            ],
        }
    }
}

fn end_of_drain(state: &Snapshot) -> Option<String> {
    state.controls.drain.as_ref().map(|_| "It ends the drain.".to_owned())
}

/// A switch in words: `open`, `paused by alice at 14:28:20Z`.
pub(crate) fn in_words(switch: Option<&SwitchView>, on: &str) -> String {
    let Some(switch) = switch else { return "no part of this process".to_owned() };
    if !switch.paused {
        return on.to_owned();
    }
    let by = switch.by.as_ref().map(|by| format!(" by {}", printable(by))).unwrap_or_default();
    let at = switch.since.map(|since| format!(" at {}", clock(since))).unwrap_or_default();
    format!("paused{by}{at}")
}
