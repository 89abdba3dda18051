//! The documents, the dashboard and the rules, by the table of families.

use std::collections::BTreeSet;

use super::{ALL, Family, Kind};

/// Every metric's name in a text, histograms' parts by their family.
fn named(text: &str) -> BTreeSet<String> {
    let names = regex_lite::Regex::new("\\b(seckill|process)_[a-z0-9_]+\\b").unwrap();
    let histogram = |name: &&str| ALL.iter().any(|f| f.name == *name && f.kind == Kind::Histogram);
    let family = |name: &str| {
        let stem = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
        stem.filter(histogram).unwrap_or(name).to_owned()
    };
    names.find_iter(text).map(|name| family(name.as_str())).collect()
}

fn known() -> BTreeSet<String> {
    ALL.iter().map(|family| family.name.to_owned()).collect()
}

#[test]
fn the_document_has_every_metric_as_it_is() {
    let row = |family: &&Family| {
        let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        let Family { name, kind, help, .. } = family;
        format!("| `{name}` | {} | {} | {help} |", kind.as_str(), labels.join(", "))
    };
    let document = include_str!("../../../../../docs/metrics.md");
    let rows: Vec<&str> = document.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<String> = ALL.iter().map(row).collect();
    let whole = expected.join("\n");
    assert_eq!(rows, expected, "the table in docs/metrics.md is to be\n{whole}");
}

#[test]
fn dashboard_and_rules_ask_for_what_there_is() {
    let dashboard = include_str!("../../../../../contrib/grafana.json");
    let rules = include_str!("../../../../../contrib/alerts.yml");
    let parsed: serde_json::Value = serde_json::from_str(dashboard).unwrap();
    let expressions: Vec<&str> = parsed["panels"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|panel| panel["targets"].as_array())
        .flatten()
        .map(|target| target["expr"].as_str().unwrap())
        .collect();
    assert!(30 <= expressions.len(), "{}", expressions.len());
    // Rules and panels have no name of their own that begins like a metric's.
    for (what, text) in [("dashboard", expressions.join("\n")), ("rules", rules.to_owned())] {
        let unknown: Vec<String> = named(&text).difference(&known()).cloned().collect();
        assert!(unknown.is_empty(), "the {what} ask for {unknown:?}");
        assert!(15 <= named(&text).len(), "the {what} ask for hardly anything");
    }
}

#[test]
fn every_alert_says_what_is_wrong_and_where_the_remedy_stands() {
    let rules = include_str!("../../../../../contrib/alerts.yml");
    let alerts: Vec<&str> = rules.split("- alert: ").skip(1).collect();
    assert!(15 <= alerts.len(), "{}", alerts.len());
    let mut names = BTreeSet::new();
    let cases = include_str!("../../../../../contrib/alerts.test.yml");
    for alert in alerts {
        let name = alert.lines().next().unwrap();
        assert!(names.insert(name), "{alert} comes twice");
        // e2e has promtool judge them.
        for case in ["fires", "quiet"] {
            let named = format!("- name: \"{name}: {case}");
            assert!(cases.contains(&named), "alerts.test.yml has no case {named}");
        }
        for key in ["expr: ", "severity: ", "summary: ", "description: "] {
            assert!(alert.contains(key), "no {key} in {alert}");
        }
        assert!(alert.contains("runbook: docs/runbook.md#"), "{alert}");
    }
}
