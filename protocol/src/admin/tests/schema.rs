//! docs/status.md: every field of the state with its type, its unit and what `null` means, printed
//! from the declarations and their comments, so that it can't fall behind them. What is tested
//! besides is that no field of a whole state is missing in it, and that each field that may be
//! `null` says when.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;

use serde_json::Value;

use crate::{NOTABLES_MAX, SECONDS_KEPT};

/// Where the types of the state are declared.
const SOURCES: [&str; 6] = [
    include_str!("../snapshot.rs"),
    include_str!("../engines.rs"),
    include_str!("../history.rs"),
    include_str!("../configuration.rs"),
    include_str!("../charges.rs"),
    include_str!("../../terms.rs"),
];

/// The type with which it begins.
const ROOT: &str = "Snapshot";

const HEAD: &str = "\
# The status, field by field

What `GET /v1/status` answers, `seckillctl status --json` prints and the first line of
`GET /v1/events` carries. Fields may be added in later versions and are never renamed, retyped or
removed: ignore those that you don't know. What can't be known is `null`, never 0.

Generated from the declarations (`protocol/src/admin/snapshot.rs` and its neighbours): run
`STATUS_DOCS=write cargo test -p seckill-protocol status_page`.
";

#[derive(Clone)]
struct Field {
    name: String,
    docs: String,
    kind: String,
    /// Whether the fields of its type stand in its place.
    is_flat: bool,
}

#[derive(Default)]
struct Type {
    docs: String,
    /// Of a struct.
    fields: Vec<Field>,
    /// The words of an enum, with their meaning.
    words: Vec<(String, String)>,
    /// What a type that only gives another one a name stands for.
    stands_for: Option<String>,
}

/// Reads declarations as rustfmt lays them out: one field or variant a line, comments before it.
fn types() -> BTreeMap<String, Type> {
    let mut types = BTreeMap::new();
    for source in SOURCES {
        let (mut docs, mut open) = (String::new(), None::<(String, Type, bool)>);
        let mut is_flat = false;
        for line in source.lines() {
            let text = line.trim();
            if let Some(comment) = text.strip_prefix("///") {
                docs.push_str(comment);
                continue;
            }
            is_flat |= text.contains("flatten");
            let begins = |what: &str| {
                line.strip_prefix(what).and_then(|rest| rest.strip_suffix(" {")).map(str::to_owned)
            };
            match &mut open {
                None => {
                    let is_enum = line.starts_with("pub enum ");
                    let named = line.strip_prefix("pub struct ").and_then(|rest| {
                        rest.strip_suffix(");").and_then(|rest| rest.split_once("(pub "))
                    });
                    if let Some((name, kind)) = named {
                        let docs = std::mem::take(&mut docs).trim().to_owned();
                        let stands_for = Some(kind.to_owned());
                        types.insert(name.to_owned(), Type { docs, stands_for, ..Type::default() });
                    }
                    if let Some(name) = begins("pub struct ").or_else(|| begins("pub enum ")) {
                        let docs = std::mem::take(&mut docs).trim().to_owned();
                        open = Some((name, Type { docs, ..Type::default() }, is_enum));
                    }
                }
                Some(_) if line == "}" => {
                    let (name, ended, _) = open.take().unwrap();
                    types.insert(name, ended);
                }
                Some((_, ended, true)) if text.ends_with(',') => {
                    let word = snake(text.trim_end_matches(','));
                    ended.words.push((word, std::mem::take(&mut docs).trim().to_owned()));
                }
                Some((_, ended, false)) => {
                    let declared = text.strip_prefix("pub ").and_then(|rest| rest.split_once(": "));
                    if let Some((name, kind)) = declared {
                        let docs = std::mem::take(&mut docs).trim().to_owned();
                        let (name, kind) = (name.to_owned(), kind.trim_end_matches(',').to_owned());
                        let is_flat = std::mem::take(&mut is_flat);
                        ended.fields.push(Field { name, docs, kind, is_flat });
                    }
                }
                Some(_) => {}
            }
            if !text.starts_with("#[") {
                docs.clear();
            }
        }
    }
    flattened(types)
}

/// Puts the fields of a type where a field of that type is flattened.
fn flattened(mut types: BTreeMap<String, Type>) -> BTreeMap<String, Type> {
    let names: Vec<String> = types.keys().cloned().collect();
    for name in names {
        let fields = std::mem::take(&mut types.get_mut(&name).unwrap().fields);
        let expanded = fields.into_iter().flat_map(|field| match field.is_flat {
            true => types[&field.kind].fields.clone(),
            false => vec![field],
        });
        let expanded = expanded.collect();
        types.get_mut(&name).unwrap().fields = expanded;
    }
    types
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

/// What is inside of `outer<…>`.
fn within<'k>(kind: &'k str, outer: &str) -> Option<&'k str> {
    kind.strip_prefix(outer)?.strip_prefix('<')?.strip_suffix('>')
}

/// The declared type in it that is one of ours.
fn inner(kind: &str) -> &str {
    let inside = ["Option", "Vec"].into_iter().find_map(|outer| within(kind, outer));
    let inside = inside.or_else(|| within(kind, "BTreeMap")?.strip_prefix("String, "));
    inside.map_or(kind, inner)
}

fn kind_text(kind: &str, types: &BTreeMap<String, Type>) -> String {
    if let Some(inside) = within(kind, "Option") {
        return format!("{} or `null`", kind_text(inside, types));
    }
    if let Some(inside) = within(kind, "Vec") {
        return format!("list of {}", kind_text(inside, types));
    }
    match kind {
        "bool" => "true or false".to_owned(),
        "u64" | "u32" | "i64" => "number".to_owned(),
        "String" => "text".to_owned(),
        "EpochMs" | "Money" | "PreheatRatio" | "ProdId" => "text".to_owned(),
        "Bound" => "text or `null`".to_owned(),
        "BTreeMap<String, u64>" => "object of numbers".to_owned(),
        map if map.starts_with("BTreeMap<") => {
            format!("object of {}", kind_text(inner(map), types))
        }
        name => match types.get(name) {
            Some(known) if known.words.is_empty() => {
                format!("[{name}](#{})", name.to_lowercase())
            }
            Some(known) => {
                let words: Vec<String> =
                    known.words.iter().map(|(word, _)| format!("`{word}`")).collect();
                words.join(", ")
            }
            None => panic!("{name} isn't declared in the sources that are read"),
        },
    }
}

/// The unit, by the type and by the name's end: names tell their units.
fn unit(field: &Field) -> &'static str {
    const ENDS: [(&str, &str); 6] = [
        ("_per_s", "per second"),
        ("_ms", "milliseconds"),
        ("_us", "microseconds"),
        ("_bytes", "bytes"),
        ("_s", "seconds"),
        ("_offset", "messages"),
    ];
    /// Numbers that count nothing: they name something.
    const NUMBERS: [&str; 6] = ["pid", "seq", "version", "terms_version", "id", "generation"];
    let is_number = ["u64", "u32", "i64"].contains(&inner(&field.kind));
    match inner(&field.kind) {
        "EpochMs" => "ISO 8601 with milliseconds, UTC",
        "Bound" => "RFC 3339, UTC",
        "Money" | "PreheatRatio" => "decimal with three places",
        _ if !is_number => "–",
        _ if NUMBERS.contains(&field.name.as_str()) => "a number, not a count",
        _ => {
            let known = ENDS.into_iter().find(|(end, _)| field.name.ends_with(end));
            known.map_or("count", |(_, unit)| unit)
        }
    }
}

/// Links and names of the language as they are in the document.
fn prose(docs: &str) -> String {
    let docs = docs
        .replace("`None`", "`null`")
        .replace("`SECONDS_KEPT`", &SECONDS_KEPT.to_string())
        .replace("`NOTABLES_MAX`", &NOTABLES_MAX.to_string());
    let mut text = String::new();
    let mut rest = docs.as_str();
    // `[`NAME`](path)` and `[`NAME`]` become `NAME`.
    while let Some((before, link)) = rest.split_once('[') {
        text.push_str(before);
        let Some((name, after)) = link.split_once(']') else {
            text.push('[');
            rest = link;
            continue;
        };
        text.push_str(name);
        rest = match after.strip_prefix('(') {
            Some(path) => path.split_once(')').map_or("", |(_, after)| after),
            None => after,
        };
    }
    text.push_str(rest);
    text.replace('|', "\\|")
}

/// Names of types in the order in which one meets them.
fn sequence(types: &BTreeMap<String, Type>) -> Vec<&str> {
    let (mut seen, mut left) = (Vec::new(), VecDeque::from([ROOT]));
    while let Some(name) = left.pop_front() {
        let Some((name, known)) = types.get_key_value(name) else { continue };
        if seen.contains(&name.as_str()) {
            continue;
        }
        seen.push(name);
        left.extend(known.fields.iter().map(|field| inner(&field.kind)));
        left.extend(known.stands_for.as_deref().map(inner));
    }
    seen
}

fn page() -> String {
    let types = types();
    let mut page = HEAD.to_owned();
    for name in sequence(&types) {
        let known = &types[name];
        let _ = write!(page, "\n## {name}\n\n{}\n\n", prose(&known.docs));
        if let Some(kind) = &known.stands_for {
            let kind = kind_text(kind, &types);
            let _ = writeln!(page, "An {kind}.");
            continue;
        }
        if known.words.is_empty() {
            page.push_str("| field | type | unit | meaning |\n| --- | --- | --- | --- |\n");
        } else {
            page.push_str("| word | meaning |\n| --- | --- |\n");
        }
        for field in &known.fields {
            let (kind, unit) = (kind_text(&field.kind, &types), unit(field));
            let _ =
                writeln!(page, "| `{}` | {kind} | {unit} | {} |", field.name, prose(&field.docs));
        }
        for (word, docs) in &known.words {
            let _ = writeln!(page, "| `{word}` | {} |", prose(docs));
        }
    }
    page
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how the page is written anew; see the page itself")]
fn status_page_is_what_is_declared() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/status.md");
    if std::env::var_os("STATUS_DOCS").is_some_and(|value| value == "write") {
        std::fs::write(path, page()).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == page(), "run `STATUS_DOCS=write cargo test -p seckill-protocol status_page`");
}

#[test]
fn each_field_says_what_it_means_and_when_it_is_null() {
    let types = types();
    for name in sequence(&types) {
        let known = &types[name];
        for field in &known.fields {
            let of = format!("{name}.{}", field.name);
            assert!(!field.docs.is_empty(), "{of} has no meaning");
            let says = field.docs.contains("`None`");
            assert!(!field.kind.starts_with("Option<") || says, "{of} doesn't say when it is null");
        }
        for (word, docs) in &known.words {
            assert!(!docs.is_empty(), "{name}::{word} has no meaning");
        }
    }
}

/// Every path of a document, with lists and objects of numbers as one.
fn paths(value: &Value, type_name: &str, types: &BTreeMap<String, Type>) -> BTreeSet<String> {
    let mut unknown = BTreeSet::new();
    match value {
        Value::Array(items) => {
            unknown.extend(items.iter().flat_map(|item| paths(item, type_name, types)));
        }
        Value::Object(fields) if types.get(type_name).is_some_and(|of| of.stands_for.is_some()) => {
            let kind = types[type_name].stands_for.as_deref().unwrap_or_default();
            unknown.extend(fields.values().flat_map(|value| paths(value, inner(kind), types)));
        }
        Value::Object(fields) if types.contains_key(type_name) => {
            for (name, value) in fields {
                let declared = types[type_name].fields.iter().find(|field| field.name == *name);
                match declared {
                    Some(field) if field.kind.starts_with("BTreeMap<") => {
                        let values = value.as_object().into_iter().flat_map(|map| map.values());
                        let of = inner(&field.kind);
                        unknown.extend(values.flat_map(|value| paths(value, of, types)));
                    }
                    Some(field) => unknown.extend(paths(value, inner(&field.kind), types)),
                    None => drop(unknown.insert(format!("{type_name}.{name}"))),
                }
            }
        }
        _ => {}
    }
    unknown
}

#[test]
fn no_field_of_a_whole_state_is_missing_in_the_page() {
    let types = types();
    for golden in [include_str!("golden/snapshot.json"), include_str!("golden/snapshot_empty.json")]
    {
        let state: Value = serde_json::from_str(golden).unwrap();
        assert_eq!(paths(&state, ROOT, &types), BTreeSet::new());
    }
    let fields: usize = sequence(&types).iter().map(|name| types[*name].fields.len()).sum();
    let rows = page().lines().filter(|line| line.starts_with("| `")).count();
    assert!(100 < fields && fields < rows, "{fields} fields in {rows} rows");
}
