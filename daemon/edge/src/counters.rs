//! What the edge counts. Counting is relaxed: readings are for people, and no decision hangs on
//! them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use instruments::meter::CountMeter;

/// Counters of one listener, or of several that share them.
#[derive(Debug, Default)]
pub struct EdgeCounters {
    connections_open: AtomicU64,
    connections_max: AtomicU64,
    connections: AtomicU64,
    requests: CountMeter,
    panics: AtomicU64,
    timeouts: AtomicU64,
    too_large: AtomicU64,
    malformed: AtomicU64,
    accept_failures: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EdgeReadings {
    /// Connections open now.
    pub connections_open: u64,
    /// How many may be open at once; 0 before the listener serves.
    pub connections_max: u64,
    /// Connections accepted since the start.
    pub connections: u64,
    /// Requests whose head was read since the start.
    pub requests: u64,
    /// Handlers that panicked: each is a fault of ours.
    pub panics: u64,
    /// Heads and bodies that didn't arrive in time (408).
    pub timeouts: u64,
    /// Bodies (413) and heads (431) over the limit.
    pub too_large: u64,
    /// Requests that are no HTTP/1.x, or whose body is broken (400).
    pub malformed: u64,
    /// Failed accepts that were waited out, such as "too many open files".
    pub accept_failures: u64,
}

/// Why the edge refused a request at one of its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// A head or a body didn't arrive in time (408).
    Timeout,
    /// A body (413) or a head (431) over the limit.
    TooLarge,
    /// No HTTP/1.x, or a broken body (400).
    Malformed,
}

impl Refused {
    /// All reasons.
    pub const ALL: [Self; 3] = [Self::Timeout, Self::TooLarge, Self::Malformed];

    /// The reason as it stands in a metric's label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
        }
    }
}

impl EdgeReadings {
    /// Requests refused for this reason since the start.
    #[must_use]
    pub const fn refused(&self, reason: Refused) -> u64 {
        match reason {
            Refused::Timeout => self.timeouts,
            Refused::TooLarge => self.too_large,
            Refused::Malformed => self.malformed,
        }
    }
}

/// What there is to count, but for the open connections.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    Request,
    Panic,
    Timeout,
    TooLarge,
    Malformed,
    AcceptFailure,
}

impl EdgeCounters {
    /// The counters now.
    #[must_use]
    pub fn read(&self) -> EdgeReadings {
        EdgeReadings {
            connections_open: self.connections_open.load(Relaxed),
            connections_max: self.connections_max.load(Relaxed),
            connections: self.connections.load(Relaxed),
            requests: self.requests.total(),
            panics: self.panics.load(Relaxed),
            timeouts: self.timeouts.load(Relaxed),
            too_large: self.too_large.load(Relaxed),
            malformed: self.malformed.load(Relaxed),
            accept_failures: self.accept_failures.load(Relaxed),
        }
    }

    pub(super) fn count(&self, event: Event) {
        let counter = match event {
            Event::Request => return self.requests.add_one(),
            Event::Panic => &self.panics,
            Event::Timeout => &self.timeouts,
            Event::TooLarge => &self.too_large,
            Event::Malformed => &self.malformed,
            Event::AcceptFailure => &self.accept_failures,
        };
        counter.fetch_add(1, Relaxed);
    }

    /// Keeps how many connections may be open, to be read beside how many are.
    pub(super) fn note_limit(&self, connections_max: usize) {
        self.connections_max.store(connections_max as u64, Relaxed);
    }

    /// Counts a connection as open until the guard is dropped.
    pub(super) fn open(&self) -> OpenConnection<'_> {
        self.connections.fetch_add(1, Relaxed);
        self.connections_open.fetch_add(1, Relaxed);
        OpenConnection(self)
    }
}

/// One open connection.
pub(super) struct OpenConnection<'a>(&'a EdgeCounters);

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        self.0.connections_open.fetch_sub(1, Relaxed);
    }
}
