//! The report: a table for people, a list for programs.

use std::fmt::Write;

use domain::ports::findings::{Finding, State};

/// A line for each finding, columns aligned, advice on a line of its own below.
pub(super) fn table(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or(0);
    let mut text = String::new();
    for Finding { check, state, found, advice } in findings {
        let found = one_line(found);
        let _ = writeln!(text, "{:<4}  {check:<width$}  {found}", state.word());
        if !advice.is_empty() {
            let _ = writeln!(text, "{:<4}  {:<width$}  → {}", "", "", one_line(advice));
        }
    }
    let count = |state| findings.iter().filter(|finding| finding.state == state).count();
    let counts = [State::Ok, State::Warn, State::Fail].map(count);
    let _ = writeln!(text, "\n{} ok, {} warn, {} fail", counts[0], counts[1], counts[2]);
    text
}

/// A list of objects with `check`, `state`, `found` and `advice`.
pub(super) fn json(findings: &[Finding]) -> String {
    // Texts only: nothing in it can fail to be written.
    serde_json::to_string_pretty(findings).unwrap_or_default() + "\n"
}

/// What comes from brokers and databases may hold line ends.
fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::{Finding, json, table};

    fn two() -> [Finding; 2] {
        [Finding::ok("disk", "much"), Finding::fail("database", "a\n b", "mend it")]
    }

    #[test]
    fn columns_are_aligned_and_each_line_is_one() {
        let wanted = "ok    disk      much\nfail  database  a; b\n                → mend it\n\n\
                      1 ok, 0 warn, 1 fail\n";
        assert_eq!(table(&two()), wanted);
    }

    #[test]
    fn programs_get_four_fields() {
        let told: serde_json::Value = serde_json::from_str(&json(&two())).unwrap();
        let wanted = serde_json::json!([
            {"check": "disk", "state": "ok", "found": "much", "advice": ""},
            {"check": "database", "state": "fail", "found": "a\n b", "advice": "mend it"},
        ]);
        assert_eq!(told, wanted);
    }
}
