//! What clippy and rustfmt don't see: headers, sizes, long lines, blanks at line ends, bans without
//! a reason, links and remedies that aren't there, arrows between parts that no row allows. It
//! reads text line by line and leans on rustfmt's indentation; it parses no Rust.

mod arrows;
mod links;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

const COLUMNS_MAX: usize = 100;
const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
/// Folders that hold nothing of ours.
const SKIPPED: [&str; 3] = ["target", ".git", "seckill-data"];

/// Every arrow between the parts of the project that ARCHITECTURE.md doesn't allow, one line each.
///
/// # Errors
/// A manifest or a source can't be read.
pub(crate) fn arrows(root: &Path) -> Result<Vec<String>> {
    arrows::wrong(root)
}

/// Everything untidy below a folder, one line each (`path:line: what`), in the paths' order.
///
/// # Errors
/// A file or folder can't be read.
pub(crate) fn faults(root: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    collect(root, &mut files)?;
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let shown = file.strip_prefix(root).unwrap_or(&file).display();
        let mut found = judge(&file, &text);
        if ["md", "yml"].iter().any(|ending| file.extension() == Some(ending.as_ref())) {
            found.extend(links::dangling(root, &file, &text));
        }
        all.extend(found.into_iter().map(|(line, what)| format!("{shown}:{line}: {what}")));
    }
    Ok(all)
}

type Untidy = (usize, String);

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let path = entry.path();
        let name = entry.file_name();
        if entry.file_type()?.is_dir() {
            if !SKIPPED.iter().any(|skipped| name == *skipped) {
                collect(&path, files)?;
            }
        } else if ["rs", "md", "toml", "yml"]
            .iter()
            .any(|ending| path.extension() == Some(ending.as_ref()))
        {
            files.push(path);
        }
    }
    Ok(())
}

fn judge(file: &Path, text: &str) -> Vec<Untidy> {
    let mut faults = blanks_at_line_ends(text);
    if file.extension() == Some("rs".as_ref()) {
        let tests = file.components().any(|part| part.as_os_str() == "tests")
            || file.file_name() == Some("tests.rs".as_ref());
        faults.extend(header(text));
        faults.extend(long_lines(text));
        faults.extend(long_functions(text));
        faults.extend((!tests).then(|| long_file(text)).flatten());
    }
    if file.file_name() == Some("clippy.toml".as_ref()) {
        faults.extend(bans_without_reason(text));
    }
    faults.sort();
    faults
}

fn blanks_at_line_ends(text: &str) -> Vec<Untidy> {
    numbered(text)
        .filter(|(_, line)| line.ends_with([' ', '\t', '\r']))
        .map(|(number, _)| (number, "blanks at the line's end".to_owned()))
        .collect()
}

fn header(text: &str) -> Option<Untidy> {
    let first = text.lines().next().unwrap_or_default();
    let has_words = first.strip_prefix("//!").is_some_and(|words| !words.trim().is_empty());
    let fault = "a `//!` header must say what the file owns and what it doesn't";
    (!has_words).then(|| (1, fault.to_owned()))
}

/// A line may be long where rustfmt can't break it: a literal, or an address in a comment.
fn long_lines(text: &str) -> Vec<Untidy> {
    let unbreakable = |line: &str| {
        let comment = line.trim_start().starts_with("//");
        if comment { line.contains("://") } else { line.contains('"') }
    };
    numbered(text)
        .map(|(number, line)| (number, line, line.chars().count()))
        .filter(|(_, line, columns)| COLUMNS_MAX < *columns && !unbreakable(line))
        .map(|(number, _, columns)| (number, format!("{columns} columns; {COLUMNS_MAX} at most")))
        .collect()
}

fn long_file(text: &str) -> Option<Untidy> {
    let lines: Vec<&str> = text.lines().collect();
    let is_tests = |pair: &[&str]| {
        pair[0] == "#[cfg(test)]"
            && (pair[1].starts_with("mod ") || pair[1].starts_with("pub mod "))
    };
    let code = lines.windows(2).position(is_tests).unwrap_or(lines.len());
    let fault = format!("{code} lines before the tests; {FILE_LINES_MAX} at most");
    (FILE_LINES_MAX < code).then_some((FILE_LINES_MAX + 1, fault))
}

/// A function reaches from its `fn` line to the first closing brace at the same depth.
fn long_functions(text: &str) -> Vec<Untidy> {
    let mut faults = Vec::new();
    let mut open: Vec<(usize, usize, &str)> = Vec::new();
    for (number, line) in numbered(text) {
        let depth = line.len() - line.trim_start().len();
        if let Some(name) = function_name(line.trim_start())
            && !line.ends_with(['}', ';'])
        {
            open.push((depth, number, name));
        } else if line.trim_start() == "}"
            && let Some((_, start, name)) = open.pop_if(|(at, ..)| *at == depth)
        {
            let lines = number - start + 1;
            if FUNCTION_LINES_MAX < lines {
                let fault = format!("`{name}` has {lines} lines; {FUNCTION_LINES_MAX} at most");
                faults.push((start, fault));
            }
        } else if line.trim_start().ends_with(");") || line.trim_start().ends_with(";") {
            // A declaration in a trait that takes several lines has no body to close.
            open.pop_if(|(at, ..)| *at == depth);
        }
    }
    faults
}

fn function_name(line: &str) -> Option<&str> {
    let mut rest = line;
    if let Some(after) = rest.strip_prefix("pub") {
        rest = after
            .strip_prefix('(')
            .map_or(after, |scope| scope.split_once(')').map_or("", |s| s.1));
        rest = rest.trim_start();
    }
    for word in ["const ", "async ", "extern \"C\" "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    let name = rest.strip_prefix("fn ")?;
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    Some(&name[..end])
}

fn bans_without_reason(text: &str) -> Vec<Untidy> {
    let reasoned = |line: &str| {
        line.split_once("reason = \"").is_some_and(|(_, reason)| !reason.starts_with('"'))
    };
    numbered(text)
        .filter(|(_, line)| line.trim_start().starts_with("{ path =") && !reasoned(line))
        .map(|(number, _)| (number, "a ban needs its reason, on the same line".to_owned()))
        .collect()
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split('\n').enumerate().map(|(index, line)| (index + 1, line))
}

#[cfg(test)]
mod tests;
