//! Who holds a database although no admin socket answers: read from the lists of open files of the
//! processes on this machine, as far as this user may look at them.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The daemon's name, as the kernel knows its processes.
const NAME: &str = "seckilld";

/// The end of the name of the file beside a database that its daemon has open and locked.
const LOCK: &str = ".lock";

/// How a removed file's link ends in the list of open files.
const REMOVED: &str = " (deleted)";

/// The flags of a socket that is listened on, in the kernel's list.
const LISTENING: &str = "00010000";

/// A daemon.
#[derive(Debug, PartialEq, Eq)]
struct Holder {
    pid: u32,
    /// Its database; `None` where this user may not look.
    database: Option<PathBuf>,
    /// The folders of its listening Unix sockets.
    sockets: Vec<PathBuf>,
}

/// Who it is that would answer at one of these sockets, in words that go on after "but"; `None`
/// where there is nobody. It has its socket in the folder of one of them, or has none yet and its
/// database there.
pub(crate) fn told(sockets: &[PathBuf]) -> Option<String> {
    in_words(&holders(Path::new("/proc")), sockets)
}

fn in_words(holders: &[Holder], sockets: &[PathBuf]) -> Option<String> {
    let meant: HashSet<PathBuf> = sockets.iter().filter_map(|socket| folder_of(socket)).collect();
    let told: Vec<String> = holders.iter().filter_map(|holder| holder.told(&meant)).collect();
    (!told.is_empty()).then(|| told.join("; "))
}

impl Holder {
    fn told(&self, meant: &HashSet<PathBuf>) -> Option<String> {
        let Self { pid, database, sockets } = self;
        let is_here = sockets.iter().any(|folder| meant.contains(folder));
        let Some(database) = database else {
            let told = format!("process {pid} is a seckilld of another user, with its socket here");
            return is_here.then_some(told);
        };
        let holds = format!("process {pid} holds the database {}", database.display());
        if is_here {
            return Some(format!(
                "{holds}: its admin socket was removed or replaced; it binds one anew within 5 s, \
                 or its log tells why not"
            ));
        }
        let is_beside = database.parent().is_some_and(|folder| meant.contains(folder));
        let told = || format!("{holds} and has no admin socket: it starts, stops, or has none set");
        (sockets.is_empty() && is_beside).then(told)
    }
}

/// A socket's folder by its real path.
fn folder_of(socket: &Path) -> Option<PathBuf> {
    let folder = socket.parent()?;
    fs::canonicalize(if folder.as_os_str().is_empty() { Path::new(".") } else { folder }).ok()
}

fn holders(proc: &Path) -> Vec<Holder> {
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut found: Vec<Holder> =
        pids.filter_map(|pid| holder(pid, &proc.join(pid.to_string()))).collect();
    found.sort_by_key(|holder| holder.pid);
    found
}

/// The daemon that this process is; a backup or a doctor has no lock open.
fn holder(pid: u32, process: &Path) -> Option<Holder> {
    if fs::read_to_string(process.join("comm")).ok()?.trim_end() != NAME {
        return None;
    }
    let Ok(files) = fs::read_dir(process.join("fd")) else {
        return Some(Holder { pid, database: None, sockets: sockets(pid, process, None) });
    };
    let open: Vec<PathBuf> =
        files.flatten().filter_map(|file| fs::read_link(file.path()).ok()).collect();
    let database = open.iter().find_map(|file| database_of(file))?;
    let sockets = sockets(pid, process, Some(&open));
    Some(Holder { pid, database: Some(database), sockets })
}

/// The database whose lock this is.
fn database_of(lock: &Path) -> Option<PathBuf> {
    let name = lock.to_str()?;
    let name = name.strip_suffix(REMOVED).unwrap_or(name);
    name.strip_suffix(LOCK).filter(|name| name.starts_with('/')).map(PathBuf::from)
}

/// The folders of the Unix sockets that a process listens on, by the kernel's list: lines such as
/// `0000: 00000002 00000000 00010000 0001 01 12345 /run/seckill/.s4711/s`. A daemon binds its
/// socket in a folder of its own and renames it into place, so that the list has where it was
/// bound. By that it is known where its open files can't be looked at.
fn sockets(pid: u32, process: &Path, open: Option<&[PathBuf]>) -> Vec<PathBuf> {
    let numbers: Option<HashSet<&str>> = open.map(|open| {
        let sockets = open.iter().filter_map(|file| file.to_str()?.strip_prefix("socket:["));
        sockets.filter_map(|number| number.strip_suffix(']')).collect()
    });
    let list = fs::read(process.join("net/unix")).unwrap_or_default();
    let list = String::from_utf8_lossy(&list).into_owned();
    let here = fs::read_link(process.join("cwd")).unwrap_or_default();
    let nursery = format!(".s{pid}");
    let folders = list.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, _, _, flags, _, _, number, path, ..] = fields.as_slice() else { return None };
        // A path may have blanks in it.
        let path = &line[line.find(path)?..];
        if *flags != LISTENING || path.starts_with('@') {
            return None;
        }
        let folder = here.join(path).parent()?.to_owned();
        let is_nursery = folder.file_name().is_some_and(|name| name == nursery.as_str());
        let is_its = numbers.as_ref().map_or(is_nursery, |numbers| numbers.contains(number));
        let folder = if is_nursery { folder.parent()?.to_owned() } else { folder };
        is_its.then(|| fs::canonicalize(&folder).unwrap_or(folder))
    });
    let mut folders: Vec<PathBuf> = folders.collect();
    folders.dedup();
    folders
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::{Path, PathBuf};

    use super::{Holder, holders, in_words};

    /// A process in a list of them.
    fn process(proc: &Path, pid: u32, name: &str, files: &[&str], unix: &str) {
        let folder = proc.join(pid.to_string());
        fs::create_dir_all(folder.join("fd")).unwrap();
        fs::create_dir_all(folder.join("net")).unwrap();
        fs::write(folder.join("comm"), format!("{name}\n")).unwrap();
        fs::write(folder.join("net/unix"), unix).unwrap();
        symlink("/", folder.join("cwd")).unwrap();
        for (number, file) in files.iter().enumerate() {
            symlink(file, folder.join("fd").join(number.to_string())).unwrap();
        }
    }

    #[test]
    fn daemons_are_known_by_their_locks_and_sockets() {
        let root = tempfile::tempdir().unwrap();
        let proc = root.path();
        let list = "Num RefCount Protocol Flags Type St Inode Path\n\
                    00: 00000002 00000000 00010000 0001 01 77 /no/such folder/.s5/s\n\
                    00: 00000003 00000000 00000000 0001 03 77 /connected\n\
                    00: 00000002 00000000 00010000 0001 01 78 /another\n\
                    00: 00000002 00000000 00010000 0001 01 79 /hidden/.s8/s\n";
        process(proc, 5, "seckilld", &["/x/a b.db.lock (deleted)", "socket:[77]"], list);
        process(proc, 6, "seckilld", &["/x/b.db"], list);
        process(proc, 7, "sqlite3", &["/x/b.db.lock"], list);
        process(proc, 8, "seckilld", &[], list);
        fs::remove_dir(proc.join("8/fd")).unwrap();
        let found = holders(proc);
        let (seen, hidden) = (PathBuf::from("/no/such folder"), PathBuf::from("/hidden"));
        assert_eq!(
            found,
            [
                Holder { pid: 5, database: Some("/x/a b.db".into()), sockets: vec![seen] },
                Holder { pid: 8, database: None, sockets: vec![hidden] },
            ]
        );
    }

    #[test]
    fn only_the_one_who_would_answer_there_is_told() {
        let root = tempfile::tempdir().unwrap();
        let here = fs::canonicalize(root.path()).unwrap();
        let holder = |pid, database: &Path, folder: Option<&Path>| Holder {
            pid,
            database: Some(database.join("x.db")),
            sockets: folder.map(Path::to_owned).into_iter().collect(),
        };
        let y = Path::new("/y");
        let told = |holder: Holder| in_words(&[holder], &[here.join("admin.sock")]);
        let with_socket = told(holder(2, y, Some(&here))).unwrap();
        assert!(with_socket.starts_with("process 2 holds the database /y/x.db: its admin socket"));
        let without = told(holder(3, &here, None)).unwrap();
        assert!(without.contains("x.db and has no admin socket"), "{without}");
        assert_eq!(told(holder(4, y, None)), None);
        assert_eq!(told(holder(5, &here, Some(y))), None);
        let hidden = Holder { pid: 6, database: None, sockets: vec![here.clone()] };
        assert!(told(hidden).unwrap().starts_with("process 6 is a seckilld of another user"));
    }
}
