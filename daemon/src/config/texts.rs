//! Texts in settings: control characters, invisible ones and blanks at the ends are refused by
//! name, in every key and from every source. An environment file with another system's line ends
//! made a second database of `store.path`, and all was for sale again.

use figment::value::Value;
use protocol::{Flaw, flaw, flaw_of_name};

use super::faults::{ConfigFault, Source};
use super::shape::{self, Key};

/// The key of a list's tables whose value people read.
const NAME_FOR_PEOPLE: &str = "prod_name";

/// What may stand in a text, behind what is wrong with it.
const ALLOWED: &str = "a text has no control characters, none that can't be seen, and no blanks at \
                       its ends";

/// Adds a fault for each text within a key's value that is refused. Whether there was one.
pub(super) fn judge(
    path: &str,
    key: &'static Key,
    value: &Value,
    source: &Source,
    faults: &mut Vec<ConfigFault>,
) -> bool {
    let known = faults.len();
    match value {
        Value::String(_, text) => {
            let flaw = if key.name == NAME_FOR_PEOPLE { flaw_of_name(text) } else { flaw(text) };
            faults.extend(flaw.map(|flaw| fault(path, text, flaw, source)));
        }
        Value::Array(_, items) => {
            for (index, item) in items.iter().enumerate() {
                judge(&format!("{path}[{index}]"), key, item, source, faults);
            }
        }
        Value::Dict(_, inner) => {
            for key in key.keys {
                if let Some(value) = inner.get(key.name) {
                    judge(&shape::join(path, key.name), key, value, source, faults);
                }
            }
        }
        _ => {}
    }
    known < faults.len()
}

/// A text that stands outside of the tree of keys: an option's, or a variable's own.
pub(super) fn judge_plain(key: &str, text: &str, source: &Source) -> Option<ConfigFault> {
    flaw(text).map(|flaw| fault(key, text, flaw, source))
}

fn fault(path: &str, text: &str, flaw: Flaw, source: &Source) -> ConfigFault {
    let problem = format!("{flaw}; {ALLOWED}");
    let fault = ConfigFault::hiding(path, source.clone(), problem);
    // The value may be the secret, where its file's name should be.
    if path.ends_with(super::extract::SECRET_FILE) {
        return fault;
    }
    ConfigFault { value: Some(super::faults::shown_text(text)), ..fault }
}

#[cfg(test)]
mod tests;
