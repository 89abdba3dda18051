//! The layers of configuration, lowest first: built-in defaults, the profile of the envType, a
//! file, the environment, `--set`. Each is read here and compared with the tree of keys; what
//! doesn't belong is a fault and left out, so that the rest can still be judged. Merging is
//! `extract`'s work.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

use super::faults::{CONFIG_OPTION, ConfigFault, Source};
use super::shape::{self, Form, Key};
use super::surroundings::{Surroundings, key_of_variable};
use super::texts;
use super::unknown;
use super::{Config, EnvType, Options};

/// The values of one source.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub(super) source: Source,
    pub(super) values: Dict,
}

impl Provider for &Layer {
    /// The source's own words, by which `extract` finds it again for each merged value.
    fn metadata(&self) -> Metadata {
        Metadata::named(self.source.to_string())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

/// Reads every layer; each `--set` and each variable is one of its own.
pub(super) fn gather(
    options: &Options,
    around: &Surroundings,
    env_type: EnvType,
    faults: &mut Vec<ConfigFault>,
    notes: &mut Vec<String>,
) -> Vec<Layer> {
    let mut layers = Vec::new();
    match Value::serialize(Config::default()).map(Value::into_dict) {
        Ok(Some(values)) => layers.push(Layer { source: Source::Default, values }),
        _ => faults.push(ConfigFault::hiding("", Source::Default, "can't be read")),
    }
    layers.extend(parse_file(Source::Profile(env_type), env_type.profile(), faults));
    layers.extend(file(options.file.as_deref(), around, env_type, faults, notes));
    for (name, value) in &around.variables {
        let source = Source::Variable(name.clone());
        layers.extend(assignment(&key_of_variable(name), value, source, faults));
    }
    for (key, value) in &options.set {
        layers.extend(assignment(key.trim(), value.as_ref(), Source::CommandLine, faults));
    }
    for layer in &mut layers {
        prune(&mut layer.values, "", shape::TOP, &layer.source, faults);
    }
    layers
}

/// A compiled-in profile on its own.
pub(super) fn profile(env_type: EnvType) -> HashMap<String, Value> {
    let source = Source::Profile(env_type);
    let layer = parse_file(source, env_type.profile(), &mut Vec::new());
    let values = Value::from(layer.map_or_else(Dict::new, |layer| layer.values));
    let value = |path: String| Some((path.clone(), values.find_ref(&path)?.clone()));
    shape::leaves().into_iter().filter_map(|(path, _)| value(path)).collect()
}

/// The file that was named, which must exist, or else the envType's own, which may.
fn file(
    named: Option<&Path>,
    around: &Surroundings,
    env_type: EnvType,
    faults: &mut Vec<ConfigFault>,
    notes: &mut Vec<String>,
) -> Option<Layer> {
    let own = around.config_folder.join(format!("{env_type}.toml"));
    let path = named.unwrap_or(&own);
    let source = Source::File(path.to_owned());
    let flaw = named.and_then(Path::to_str).and_then(|text| {
        let flaw = texts::judge_plain(CONFIG_OPTION, text, &Source::CommandLine)?;
        Some(ConfigFault { source: None, ..flaw })
    });
    if flaw.is_some() {
        faults.extend(flaw);
        return None;
    }
    match fs::read_to_string(path) {
        Ok(text) => {
            let Some(rest) = text.strip_prefix(BYTE_ORDER_MARK) else {
                return parse_file(source, &text, faults);
            };
            notes.push(format!(
                "{source} begins with a byte order mark (U+FEFF), which is passed over: save it as \
                 UTF-8 without one"
            ));
            parse_file(source, rest, faults)
        }
        Err(error) if named.is_none() && is_absence(error.kind()) => None,
        Err(error) => {
            let key = if named.is_some() { CONFIG_OPTION } else { "" };
            // On an installed machine it is for the service's user to read, and nobody else.
            let who_may = match error.kind() {
                ErrorKind::PermissionDenied => "; run this as the daemon's user: sudo -u seckill",
                _ => "",
            };
            faults.push(ConfigFault::hiding(
                key,
                source,
                format!("can't be read: {error}{who_may}"),
            ));
            None
        }
    }
}

/// What some editors put before a text in UTF-8.
const BYTE_ORDER_MARK: char = '\u{feff}';

fn is_absence(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Syntax faults are shown by line and column; the line itself isn't shown, it could hold a secret.
fn parse_file(source: Source, text: &str, faults: &mut Vec<ConfigFault>) -> Option<Layer> {
    let problem = match toml::from_str::<toml::Table>(text) {
        Ok(table) => match as_dict(table) {
            Some(values) => return Some(Layer { source, values }),
            None => "can't be read".to_owned(),
        },
        Err(error) => {
            let (line, column) = place(text, error.span().map_or(0, |span| span.start));
            format!("isn't TOML: line {line}, column {column}: {}", error.message())
        }
    };
    faults.push(ConfigFault::hiding("", source, problem));
    None
}

fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

fn as_dict(table: toml::Table) -> Option<Dict> {
    Value::serialize(table).ok()?.into_dict()
}

/// One key and its text, from a variable or from `--set`.
fn assignment(
    path: &str,
    text: &OsStr,
    source: Source,
    faults: &mut Vec<ConfigFault>,
) -> Option<Layer> {
    if path.is_empty() || path.split('.').any(str::is_empty) {
        faults.push(ConfigFault::hiding(path, source, "is no key: an empty part between the dots"));
        return None;
    }
    let Some(text) = text.to_str() else {
        faults.push(ConfigFault::hiding(path, source, "must be UTF-8"));
        return None;
    };
    let key = shape::find(path);
    let value = parse_value(key, text)?;
    if key.is_some_and(|key| key.form == Form::Text)
        && value.as_str() != Some(text)
        && let Some(fault) = texts::judge_plain(path, text, &source)
    {
        // Around a quoted text; in one that isn't it is the value's own.
        faults.push(fault);
        return None;
    }
    let values = figment::util::nest(path, value).into_dict()?;
    Some(Layer { source, values })
}

/// A TOML value, else a text. For keys that hold a text, only a quoted TOML string is taken as
/// TOML: the topic `007` is no number.
fn parse_value(key: Option<&Key>, text: &str) -> Option<Value> {
    let parsed = toml::from_str::<toml::Table>(&format!("value = {}", text.trim()))
        .ok()
        .filter(|table| table.len() == 1)
        .and_then(|mut table| table.remove("value"));
    match (key.map(|key| key.form), parsed) {
        (Some(Form::Text), Some(toml::Value::String(text))) => Some(Value::from(text)),
        (Some(Form::Text), _) | (_, None) => Some(Value::from(text)),
        (_, Some(value)) => Value::serialize(value).ok(),
    }
}

/// Takes out what isn't in the tree of keys, and tells it.
fn prune(
    values: &mut Dict,
    prefix: &str,
    keys: &'static [Key],
    source: &Source,
    faults: &mut Vec<ConfigFault>,
) {
    values.retain(|name, value| {
        let path = shape::join(prefix, name);
        let Some(key) = keys.iter().find(|key| key.name == name) else {
            faults.push(unknown::fault(&path, value, source));
            return false;
        };
        match (key.form, value) {
            (Form::Table, Value::Dict(_, inner)) => prune(inner, &path, key.keys, source, faults),
            (Form::Table, other) => {
                let known: Vec<_> = key.keys.iter().map(|key| key.name).collect();
                let problem = format!("must be a table with the keys {}", known.join(", "));
                faults.push(ConfigFault::of(&path, other, source.clone(), problem));
                return false;
            }
            (Form::List, Value::Array(_, items)) if !key.keys.is_empty() => {
                for (index, item) in items.iter_mut().enumerate() {
                    if let Value::Dict(_, inner) = item {
                        prune(inner, &format!("{path}[{index}]"), key.keys, source, faults);
                    }
                }
            }
            _ => {}
        }
        true
    });
}
