//! Sets up `tracing` once per process: pretty on a terminal, the journal's own protocol under
//! systemd, JSON lines elsewhere. It owns the filter, which can be changed while running; what is
//! logged is everyone else's.

mod journal;

use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, registry, reload};

use self::journal::FieldsInMessage;
use crate::config::{Log, LogDirectives, LogFormat, NoDirective};

/// In an outage the RocketMQ crates log several errors per second and per failed request. What they
/// know is in our own lines (target `seckilld::queue`), once per change; theirs come when the
/// operator names these targets.
const QUIETED: [&str; 6] = [
    "rocketmq_client_rust",
    "rocketmq_error",
    "rocketmq_model",
    "rocketmq_protocol",
    "rocketmq_runtime",
    "rocketmq_transport",
];
const JOURNAL_IDENTIFIER: &str = "seckilld";
/// Fields are `SECKILL_ORDER_ID` and so on in the journal.
const JOURNAL_FIELD_PREFIX: &str = "SECKILL";

/// Why logging couldn't be set up or changed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The text is no level and no list of directives.
    #[error("log.level {0}")]
    Level(#[from] NoDirective),
    /// `log.format` asks for the journal, which can't be reached.
    #[error("the journal can't be reached: {0}")]
    Journal(io::Error),
    /// Another subscriber is set already, or was dropped.
    #[error("logging can't be set: {0}")]
    Set(String),
}

/// Changes the level of a running process.
#[derive(Debug)]
pub struct LogHandle {
    filter: reload::Handle<Targets, Registry>,
    level: Mutex<String>,
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
}

/// Starts logging for the whole process. `sink` says where standard error goes.
///
/// # Errors The level isn't understood, the journal was asked for and can't be reached, or logging
/// was set up before.
pub fn init(log: &Log, sink: Sink) -> Result<LogHandle, LogError> {
    let (filter, handle) = reload::Layer::new(filter(&log.level)?);
    registry()
        .with(filter)
        .with(output(log.format, sink)?)
        .try_init()
        .map_err(|error| LogError::Set(error.to_string()))?;
    Ok(LogHandle { filter: handle, level: Mutex::new(log.level.clone()) })
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
    /// Standard error as it is; whether it is the journal's, `config` has found out.
    #[must_use]
    pub fn of_standard_error(journal: bool) -> Self {
        match (journal, io::stderr().is_terminal()) {
            (true, _) => Self::Journal,
            (false, true) => Self::Terminal,
            (false, false) => Self::Other,
        }
    }
}

type Output<S> = Box<dyn Layer<S> + Send + Sync>;

fn output<S>(format: LogFormat, sink: Sink) -> Result<Output<S>, LogError>
where
    S: Subscriber + for<'a> registry::LookupSpan<'a>,
{
    match (format, sink) {
        (LogFormat::Journald, _) => journal().map_err(LogError::Journal),
        // Better in the journal as text than not at all.
        (LogFormat::Auto, Sink::Journal) => Ok(journal().unwrap_or_else(|_| json())),
        (LogFormat::Pretty, _) | (LogFormat::Auto, Sink::Terminal) => Ok(pretty(sink)),
        (LogFormat::Json, _) | (LogFormat::Auto, Sink::Other) => Ok(json()),
    }
}

fn journal<S>() -> io::Result<Output<S>>
where
    S: Subscriber + for<'a> registry::LookupSpan<'a>,
{
    let layer = tracing_journald::layer()?
        .with_syslog_identifier(JOURNAL_IDENTIFIER.to_owned())
        .with_field_prefix(Some(JOURNAL_FIELD_PREFIX.to_owned()));
    Ok(FieldsInMessage(layer).boxed())
}

fn pretty<S>(sink: Sink) -> Output<S>
where
    S: Subscriber + for<'a> registry::LookupSpan<'a>,
{
    let layer = fmt::layer().with_writer(io::stderr);
    // On a terminal the layer's own rule holds, which minds NO_COLOR.
    if sink == Sink::Terminal { layer.boxed() } else { layer.with_ansi(false).boxed() }
}

fn json<S>() -> Output<S>
where
    S: Subscriber + for<'a> registry::LookupSpan<'a>,
{
    fmt::layer().json().flatten_event(true).with_span_list(false).with_writer(io::stderr).boxed()
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

    use super::{LogHandle, Mutex, filter};

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
        let log = LogHandle { filter: handle, level: Mutex::new("warn".to_owned()) };
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
