//! `seckillctl status --watch`: the table again on every change. The state is advanced by the
//! protocol's own reducer; a busy daemon's changes are gathered for a second.

use std::io::Write;
use std::time::Duration;

use protocol::{Gap, Line, Snapshot};
use tokio::time::Instant;

use super::table;
use crate::client;
use crate::exit::Fault;
use crate::place::Screen;
use crate::verbs::desk::{Desk, Printed};
use crate::verbs::events;

/// At least so long between two prints.
const INTERVAL: Duration = Duration::from_secs(1);

/// Puts the cursor at the top left and clears the screen.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// What is to be printed.
#[derive(Debug, Default)]
struct Watch {
    state: Option<Snapshot>,
    is_news: bool,
}

/// Prints until the stream ends, which is always a fault.
pub(super) async fn run(
    desk: &Desk,
    screen: Screen,
    out: &mut dyn Write,
) -> Result<Printed, Fault> {
    let mut stream = client::events(&desk.socket).await?;
    let mut watch = Watch::default();
    let mut due = Instant::now();
    let mut head = if screen == Screen::Terminal { CLEAR } else { "" };
    loop {
        let line = tokio::select! {
            line = stream.next() => line?,
            () = tokio::time::sleep_until(due), if watch.is_news => {
                let text = format!("{head}{}", watch.print());
                out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Fault::Output)?;
                head = if screen == Screen::Terminal { CLEAR } else { "\n" };
                due = Instant::now() + INTERVAL;
                continue;
            }
        };
        match line {
            None => return Err(events::ended(desk, "without a word")),
            Some(Line::Closing { reason }) => return Err(events::ended(desk, &reason)),
            Some(line) => {
                if watch.take(line).is_err() {
                    stream = client::events(&desk.socket).await?;
                }
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
            (_, None) | (Line::Closing { .. }, _) => {}
        }
        Ok(())
    }

    fn print(&mut self) -> String {
        self.is_news = false;
        let print = |state: &Snapshot| {
            format!("{}\n{}", crate::text::moment(state.at), table::render(state))
        };
        self.state.as_ref().map(print).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use protocol::{Change, EpochMs, Line, PeerView, Permission, Snapshot};

    use super::Watch;

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
        let _ = watch.print();
        watch.take(Line::Heartbeat { seq: 4, at: EpochMs(2) }).unwrap();
        assert!(!watch.is_news);
        watch.take(change(5)).unwrap();
        assert!(watch.is_news);
        assert_eq!(watch.take(change(7)).unwrap_err().due, 6);
    }
}
