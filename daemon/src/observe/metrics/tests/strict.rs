//! A reader of the text format that takes only what is sound: each family written once and whole,
//! each series once, histograms that add up.

use std::collections::BTreeMap;

/// A series: its name and its labels.
pub(super) type Key = (String, BTreeMap<String, String>);

/// A text that was read strictly.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) kinds: BTreeMap<String, String>,
    pub(super) series: BTreeMap<Key, f64>,
}

impl Told {
    /// The value of a series, its labels written as in the text.
    #[track_caller]
    pub(super) fn value(&self, series: &str) -> f64 {
        let key = key(series);
        *self.series.get(&key).unwrap_or_else(|| panic!("no series {series}"))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.series.keys().any(|(known, _)| known == name)
    }
}

fn is_name(name: &str) -> bool {
    name.chars().next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// Reads `name{label="value",…}`.
#[track_caller]
fn key(text: &str) -> Key {
    let Some((name, mut rest)) = text.split_once('{') else {
        assert!(is_name(text), "{text:?} is no name");
        return (text.to_owned(), BTreeMap::new());
    };
    assert!(is_name(name), "{name:?} is no name");
    let mut labels = BTreeMap::new();
    while rest != "}" {
        let (label, value_on) = rest.split_once("=\"").unwrap_or_else(|| panic!("{text:?}"));
        assert!(is_name(label), "{label:?} is no name");
        let (mut value, mut letters) = (String::new(), value_on.char_indices());
        let end = loop {
            match letters.next().unwrap_or_else(|| panic!("{text:?} doesn't end")) {
                (at, '"') => break at,
                (_, '\\') => value.push(match letters.next().map(|(_, letter)| letter) {
                    Some('n') => '\n',
                    Some(letter @ ('\\' | '"')) => letter,
                    other => panic!("\\{other:?} is no escape in {text:?}"),
                }),
                (_, letter) => value.push(letter),
            }
        };
        assert!(labels.insert(label.to_owned(), value).is_none(), "{label} twice in {text:?}");
        rest = &value_on[end + 1..];
        if let Some(more) = rest.strip_prefix(',') {
            assert_ne!(more, "}", "{text:?}");
            rest = more;
        }
    }
    (name.to_owned(), labels)
}

/// Reads a whole text, and refuses what Prometheus would refuse or only put up with.
#[track_caller]
pub(super) fn read(text: &str) -> Told {
    assert!(text.ends_with('\n') && !text.contains('\r'));
    let (mut told, mut helped) = (Told::default(), None);
    let mut family = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(is_name(name) && !help.is_empty(), "{line}");
            assert!(helped.replace(name.to_owned()).is_none(), "HELP without TYPE before {line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(helped.take().as_deref(), Some(name), "TYPE without HELP: {line}");
            let before = told.kinds.insert(name.to_owned(), kind.to_owned());
            assert_eq!(before, None, "{name} comes twice");
            name.clone_into(&mut family);
        } else {
            assert!(!line.starts_with('#'), "{line}");
            let (series, value) = line.rsplit_once(' ').unwrap();
            let key = key(series);
            let kind = told.kinds[&family].as_str();
            let suffixes: &[&str] =
                if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            let belongs = suffixes.iter().any(|suffix| key.0 == format!("{family}{suffix}"));
            assert!(belongs, "{line} stands below {family}");
            let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
            assert!(value.is_finite() && (kind == "gauge" || 0.0 <= value), "{line}");
            assert_eq!(told.series.insert(key, value), None, "{series} comes twice");
        }
    }
    assert_eq!(helped, None);
    for (name, kind) in &told.kinds {
        assert!(["counter", "gauge", "histogram"].contains(&kind.as_str()), "{name} {kind}");
        if kind == "histogram" {
            buckets_add_up(&told, name);
        }
    }
    told
}

/// Buckets rise, end with +Inf, and its count is the histogram's.
#[track_caller]
fn buckets_add_up(told: &Told, name: &str) {
    let mut by_labels: BTreeMap<_, Vec<(f64, f64)>> = BTreeMap::new();
    for ((series, labels), value) in &told.series {
        if *series == format!("{name}_bucket") {
            let mut labels = labels.clone();
            let le = labels.remove("le").unwrap_or_else(|| panic!("{name} without le"));
            by_labels.entry(labels).or_default().push((le.parse().unwrap(), *value));
        }
    }
    for (labels, mut buckets) in by_labels {
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        assert!(buckets.is_sorted_by(|one, other| one.1 <= other.1), "{name} {labels:?}");
        let (last, count) = buckets[buckets.len() - 1];
        assert!(last.is_infinite(), "{name} {labels:?}");
        assert_eq!(told.series[&(format!("{name}_count"), labels.clone())], count);
        assert!(told.series.contains_key(&(format!("{name}_sum"), labels)));
    }
}
