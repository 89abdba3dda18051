//! What is printed of a copy.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::EpochMs;
use serde::Serialize;

use store_sqlite::{Aside, Copied, Restored};

/// What a copy holds, and where it is. In JSON a duration is in milliseconds, a size in bytes, a
/// moment both as a text and in milliseconds since 1970; what isn't known is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Report {
    file: PathBuf,
    /// What was replaced, when something was restored.
    #[serde(flatten)]
    work: Work,
    bytes: u64,
    took_ms: u64,
    /// Everything that was committed before is in it.
    moment: Option<EpochMs>,
    moment_ms: Option<i64>,
    schema: i32,
    products: usize,
    /// Decided orders, failed ones as well.
    orders: u64,
    sold: u64,
    /// Orders that wait in the embedded queue.
    queued: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Work {
    Backup { log_bytes: u64 },
    Restore { database: PathBuf, kept_aside: Option<PathBuf>, damage: Option<String> },
}

impl Report {
    /// What is printed of a backup.
    pub(super) fn of_backup(file: &Path, copied: &Copied, took: Duration) -> Self {
        Self::of(file, Work::Backup { log_bytes: copied.log_bytes }, copied, took)
    }

    /// What is printed of a restore.
    pub(super) fn of_restore(file: &Path, restored: &Restored, took: Duration) -> Self {
        let Restored { path, copied, aside: Aside { path: kept_aside, damage } } = restored.clone();
        Self::of(file, Work::Restore { database: path, kept_aside, damage }, &copied, took)
    }

    fn of(file: &Path, work: Work, copied: &Copied, took: Duration) -> Self {
        let Copied { examined, moment, .. } = copied;
        Self {
            file: file.to_owned(),
            work,
            bytes: examined.bytes,
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            moment: *moment,
            moment_ms: moment.map(|moment| moment.0),
            schema: examined.schema,
            products: examined.products.len(),
            orders: examined.orders,
            sold: examined.products.iter().map(|product| product.sold).sum(),
            queued: examined.queued,
        }
    }

    /// The report, with a line end.
    pub(super) fn printed(&self, json: bool) -> String {
        if json {
            // Texts and numbers only: nothing in it can fail to be written.
            return serde_json::to_string_pretty(self).unwrap_or_default() + "\n";
        }
        let mut text = String::new();
        let mut line = |what: &str, words: String| {
            let _ = writeln!(text, "{what:<10}  {words}");
        };
        let Self { file, bytes, took_ms, schema, products, orders, sold, queued, .. } = self;
        let size = format!(
            "{bytes} bytes, schema {schema}, in {}.{:03} s",
            took_ms / 1_000,
            took_ms % 1_000
        );
        match &self.work {
            Work::Backup { .. } => line("backup", format!("{}: {size}", file.display())),
            Work::Restore { database, .. } => {
                line("restored", format!("{} as {}: {size}", file.display(), database.display()));
            }
        }
        line(
            "moment",
            match self.moment {
                Some(moment) => format!("{}: what was committed before is in it", moment.to_wire()),
                None => "not known: FILE was not made by seckilld backup".to_owned(),
            },
        );
        line(
            "holds",
            format!("products {products}, orders {orders}, sold {sold}, queued {queued}"),
        );
        line("checked", "integrity and books".to_owned());
        if let Work::Restore { kept_aside, damage, .. } = &self.work {
            line(
                "kept",
                match kept_aside {
                    Some(aside) => format!("{}: what stood there before", aside.display()),
                    None => "nothing: no database stood there".to_owned(),
                },
            );
            if let Some(damage) = damage {
                line("", format!("it is damaged ({damage}); its log lies beside it"));
            }
            line("later", "orders since that moment are not in it: see docs/backup.md".to_owned());
        }
        text
    }
}
