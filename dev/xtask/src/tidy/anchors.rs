//! Whether each `docs/NAME.md#ANCHOR` that a file names is a heading there. Whether the words under
//! the heading help is for people to judge.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::{Untidy, numbered};

/// A fault for each place in the text that leads nowhere below `root`.
pub(super) fn dangling(root: &Path, text: &str) -> Vec<Untidy> {
    let named = numbered(text).flat_map(|(number, line)| {
        line.split([' ', '"', '\'']).filter_map(move |word| Some((number, place(word)?)))
    });
    named
        .filter_map(|(number, (file, anchor))| {
            let fault = match fs::read_to_string(root.join(file)) {
                Ok(page) if anchors(&page).contains(anchor) => return None,
                Ok(_) => format!("{file} has no heading for #{anchor}"),
                Err(error) => format!("{file}: {error}"),
            };
            Some((number, fault))
        })
        .collect()
}

fn place(word: &str) -> Option<(&str, &str)> {
    let (file, anchor) = word.split_once('#')?;
    (file.starts_with("docs/") && file.ends_with(".md")).then_some((file, anchor))
}

/// The anchors of a page's headings, as GitHub makes them. A `#` in a block of code is none.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut code = false;
    let headings = page.lines().filter(|line| {
        code ^= line.starts_with("```");
        !code && line.starts_with('#')
    });
    headings.map(|heading| anchor(heading.trim_start_matches('#').trim())).collect()
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::{anchors, dangling};

    #[test]
    fn what_leads_nowhere_is_found_where_it_is_named() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("docs")).unwrap();
        let page = "# Book\n\n## Disk full\n\n```sh\n# Not this\n```\n";
        std::fs::write(root.path().join("docs/book.md"), page).unwrap();
        let text = "# docs/book.md\na: docs/book.md#disk-full\nb: \"docs/book.md#not-this\"\n\
                    c: docs/none.md#disk-full\nd: other.md#x\n";
        let found = dangling(root.path(), text);
        assert_eq!(found[0], (3, "docs/book.md has no heading for #not-this".to_owned()));
        assert_eq!(found[1].0, 4);
        assert!(found[1].1.starts_with("docs/none.md: "), "{found:?}");
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn anchors_are_lower_case_with_dashes_and_without_marks() {
        let page = "## Wrong price spotted\n### Ctrl-C, `kill -9`?\n```\n# no\n```\n# 盘 Full\n";
        let expected = ["ctrl-c-kill--9", "wrong-price-spotted", "盘-full"];
        assert!(anchors(page).iter().eq(expected), "{:?}", anchors(page));
    }
}
