//! `seckillctl status --watch`: the table again on every change. The state is advanced by the
//! protocol's own reducer; a busy daemon's changes are gathered for a second. A restart is noted
//! below the last table and followed by the next.

use std::io::Write;
use std::time::Duration;

use protocol::{Gap, Line, Snapshot};
use tokio::time::Instant;

use super::table;
use crate::exit::NoAnswer;
use crate::place::Screen;
use crate::verbs::daemon_socket::{DaemonSocket, Printed};
use crate::verbs::events::lost;
use crate::verbs::follow::{Follow, Followed, now};

/// At least so long between two prints.
const INTERVAL: Duration = Duration::from_secs(1);

/// Puts the cursor at the top left and clears the screen.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// What is to be printed.
#[derive(Debug, Default)]
struct Watch {
    state: Option<Snapshot>,
    is_news: bool,
    is_begun: bool,
}

/// Prints until the reader has seen enough, or this user may no longer look.
pub(super) async fn run(
    daemon: &DaemonSocket,
    screen: Screen,
    out: &mut dyn Write,
) -> Result<Printed, NoAnswer> {
    let mut stream = Follow::begin(daemon).await?;
    let mut watch = Watch::default();
    let mut due = Instant::now();
    loop {
        let followed = tokio::select! {
            // What has come already is gathered first.
            biased;
            followed = stream.next() => followed?,
            () = tokio::time::sleep_until(due), if watch.is_news => {
                watch.print(screen, out)?;
                due = Instant::now() + INTERVAL;
                continue;
            }
        };
        match followed {
            Followed::Line(line) => {
                // What a later daemon says besides is no news.
                let Ok(line) = serde_json::from_slice(&line) else { continue };
                if watch.take(line).is_err() {
                    stream.start_over();
                }
            }
            Followed::Lost(reason) => {
                // The last that is known of it, and that it is the last.
                watch.print(screen, out)?;
                let text = format!("{} {}\n", crate::words::moment(now()), lost(&reason));
                out.write_all(text.as_bytes())
                    .and_then(|()| out.flush())
                    .map_err(NoAnswer::Output)?;
            }
        }
    }
}

impl Watch {
    /// Takes in a line. A heartbeat is no news.
    fn take(&mut self, line: Line) -> Result<(), Gap> {
        match (line, &mut self.state) {
            (Line::Snapshot { snapshot, .. }, state) => {
                *state = Some(*snapshot);
                self.is_news = true;
            }
            (Line::Change { seq, at, change }, Some(state)) => {
                state.apply(seq, at, *change)?;
                self.is_news = true;
            }
            (Line::Heartbeat { seq, at }, Some(state)) => state.beat(seq, at)?,
            (_, None) | (Line::Closing { .. } | Line::Unknown, _) => {}
        }
        Ok(())
    }

    /// Prints the state if there is news. Where nothing can be cleared, a blank line parts it from
    /// the one before.
    fn print(&mut self, screen: Screen, out: &mut dyn Write) -> Result<(), NoAnswer> {
        let Some(state) = self.state.as_ref().filter(|_| self.is_news) else { return Ok(()) };
        let head = match screen {
            Screen::Terminal => CLEAR,
            Screen::Plain if self.is_begun => "\n",
            Screen::Plain => "",
        };
        let text = format!("{head}{}\n{}", crate::words::moment(state.at), table::render(state));
        (self.is_news, self.is_begun) = (false, true);
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(NoAnswer::Output)
    }
}

#[cfg(test)]
mod tests {
    use protocol::{Change, EpochMs, Line, PeerView, Permission, Snapshot};

    use super::{CLEAR, Watch};
    use crate::place::Screen;

    #[test]
    fn a_gap_is_told_and_a_heartbeat_is_no_news() {
        let mut watch = Watch::default();
        let change = |seq| {
            let change = Box::new(Change::LogLevel("debug".to_owned()));
            Line::Change { seq, at: EpochMs(1), change }
        };
        assert!(watch.take(change(9)).is_ok(), "before the first state nothing can be missing");
        let you = PeerView { uid: 0, user: None, permission: Permission::View, missing: None };
        let snapshot = Box::new(Snapshot { seq: 4, ..Snapshot::default() });
        watch.take(Line::Snapshot { snapshot, you }).unwrap();
        assert!(watch.is_news);
        let mut printed = Vec::new();
        watch.print(Screen::Plain, &mut printed).unwrap();
        assert!(printed.starts_with(b"1970-01-01 00:00:00Z\n"));
        assert!(!watch.is_news);
        watch.take(Line::Heartbeat { seq: 4, at: EpochMs(2) }).unwrap();
        assert!(!watch.is_news);
        watch.take(change(5)).unwrap();
        assert!(watch.is_news);
        printed.clear();
        watch.print(Screen::Terminal, &mut printed).unwrap();
        assert!(printed.starts_with(CLEAR.as_bytes()));
        assert_eq!(watch.take(change(7)).unwrap_err().due, 6);
    }
}
