//! `seckillctl clock adopt`: what time the sale goes by, after the wall clock was set.

use protocol::{ClockState, Done};

use crate::args::{Clock, Plain};
use crate::commands::clock as adopting;
use crate::exit::NoAnswer;
use crate::verbs::command::{give, given};
use crate::verbs::confirm::{Consent, be_sure, consent};
use crate::verbs::daemon_socket::{DaemonSocket, Printed};

/// Has the daemon take the wall's time over.
pub(crate) async fn run(daemon: &DaemonSocket, verb: Clock) -> Result<Printed, NoAnswer> {
    let Clock::Adopt(Plain { reason, terms }) = verb;
    if consent(&terms, "clock adopt")? == Consent::ToAsk {
        let state = daemon.state().await?;
        be_sure(&daemon.named_in(adopting::prompt(&state), &state))?;
    }
    let answer = give::<ClockState>(daemon, &adopting::command(given(&terms, reason)?)).await?;
    let table = |done: &Done<ClockState>| format!("{}\n", adopting::outcome(&done.state));
    Ok(Printed::fine(answer.print(terms.shape, table)))
}
