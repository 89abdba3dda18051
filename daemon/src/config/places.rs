//! Where the database and the admin socket are when nothing but a profile names them: in the
//! folders that systemd or the packager prepared, else where a newcomer's machine allows it. No
//! folder is made here.

use std::path::{Path, PathBuf};

use super::extract::Sources;
use super::faults::Source;
use super::surroundings::{Surroundings, is_there, is_writable_folder};
use super::{Config, EnvType};

/// The folder, below the working directory, of a machine without a prepared one.
const LOCAL_FOLDER: &str = "./seckill-data";
const SOCKET_NAME: &str = "admin.sock";

/// What chose a folder, as sources tell it.
const OF_THE_SERVICE: &str = "the folder of the service is there";
const WRITABLE: &str = "the folder can be written";

/// Chooses the places that nobody named, and notes what an operator should know about the choice.
///
/// The database is in the first of these folders, and the admin socket likewise:
///
/// 1. `$STATE_DIRECTORY`: systemd prepared it for this very process;
/// 2. `/var/lib/seckill-<envType>`, where it is there: systemd prepared it for the service
///    `seckilld@<envType>`, so that what is done by hand (`doctor`) is about the database that is
///    sold from. Whether this user may write it is no matter: a user who may not gets a note that
///    says so, rather than another, empty database;
/// 3. `/var/lib/seckill`, where it can be written;
/// 4. `./seckill-data`; for the socket `$XDG_RUNTIME_DIR/seckill`, then beside the database.
pub(super) fn settle(
    config: &mut Config,
    sources: &mut Sources,
    around: &Surroundings,
    env_type: EnvType,
    notes: &mut Vec<String>,
) {
    if sources.of("store.path").is_built_in() {
        let (path, chosen_by) = store_path(around, env_type, notes);
        config.store.path = path;
        sources.set("store.path", Source::Machine(chosen_by));
    }
    if sources.of("admin.socket").is_built_in() {
        let (folder, chosen_by) = socket_folder(around, env_type, &config.store.path);
        config.admin.socket = folder.join(SOCKET_NAME);
        sources.set("admin.socket", Source::Machine(chosen_by));
    }
}

fn store_path(
    around: &Surroundings,
    env_type: EnvType,
    notes: &mut Vec<String>,
) -> (PathBuf, &'static str) {
    let within = |folder: &Path| folder.join(format!("{env_type}.db"));
    if let Some(folder) = &around.service_state_folder {
        return (within(folder), "$STATE_DIRECTORY");
    }
    let service = of_the_service(&around.state_folder, env_type);
    if is_there(&service) {
        let path = within(&service);
        let barred = match is_writable_folder(&service) {
            true => "",
            false => "; this user may not write there",
        };
        notes.push(format!(
            "nothing names store.path: the database is that of the service seckilld@{env_type}, \
             {}{barred}",
            path.display()
        ));
        return (path, OF_THE_SERVICE);
    }
    if is_writable_folder(&around.state_folder) {
        return (within(&around.state_folder), WRITABLE);
    }
    let path = within(Path::new(LOCAL_FOLDER));
    let whole = std::path::absolute(&path);
    notes.push(format!(
        "nothing names store.path, {} isn't there, and {} is no folder that can be written: the \
         database is {}",
        service.display(),
        around.state_folder.display(),
        whole.as_ref().unwrap_or(&path).display()
    ));
    (path, "no other folder can be written")
}

fn socket_folder(
    around: &Surroundings,
    env_type: EnvType,
    store: &Path,
) -> (PathBuf, &'static str) {
    if let Some(folder) = &around.service_runtime_folder {
        return (folder.clone(), "$RUNTIME_DIRECTORY");
    }
    let service = of_the_service(&around.runtime_folder, env_type);
    if is_there(&service) {
        return (service, OF_THE_SERVICE);
    }
    if is_writable_folder(&around.runtime_folder) {
        return (around.runtime_folder.clone(), WRITABLE);
    }
    match &around.user_runtime_folder {
        Some(folder) if is_writable_folder(folder) => (folder.join("seckill"), "$XDG_RUNTIME_DIR"),
        _ => (store.parent().unwrap_or(Path::new(".")).to_owned(), "beside the database"),
    }
}

/// `/var/lib/seckill-embedded` and so on: as `StateDirectory=` and `RuntimeDirectory=` of the unit
/// `seckilld@.service` name them.
fn of_the_service(folder: &Path, env_type: EnvType) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(format!("-{env_type}"));
    name.into()
}
