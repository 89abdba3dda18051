//! Who may use whom: compares the tables in ARCHITECTURE.md with the crates' manifests and with the
//! imports between the daemon's own folders. Tests may use what they like. It reads imports as
//! text: every `crate::x` and `one_of_our_crates::x` outside comments counts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Where the tables stand.
const HEADING: &str = "## Who may use whom";
/// The crate whose folders have walls of their own.
const ROOMS: &str = "daemon/src";
/// A row that may use everything.
const ALL: &str = "everything";

/// Each part with what it may use. A part is the folder of a crate, or `daemon/src/` and a folder
/// or file of the daemon.
type Table = BTreeMap<String, BTreeSet<String>>;

/// Every arrow that no row allows, one line each.
///
/// # Errors
/// A manifest or a source can't be read.
pub(super) fn wrong(root: &Path) -> Result<Vec<String>> {
    let read =
        |path: PathBuf| fs::read_to_string(&path).with_context(|| path.display().to_string());
    let table = table(&read(root.join("ARCHITECTURE.md"))?);
    let folders = folders(&read(root.join("Cargo.toml"))?);
    let mut found = Vec::new();
    for folder in folders.values() {
        let manifest = read(root.join(folder).join("Cargo.toml"))?;
        let used = used_crates(&manifest);
        let used = used.iter().filter_map(|name| folders.get(name)).cloned().collect();
        found.extend(unallowed(&table, folder, &used));
    }
    let crates: BTreeMap<String, &String> =
        folders.values().map(|folder| (crate_name(folder), folder)).collect();
    for (room, sources) in rooms(&root.join(ROOMS))? {
        let mut used = BTreeSet::new();
        for source in sources {
            used.extend(used_parts(&read(source)?, &crates));
        }
        used.remove(&room);
        found.extend(unallowed(&table, &format!("{ROOMS}/{room}"), &used));
    }
    Ok(found)
}

/// The rows between the heading and the next one: `` | `part` | `used`, `used` | ``.
fn table(text: &str) -> Table {
    let section = text.split(HEADING).nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let quoted = |cell: &str| -> Vec<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let mut table = Table::new();
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        if let [parts, used, ..] = cells[..] {
            let used = if used.trim() == ALL { vec![ALL.to_owned()] } else { quoted(used) };
            for part in quoted(parts) {
                table.entry(part).or_default().extend(used.iter().cloned());
            }
        }
    }
    table
}

fn unallowed(table: &Table, part: &str, used: &BTreeSet<String>) -> Vec<String> {
    let Some(allowed) = table.get(part) else {
        return vec![format!("ARCHITECTURE.md: {part} has no row under \"{HEADING}\"")];
    };
    if allowed.contains(ALL) {
        return Vec::new();
    }
    let wrong = used.difference(allowed);
    wrong.map(|used| format!("{part} uses {used}, and ARCHITECTURE.md doesn't allow it")).collect()
}

/// The folders of our crates by their names, from the workspace's manifest.
fn folders(manifest: &str) -> BTreeMap<String, String> {
    let path = |line: &str| {
        let (name, rest) = line.split_once(" = { path = \"")?;
        Some((name.to_owned(), rest.split('"').next()?.to_owned()))
    };
    manifest.lines().filter_map(path).collect()
}

/// What a crate's manifest depends on, but for its tests.
fn used_crates(manifest: &str) -> BTreeSet<String> {
    let section = manifest.split("[dependencies]").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    let name = |line: &str| line.split(['.', ' ']).next().unwrap_or_default().to_owned();
    section.lines().map(name).filter(|name| name.starts_with("seckill")).collect()
}

/// The name by which code knows the crate in a folder.
fn crate_name(folder: &str) -> String {
    let last = folder.rsplit('/').next().unwrap_or(folder);
    last.replace('-', "_")
}

/// The sources of each folder and file directly below, without tests.
fn rooms(folder: &Path) -> Result<BTreeMap<String, Vec<PathBuf>>> {
    let mut rooms = BTreeMap::<String, Vec<PathBuf>>::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let sources = rooms.entry(name).or_default();
        if path.is_dir() { sources_below(&path, sources)? } else { sources.push(path) }
    }
    rooms.retain(|_, sources| !sources.is_empty());
    Ok(rooms)
}

fn sources_below(folder: &Path, sources: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_owned();
        if name == "tests" || name == "testing" {
            continue;
        }
        if path.is_dir() {
            sources_below(&path, sources)?;
        } else if path.extension() == Some("rs".as_ref()) {
            sources.push(path);
        }
    }
    Ok(())
}

/// The folders of the daemon and the crates of ours that a source names.
fn used_parts(source: &str, crates: &BTreeMap<String, &String>) -> BTreeSet<String> {
    let tests = source.find("#[cfg(test)]\nmod tests {").unwrap_or(source.len());
    let code: String = source[..tests]
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut used = BTreeSet::new();
    for (at, _) in code.match_indices("::") {
        let before = &code[..at];
        let start = before.rfind(|letter: char| !is_name(letter)).map_or(0, |at| at + 1);
        if before[..start].ends_with(':') {
            continue;
        }
        match &before[start..] {
            "crate" => used.extend(first_names(&code[at + 2..])),
            name => used.extend(crates.get(name).map(|folder| (*folder).clone())),
        }
    }
    used
}

/// `a` of `a::b`, and `a` and `c` of `{a::b, c}`.
fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| text.chars().take_while(|letter| is_name(*letter)).collect::<String>();
    let Some(list) = path.strip_prefix('{') else { return vec![name(path)] };
    let mut names = vec![name(list.trim_start())];
    let mut depth = 0_usize;
    for (at, letter) in list.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(name(list[at + 1..].trim_start())),
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn is_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    use super::{table, unallowed, used_crates, used_parts, wrong};

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn no_arrow_of_this_project_is_wrong() -> anyhow::Result<()> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = here.ancestors().find(|folder| folder.join("ARCHITECTURE.md").is_file());
        assert_eq!(wrong(root.unwrap_or(here))?, Vec::<String>::new());
        Ok(())
    }

    #[test]
    fn an_arrow_that_no_row_allows_is_named_and_a_part_without_a_row_too() {
        let text = "## Who may use whom\n\n| part | may use |\n| --- | --- |\n| `a`, `b` | `c`, `d` |\n\
                    | `e` | everything |\n\n## Next\n\n| `f` | `a` |\n";
        let table = table(text);
        assert_eq!(unallowed(&table, "a", &set(&["c", "d"])), Vec::<String>::new());
        assert_eq!(
            unallowed(&table, "b", &set(&["c", "x"])),
            ["b uses x, and ARCHITECTURE.md doesn't allow it"]
        );
        assert_eq!(unallowed(&table, "e", &set(&["x"])), Vec::<String>::new());
        assert!(unallowed(&table, "f", &set(&[]))[0].contains("f has no row"));
    }

    #[test]
    fn what_tests_depend_on_is_no_arrow() {
        let manifest = "[dependencies]\nseckill-domain.workspace = true\nserde = \"1\"\n\
                        seckill-edge = { workspace = true, optional = true }\n\n\
                        [dev-dependencies]\nseckill-e2e.workspace = true\n";
        assert_eq!(used_crates(manifest), set(&["seckill-domain", "seckill-edge"]));
    }

    #[test]
    fn imports_are_found_in_lists_and_in_code_and_not_in_comments_and_tests() {
        let folder = "daemon/store-sqlite".to_owned();
        let crates = BTreeMap::from([("store_sqlite".to_owned(), &folder)]);
        let source = "//! crate::no\nuse crate::{admin, app::{View, view}, http};\nuse crate::one::Two;\n\
                      fn f() { crate::three::go(); my::store_sqlite::x(); super::four::go() }\n\
                      #[cfg(test)]\nmod tests {\n    use crate::five;\n}\n";
        let rooms = set(&["admin", "app", "http", "one", "three"]);
        assert_eq!(used_parts(source, &crates), rooms);
        let source = "fn f(store: store_sqlite::Store) {}\n";
        assert_eq!(used_parts(source, &crates), set(&[&folder]));
    }
}
