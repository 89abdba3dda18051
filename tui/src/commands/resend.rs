//! Putting dead letters back into the queue: one, or every one that can be read.

use protocol::{DeadLetterView, Endpoint, Reasoned, ResendAll, ResentState};

use super::{Command, Given, Prompt};
use crate::words::{counted, printable};

/// The command for one.
pub(crate) fn one(id: u64, given: Given) -> Command {
    let Given { request_id, reason } = given;
    let what = format!("resend dead letter {id}");
    Command::about(Endpoint::Resend, id, what, &Reasoned { request_id, reason })
}

/// The command for every one up to a number, where one is given; `per_s` of them a second at most.
pub(crate) fn every(up_to: Option<u64>, per_s: Option<u32>, given: Given) -> Command {
    let Given { request_id, reason } = given;
    let what = match up_to {
        Some(newest) => format!("resend every dead letter up to {newest}"),
        None => "resend every dead letter".to_owned(),
    };
    let body = ResendAll { request_id, reason, per_s, up_to };
    Command::new(Endpoint::ResendAll, what, &body)
}

/// What is asked before one is put back.
pub(crate) fn prompt_of_one(letter: &DeadLetterView) -> Prompt {
    let lines = vec![
        format!("Set aside as {}.", printable(&letter.reason)),
        format!(
            "Order {}.",
            letter.order_id.as_ref().map_or_else(String::new, |id| printable(&id.text()))
        ),
        "Touches: 1 dead letter; it goes back into the queue and is decided.".to_owned(),
    ];
    Prompt { title: format!("Resend dead letter {}?", letter.id), lines }
}

/// What is asked before all are, of which there are `total`, the newest of this number: on a bad
/// night more come each second.
pub(crate) fn prompt_of_every(total: u64, newest: Option<u64>) -> Prompt {
    let letters = counted(total, "dead letter");
    let up_to = newest.map_or_else(String::new, |newest| format!(", up to no. {newest}"));
    let lines = vec![
        "Those that hold a readable order go back into the queue, at a capped rate.".to_owned(),
        format!("Touches: up to {letters}{up_to}."),
        "What is set aside after them is left alone.".to_owned(),
    ];
    Prompt { title: "Resend every dead letter?".to_owned(), lines }
}

/// What it came to: `12 put back, 3 left`.
pub(crate) fn outcome(state: &ResentState) -> String {
    format!("{} put back, {} left", state.resent, state.left)
}
