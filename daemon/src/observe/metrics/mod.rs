//! The daemon's figures in Prometheus' text format: `GET /metrics`, on the admin socket and, where
//! `metrics.listen` says so, on a loopback port. docs/metrics.md describes each.
//!
//! Nothing is measured here. Almost all figures are of the snapshot that `/v1/status` shows, so the
//! two can't disagree; the rest are the meters' sums since the start.
//!
//! The text is written by hand (`text`): the crates for it (`prometheus`, `prometheus-client`,
//! `metrics`) bring counters of their own behind registries and locks, and ours are counted
//! already. All that such a crate would still do is to escape three characters.
//!
//! No label holds a user, an order's id or a sentence: their values are few, and the operator's
//! own.

mod families;
mod process;
mod render;
#[cfg(test)]
mod tests;
mod text;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use domain::ports::BoxFuture;
use edge::{Call, EdgeCounters, EdgeReadings, Limits, Listener};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, StatusCode};
use instruments::meter::{Endpoint, Spread};
use protocol::Snapshot;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use warp::reply::Response;

use crate::observe::status::PartCounts;
use crate::observe::telemetry::Dropped;
use crate::request::FieldFault;
use process::Process;

/// The version of the text format.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// How long one answer may take, those that wait before it included.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(5);

/// Limits of the port: a scraper or two, on this machine.
const LIMITS: Limits = Limits {
    connections_max: 8,
    // Between two scrapes a kept connection is silent, for a minute at Prometheus' own default.
    header_timeout: Duration::from_secs(90),
    body_timeout: Duration::from_secs(5),
    header_bytes_max: 16 * 1024,
    body_bytes_max: 1024,
};

/// Everything that `/metrics` shows.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// The state, as `/v1/status` has it.
    pub snapshot: Snapshot,
    /// Each part of the process, and what keeps it from full service.
    pub parts: Vec<(&'static str, PartCounts)>,
    /// Lines of the log that were lost since the start.
    pub log: Dropped,
    /// Answers to buyers since the start.
    pub answers: Vec<Answers>,
    /// New orders that the gateway has accepted since the start; `None` without that role.
    pub accepted: Option<u64>,
    /// Answers 40005 since the start, by what was wrong.
    pub invalid: Vec<Invalid>,
    /// What became of the charges for each product, and for all that aren't counted apart.
    pub charges: Vec<Charges>,
    /// What came to each REST listener, by its role.
    pub edges: Vec<(&'static str, EdgeReadings)>,
    /// What the writer did since the start.
    pub writes: Writes,
}

/// How long the answers of one endpoint with one code took.
#[derive(Debug, Clone)]
pub struct Answers {
    /// The endpoint that answered.
    pub endpoint: Endpoint,
    /// The business code.
    pub code: &'static str,
    /// Microseconds from a request's last byte to its answer.
    pub durations: Spread,
}

/// How many requests of one endpoint had one fault.
#[derive(Debug, Clone, Copy)]
pub struct Invalid {
    /// The endpoint that was asked.
    pub endpoint: Endpoint,
    /// What was wrong.
    pub fault: FieldFault,
    /// How many.
    pub count: u64,
}

/// What became of the charges for one product.
#[derive(Debug, Clone)]
pub struct Charges {
    /// Its id, or `other`.
    pub product: String,
    /// How many, by outcome.
    pub outcomes: Vec<(&'static str, u64)>,
}

/// What the writer did since the start.
#[derive(Debug, Clone, Default)]
pub struct Writes {
    /// Microseconds of each commit.
    pub commits: Spread,
    /// Orders queued or decided by each commit.
    pub orders_per_commit: Spread,
    /// Orders decided, whatever the outcome.
    pub decided: u64,
    /// Microseconds from the buyer's request to the placed order.
    pub placed_after: Spread,
}

/// Where the figures come from.
pub trait Source: Send + Sync + 'static {
    /// The figures now.
    fn figures(&self) -> BoxFuture<'_, Figures>;
}

/// Answers scrapes, one after the other: many readers can't have the database read by many threads
/// at once.
pub struct Scraper {
    source: Arc<dyn Source>,
    turn: Mutex<()>,
}

/// The figures couldn't be put together in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooSlow;

impl Scraper {
    /// Answers from `source`.
    #[must_use]
    pub fn new(source: Arc<dyn Source>) -> Self {
        Self { source, turn: Mutex::default() }
    }

    /// The figures now, as an answer.
    ///
    /// # Errors
    /// They couldn't be had within five seconds.
    pub async fn answer(&self) -> Result<Response, TooSlow> {
        let read = async {
            let _turn = self.turn.lock().await;
            let figures = self.source.figures().await;
            // A folder with an entry per connection is read.
            let process = tokio::task::spawn_blocking(Process::read).await.unwrap_or_default();
            render::text(&figures, &process)
        };
        let text = tokio::time::timeout(SCRAPE_TIMEOUT, read).await.map_err(|_| TooSlow)?;
        let mut response = Response::new(text.into());
        response.headers_mut().insert(CONTENT_TYPE, TEXT);
        Ok(response)
    }
}

/// Serves `GET /metrics`, and nothing else, until `cancel`.
///
/// # Errors
/// The listener is broken for good.
pub async fn serve(
    listener: TcpListener,
    scraper: Arc<Scraper>,
    cancel: CancellationToken,
) -> io::Result<()> {
    let routes = move || {
        let scraper = Arc::clone(&scraper);
        let metrics = edge::route("/metrics", &[Method::GET], move |_: Call| {
            let scraper = Arc::clone(&scraper);
            async move {
                let answer = scraper.answer().await;
                answer.unwrap_or_else(|TooSlow| edge::fault(StatusCode::SERVICE_UNAVAILABLE))
            }
        });
        vec![metrics]
    };
    let gate = edge::gate(routes());
    let service = move || warp::service(edge::table(routes()));
    let counters = Arc::new(EdgeCounters::default());
    edge::serve(Listener::Tcp(listener), service, gate, LIMITS, counters, cancel).await
}
