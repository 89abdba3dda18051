//! The table of keys as docs/keys.md. A test holds the file equal to it.

use std::fmt::Write;

use super::{Context, bindings};

/// The whole file.
pub(crate) fn docs() -> String {
    let mut page = String::from(
        "# Keys of the console\n\n\
         `seckillctl` without a verb, on a terminal. Lower-case keys look; capital letters change\n\
         the daemon, each behind a confirmation whose default is No. `--read-only` takes the\n\
         latter away; those that the daemon wouldn't take from you are struck through, and `?`\n\
         says why.\n\n\
         Generated from the table of keys (`tui/src/console/keys/table.rs`): run\n\
         `KEYS_DOCS=write cargo test -p seckillctl keys_page`.\n",
    );
    for context in Context::ALL {
        let _ = write!(page, "\n## {}\n\n| key | what it does |\n| --- | --- |\n", context.title());
        for binding in bindings(&[context]) {
            let keys: Vec<String> = binding.keys.iter().map(|key| format!("`{key}`")).collect();
            let star =
                if binding.action.changes_the_daemon() { " (changes the daemon)" } else { "" };
            let _ = writeln!(page, "| {} | {}{star} |", keys.join(" "), binding.what);
        }
    }
    page
}
