//! `seckillctl dead-letters …`: messages that could not be decided, and what becomes of them.

use protocol::{DeadLetterView, DeadLettersPage, Done, Endpoint, ResentState};

use crate::args::{DeadLetters, DiscardOne, Extent, Resend};
use crate::commands::{discard, resend};
use crate::exit::{Exit, NoAnswer};
use crate::table::{number, table, text};
use crate::verbs::command::{give, given, request_id};
use crate::verbs::confirm::{Consent, be_sure, consent};
use crate::verbs::daemon_socket::{Answer, DaemonSocket, Printed};
use crate::verbs::pages::{gather, judge, lacking, tell_more};
use crate::words::{known, moment, printable, span};

/// Lists, resends or discards.
pub(crate) async fn run(daemon: &DaemonSocket, verb: DeadLetters) -> Result<Printed, NoAnswer> {
    match verb {
        DeadLetters::List { extent, shape } => {
            let answer = page(daemon, &extent).await?;
            tell_more(answer.view.next.as_ref(), shape);
            let (count, unlisted) = (answer.view.dead_letters.len(), &answer.view.unlisted);
            let exit = judge(count, unlisted);
            let table = |page: &DeadLettersPage| {
                format!("{}{}", lacking(&page.unlisted), letters(&page.dead_letters))
            };
            Ok(Printed { text: answer.print(shape, table), exit })
        }
        DeadLetters::Resend(options) => put_back(daemon, options).await,
        DeadLetters::Discard(options) => give_up(daemon, options).await,
    }
}

async fn page(daemon: &DaemonSocket, extent: &Extent) -> Result<Answer<DeadLettersPage>, NoAnswer> {
    gather(daemon, Endpoint::DeadLetters, &[], "dead_letters", extent).await
}

fn letters(letters: &[DeadLetterView]) -> String {
    let columns = [
        number("ID"),
        text("SET ASIDE"),
        text("REASON"),
        text("ORDER"),
        text("PRODUCT"),
        text("BUYER"),
        number("REDELIVERIES"),
        text("RESENDABLE"),
        text("ORIGIN"),
        text("CONTENT"),
    ];
    let cells = |letter: &DeadLetterView| {
        [
            letter.id.to_string(),
            moment(letter.dead_at),
            printable(&letter.reason),
            known(letter.order_id.as_ref().map(|id| printable(&id.text()))),
            known(letter.prod_id.as_ref().map(|id| printable(id.as_str()))),
            known(letter.user.as_deref().map(printable)),
            letter.redeliveries.to_string(),
            if letter.resendable { "yes" } else { "no" }.to_owned(),
            printable(&letter.origin),
            printable(&letter.content),
        ]
    };
    table(columns, letters.iter().map(cells).collect())
}

async fn put_back(daemon: &DaemonSocket, options: Resend) -> Result<Printed, NoAnswer> {
    let terms = options.plain.terms;
    let (reason, shape) = (options.plain.reason, terms.shape);
    let answer = match options.id {
        Some(id) => give(daemon, &resend::one(id, given(&terms, reason)?)).await?,
        None => {
            let mut up_to = None;
            if consent(&terms, "dead-letters resend --all")? == Consent::ToAsk {
                let now = page(daemon, &Extent { limit: 1, all: false }).await?.view;
                be_sure(&resend::prompt_of_every(now.total, now.newest))?;
                // Those that come while it is asked weren't asked about.
                up_to = now.newest;
            }
            let command = resend::every(up_to, options.per_s, given(&terms, reason)?);
            give(daemon, &command).await?
        }
    };
    Ok(Printed::fine(answer.print(shape, resent)))
}

fn resent(done: &Done<ResentState>) -> String {
    let ResentState { resent, left, over_ms } = done.state;
    format!("resent {resent} over {}, left {left}\n", span(over_ms))
}

async fn give_up(daemon: &DaemonSocket, options: DiscardOne) -> Result<Printed, NoAnswer> {
    let DiscardOne { id, reason, terms } = options;
    if consent(&terms, "dead-letters discard")? == Consent::ToAsk {
        let letter = found(daemon, id).await?;
        be_sure(&discard::prompt(id, Some(&letter), &reason))?;
    }
    let command = discard::command(id, &reason, request_id(&terms)?);
    let answer = give::<DeadLetterView>(daemon, &command).await?;
    Ok(Printed::fine(answer.print(terms.shape, discarded)))
}

/// There is no question for one dead letter, so the list is looked through.
async fn found(daemon: &DaemonSocket, id: u64) -> Result<DeadLetterView, NoAnswer> {
    let all = page(daemon, &Extent { limit: u64::MAX, all: true }).await?.view;
    all.dead_letters.into_iter().find(|letter| letter.id == id).ok_or_else(|| {
        let sentence = format!("no dead letter has the number {id}");
        NoAnswer::refused("not_found", sentence, Exit::NotFound)
    })
}

fn discarded(done: &Done<DeadLetterView>) -> String {
    let order = done.state.order_id.as_ref().map(|id| printable(&id.text()));
    format!("discarded dead letter {}, order {}\n", done.state.id, known(order))
}
