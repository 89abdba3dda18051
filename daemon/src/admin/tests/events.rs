//! The stream of events: what a reader sees, and how it ends.

use std::time::Duration;

use protocol::{Line, Phase, Snapshot};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;

use super::{DEADLINE, Served};

/// A reader of the stream, past the head of the answer.
struct Reader(Lines<BufReader<UnixStream>>);

impl Reader {
    async fn of(served: &Served) -> Self {
        let mut stream = UnixStream::connect(served.path()).await.unwrap();
        stream.write_all(b"GET /v1/events HTTP/1.1\r\nhost: seckilld\r\n\r\n").await.unwrap();
        let mut lines = BufReader::new(stream).lines();
        while !lines.next_line().await.unwrap().unwrap().is_empty() {}
        Self(lines)
    }

    /// The next line of the stream; the frames' sizes are left out.
    async fn next(&mut self) -> Option<Line> {
        loop {
            let read = tokio::time::timeout(DEADLINE, self.0.next_line()).await.unwrap();
            let text = read.unwrap()?;
            if text.starts_with('{') {
                return Some(serde_json::from_str(&text).unwrap());
            }
        }
    }

    async fn first(&mut self) -> Snapshot {
        match self.next().await.unwrap() {
            Line::Snapshot { snapshot, .. } => *snapshot,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_reader_who_applies_what_comes_has_the_state() {
    let served = Served::operated().await;
    let mut reader = Reader::of(&served).await;
    let mut state = reader.first().await;
    assert_eq!(state.phase, Phase::Serving);
    served.shown.0.lock().unwrap().degraded.push("the broker is away".to_owned());
    while state.notables.is_empty() {
        match reader.next().await.unwrap() {
            Line::Change { seq, at, change } => state.apply(seq, at, *change).unwrap(),
            Line::Heartbeat { seq, at } => state.beat(seq, at).unwrap(),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(state.degraded, ["the broker is away"]);
    assert_eq!(state.notables[0].text, "the broker is away");
    served.end().await;
}

#[tokio::test]
async fn the_end_is_said_and_does_not_keep_the_daemon() {
    let served = Served::operated().await;
    let mut reader = Reader::of(&served).await;
    reader.first().await;
    served.end().await;
    let last = async {
        loop {
            match reader.next().await {
                Some(Line::Closing { reason }) => return reason,
                Some(_) => {}
                None => panic!("it ended without a word"),
            }
        }
    };
    assert_eq!(last.await, "the daemon stops");
    assert_eq!(reader.next().await, None);
}

#[tokio::test]
async fn silence_is_broken_by_heartbeats() {
    let served = Served::operated().await;
    let mut reader = Reader::of(&served).await;
    let state = reader.first().await;
    let beat = tokio::time::timeout(Duration::from_secs(15), reader.next()).await.unwrap();
    let Some(Line::Heartbeat { seq, at }) = beat else { panic!("{beat:?}") };
    assert_eq!(seq, state.seq);
    assert!(state.at <= at);
    served.end().await;
}
