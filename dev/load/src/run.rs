//! Sending and timing. One thread, and one task per connection; all of them draw their request from
//! one number, so that the load doesn't depend on which connection is quick.
//!
//! In the open loop request number `n` is due at `n / rate`, whatever became of those before it,
//! and its time counts from then: a target that stalls is charged for everybody who would have come
//! meanwhile (no coordinated omission). A request leaves up to a third of a millisecond late
//! (`pace`), so such a time can be that much too long, never too short.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::pace::Pace;
use crate::wire::{answer, request};
use crate::{Latency, Plan, Report};

/// How long the answers to the last requests may take.
const LAST_ANSWERS_MAX: Duration = Duration::from_secs(30);

/// The longest time that is measured, in microseconds; longer ones count as this.
const LONGEST_US: u64 = 60_000_000;

/// What all connections share.
struct Field {
    plan: Plan,
    start: Instant,
    end: Instant,
    score: RefCell<Score>,
    pace: Pace,
}

struct Score {
    next: u64,
    answers: u64,
    codes: Vec<([u8; 5], u64)>,
    latency: Histogram<u64>,
    last: Instant,
}

/// Sends what the plan says.
///
/// # Errors
/// The target can't be reached, hangs up, or answers with another status than 200.
pub async fn run(plan: Plan) -> Result<Report> {
    let mut streams = Vec::new();
    for _ in 0..plan.connections {
        let stream = TcpStream::connect(plan.target).await.context("connecting")?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let start = Instant::now();
    let score = RefCell::new(Score {
        next: 0,
        answers: 0,
        codes: Vec::new(),
        latency: Histogram::new_with_bounds(1, LONGEST_US, 3)?,
        last: start,
    });
    let end = start + Duration::from_secs_f64(plan.seconds);
    let field = Rc::new(Field { plan, start, end, score, pace: Pace::default() });
    let mut connections = JoinSet::new();
    for stream in streams {
        connections.spawn_local(converse(Rc::clone(&field), stream));
    }
    let all = async {
        while let Some(ended) = connections.join_next().await {
            ended??;
        }
        anyhow::Ok(())
    };
    let most = Duration::from_secs_f64(field.plan.seconds) + LAST_ANSWERS_MAX;
    tokio::select! {
        ended = tokio::time::timeout(most, all) => ended.context("the last answers don't come")??,
        () = field.pace.tick(), if field.plan.rate.is_some() => {}
    }
    Ok(field.report())
}

async fn converse(field: Rc<Field>, mut stream: TcpStream) -> Result<()> {
    let (mut sending, mut read) = (Vec::with_capacity(512), Vec::with_capacity(4096));
    let wake = Rc::new(Notify::new());
    while let Some(number) = field.draw() {
        let since = match field.due(number) {
            Some(due) => {
                field.pace.until(due, &wake).await;
                due
            }
            None => Instant::now(),
        };
        request(&field.plan, number, &mut sending)?;
        stream.write_all(&sending).await?;
        read.clear();
        let whole = loop {
            if let Some(whole) = answer(&read)? {
                break whole;
            }
            if stream.read_buf(&mut read).await? == 0 {
                bail!("the target has hung up");
            }
        };
        if whole.status != 200 || whole.length != read.len() {
            bail!("an answer out of order: {:?}", String::from_utf8_lossy(&read));
        }
        field.count(since, whole.code);
    }
    Ok(())
}

impl Field {
    /// The next request's number, while there is time.
    fn draw(&self) -> Option<u64> {
        let mut score = self.score.borrow_mut();
        let number = score.next;
        let late = match self.due(number) {
            Some(due) => self.end <= due || self.end <= Instant::now(),
            None => self.end <= Instant::now(),
        };
        if late || self.plan.requests_max <= number {
            return None;
        }
        score.next += 1;
        Some(number)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn due(&self, number: u64) -> Option<Instant> {
        let rate = self.plan.rate?;
        Some(self.start + Duration::from_secs_f64(number as f64 / rate))
    }

    fn count(&self, since: Instant, code: [u8; 5]) {
        let now = Instant::now();
        let us = u64::try_from((now - since).as_micros()).unwrap_or(LONGEST_US);
        let mut score = self.score.borrow_mut();
        score.answers += 1;
        score.last = now;
        score.latency.saturating_record(us.clamp(1, LONGEST_US));
        match score.codes.iter_mut().find(|(known, _)| *known == code) {
            Some((_, count)) => *count += 1,
            None => score.codes.push((code, 1)),
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of requests, which is rounded down"
    )]
    fn report(&self) -> Report {
        let score = self.score.borrow();
        let at = |quantile| score.latency.value_at_quantile(quantile);
        let due = self.plan.rate.map_or(0, |rate| (rate * self.plan.seconds) as u64);
        let codes = score.codes.iter();
        Report {
            answers: score.answers,
            seconds: (score.last - self.start).as_secs_f64(),
            codes: codes
                .map(|(code, count)| (String::from_utf8_lossy(code).into_owned(), *count))
                .collect(),
            latency: Latency {
                p50_us: at(0.5),
                p99_us: at(0.99),
                p999_us: at(0.999),
                max_us: score.latency.max(),
            },
            unsent: due.min(self.plan.requests_max).saturating_sub(score.next),
        }
    }
}
