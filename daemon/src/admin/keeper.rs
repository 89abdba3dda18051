//! Keeps the admin socket where its clients look for it: a file that is removed, or replaced by one
//! behind which nobody listens, is made again. Where that can't be, it is logged. The database's
//! own folder isn't made again: the operator who moved it away puts it back where none is.

use std::fs;
use std::io;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use edge::UnixPlace;
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::TellTrouble;
use super::socket::SocketFile;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Looks again and again until `cancel`, and returns the file as it is then. `tell` hears of each
/// change of what keeps clients from finding the socket.
pub(super) async fn keep(
    mut file: SocketFile,
    database: PathBuf,
    place: Arc<UnixPlace>,
    tell: TellTrouble,
    cancel: CancellationToken,
) -> Option<SocketFile> {
    let mut told = None;
    let shared = file.folder().filter(|folder| is_folder_of(folder, &database));
    while cancel.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
        // It waits for another daemon's start in the same folder, and file systems may hang.
        let shared = shared.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let kept = match shared.filter(|folder| is_gone(folder)) {
                None => file.kept(),
                Some(folder) => Err(format!("{}: the folder is gone", folder.display())),
            };
            (file, kept)
        });
        let kept;
        (file, kept) = looked.await.ok()?;
        let trouble = kept.and_then(|made| put(made, &place)).err();
        if trouble == told {
            continue;
        }
        match &trouble {
            Some(why) => warn!(why, "the admin socket is lost; trying again"),
            None => info!("the admin socket is where it belongs again"),
        }
        tell(trouble.as_ref().map(|why| format!("the admin socket is lost: {why}")));
        told = trouble;
    }
    Some(file)
}

/// Whether it is the one that the database lies in.
fn is_folder_of(folder: &Path, database: &Path) -> bool {
    fs::canonicalize(folder).is_ok_and(|real| Some(real.as_path()) == database.parent())
}

fn is_gone(folder: &Path) -> bool {
    fs::symlink_metadata(folder).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn put(made: Option<StdUnixListener>, place: &UnixPlace) -> Result<(), String> {
    let Some(listener) = made else { return Ok(()) };
    place.replace(UnixListener::from_std(listener).map_err(|error| error.to_string())?);
    warn!("the admin socket was gone from its path, or nobody listened there: it is bound anew");
    Ok(())
}
