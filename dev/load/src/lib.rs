//! The load generator: what it is to send (`Plan`), what came back (`Report`), and `run`, which
//! sends it. The load generator is a process of its own, so that its time is nobody else's, and
//! speaks HTTP by hand, because on two cores a well-furnished client would cost more than the
//! server that it measures.

mod pace;
mod run;
mod wire;

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

pub use run::run;

/// The first buyer's phone number: eleven digits, as the pattern of the profiles wants. The second
/// digit is 0, which no real mobile number has.
const FIRST_PHONE: u64 = 10_000_000_000;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ask {
    /// `POST /api/charge.do` with a form.
    Charge,
    /// `GET /api/query.do`.
    Query,
}

/// What to send. It ends by time or by count, by the first of the two.
#[derive(Debug, Clone, Args)]
pub struct Plan {
    /// Where to.
    #[arg(long)]
    pub target: std::net::SocketAddr,
    /// What to ask.
    #[arg(long, value_enum)]
    pub ask: Ask,
    /// Connections, each with one request at a time.
    #[arg(long, default_value_t = 64)]
    pub connections: usize,
    /// Seconds at most.
    #[arg(long)]
    pub seconds: f64,
    /// Requests at most.
    #[arg(long, default_value_t = 5_000_000)]
    pub requests_max: u64,
    /// Requests per second on a fixed schedule (open loop); without it, as fast as answers come.
    #[arg(long)]
    pub rate: Option<f64>,
    /// The first buyer's number.
    #[arg(long, default_value_t = 0)]
    pub first_buyer: u64,
    /// Buyers, in turn; further requests begin with the first again.
    #[arg(long, default_value_t = u64::MAX)]
    pub buyers: u64,
    /// Products, in turn: `pid_0001` and so on.
    #[arg(long, default_value_t = 1)]
    pub products: u64,
}

/// The result of a load.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// Answers read to their end.
    pub answers: u64,
    /// From the first request to the last answer.
    pub seconds: f64,
    /// Answers by business code.
    pub codes: BTreeMap<String, u64>,
    /// From when a request was due (open loop) or sent (closed loop) to its answer's last byte.
    pub latency: Latency,
    /// Requests that were due but not sent when the time was over: the target was too slow.
    pub unsent: u64,
}

/// Percentiles, in microseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Latency {
    /// The middle.
    pub p50_us: u64,
    /// 99 of 100.
    pub p99_us: u64,
    /// 999 of 1,000.
    pub p999_us: u64,
    /// The longest.
    pub max_us: u64,
}

impl Report {
    /// Answers per second.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        ratio_of(self.answers, self.seconds)
    }

    /// Answers of one code.
    #[must_use]
    pub fn of(&self, code: &str) -> u64 {
        self.codes.get(code).copied().unwrap_or(0)
    }

    /// Makes sure that (almost) every answer was the one that is measured.
    ///
    /// # Errors
    /// The error lists the codes that came instead.
    pub fn only(self, code: &str) -> Result<Self> {
        if self.of(code) < self.answers - self.answers / 100 || self.answers == 0 {
            bail!("{code} was to be measured, and {:?} came", self.codes);
        }
        Ok(self)
    }
}

/// Events per second.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
pub fn ratio_of(events: u64, seconds: f64) -> f64 {
    events as f64 / seconds.max(f64::EPSILON)
}

/// A buyer's phone number.
#[must_use]
pub fn phone(buyer: u64) -> u64 {
    FIRST_PHONE + buyer
}
