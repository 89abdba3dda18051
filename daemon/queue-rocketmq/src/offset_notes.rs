//! What one process leaves to the next of the offsets that it watched (`offsets.rs`): how far each
//! queue was consumed at an ordered stop, and what is passed over. Without these notes an offset
//! that is moved while no process runs would be taken as it is found, and the orders before it
//! would be denied.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use tokio::sync::Mutex;

use super::Cause;
use super::note::Note;
use super::offsets::{Left, Skip};
use super::requests::RequestError;

/// Where the notes are kept.
#[derive(Default)]
pub(super) struct LeftBehind {
    note: OnceLock<Note>,
    /// What is in the notes; none while they weren't read.
    kept: Mutex<Option<Vec<String>>>,
}

impl LeftBehind {
    /// Keeps what is left in `note` from now on.
    pub(super) fn keep_in(&self, note: Note) {
        // Set once; a second place would know less than the first.
        let _ = self.note.set(note);
    }

    /// What the process before left; none where it was read already.
    pub(super) async fn read(&self) -> Result<Option<BTreeMap<String, Left>>, RequestError> {
        let mut kept = self.kept.lock().await;
        if kept.is_some() {
            return Ok(None);
        }
        let Some(note) = self.note.get() else { return Ok(None) };
        let lines = note.read().await.map_err(|cause| unread(&cause))?;
        let left = lines.iter().map(|line| entry(line).ok_or_else(|| unread(&Cause(line.clone()))));
        let left = left.collect::<Result<BTreeMap<_, _>, _>>()?;
        *kept = Some(lines);
        Ok(Some(left))
    }

    /// Keeps what is left now, where it is something else than before. A database that can't be
    /// written is reported elsewhere; the next reading tries again.
    pub(super) async fn keep(&self, left: &BTreeMap<String, Left>) {
        let mut kept = self.kept.lock().await;
        let (Some(note), Some(before)) = (self.note.get(), kept.as_ref()) else { return };
        let lines: Vec<String> = left.iter().map(|(queue, left)| line(queue, left)).collect();
        if *before == lines {
            return;
        }
        match note.write(lines.clone()).await {
            Ok(()) => *kept = Some(lines),
            Err(error) => tracing::debug!(cause = %error, "what is consumed can't be kept yet"),
        }
    }
}

fn unread(cause: &Cause) -> RequestError {
    RequestError::Uncounted(format!(
        "how far orders were consumed before this start can't be read: {cause}"
    ))
}

/// Marks of a line: an offset that isn't known, and whether a move was seen.
const UNKNOWN: &str = "-";
const SEEN: &str = "seen";
const UNSEEN: &str = "unseen";

/// `broker-a/TOPIC/3 120`, and behind it `100 110 seen` where these offsets are passed over. Names
/// of brokers and topics have no blanks.
fn line(queue: &str, left: &Left) -> String {
    let consumed = left.consumed.map_or_else(|| UNKNOWN.to_owned(), |offset| offset.to_string());
    let skip = left.skipped.map(|Skip { from, to, seen }| {
        format!(" {from} {to} {}", if seen { SEEN } else { UNSEEN })
    });
    format!("{queue} {consumed}{}", skip.unwrap_or_default())
}

fn entry(line: &str) -> Option<(String, Left)> {
    let mut words = line.split(' ');
    let (queue, consumed) = (words.next()?, words.next()?);
    let consumed = match consumed {
        UNKNOWN => None,
        offset => Some(offset.parse().ok()?),
    };
    let rest: Vec<&str> = words.collect();
    let skipped = match *rest {
        [] => None,
        [from, to, seen @ (SEEN | UNSEEN)] => {
            Some(Skip { from: from.parse().ok()?, to: to.parse().ok()?, seen: seen == SEEN })
        }
        _ => return None,
    };
    Some((queue.to_owned(), Left { consumed, skipped }))
}

#[cfg(test)]
mod tests {
    use super::{Left, Skip, entry, line};

    #[test]
    fn what_is_written_is_read() {
        let skips = [None, Some((3, 9, true)), Some((0, 1, false))];
        for skipped in skips.map(|skip| skip.map(|(from, to, seen)| Skip { from, to, seen })) {
            for consumed in [None, Some(0), Some(120)] {
                let left = Left { consumed, skipped };
                let line = line("broker-a/T/3", &left);
                assert_eq!(entry(&line), Some(("broker-a/T/3".to_owned(), left)), "{line}");
            }
        }
    }

    #[test]
    fn what_is_no_such_line_is_refused() {
        for line in ["", "q", "q x", "q 1 2", "q 1 2 3", "q 1 2 3 new", "q 1 2 3 seen more"] {
            assert_eq!(entry(line), None, "{line}");
        }
    }
}
