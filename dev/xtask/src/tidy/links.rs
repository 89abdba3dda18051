//! Whether what a document or a rule of alerts points to is there: the file, and the heading for
//! its `#anchor`. Addresses on the network aren't asked. Whether the words under a heading help is
//! for people to judge.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::{Untidy, numbered};

/// A fault for each place in the text of `file` that leads nowhere below `root`.
///
/// In Markdown these are the relative links, in other files each `docs/NAME.md#ANCHOR`.
pub(super) fn dangling(root: &Path, file: &Path, text: &str) -> Vec<Untidy> {
    let is_markdown = file.extension() == Some("md".as_ref());
    let (folder, places) = if is_markdown {
        (file.parent().unwrap_or(root), links(text))
    } else {
        (root, pages_named(text))
    };
    places
        .into_iter()
        .filter_map(|(number, place)| {
            let (path, anchor) = place.split_once('#').unwrap_or((place, ""));
            let to = if path.is_empty() { file.to_owned() } else { resolved(folder, path) };
            let shown = to.strip_prefix(root).unwrap_or(&to).display().to_string();
            Some((number, fault(&to, &shown, anchor)?))
        })
        .collect()
}

/// What is wrong with a place, if anything. Anchors are looked for in Markdown only.
fn fault(to: &Path, shown: &str, anchor: &str) -> Option<String> {
    if anchor.is_empty() || to.extension() != Some("md".as_ref()) {
        return to.metadata().err().map(|error| format!("{shown}: {error}"));
    }
    match fs::read_to_string(to) {
        Ok(page) if anchors(&page).iter().any(|known| known == anchor) => None,
        Ok(_) => Some(format!("{shown} has no heading for #{anchor}")),
        Err(error) => Some(format!("{shown}: {error}")),
    }
}

/// A relative path from a folder, without `.` and `..`.
fn resolved(folder: &Path, path: &str) -> PathBuf {
    Path::new(path).components().fold(folder.to_owned(), |mut to, part| {
        match part {
            Component::ParentDir => {
                to.pop();
            }
            Component::CurDir => {}
            part => to.push(part),
        }
        to
    })
}

/// The words `docs/NAME.md#ANCHOR` with their lines.
fn pages_named(text: &str) -> Vec<(usize, &str)> {
    let is_page = |word: &&str| {
        word.split_once('#')
            .is_some_and(|(file, _)| file.starts_with("docs/") && file.ends_with(".md"))
    };
    numbered(text)
        .flat_map(|(number, line)| {
            line.split([' ', '"', '\'']).filter(is_page).map(move |word| (number, word))
        })
        .collect()
}

/// The targets of a page's relative links with their lines: `[text](target)`, and `[name]: target`
/// at the beginning of a line.
fn links(page: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (number, line) in prose(page) {
        let named = line.strip_prefix('[').and_then(|rest| rest.split_once("]: "));
        found.extend(named.map(|(_, target)| (number, target)));
        // Every second piece stands between backquotes: that is code.
        for words in line.split('`').step_by(2) {
            let targets = words.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            found.extend(targets.map(|target| (number, target)));
        }
    }
    found
        .into_iter()
        // A title may stand behind the target.
        .filter_map(|(number, text)| Some((number, text.split_whitespace().next()?)))
        .filter(|(_, target)| !target.contains("://") && !target.starts_with("mailto:"))
        .collect()
}

/// The lines of a page outside of its blocks of code.
fn prose(page: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut code = false;
    numbered(page).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(page: &str) -> Vec<String> {
    let mut times = BTreeMap::new();
    prose(page)
        .filter_map(|(_, line)| {
            let words = line.trim_start_matches('#');
            (line.starts_with('#') && words.starts_with(' ')).then(|| anchor(words.trim()))
        })
        .map(|anchor| {
            let before = times.entry(anchor.clone()).or_insert(0);
            *before += 1;
            match *before - 1 {
                0 => anchor,
                earlier => format!("{anchor}-{earlier}"),
            }
        })
        .collect()
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{Untidy, anchors, dangling, links};

    /// A root with a page, a rule and a folder.
    fn judged(file: &str, text: &str) -> Vec<Untidy> {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("docs")).unwrap();
        let page = "# Book\n\n## Disk full\n\n```sh\n# Not this\n```\n";
        fs::write(root.path().join("docs/book.md"), page).unwrap();
        fs::write(root.path().join("rules.yml"), "").unwrap();
        let path = root.path().join(file);
        fs::write(&path, text).unwrap();
        dangling(root.path(), &path, text)
    }

    #[test]
    fn what_leads_nowhere_is_found_where_it_is_named() {
        let text = "# docs/book.md\na: docs/book.md#disk-full\nb: \"docs/book.md#not-this\"\n\
                    c: docs/none.md#disk-full\nd: other.md#x\n";
        let found = judged("rules.yml", text);
        assert_eq!(found[0], (3, "docs/book.md has no heading for #not-this".to_owned()));
        assert_eq!(found[1].0, 4);
        assert!(found[1].1.starts_with("docs/none.md: "), "{found:?}");
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn a_documents_links_lead_from_its_own_folder_to_files_and_headings() {
        let text = "# One\n[a](book.md) and [b](book.md#disk-full), [c](#one), [d](../rules.yml)\n\
                    [e](../docs) [f](https://nowhere.test/x.md#y) [g](mailto:a@b.test) `[h](no)`\n\
                    ```\n[i](none.md)\n```\n[j](book.md \"A title\") ![k](../docs/book.md)\n\
                    [l]: book.md#disk-full\n[m][l]\n";
        assert_eq!(judged("docs/one.md", text), []);
        let text = "# One\n[a](none.md)\n[b](#two) [c](book.md#disk)\n\n[d](docs/book.md)\n\
                    [e]: ../none\n";
        let found = judged("docs/one.md", text);
        let lines: Vec<usize> = found.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 3, 3, 5, 6], "{found:?}");
        assert!(found[0].1.starts_with("docs/none.md: "), "{found:?}");
        assert_eq!(found[1].1, "docs/one.md has no heading for #two");
        assert_eq!(found[2].1, "docs/book.md has no heading for #disk");
        assert!(found[3].1.starts_with("docs/docs/book.md: "), "{found:?}");
        assert!(found[4].1.starts_with("none: "), "{found:?}");
    }

    #[test]
    fn the_projects_own_front_page_has_links_to_judge() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        for page in ["README.md", "README.zh-CN.md", "docs/runbook.md"] {
            let text = fs::read_to_string(root.join(page)).unwrap();
            assert!(10 < links(&text).len(), "{page}");
        }
    }

    #[test]
    fn anchors_are_lower_case_with_dashes_and_without_marks() {
        let page = "## Wrong price spotted\n### Ctrl-C, `kill -9`?\n```\n# no\n```\n# 盘 Full\n\
                    #no\n## Wrong price spotted\n";
        let expected =
            ["wrong-price-spotted", "ctrl-c-kill--9", "盘-full", "wrong-price-spotted-1"];
        assert_eq!(anchors(page), expected);
    }
}
