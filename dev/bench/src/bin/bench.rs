//! `seckill-bench`: makes the comparisons, prints each as soon as it is there, and writes all of
//! them as JSON. `cargo xtask bench` builds what it needs and starts it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the table is what it is run for")]

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use seckill_bench::machine::Machine;
use seckill_bench::rows::{Name, run};
use seckill_bench::stage::{Size, Stage};
use seckill_bench::table::{HEAD, Table};

/// Compares the daemon with bare counterparts.
#[derive(Parser)]
struct Arguments {
    /// Only these rows.
    #[arg(long, value_enum, value_delimiter = ',')]
    rows: Vec<Name>,
    /// Short and few measurements, to see that everything works.
    #[arg(long)]
    quick: bool,
    /// Where databases and results go; the disk under it is what is measured.
    #[arg(long)]
    folder: PathBuf,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    std::fs::create_dir_all(&arguments.folder)?;
    let size = if arguments.quick { Size::QUICK } else { Size::WHOLE };
    let stage = Stage::new(&arguments.folder, size);
    let names = match arguments.rows {
        rows if rows.is_empty() => Name::value_variants().to_vec(),
        rows => rows,
    };
    let mut table = Table { machine: Machine::here(&arguments.folder), rows: Vec::new() };
    println!("{}\n\n{HEAD}", table.machine);
    let mut failed = None;
    for name in names {
        match run(name, &stage).await {
            Ok(rows) => {
                rows.iter().for_each(|row| println!("{row}"));
                table.rows.extend(rows);
            }
            // The other rows are worth having all the same.
            Err(error) => {
                eprintln!("row {name:?}: {error:?}");
                failed = Some(name);
            }
        }
    }
    let file = arguments.folder.join(format!("{}.json", table.machine.commit));
    std::fs::write(&file, serde_json::to_vec_pretty(&table)?)?;
    println!("\nwritten to {}", file.display());
    failed.map_or(Ok(()), |name| Err(anyhow::anyhow!("the row {name:?} could not be measured")))
}
