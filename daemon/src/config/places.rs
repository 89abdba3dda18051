//! Where the database and the admin socket are when nothing but a profile names them: in the
//! folders that systemd or the packager prepared, else where a newcomer's machine allows it. No
//! folder is made here.

use std::path::{Path, PathBuf};

use super::extract::Sources;
use super::faults::Source;
use super::surroundings::{Surroundings, is_writable_folder};
use super::{Config, EnvType};

/// The folder, below the working directory, of a machine without a prepared one.
const LOCAL_FOLDER: &str = "./seckill-data";
const SOCKET_NAME: &str = "admin.sock";

/// Chooses the places that nobody named, and notes what an operator should know about the choice.
pub(super) fn settle(
    config: &mut Config,
    sources: &mut Sources,
    around: &Surroundings,
    env_type: EnvType,
    notes: &mut Vec<String>,
) {
    if sources.of("store.path").is_built_in() {
        let (folder, chosen_by) = store_folder(around);
        config.store.path = folder.join(format!("{env_type}.db"));
        sources.set("store.path", Source::Machine(chosen_by));
        if folder == Path::new(LOCAL_FOLDER) {
            let whole = std::path::absolute(&config.store.path);
            notes.push(format!(
                "nothing names store.path, and {} is no folder that can be written: the database \
                 is {}",
                around.state_folder.display(),
                whole.as_ref().unwrap_or(&config.store.path).display()
            ));
        }
    }
    if sources.of("admin.socket").is_built_in() {
        let (folder, chosen_by) = socket_folder(around, &config.store.path);
        config.admin.socket = folder.join(SOCKET_NAME);
        sources.set("admin.socket", Source::Machine(chosen_by));
    }
}

fn store_folder(around: &Surroundings) -> (PathBuf, &'static str) {
    match &around.service_state_folder {
        Some(folder) => (folder.clone(), "$STATE_DIRECTORY"),
        None if is_writable_folder(&around.state_folder) => {
            (around.state_folder.clone(), "the folder can be written")
        }
        None => (LOCAL_FOLDER.into(), "no other folder can be written"),
    }
}

fn socket_folder(around: &Surroundings, store: &Path) -> (PathBuf, &'static str) {
    if let Some(folder) = &around.service_runtime_folder {
        return (folder.clone(), "$RUNTIME_DIRECTORY");
    }
    if is_writable_folder(&around.runtime_folder) {
        return (around.runtime_folder.clone(), "the folder can be written");
    }
    match &around.user_runtime_folder {
        Some(folder) if is_writable_folder(folder) => (folder.join("seckill"), "$XDG_RUNTIME_DIR"),
        _ => (store.parent().unwrap_or(Path::new(".")).to_owned(), "beside the database"),
    }
}
