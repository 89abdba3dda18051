//! The text of `log.level`, parsed: a level for everything, and levels for single targets. What is
//! done with them is `telemetry`'s.

use std::str::FromStr;

use tracing::level_filters::LevelFilter;

/// All of the daemon's own modules, as operators call them.
const DAEMON: &str = "seckilld";

/// Its crates beside the one of that name.
const CRATES: [&str; 5] = ["domain", "edge", "instruments", "queue_rocketmq", "store_sqlite"];

/// Where the parts lie that a directive may know by an older name.
const PARTS: [(&str, &str); 9] = [
    ("seckilld::domain", "domain"),
    ("seckilld::health", "seckilld::observe::health"),
    ("seckilld::http", "edge"),
    ("seckilld::meter", "instruments"),
    ("seckilld::metrics", "seckilld::observe::metrics"),
    ("seckilld::queue", "queue_rocketmq"),
    ("seckilld::queue::rocketmq", "queue_rocketmq"),
    ("seckilld::status", "seckilld::observe::status"),
    ("seckilld::store", "store_sqlite"),
];

/// Parsed `log.level`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDirectives {
    /// The level of whatever has none of its own.
    pub everything: LevelFilter,
    /// Targets (modules, and all below them) with levels of their own.
    pub targets: Vec<(String, LevelFilter)>,
}

/// What such a text may be.
pub const LEVELS: &str =
    "error, warn, info, debug, trace or off, or a list such as info,seckilld::queue=debug";

/// A text that isn't a list of directives.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be {LEVELS}; {0:?} is neither a level nor TARGET=LEVEL")]
pub struct NoDirective(String);

impl FromStr for LogDirectives {
    type Err = NoDirective;

    /// A bare word must be a level: where `tracing` would take `loud` for a target and log all of
    /// it, an operator most likely misspelt a level.
    fn from_str(text: &str) -> Result<Self, NoDirective> {
        let mut parsed = Self { everything: LevelFilter::INFO, targets: Vec::new() };
        for part in text.split(',').map(|part| part.trim_matches(' ')) {
            let fault = || NoDirective(part.to_owned());
            match part.split_once('=') {
                None => parsed.everything = level(part).ok_or_else(fault)?,
                Some((target, name)) if is_target(target) => {
                    let level = level(name).ok_or_else(fault)?;
                    if target == DAEMON {
                        // First, so that a directive for one of them holds wherever it stands.
                        let crates = CRATES.map(|name| (name.to_owned(), level));
                        parsed.targets.splice(0..0, crates);
                    }
                    parsed.targets.push((target.to_owned(), level));
                    parsed.targets.extend(parts_of(target).map(|part| (part, level)));
                }
                Some(_) => return Err(fault()),
            }
        }
        Ok(parsed)
    }
}

/// Where a part lies now, or what is below it.
fn parts_of(target: &str) -> impl Iterator<Item = String> {
    PARTS.iter().filter_map(move |(part, now)| {
        let below = target.strip_prefix(part)?;
        (below.is_empty() || below.starts_with("::")).then(|| format!("{now}{below}"))
    })
}

fn level(name: &str) -> Option<LevelFilter> {
    Some(match name {
        "off" => LevelFilter::OFF,
        "error" => LevelFilter::ERROR,
        "warn" => LevelFilter::WARN,
        "info" => LevelFilter::INFO,
        "debug" => LevelFilter::DEBUG,
        "trace" => LevelFilter::TRACE,
        _ => return None,
    })
}

fn is_target(name: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_-:.".contains(letter);
    !name.is_empty() && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::{LevelFilter, LogDirectives};

    #[test]
    fn levels_and_targets_are_read() {
        let parsed: LogDirectives = "warn, seckilld::queue=debug,hyper=off".parse().unwrap();
        assert_eq!(parsed.everything, LevelFilter::WARN);
        assert_eq!(
            parsed.targets,
            [
                ("seckilld::queue".to_owned(), LevelFilter::DEBUG),
                ("queue_rocketmq".to_owned(), LevelFilter::DEBUG),
                ("hyper".to_owned(), LevelFilter::OFF)
            ]
        );
        let only: LogDirectives = "seckilld=trace".parse().unwrap();
        assert_eq!(only.everything, LevelFilter::INFO);
        let targets: Vec<&str> = only.targets.iter().map(|(target, _)| target.as_str()).collect();
        let all = ["domain", "edge", "instruments", "queue_rocketmq", "store_sqlite", "seckilld"];
        assert_eq!(targets, all);
    }

    /// The level that holds for a target is the last of those that name it.
    fn level_of(text: &str, target: &str) -> Option<LevelFilter> {
        let parsed: LogDirectives = text.parse().unwrap();
        parsed.targets.iter().rev().find(|(name, _)| name == target).map(|(_, level)| *level)
    }

    #[test]
    fn a_part_keeps_its_level_whichever_stands_first_and_is_known_by_its_older_name() {
        for text in [
            "seckilld=warn,seckilld::queue=debug",
            "seckilld::queue=debug,seckilld=warn",
            "queue_rocketmq=debug,seckilld=warn",
        ] {
            assert_eq!(level_of(text, "queue_rocketmq"), Some(LevelFilter::DEBUG), "{text}");
            assert_eq!(level_of(text, "store_sqlite"), Some(LevelFilter::WARN), "{text}");
        }
        let deeper = "seckilld::queue::rocketmq::lag=trace,seckilld::status=debug";
        assert_eq!(level_of(deeper, "queue_rocketmq::lag"), Some(LevelFilter::TRACE));
        assert_eq!(level_of(deeper, "seckilld::observe::status"), Some(LevelFilter::DEBUG));
        assert_eq!(level_of("seckilld::storehouse=debug", "store_sqlite"), None);
    }

    #[test]
    fn all_else_is_refused_with_the_part_that_is_wrong() {
        for (text, part) in [
            ("loud", "loud"),
            ("", ""),
            ("info,,warn", ""),
            ("a=loud", "a=loud"),
            ("=warn", "=warn"),
        ] {
            let error = text.parse::<LogDirectives>().unwrap_err().to_string();
            assert!(error.contains(&format!("{part:?} is neither")), "{text}: {error}");
        }
    }
}
