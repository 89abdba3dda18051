//! Where the program runs: where the admin socket is (as named, else where daemons put theirs), and
//! whether there is a terminal. Nothing else reads the environment.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use tokio::net::UnixStream;

use crate::exit::NoAnswer;
use crate::holders;

/// What names a socket.
const OPTION: &str = "--socket";
const VARIABLE: &str = "SECKILLCTL_SOCKET";

const SOCKET_NAME: &str = "admin.sock";

/// What standard output leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Screen {
    /// A terminal whose cursor can be moved.
    Terminal,
    /// A file, a pipe, or a terminal that only prints.
    Plain,
}

/// What the search looks at; a value, so that tests have surroundings of their own.
#[derive(Debug)]
pub(crate) struct Surroundings {
    /// `$SECKILLCTL_SOCKET`.
    pub(crate) named: Option<OsString>,
    /// `$XDG_RUNTIME_DIR`.
    pub(crate) user_run: Option<OsString>,
    /// `$TERM`.
    pub(crate) term: Option<OsString>,
    /// `/run`.
    pub(crate) run: PathBuf,
    /// The working directory.
    pub(crate) here: PathBuf,
}

impl Surroundings {
    #[expect(clippy::disallowed_methods, reason = "the daemon's rule; this is another program")]
    pub(crate) fn of_process() -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        Self {
            named: variable(VARIABLE),
            user_run: variable("XDG_RUNTIME_DIR"),
            term: variable("TERM"),
            run: PathBuf::from("/run"),
            here: PathBuf::from("."),
        }
    }

    /// What standard output leads to.
    pub(crate) fn screen(&self) -> Screen {
        let dumb = self.term.as_ref().is_none_or(|term| term == "dumb");
        if dumb || !io::stdout().is_terminal() { Screen::Plain } else { Screen::Terminal }
    }

    /// The default places, in the sequence in which they are shown.
    fn places(&self) -> Vec<PathBuf> {
        let mut places = vec![self.run.join("seckill")];
        places.extend(self.instances());
        places.extend(self.user_run.as_ref().map(|run| Path::new(run).join("seckill")));
        places.push(self.here.join("seckill-data"));
        places.into_iter().map(|folder| folder.join(SOCKET_NAME)).collect()
    }

    /// `/run/seckill-*`: the folders of `seckilld@INSTANCE.service`.
    fn instances(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.run).into_iter().flatten().flatten();
        let mut folders: Vec<PathBuf> = entries
            .filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b"seckill-"))
            .map(|entry| entry.path())
            .collect();
        folders.sort_unstable();
        folders
    }
}

/// The socket to talk to: `--socket`, else the variable, else the only one that is found.
pub(crate) async fn socket(
    given: Option<PathBuf>,
    surroundings: &Surroundings,
) -> Result<PathBuf, NoAnswer> {
    let given = given.map(|path| (OPTION, path));
    let named = || Some((VARIABLE, PathBuf::from(surroundings.named.clone()?)));
    if let Some((by, named)) = given.or_else(named) {
        return match named.to_str().and_then(protocol::flaw) {
            None => Ok(named),
            Some(flaw) => Err(NoAnswer::Misspelt { by, named, flaw }),
        };
    }
    let places = surroundings.places();
    let mut found: Vec<PathBuf> =
        places.iter().filter(|place| may_be_socket(place)).cloned().collect();
    if 1 < found.len() {
        found = without_dead(found).await;
    }
    match found.len() {
        0 => {
            let holders = holders::told(&places);
            Err(NoAnswer::NotFound { places, holders })
        }
        1 => Ok(found.swap_remove(0)),
        _ => Err(NoAnswer::Several(found)),
    }
}

/// Where to look for a daemon, as often as it takes.
#[derive(Debug)]
pub(crate) struct Whereabouts {
    /// `--socket`.
    pub(crate) given: Option<PathBuf>,
    pub(crate) surroundings: Surroundings,
}

impl Whereabouts {
    /// The socket to talk to, as it is found now.
    pub(crate) async fn socket(&self) -> Result<PathBuf, NoAnswer> {
        socket(self.given.clone(), &self.surroundings).await
    }

    /// The place, or the places that are looked at.
    pub(crate) fn told(&self) -> String {
        let named = self.given.clone().or_else(|| self.surroundings.named.clone().map(Into::into));
        let places = named.map_or_else(|| self.surroundings.places(), |named| vec![named]);
        places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", ")
    }
}

/// A folder that we can't look into counts: trying it then tells that we are kept out.
fn may_be_socket(path: &Path) -> bool {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type().is_socket(),
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    }
}

/// Leaves out what killed daemons left behind. When nothing else is there, all stay, so that the
/// fault names them.
async fn without_dead(found: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut alive = Vec::new();
    for path in &found {
        let refused = UnixStream::connect(path)
            .await
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
        if !refused {
            alive.push(path.clone());
        }
    }
    if alive.is_empty() { found } else { alive }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::net::UnixListener;
    use std::path::{Path, PathBuf};

    use super::{Surroundings, socket};
    use crate::exit::{Exit, NoAnswer};

    fn surroundings(root: &Path) -> Surroundings {
        Surroundings {
            named: None,
            user_run: Some(root.join("user").into()),
            term: None,
            run: root.join("run"),
            here: root.join("here"),
        }
    }

    /// A daemon's socket in this folder; it is dead once the listener is dropped.
    fn listen(root: &Path, folder: &str) -> (UnixListener, PathBuf) {
        fs::create_dir_all(root.join(folder)).unwrap();
        let path = root.join(folder).join("admin.sock");
        (UnixListener::bind(&path).unwrap(), path)
    }

    #[tokio::test]
    async fn the_named_one_is_taken_unseen() {
        let root = tempfile::tempdir().unwrap();
        let mut surroundings = surroundings(root.path());
        surroundings.named = Some("/named".into());
        let given = socket(Some("/given".into()), &surroundings).await.unwrap();
        assert_eq!(given, Path::new("/given"));
        assert_eq!(socket(None, &surroundings).await.unwrap(), Path::new("/named"));
    }

    /// As an environment file with another system's line ends has it.
    #[tokio::test]
    async fn a_name_with_what_cannot_be_seen_is_refused_by_its_source() {
        let root = tempfile::tempdir().unwrap();
        let mut surroundings = surroundings(root.path());
        surroundings.named = Some("/named\r".into());
        let fault = socket(None, &surroundings).await.unwrap_err();
        assert_eq!(fault.exit(), Exit::Usage);
        let told = "SECKILLCTL_SOCKET is \"/named\\r\", which ends with a carriage return (U+000D)";
        assert_eq!(fault.to_string(), told);
        let fault = socket(Some(" /given".into()), &surroundings).await.unwrap_err();
        assert_eq!(
            fault.to_string(),
            "--socket is \" /given\", which begins with a blank (U+0020)"
        );
    }

    #[tokio::test]
    async fn the_only_one_is_found_wherever_it_is() {
        for folder in ["run/seckill", "run/seckill-gateway", "user/seckill", "here/seckill-data"] {
            let root = tempfile::tempdir().unwrap();
            let (_listener, path) = listen(root.path(), folder);
            fs::create_dir_all(root.path().join("run/seckill-b")).unwrap();
            fs::write(root.path().join("run/seckill-b/admin.sock"), "no socket").unwrap();
            let found = socket(None, &surroundings(root.path())).await.unwrap();
            assert_eq!(found, path, "{folder}");
        }
    }

    #[tokio::test]
    async fn none_is_told_with_the_places_and_several_with_their_names() {
        let root = tempfile::tempdir().unwrap();
        let fault = socket(None, &surroundings(root.path())).await.unwrap_err();
        assert_eq!(fault.exit(), Exit::Unreachable);
        assert!(fault.to_string().contains("here/seckill-data/admin.sock"), "{fault}");

        let (_one, first) = listen(root.path(), "run/seckill-a");
        let (_two, second) = listen(root.path(), "run/seckill-b");
        let (dead, third) = listen(root.path(), "here/seckill-data");
        drop(dead);
        let fault = socket(None, &surroundings(root.path())).await.unwrap_err();
        assert_eq!(fault.exit(), Exit::Usage);
        let NoAnswer::Several(found) = &fault else { panic!("{fault}") };
        assert_eq!(found, &[first, second]);
        assert!(third.exists());
    }

    #[tokio::test]
    async fn the_dead_do_not_make_it_ambiguous() {
        let root = tempfile::tempdir().unwrap();
        let (_alive, path) = listen(root.path(), "run/seckill");
        drop(listen(root.path(), "here/seckill-data"));
        assert_eq!(socket(None, &surroundings(root.path())).await.unwrap(), path);
    }
}
