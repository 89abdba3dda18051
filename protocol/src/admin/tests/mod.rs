//! Tests of the admin contract: what each value looks like in JSON, in both directions, and that
//! the changes between two states make the one of the other.

mod arbitrary;
mod commands;
mod listings;
mod replay;
mod schema;
mod states;
mod verdict;
mod words;

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Asserts that the value is written as this text, blanks and line breaks included, and read from
/// it.
fn assert_golden<T>(value: &T, golden: &str)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let written = serde_json::to_string_pretty(value).unwrap() + "\n";
    assert_eq!(written, golden);
    assert_eq!(serde_json::from_str::<T>(golden).unwrap(), *value);
}

/// Asserts the same of a text in one line.
fn assert_line<T>(value: &T, golden: &str)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    assert_eq!(serde_json::to_string(value).unwrap(), golden);
    assert_eq!(serde_json::from_str::<T>(golden).unwrap(), *value);
}

fn text(text: &str) -> String {
    text.to_owned()
}
