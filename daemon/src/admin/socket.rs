//! The admin socket's file: made so that at no moment another user can connect, not
//! mixed up with a live or a foreign one, and removed only if it is still ours.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

/// Owner and group may connect.
const MODE: u32 = 0o660;

/// A folder that was made for a group: its members get through, and see nothing else.
const FOLDER_MODE_OF_GROUP: u32 = 0o710;

/// Bytes of a socket's path, by Linux's `sockaddr_un`.
const PATH_BYTES_MAX: usize = 107;

/// How often, and after which rest, another daemon's start at the same folder is waited for.
const LOCK_TRIES: u32 = 50;
const LOCK_REST: Duration = Duration::from_millis(20);

/// Why the admin socket can't be made.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another daemon answers there; exit code 75.
    #[error("{0}: a daemon is already running and listens on this admin socket")]
    AlreadyRunning(PathBuf),
    /// The path is taken by something that isn't a socket, which we don't touch.
    #[error("{0}: exists and is not a socket; remove it or set admin.socket to another path")]
    NotASocket(PathBuf),
    /// Linux allows socket paths of 107 bytes.
    #[error("{0}: too long for a socket's path; set admin.socket to a shorter one")]
    TooLong(PathBuf),
    /// The file system said no.
    #[error("{path}: {doing}: {source}")]
    Io {
        /// The socket's path.
        path: PathBuf,
        /// What was attempted.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// A bound admin socket. Dropping it removes the file, if it is ours and the path still leads to
/// it.
#[derive(Debug)]
pub struct AdminSocket {
    listener: StdUnixListener,
    file: SocketFile,
}

/// The file of a bound socket.
#[derive(Debug)]
pub(super) enum SocketFile {
    /// Made by this process, and removed when it is dropped.
    Ours(OurFile),
    /// The service manager's, who bound it and keeps it; `None` where it has no path.
    Managers(Option<BoundFile>),
}

/// A file known by device and inode: a path alone may lead to another's by now. While the socket is
/// open, no other file gets the same number.
#[derive(Debug)]
pub(super) struct BoundFile {
    path: PathBuf,
    identity: (u64, u64),
}

/// One of ours.
#[derive(Debug)]
pub(super) struct OurFile {
    file: BoundFile,
    group: Option<u32>,
}

impl AdminSocket {
    /// Makes the socket at `path`, in place of one that a dead daemon left. Where the last folder
    /// is absent it is made, closed to others but the group. `group` is the number of the group it
    /// is to belong to, where that isn't the process's own.
    ///
    /// It is bound in a closed folder next to the path, given its mode there, and renamed into
    /// place: there is no moment at which it exists with a wider mode, and no change of the
    /// process's umask, which other threads would feel.
    ///
    /// # Errors
    /// See [`SocketError`]; nothing is changed then.
    pub fn bind(path: &Path, group: Option<u32>) -> Result<Self, SocketError> {
        let failed = |doing| move |source| SocketError::Io { path: path.to_owned(), doing, source };
        let folder = folder_of(path).ok_or_else(|| SocketError::NotASocket(path.to_owned()))?;
        let nursery = Nursery::path_in(folder);
        let cradle = nursery.join("s");
        if PATH_BYTES_MAX < path.as_os_str().len().max(cradle.as_os_str().len()) {
            return Err(SocketError::TooLong(path.to_owned()));
        }
        make_folder(folder, group).map_err(failed("cannot make its folder"))?;
        // Two daemons that start at once must not both find the path free.
        let _lock = lock(folder).map_err(failed("cannot lock the folder"))?;
        refuse_taken(path)?;

        let _nursery = Nursery::make(nursery).map_err(failed("cannot make a folder next to it"))?;
        let listener = StdUnixListener::bind(&cradle).map_err(failed("cannot bind"))?;
        // Set the group before the mode, which lets the group in. Don't call `chown` where no group
        // is set: a service's filter of system calls may refuse even a call that changes nothing.
        if group.is_some() {
            chown(&cradle, None, group).map_err(failed("cannot give it to admin.socket_group"))?;
        }
        let identity = fs::set_permissions(&cradle, Permissions::from_mode(MODE))
            .and_then(|()| fs::symlink_metadata(&cradle))
            .map(|metadata| (metadata.dev(), metadata.ino()))
            .map_err(failed("cannot set its mode"))?;
        listener.set_nonblocking(true).map_err(failed("cannot bind"))?;
        fs::rename(&cradle, path).map_err(failed("cannot put it into place"))?;
        let file = BoundFile { path: path.to_owned(), identity };
        Ok(Self { listener, file: SocketFile::Ours(OurFile { file, group }) })
    }

    /// One that the service manager bound and keeps: its file, with group and mode, is that one's
    /// business.
    #[must_use]
    pub fn inherited(listener: StdUnixListener) -> Self {
        let address = listener.local_addr().ok();
        let path = address.and_then(|address| address.as_pathname().map(Path::to_owned));
        let file = path.and_then(|path| {
            let found = fs::symlink_metadata(&path).ok()?;
            Some(BoundFile { path, identity: (found.dev(), found.ino()) })
        });
        Self { listener, file: SocketFile::Managers(file) }
    }

    /// Parts into the listener, for the runtime, and the file, which is removed when it is dropped.
    pub(super) fn into_parts(self) -> (StdUnixListener, SocketFile) {
        (self.listener, self.file)
    }
}

impl SocketFile {
    /// The folder that it is in, where it is ours.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        match self {
            Self::Ours(ours) => Some(folder_of(&ours.file.path)?.to_owned()),
            Self::Managers(_) => None,
        }
    }

    /// Looks whether the path leads to it still. One of ours that is lost is made again, where that
    /// takes nobody's place who is alive; it comes with another listener.
    ///
    /// # Errors
    /// Says why clients don't find the socket.
    pub(super) fn kept(&mut self) -> Result<Option<StdUnixListener>, String> {
        match self {
            Self::Ours(ours) if ours.file.is_there() => Ok(None),
            Self::Ours(OurFile { file, group }) => {
                let made = AdminSocket::bind(&file.path, *group).map_err(|e| e.to_string())?;
                *self = made.file;
                Ok(Some(made.listener))
            }
            Self::Managers(Some(file)) if !file.is_there() => Err(format!(
                "{}: is gone or another file; the service manager made it: stop the service, then \
                 start its socket unit and it anew",
                file.path.display()
            )),
            Self::Managers(_) => Ok(None),
        }
    }
}

impl BoundFile {
    fn is_there(&self) -> bool {
        fs::symlink_metadata(&self.path)
            .is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.identity)
    }
}

impl Drop for OurFile {
    fn drop(&mut self) {
        let path = &self.file.path;
        if self.file.is_there()
            && let Err(error) = fs::remove_file(path)
        {
            tracing::warn!(path = %path.display(), %error, "cannot remove the admin socket");
        }
    }
}

fn folder_of(path: &Path) -> Option<&Path> {
    let folder = path.parent()?;
    Some(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
}

/// Only the last folder: a path that leads nowhere is a mistake to be shown.
fn make_folder(folder: &Path, group: Option<u32>) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Ok(()) if group.is_some() => {
            // Users who may open the socket must get to it.
            chown(folder, None, group)?;
            fs::set_permissions(folder, Permissions::from_mode(FOLDER_MODE_OF_GROUP))
        }
        result => result,
    }
}

/// The closed folder that the socket is made in; removed, with what is in it, when dropped.
struct Nursery(PathBuf);

impl Nursery {
    fn path_in(folder: &Path) -> PathBuf {
        folder.join(format!(".s{}", std::process::id()))
    }

    fn make(path: PathBuf) -> io::Result<Self> {
        let make = || DirBuilder::new().mode(0o700).create(&path);
        make().or_else(|error| {
            if error.kind() != io::ErrorKind::AlreadyExists {
                return Err(error);
            }
            // A daemon with our process id died right here.
            fs::remove_dir_all(&path)?;
            make()
        })?;
        Ok(Self(path))
    }
}

impl Drop for Nursery {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[expect(clippy::disallowed_methods, reason = "a lock held for microseconds, taken once at start")]
fn lock(folder: &Path) -> io::Result<File> {
    let folder = File::open(folder)?;
    for _ in 1..LOCK_TRIES {
        match folder.try_lock() {
            Ok(()) => return Ok(folder),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_REST),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    folder.try_lock()?;
    Ok(folder)
}

/// Errs unless the path is free, or a socket that nobody listens on.
fn refuse_taken(path: &Path) -> Result<(), SocketError> {
    let failed = |source| SocketError::Io {
        path: path.to_owned(),
        doing: "cannot tell whether a daemon listens there",
        source,
    };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(SocketError::NotASocket(path.to_owned()));
        }
        Ok(_) => {}
    }
    match dial(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        // A listener whose queue is full is alive, if not well.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(SocketError::AlreadyRunning(path.to_owned()))
        }
        Err(error) => Err(failed(error)),
        Ok(()) => Err(SocketError::AlreadyRunning(path.to_owned())),
    }
}

/// Connects without waiting: a daemon that hangs must not hang us.
fn dial(path: &Path) -> io::Result<()> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    let address = SocketAddrUnix::new(path.as_os_str().as_bytes())?;
    Ok(rustix::net::connect(&socket, &address)?)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::{AdminSocket, SocketError};

    #[test]
    fn is_made_closed_and_removed_when_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let socket = AdminSocket::bind(&path, None).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        UnixStream::connect(&path).unwrap();
        let names = || fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names(), 1, "nothing but the socket is left");
        drop(socket);
        assert_eq!(names(), 0);
    }

    #[test]
    fn a_dead_daemons_socket_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(UnixStream::connect(&path).is_err(), "the file is left and nobody listens");
        let _socket = AdminSocket::bind(&path, None).unwrap();
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn a_live_daemons_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let first = AdminSocket::bind(&path, None).unwrap();
        let error = AdminSocket::bind(&path, None).unwrap_err();
        assert!(matches!(error, SocketError::AlreadyRunning(_)), "{error}");
        UnixStream::connect(&path).unwrap();
        drop(first);
        AdminSocket::bind(&path, None).unwrap();
    }

    #[test]
    fn what_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        fs::write(&path, "notes").unwrap();
        let error = AdminSocket::bind(&path, None).unwrap_err();
        assert!(matches!(error, SocketError::NotASocket(_)), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "notes");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let error = AdminSocket::bind(&link, None).unwrap_err();
        assert!(matches!(error, SocketError::NotASocket(_)), "{error}");
    }

    #[test]
    fn only_our_own_file_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let ours = AdminSocket::bind(&path, None).unwrap();
        // Somebody put another in its place meanwhile.
        let other = folder.path().join("other");
        let theirs = UnixListener::bind(&other).unwrap();
        fs::rename(&other, &path).unwrap();
        drop(ours);
        UnixStream::connect(&path).unwrap();
        drop(theirs);
    }

    #[test]
    fn a_folder_that_a_dead_start_left_does_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let left = super::Nursery::path_in(folder.path());
        fs::create_dir(&left).unwrap();
        fs::write(left.join("s"), "").unwrap();
        AdminSocket::bind(&folder.path().join("admin.sock"), None).unwrap();
        assert!(!left.exists());
    }

    #[test]
    fn the_last_folder_is_made_and_closed() {
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("seckill");
        let socket = AdminSocket::bind(&made.join("admin.sock"), None).unwrap();
        assert_eq!(fs::metadata(&made).unwrap().permissions().mode() & 0o777, 0o700);
        drop(socket);
    }

    #[test]
    fn faults_name_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let long = folder.path().join("a".repeat(120));
        assert!(matches!(AdminSocket::bind(&long, None).unwrap_err(), SocketError::TooLong(_)));
        let absent = folder.path().join("no/such/admin.sock");
        let error = AdminSocket::bind(&absent, None).unwrap_err().to_string();
        assert!(error.contains("such/admin.sock") && error.contains("No such file"), "{error}");
    }
}
