//! Sets up `tracing` once per process: pretty on a terminal, the journal's own protocol under
//! systemd, JSON lines elsewhere. It owns the filter, which can be changed while running. What is
//! logged is up to the other parts. No thread that logs waits for the log's reader: `handover` says
//! how.

mod handover;
mod journal;
mod panics;
mod stderr;

use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, registry, reload};

pub use handover::Dropped;
use handover::HandOver;

use crate::config::{Log, LogDirectives, LogFormat, NoDirective};

/// In an outage the RocketMQ crates log several errors per second and per failed request. Our own
/// lines (target `seckilld::queue`) say the same once per change; the crates' lines come when the
/// operator names these targets.
const QUIETED: [&str; 6] = [
    "rocketmq_client_rust",
    "rocketmq_error",
    "rocketmq_model",
    "rocketmq_protocol",
    "rocketmq_runtime",
    "rocketmq_transport",
];

/// Why logging couldn't be set up or changed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The text is no level and no list of directives.
    #[error("log.level {0}")]
    Level(#[from] NoDirective),
    /// `log.format` asks for the journal, which can't be reached.
    #[error("the journal can't be reached: {0}")]
    Journal(io::Error),
    /// Standard error can't be had, or no thread that writes there.
    #[error("the log can't be written: {0}")]
    Output(io::Error),
    /// Another subscriber is set already, or was dropped.
    #[error("logging can't be set: {0}")]
    Set(String),
}

/// Changes the level of a running process, and knows how its log flows.
pub struct LogHandle {
    filter: reload::Handle<Targets, Registry>,
    level: Mutex<String>,
    lines: HandOver,
}

impl LogHandle {
    /// The directives in force, as they were written.
    #[must_use]
    pub fn level(&self) -> String {
        self.level.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts other directives in force.
    ///
    /// # Errors
    /// The text isn't understood; the old ones stay.
    pub fn set_level(&self, level: &str) -> Result<(), LogError> {
        let filter = filter(level)?;
        let mut current = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        self.filter.reload(filter).map_err(|error| LogError::Set(error.to_string()))?;
        level.clone_into(&mut current);
        Ok(())
    }

    /// Lines that were lost since the start, because nobody took them in time or they couldn't be
    /// written.
    #[must_use]
    pub fn dropped(&self) -> Dropped {
        self.lines.dropped()
    }

    /// Whether lines were lost and the log itself couldn't show it yet.
    #[must_use]
    pub fn is_losing(&self) -> bool {
        self.lines.is_losing()
    }

    /// Waits until the last lines are written, but no longer than this: the reader of the log may
    /// be gone.
    pub fn flush(&self, within: Duration) {
        self.lines.flush(within);
    }
}

/// Sets up the log of the whole process; panics are logged as well. `sink` says where standard
/// error goes.
///
/// # Errors
/// The level isn't understood, the journal was asked for and can't be reached, nothing can be
/// written, or logging was set up before.
pub fn init(log: &Log, sink: Sink) -> Result<LogHandle, LogError> {
    let (filter, handle) = reload::Layer::new(filter(&log.level)?);
    let (output, lines) = output(log.format, sink)?;
    registry()
        .with(filter)
        .with(output)
        .try_init()
        .map_err(|error| LogError::Set(error.to_string()))?;
    panics::log_all();
    Ok(LogHandle { filter: handle, level: Mutex::new(log.level.clone()), lines })
}

/// Where standard error goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sink {
    /// A person reads it.
    Terminal,
    /// systemd's journal.
    Journal,
    /// A file or a pipe.
    Other,
}

impl Sink {
    /// Standard error as it is; `config` has found out whether it is the journal's.
    #[must_use]
    pub fn of_standard_error(journal: bool) -> Self {
        match (journal, io::stderr().is_terminal()) {
            (true, _) => Self::Journal,
            (false, true) => Self::Terminal,
            (false, false) => Self::Other,
        }
    }
}

/// What makes lines of events, and where it leaves them.
type Output<S> = (Box<dyn Layer<S> + Send + Sync>, HandOver);

fn output<S>(format: LogFormat, sink: Sink) -> Result<Output<S>, LogError>
where
    S: Subscriber + for<'a> registry::LookupSpan<'a>,
{
    match (format, sink) {
        (LogFormat::Journald, _) => journal().map_err(LogError::Journal),
        // Text in the journal is better than no log.
        (LogFormat::Auto, Sink::Journal) => journal().or_else(|_| json()).map_err(LogError::Output),
        (LogFormat::Pretty, _) | (LogFormat::Auto, Sink::Terminal) => {
            pretty(sink).map_err(LogError::Output)
        }
        (LogFormat::Json, _) | (LogFormat::Auto, Sink::Other) => json().map_err(LogError::Output),
    }
}

fn journal<S: Subscriber>() -> io::Result<Output<S>> {
    let lines = HandOver::start(journal::Journal::open()?)?;
    Ok((journal::Entries(lines.clone()).boxed(), lines))
}

fn pretty<S>(sink: Sink) -> io::Result<Output<S>>
where
    S: Subscriber + for<'a> registry::LookupSpan<'a>,
{
    let lines = HandOver::start(stderr::StandardError::open()?)?;
    let layer = fmt::layer().with_writer(stderr::Lines(lines.clone()));
    // On a terminal the layer's own rule holds, which respects NO_COLOR.
    let layer = if sink == Sink::Terminal { layer.boxed() } else { layer.with_ansi(false).boxed() };
    Ok((layer, lines))
}

fn json<S>() -> io::Result<Output<S>>
where
    S: Subscriber + for<'a> registry::LookupSpan<'a>,
{
    let lines = HandOver::start(stderr::StandardError::open()?)?;
    let writer = stderr::Lines(lines.clone());
    let layer = fmt::layer().json().flatten_event(true).with_span_list(false).with_writer(writer);
    Ok((layer.boxed(), lines))
}

fn filter(level: &str) -> Result<Targets, NoDirective> {
    let directives: LogDirectives = level.parse()?;
    let quieted = QUIETED.into_iter().filter(|target| {
        !directives.targets.iter().any(|(named, _)| target.starts_with(named.as_str()))
    });
    let quieted = quieted.map(|target| (target, LevelFilter::OFF));
    Ok(Targets::new()
        .with_default(directives.everything)
        .with_targets(quieted)
        .with_targets(directives.targets.clone()))
}

#[cfg(test)]
mod tests {
    use tracing::Level;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::{Registry, registry, reload};

    use super::handover::{HandOver, Sink};
    use super::{LogHandle, Mutex, filter, io};

    struct Nowhere;

    impl Sink for Nowhere {
        fn write(&mut self, _: &[u8]) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_rocketmq_crates_are_quiet_unless_they_are_named() {
        let quiet = filter("debug").unwrap();
        assert!(quiet.would_enable("seckilld::queue", &Level::DEBUG));
        assert!(!quiet.would_enable("rocketmq_transport::client", &Level::ERROR));
        assert!(!quiet.would_enable("rocketmq_client_rust::producer", &Level::INFO));
        assert!(!quiet.would_enable("rocketmq_client_rust::producer", &Level::ERROR));

        let named = filter("info,rocketmq_transport=debug").unwrap();
        assert!(named.would_enable("rocketmq_transport::client", &Level::DEBUG));
        assert!(!named.would_enable("rocketmq_client_rust", &Level::INFO));
        let family = filter("info,rocketmq=info").unwrap();
        assert!(family.would_enable("rocketmq_transport", &Level::INFO));
    }

    #[test]
    fn the_level_changes_while_running_and_a_wrong_one_changes_nothing() {
        let (layer, handle) = reload::Layer::<_, Registry>::new(filter("warn").unwrap());
        let lines = HandOver::start(Nowhere).unwrap();
        let log = LogHandle { filter: handle, level: Mutex::new("warn".to_owned()), lines };
        tracing::subscriber::with_default(registry().with(layer), || {
            assert!(!tracing::enabled!(Level::DEBUG));
            log.set_level("debug").unwrap();
            assert!(tracing::enabled!(Level::DEBUG));
            let error = log.set_level("loud").unwrap_err().to_string();
            assert!(error.starts_with("log.level must be error"), "{error}");
            assert!(tracing::enabled!(Level::DEBUG));
            assert_eq!(log.level(), "debug");
        });
    }
}
