//! From layers to the typed tree. serde stops at its first fault, so each key is tried on its own,
//! upon a tree that is known to be sound; what doesn't fit is a fault, and the default stays.

use std::collections::{BTreeMap, HashMap};

use figment::Figment;
use figment::value::{Dict, Value};

use super::Config;
use super::faults::{ConfigFault, Source};
use super::layers::Layer;
use super::shape::{self, Form, Key};
use super::texts;

/// How the names of keys end that name a file with a secret.
pub(super) const SECRET_FILE: &str = "_key_file";

/// Where each key's value came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sources(BTreeMap<String, Source>);

impl Sources {
    /// The source of a key's value; a key within a list (`products[0].price`) has its list's.
    #[must_use]
    pub fn of(&self, key: &str) -> Source {
        let list = key.split('[').next().unwrap_or(key);
        self.0.get(list).cloned().unwrap_or(Source::Default)
    }

    pub(super) fn set(&mut self, key: &str, source: Source) {
        self.0.insert(key.to_owned(), source);
    }
}

/// The merged tree and its sources. Where there were faults the tree has defaults in their places
/// and isn't to be used, only judged further.
pub(super) fn extract(layers: &[Layer], faults: &mut Vec<ConfigFault>) -> (Config, Sources) {
    let known: HashMap<String, Source> =
        layers.iter().map(|layer| (layer.source.to_string(), layer.source.clone())).collect();
    let merged = layers.iter().fold(Figment::new(), Figment::merge);
    let mut sound = layers.first().map_or_else(Figment::new, Figment::from);
    let mut sources = Sources::default();
    for (path, key) in shape::leaves() {
        let Ok(value) = merged.find_value(&path).map(with_times_as_text) else { continue };
        let source = merged
            .get_metadata(value.tag())
            .and_then(|metadata| known.get(metadata.name.as_ref()))
            .map_or(Source::Default, Source::clone);
        sources.set(&path, source.clone());
        if texts::judge(&path, key, &value, &source, faults) {
            continue;
        }
        let fits = |value: &Value| with(&sound, &path, value).extract::<Config>().is_ok();
        if fits(&value) {
            sound = with(&sound, &path, &value);
            continue;
        }
        let repaired = match &value {
            Value::Array(_, items) if !key.keys.is_empty() => {
                let list = ListOfTables { path: &path, keys: key.keys, source: &source };
                list.repair(items, fits, faults)
            }
            _ => None,
        };
        match repaired {
            Some(list) => sound = with(&sound, &path, &list),
            // The value may be the secret, where its file's name should be.
            None if path.ends_with(SECRET_FILE) => {
                faults.push(ConfigFault::hiding(&path, source, must_be(key)));
            }
            None => faults.push(ConfigFault::of(&path, &value, source, must_be(key))),
        }
    }
    let config = sound.extract().unwrap_or_else(|error| {
        // Each key was tried, so only a fault of the built-in defaults themselves gets here.
        faults.push(ConfigFault::hiding("", Source::Default, error.to_string()));
        Config::default()
    });
    (config, sources)
}

/// What TOML's own type for times becomes in a value.
const TOML_TIME: &str = "$__toml_private_datetime";

/// A time may be written without quotes: TOML has a type for it, which is a table of one key here.
fn with_times_as_text(value: Value) -> Value {
    match value {
        Value::Dict(tag, mut inner) => match inner.remove(TOML_TIME) {
            Some(time) => time,
            None => {
                let inner = inner.into_iter().map(|(key, value)| (key, with_times_as_text(value)));
                Value::Dict(tag, inner.collect())
            }
        },
        Value::Array(tag, items) => {
            Value::Array(tag, items.into_iter().map(with_times_as_text).collect())
        }
        other => other,
    }
}

fn with(sound: &Figment, path: &str, value: &Value) -> Figment {
    sound.clone().merge((path, value))
}

fn must_be(key: &Key) -> String {
    format!("must be {}", key.allowed())
}

/// A list of tables of which something doesn't fit.
struct ListOfTables<'a> {
    path: &'a str,
    keys: &'static [Key],
    source: &'a Source,
}

impl ListOfTables<'_> {
    /// Tells what doesn't fit, and gives the list with stand-ins in those places, so that the rest
    /// of it can be judged. `None` where nothing in particular is at fault.
    fn repair(
        &self,
        items: &[Value],
        fits: impl Fn(&Value) -> bool,
        faults: &mut Vec<ConfigFault>,
    ) -> Option<Value> {
        let told = faults.len();
        let repaired: Vec<Value> = items
            .iter()
            .enumerate()
            .map(|(index, item)| Value::from(self.repair_item(index, item, &fits, faults)))
            .collect();
        let repaired = Value::from(repaired);
        (told < faults.len() && fits(&repaired)).then_some(repaired)
    }

    fn repair_item(
        &self,
        index: usize,
        item: &Value,
        fits: &impl Fn(&Value) -> bool,
        faults: &mut Vec<ConfigFault>,
    ) -> Dict {
        let mut whole = stand_in(index, self.keys);
        let here = format!("{}[{index}]", self.path);
        let Some(given) = item.as_dict() else {
            let names: Vec<_> = required(self.keys).map(|key| key.name).collect();
            let problem = format!("must be a table with {}", names.join(", "));
            faults.push(ConfigFault::of(&here, item, self.source.clone(), problem));
            return whole;
        };
        for key in self.keys {
            let path = format!("{here}.{}", key.name);
            let must_be = must_be(key);
            let Some(value) = given.get(key.name) else {
                if key.may_be_absent {
                    continue;
                }
                let problem = format!("is missing; it {must_be}");
                faults.push(ConfigFault::hiding(&path, self.source.clone(), problem));
                continue;
            };
            let mut trial = whole.clone();
            trial.insert(key.name.to_owned(), value.clone());
            if fits(&Value::from(vec![Value::from(trial.clone())])) {
                whole = trial;
            } else {
                faults.push(ConfigFault::of(&path, value, self.source.clone(), must_be));
            }
        }
        whole
    }
}

/// A table that no rule finds fault with; its texts differ from other stand-ins'.
fn stand_in(index: usize, keys: &[Key]) -> Dict {
    let value = |key: &Key| match key.form {
        Form::Number => Value::from(1_u32),
        _ => Value::from(format!("#{index}")),
    };
    required(keys).map(|key| (key.name.to_owned(), value(key))).collect()
}

/// The keys that each table of a list must have.
fn required(keys: &[Key]) -> impl Iterator<Item = &Key> {
    keys.iter().filter(|key| !key.may_be_absent)
}
