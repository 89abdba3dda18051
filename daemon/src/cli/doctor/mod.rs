//! `seckilld doctor`: looks at everything a start needs and says what it found and what to do,
//! without changing anything. Each remote question has a deadline, so that it always ends.
//!
//! ```text
//! running.rs   the daemon of this very configuration, where one runs: asked over its admin socket
//! places.rs    ports, the admin socket's folder, secrets, open files, free disk
//! database.rs  the database, judged by the store, and its products beside the profile's
//! remote.rs    the queue, judged by its own crate, and the order node
//! report.rs    the table and the JSON
//! ```

mod database;
mod places;
mod remote;
mod report;
mod running;

use domain::ports::findings::{Finding, State};

use crate::cli::args;
use crate::cli::exit::Exit;
use crate::config::{self, ConfigFault, Faults, Loaded, Note, Options};
pub use remote::{Elsewhere, Looking};

/// Looks, and prints the report on standard output. `elsewhere` asks what isn't on this machine.
#[must_use]
pub fn run(options: &Options, json: bool, elsewhere: &dyn Elsewhere) -> Exit {
    let findings = match config::load(options) {
        Ok(loaded) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
            match runtime {
                Ok(runtime) => runtime.block_on(Box::pin(look(&loaded, elsewhere))),
                Err(fault) => return args::complain(&fault, Exit::Software),
            }
        }
        Err(faults) => findings_of(&faults),
    };
    let text = if json { report::json(&findings) } else { report::table(&findings) };
    match args::print(&text) {
        Exit::Ok => exit(&findings),
        failed => failed,
    }
}

/// The exit code: that of the worst line.
fn exit(findings: &[Finding]) -> Exit {
    match findings.iter().map(|finding| finding.state).max() {
        None | Some(State::Ok) => Exit::Ok,
        Some(State::Warn) => Exit::Warnings,
        Some(State::Fail) => Exit::Failures,
    }
}

/// A configuration's faults, each a line. Without a configuration there is nothing else to look at.
fn findings_of(faults: &Faults) -> Vec<Finding> {
    let check = |fault: &ConfigFault| match fault.key.as_str() {
        key if key.ends_with("_key_file") => "secrets",
        key if key.starts_with("products") => "products",
        _ => "profile",
    };
    let advice = "put it right where it comes from; docs/config.md has every key";
    faults.0.iter().map(|fault| Finding::fail(check(fault), fault.to_string(), advice)).collect()
}

async fn look(loaded: &Loaded, elsewhere: &dyn Elsewhere) -> Vec<Finding> {
    let mut findings = vec![profile(loaded)];
    findings.extend(places::secrets(loaded));
    if let Some(finding) = database::closed(loaded) {
        // Without the database nothing shows which process runs on it or whose the ports are.
        findings.push(finding);
        return findings;
    }
    let running = running::find(loaded).await;
    findings.extend(running.findings());
    findings.extend(places::ports(loaded, &running));
    findings.push(places::admin_folder(loaded, &running));
    findings.extend(database::look(loaded, &running).await);
    findings.push(places::free_disk(loaded));
    findings.push(places::open_files(&loaded.config));
    findings.extend(remote::look(loaded, &running, elsewhere).await);
    findings
}

fn profile(loaded: &Loaded) -> Finding {
    let found = format!("envType {}, no fault", loaded.env_type);
    // Modes of files are lines of their own.
    let notes = loaded.notes.iter().filter(|note| !matches!(note, Note::SecretExposed(_)));
    let notes: Vec<String> = notes.map(ToString::to_string).collect();
    match notes.as_slice() {
        [] => Finding::ok("profile", found),
        notes => Finding::ok("profile", format!("{found}; {}", notes.join("; "))),
    }
}

#[cfg(test)]
mod tests {
    use super::{Exit, Finding, exit};

    #[test]
    fn the_worst_line_is_the_exit_code() {
        let (ok, warn) = (Finding::ok("a", ""), Finding::warn("b", "", ""));
        let fail = Finding::fail("c", "", "");
        assert_eq!(exit(&[]), Exit::Ok);
        assert_eq!(exit(std::slice::from_ref(&ok)), Exit::Ok);
        assert_eq!(exit(&[warn.clone(), ok.clone()]), Exit::Warnings);
        assert_eq!(exit(&[ok, fail, warn]), Exit::Failures);
    }
}
