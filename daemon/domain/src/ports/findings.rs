//! What a part finds when it is examined: the lines of `doctor`'s report. The part that knows a
//! thing best judges it, and doesn't know who asks.

use serde::Serialize;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// It would run; somebody should look.
    Warn,
    /// It would not run, or not rightly.
    Fail,
}

impl State {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, in a few words.
    pub check: &'static str,
    /// How it ended.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do; empty where there is nothing.
    pub advice: String,
}

impl Finding {
    /// All is well.
    #[must_use]
    pub fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, state: State::Ok, found: found.into(), advice: String::new() }
    }

    /// A warning.
    #[must_use]
    pub fn warn(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, state: State::Warn, found: found.into(), advice: advice.into() }
    }

    /// A failure.
    #[must_use]
    pub fn fail(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, state: State::Fail, found: found.into(), advice: advice.into() }
    }
}
