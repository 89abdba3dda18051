//! The broker's clock beside ours. A message that went there and back measures it to the
//! millisecond; else the broker's boot and running time measure it to the second, where the account
//! may ask.

use std::time::Duration;

use domain::ports::findings::Finding;
use instruments::clock;

use super::requests::{RequestError, Requests};

const CHECK: &str = "clock";
const AHEAD_MAX_MS: i64 = 1_000;
/// The broker reports its running time in whole seconds.
const RUNTIME_STEP_MS: i64 = 1_000;

/// A broker takes its first statistics a second after its start, and fails when asked for them
/// before. So it is asked this many times.
const TRIES_MAX: u32 = 4;
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// How far the broker's clock is ahead of ours, in milliseconds: somewhere between the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ahead {
    least_ms: i64,
    most_ms: i64,
    how: &'static str,
}

impl Ahead {
    /// By a message that it stored between our sending and its answer.
    pub(super) const fn by_message(sent: i64, stored: i64, answered: i64) -> Self {
        let how = "by the time at which it stored the round trip's message";
        Self { least_ms: stored - answered, most_ms: stored - sent, how }
    }

    /// By its boot and running time, read between our asking and its answer.
    const fn by_runtime(asked: i64, told: i64, answered: i64) -> Self {
        let how = "by its boot and running time, to the second";
        Self { least_ms: told - answered, most_ms: told + RUNTIME_STEP_MS - asked, how }
    }

    /// Whether it is certainly too far off, one way or the other.
    const fn is_off(self) -> bool {
        AHEAD_MAX_MS < self.least_ms || self.most_ms < -AHEAD_MAX_MS
    }
}

/// Asks the broker for its boot and running time.
pub(super) async fn by_runtime(requests: &Requests, address: &str) -> Result<Ahead, RequestError> {
    let mut tries = 1;
    let (asked, info) = loop {
        let asked = clock::now().0;
        match requests.runtime_info(address).await {
            Err(RequestError::Refused { .. }) if tries < TRIES_MAX => {
                tokio::time::sleep(TRY_AGAIN_AFTER).await;
                tries += 1;
            }
            told => break (asked, told?),
        }
    };
    let answered = clock::now().0;
    let boot = info.get("bootTimestamp").and_then(|text| text.parse::<i64>().ok());
    let ran = info.get("runtime").and_then(|text| milliseconds(text));
    let told = boot.zip(ran).map(|(boot, ran)| boot + ran);
    let told = told.ok_or(RequestError::Unreadable("boot and running time"))?;
    Ok(Ahead::by_runtime(asked, told, answered))
}

/// `[ 0 days, 1 hours, 2 minutes, 3 seconds ]`
fn milliseconds(text: &str) -> Option<i64> {
    let mut sum = 0_i64;
    for part in text.trim_matches(['[', ']', ' ']).split(',') {
        let (count, unit) = part.trim().split_once(' ')?;
        let seconds = match unit.trim() {
            "days" => 86_400,
            "hours" => 3_600,
            "minutes" => 60,
            "seconds" => 1,
            _ => return None,
        };
        sum += count.parse::<i64>().ok()? * seconds;
    }
    Some(sum * 1_000)
}

/// The line; none seen when the broker didn't answer in time.
pub(super) fn judged(name: &str, seen: Option<Result<Ahead, RequestError>>) -> Finding {
    let unknown = |why: String| {
        let advice = "set doctor.topic: a message's round trip tells it; or compare with ntpq";
        Finding::warn(CHECK, format!("{name}'s clock can't be known: {why}"), advice)
    };
    match seen {
        None => unknown("no answer".to_owned()),
        Some(Err(error)) => unknown(error.to_string()),
        Some(Ok(ahead)) => {
            let Ahead { least_ms, most_ms, how } = ahead;
            let found = format!("{name} is {least_ms} to {most_ms} ms ahead of here, {how}");
            if ahead.is_off() {
                let advice = "set both clocks by NTP: times of orders would be wrong";
                return Finding::warn(CHECK, found, advice);
            }
            Finding::ok(CHECK, found)
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::findings::State;

    use super::{Ahead, judged, milliseconds};

    #[test]
    fn running_times_are_read() {
        let day = 86_400_000;
        assert_eq!(milliseconds("[ 1 days, 0 hours, 0 minutes, 0 seconds ]"), Some(day));
        assert_eq!(milliseconds("[ 0 days, 1 hours, 2 minutes, 3 seconds ]"), Some(3_723_000));
        assert_eq!(milliseconds("[ soon ]"), None);
    }

    #[test]
    fn a_second_off_is_warned_of_and_less_is_not() {
        let state = |ahead| judged("b", Some(Ok(ahead))).state;
        assert_eq!(state(Ahead::by_message(10_000, 10_005, 10_010)), State::Ok);
        assert_eq!(state(Ahead::by_message(10_000, 11_011, 10_010)), State::Warn);
        assert_eq!(state(Ahead::by_message(10_000, 8_999, 10_010)), State::Warn);
        // To the second only: 1.5 s may be half a second.
        assert_eq!(state(Ahead::by_runtime(10_000, 8_500, 10_010)), State::Ok);
        assert_eq!(state(Ahead::by_runtime(10_000, 7_500, 10_010)), State::Warn);
        assert_eq!(judged("b", None).state, State::Warn);
    }
}
