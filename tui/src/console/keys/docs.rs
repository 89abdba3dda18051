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
         A question takes its answer once no key has come for 300 ms, and only if none follows\n\
         within 50 ms: what is pasted confirms nothing, and the question says what it dropped. (A\n\
         single `y` that is pasted is a key where the terminal doesn't mark pastes.) It is\n\
         withdrawn when what it shows has changed meanwhile. Nothing is done to a row that isn't\n\
         marked on the screen, and nothing at all on one under 60x20, which shows the first four\n\
         lines of the Overview.\n\n\
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
