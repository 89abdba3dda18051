//! Commands to the daemon. Each carries a number of its own, so it can be given again when its
//! answer was lost, and is carried out once all the same.

use std::time::Duration;

use protocol::{Done, RefusalCode};
use serde::de::DeserializeOwned;

use crate::args::CommandOptions;
use crate::client;
use crate::commands::{Command, Given};
use crate::exit::NoAnswer;
use crate::verbs::daemon_socket::{Answer, DaemonSocket, answer, talk};

/// How often a command is given in all before its answer is given up for lost.
const ATTEMPTS: u32 = 4;

/// Before the first repeat; doubled from repeat to repeat, so that a daemon has time to come back.
const PAUSE_FIRST: Duration = Duration::from_millis(200);

/// The number for a command: as chosen, else a fresh one.
///
/// # Errors
/// The system gives no random bytes.
pub(crate) fn request_id(terms: &CommandOptions) -> Result<String, NoAnswer> {
    if let Some(chosen) = &terms.request_id {
        return Ok(chosen.clone());
    }
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(format!("ctl-{:032x}", u128::from_ne_bytes(bytes)))
}

/// What a command carries by these options.
///
/// # Errors
/// As for [`request_id`].
pub(crate) fn given(terms: &CommandOptions, reason: Option<String>) -> Result<Given, NoAnswer> {
    Ok(Given { request_id: request_id(terms)?, reason })
}

/// Gives a command, and again while its answer is lost.
///
/// # Errors
/// The daemon can't be reached or refuses, or every answer was lost.
pub(crate) async fn give<S: DeserializeOwned>(
    daemon: &DaemonSocket,
    command: &Command,
) -> Result<Answer<Done<S>>, NoAnswer> {
    let (request_id, mut pause) = (command.request_id(), PAUSE_FIRST);
    let mut lost = match attempt(daemon, command).await {
        Ok(answer) => return Ok(answer),
        // Nothing was sent, or the daemon has decided.
        Err(Attempt::Settled(fault)) => return Err(fault),
        Err(Attempt::Open(reason)) => reason,
    };
    for _ in 1..ATTEMPTS {
        talk(&format!("{lost}; asking again with the same request id {request_id}"));
        tokio::time::sleep(pause).await;
        pause *= 2;
        lost = match attempt(daemon, command).await {
            Ok(answer) => return Ok(answer),
            // The first attempt is still open, so not reaching it settles nothing now.
            Err(Attempt::Settled(NoAnswer::Unreachable { reason, .. }) | Attempt::Open(reason)) => {
                reason
            }
            Err(Attempt::Settled(fault)) => return Err(fault),
        };
    }
    let sentence = format!(
        "{lost}. Whether the command was carried out isn't known; give it again with \
         --request-id {request_id} and nothing is done twice"
    );
    Err(NoAnswer::lost(&daemon.socket, sentence))
}

/// Why there is no answer.
enum Attempt {
    /// Nothing more is to be learnt by asking again.
    Settled(NoAnswer),
    /// It may have been carried out; the sentence says what went wrong.
    Open(String),
}

async fn attempt<S: DeserializeOwned>(
    daemon: &DaemonSocket,
    command: &Command,
) -> Result<Answer<Done<S>>, Attempt> {
    let given = client::give(&daemon.socket, command.method(), &command.path, &command.body).await;
    let (status, body) = match given {
        Ok(answered) => answered,
        Err(NoAnswer::Lost { reason, .. }) => return Err(Attempt::Open(reason)),
        Err(fault) => return Err(Attempt::Settled(fault)),
    };
    let late = status.as_u16() == RefusalCode::TimedOut.status();
    answer(&daemon.socket, status, &body).map_err(|fault| match fault {
        NoAnswer::Refused(refused) if late => Attempt::Open(refused.sentence),
        fault => Attempt::Settled(fault),
    })
}

#[cfg(test)]
mod tests {
    use super::request_id;
    use crate::args::{CommandOptions, Shape};

    #[test]
    fn numbers_are_fresh_unless_chosen() {
        let terms = |id: Option<&str>| CommandOptions {
            yes: false,
            request_id: id.map(str::to_owned),
            shape: Shape::default(),
        };
        assert_eq!(request_id(&terms(Some("mine"))).unwrap(), "mine");
        let [one, other] = [(); 2].map(|()| request_id(&terms(None)).unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), 36);
        assert!(one.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{one}");
    }
}
