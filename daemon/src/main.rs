//! The daemon's process: command line, then configuration, then the verb, then an exit code. What
//! each of them does is in the library.

use std::process::ExitCode;

use seckilld::cli::args::{self, Verb};
use seckilld::cli::exit::Exit;
use seckilld::cli::{backup, doctor};
use seckilld::os::signals;
use seckilld::{app, config};

/// Every request allocates a little; this allocator does it in less time than glibc's
/// (`docs/performance.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    perform().into()
}

fn perform() -> Exit {
    signals::fail_at_file_size_limit();
    let asked = match args::parse(std::env::args_os()) {
        Ok(asked) => asked,
        Err(exit) => return exit,
    };
    if asked.verb == Verb::PrintDocs {
        return args::print(&config::docs());
    }
    if let Verb::Doctor { json } = asked.verb {
        return doctor::run(&asked.options, json, &app::Ways);
    }
    let loaded = match config::load(&asked.options) {
        Ok(loaded) => loaded,
        Err(faults) => return args::refuse(&faults),
    };
    match asked.verb {
        Verb::CheckConfig => args::print(&args::summary(&loaded)),
        Verb::PrintConfig => args::print(&config::effective(&loaded)),
        Verb::Backup(copying) => backup::run(&loaded.config, &copying),
        Verb::Restore(copying) => backup::restore(&loaded.config, &copying),
        Verb::Run(take) => app::run(&loaded, take),
        // Done above.
        Verb::PrintDocs | Verb::Doctor { .. } => Exit::Ok,
    }
}
