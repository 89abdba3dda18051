//! Tidiness judged on small samples.

use std::path::Path;

use super::{Untidy, faults, function_name, judge};

fn found(name: &str, text: &str) -> Vec<Untidy> {
    judge(Path::new(name), text)
}

fn lines_of(faults: &[Untidy]) -> Vec<usize> {
    faults.iter().map(|(line, _)| *line).collect()
}

#[test]
fn this_crate_is_tidy() -> anyhow::Result<()> {
    assert_eq!(faults(Path::new(env!("CARGO_MANIFEST_DIR")))?, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_header_must_be_there_and_say_something() {
    assert_eq!(found("a.rs", "//! Owns the clock.\n"), []);
    assert_eq!(lines_of(&found("a.rs", "//!\n")), [1]);
    assert_eq!(lines_of(&found("a.rs", "fn main() {}\n")), [1]);
    assert_eq!(lines_of(&found("a.rs", "\n//! Late.\n")), [1]);
}

#[test]
fn long_lines_pass_only_with_a_literal_or_an_address() {
    let long = "x".repeat(101);
    let wide = "宽".repeat(100);
    let text =
        format!("//! {wide}\n//! H.\n// {long}\n// https://{long}\nlet a = \"{long}\";\n{long}\n");
    assert_eq!(lines_of(&found("a.rs", &text)), [1, 3, 6]);
    assert_eq!(found("a.rs", &format!("//! H.\n{wide}\n")), []);
}

#[test]
fn functions_are_measured_to_their_own_brace() {
    let body = |lines: usize| format!("    fn f() {{\n{}    }}\n", "        a();\n".repeat(lines));
    assert_eq!(found("a.rs", &format!("//! H.\nimpl A {{\n{}}}\n", body(68))), []);
    let faults = found("a.rs", &format!("//! H.\nimpl A {{\n{}{}}}\n", body(69), body(1)));
    assert_eq!(faults, [(3, "`f` has 71 lines; 70 at most".to_owned())]);
}

#[test]
fn declarations_have_no_body_to_measure() {
    let many = "    fn one(&self);\n    fn two(\n        &self,\n    ) -> u8;\n".repeat(40);
    assert_eq!(found("a.rs", &format!("//! H.\ntrait A {{\n{many}}}\n")), []);
}

#[test]
fn function_names_are_found_behind_their_qualifiers() {
    for line in ["fn go() {", "pub fn go<T>() {", "pub(crate) async fn go() {", "pub const fn go()"]
    {
        assert_eq!(function_name(line), Some("go"), "{line}");
    }
    assert_eq!(function_name("let f = fn_of(1);"), None);
    assert_eq!(function_name("pub struct A;"), None);
}

#[test]
fn a_file_is_measured_without_its_tests() {
    let code = "//! H.\n".repeat(500);
    let tests = "#[cfg(test)]\nmod tests {\n}\n";
    assert_eq!(found("a.rs", &format!("{code}{tests}")), []);
    assert_eq!(lines_of(&found("a.rs", &format!("{code}//\n{tests}"))), [501]);
    assert_eq!(found("tests/a.rs", &format!("{code}//\n")), []);
}

#[test]
fn blanks_at_line_ends_are_found_in_text_too() {
    assert_eq!(lines_of(&found("a.md", "one\ntwo \n\tthree\t\nfour\r\n")), [2, 3, 4]);
}

#[test]
fn every_ban_has_its_reason() {
    let text = "bans = [\n  { path = \"a::b\", reason = \"so\" },\n  { path = \"a::c\" },\n  { path = \"a::d\", reason = \"\" },\n]\n";
    assert_eq!(lines_of(&found("clippy.toml", text)), [3, 4]);
}
