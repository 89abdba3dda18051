//! What this machine must have for a start: ports, the admin socket's folder, secrets kept from
//! others, open files, room on the disk. Nothing is made to find out.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use domain::ports::findings::Finding;
use rustix::fs::{Access, access, statvfs};
use rustix::process::{Resource, getrlimit};
use tokio::net::TcpSocket;

use super::running::Running;
use crate::config::{Config, Loaded, Role};
use crate::os::descriptors;

/// Modes that let anybody but the owner in.
const NOT_THE_OWNER: u32 = 0o077;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const DISK_WARN_BYTES: u64 = GIB;
const DISK_FAIL_BYTES: u64 = 100 * MIB;

/// The configuration's own check has shown that the files are there and hold no placeholders.
pub(super) fn secrets(loaded: &Loaded) -> Vec<Finding> {
    const CHECK: &str = "secrets";
    let files = loaded.secret_files();
    if files.is_empty() {
        return vec![Finding::ok(CHECK, "none are configured")];
    }
    let judged = files.into_iter().map(|file| {
        let (key, path) = (file.key, file.path.display().to_string());
        match file.mode {
            None => Finding::warn(
                CHECK,
                format!("{key}: {path} can't be looked at from here"),
                "systemd's credentials are there for the service alone: run doctor in it \
                 (systemd-run with the same LoadCredential=)",
            ),
            Some(mode) if mode & NOT_THE_OWNER != 0 => Finding::warn(
                CHECK,
                format!("{key}: {path} is open to others than its owner (mode {mode:04o})"),
                format!("chmod 600 {path}"),
            ),
            Some(mode) => Finding::ok(CHECK, format!("{key}: {path} is readable, mode {mode:04o}")),
        }
    });
    judged.collect()
}

/// The addresses of this process's roles, and of its metrics.
pub(super) fn ports(loaded: &Loaded, running: &Running) -> Vec<Finding> {
    let config = &loaded.config;
    let roles = [
        (Role::Gateway, "gateway port", "gateway.listen", config.gateway.listen),
        (Role::Order, "order port", "order.listen", config.order.listen),
    ];
    let ours = roles.into_iter().filter(|(role, ..)| config.roles.contains(role));
    let ours = ours.map(|(_, check, key, address)| (check, key, address));
    let metrics = config.metrics.listen.0.map(|at| ("metrics port", "metrics.listen", at));
    ours.chain(metrics).map(|(check, key, address)| port(check, key, address, running)).collect()
}

fn port(check: &'static str, key: &str, address: SocketAddr, running: &Running) -> Finding {
    let choose = || format!("set {key} to another address, or end what listens there");
    match bind(address) {
        Ok(()) if address.port() == 0 => {
            Finding::ok(check, format!("{address}: any free port is taken"))
        }
        Ok(()) => Finding::ok(check, format!("{address} is free")),
        Err(error) => match (error.kind(), running.pid()) {
            (io::ErrorKind::AddrInUse, Some(pid)) if running.shares(key) => {
                Finding::ok(check, format!("{address} is held by the running seckilld ({pid})"))
            }
            (io::ErrorKind::AddrInUse, _) => {
                Finding::fail(check, format!("{address} is in use by another process"), choose())
            }
            (io::ErrorKind::PermissionDenied, _) => Finding::fail(
                check,
                format!("{address} isn't permitted"),
                "ports below 1024 need CAP_NET_BIND_SERVICE",
            ),
            _ => Finding::fail(check, format!("{address}: {error}"), choose()),
        },
    }
}

/// Binds without listening: nobody who connects is accepted, and a daemon that starts meanwhile can
/// bind the address as well.
fn bind(address: SocketAddr) -> io::Result<()> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)
}

/// The admin socket: its folder, and what lies in its place.
pub(super) fn admin_folder(loaded: &Loaded, running: &Running) -> Finding {
    const CHECK: &str = "admin socket";
    let path = &loaded.config.admin.socket;
    let shown = path.display();
    if path.as_os_str().is_empty() {
        return Finding::ok(CHECK, "none is configured");
    }
    if let Some(pid) = running.pid() {
        return Finding::ok(CHECK, format!("{shown}: the running seckilld ({pid}) answers"));
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let place = folder.display();
    // A start makes the last folder and no other.
    let (made_in, made) = match folder.exists() {
        true => (folder, format!("{place} can be written")),
        false => (parent(folder), format!("{place} is absent and would be made")),
    };
    if let Err(why) = writable_folder(made_in) {
        return Finding::fail(
            CHECK,
            format!("{shown} can't be made: {why}"),
            "make the folder and give it to the daemon's user, or set admin.socket elsewhere",
        );
    }
    match fs::symlink_metadata(path) {
        Err(_) => Finding::ok(CHECK, format!("{shown}: {made}")),
        Ok(found) if !found.file_type().is_socket() => Finding::fail(
            CHECK,
            format!("{shown} exists and is no socket"),
            "remove it, or set admin.socket to another path",
        ),
        Ok(_) => match std::os::unix::net::UnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Finding::warn(
                CHECK,
                format!("{shown} was left by a daemon that died; nobody listens"),
                "nothing has to be done: the next start replaces it",
            ),
            _ => Finding::fail(
                CHECK,
                format!("{shown} is in use and no seckilld answers there"),
                "end what listens there, or set admin.socket to another path",
            ),
        },
    }
}

/// Room for the database and its log.
pub(super) fn free_disk(loaded: &Loaded) -> Finding {
    const CHECK: &str = "free disk";
    let place = existing(&loaded.config.store.path);
    match statvfs(&place) {
        Ok(system) => judged_room(&place, system.f_bavail.saturating_mul(system.f_frsize)),
        Err(error) => Finding::warn(
            CHECK,
            format!("{}: can't be told: {error}", place.display()),
            "look with df",
        ),
    }
}

fn judged_room(place: &Path, bytes: u64) -> Finding {
    const CHECK: &str = "free disk";
    let found = format!(
        "{}.{} GiB ({bytes} bytes) are left at {}",
        bytes / GIB,
        bytes % GIB * 10 / GIB,
        place.display()
    );
    let advice = "make room, or set store.path to a larger file system";
    match bytes {
        bytes if bytes < DISK_FAIL_BYTES => {
            Finding::fail(CHECK, format!("{found}, less than 100 MiB"), advice)
        }
        bytes if bytes < DISK_WARN_BYTES => {
            Finding::warn(CHECK, format!("{found}, less than 1 GiB"), advice)
        }
        _ => Finding::ok(CHECK, found),
    }
}

/// The limit on open files beside the connections that are asked for.
pub(super) fn open_files(config: &Config) -> Finding {
    const CHECK: &str = "open files";
    // A start raises its limit as far as it may.
    let limit = getrlimit(Resource::Nofile).maximum;
    let asked = config.http.connections_max;
    let room = descriptors::connections(asked, limit, config.roles.len());
    let limit = limit.map_or_else(|| "no limit".to_owned(), |limit| format!("limit {limit}"));
    if room < asked {
        return Finding::warn(
            CHECK,
            format!(
                "{limit}: each listener gets {room} connections instead of \
                 http.connections_max = {asked}"
            ),
            "raise LimitNOFILE= (systemd) or ulimit -Hn, or lower http.connections_max",
        );
    }
    Finding::ok(CHECK, format!("{limit}, room for http.connections_max = {asked} per listener"))
}

/// Whether files can be made in a folder.
pub(super) fn writable_folder(folder: &Path) -> Result<(), String> {
    if !folder.is_dir() {
        return Err(format!("{} is no folder", folder.display()));
    }
    access(folder, Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|error| format!("{}: {error}", folder.display()))
}

/// The nearest part of a path that exists.
pub(super) fn existing(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    whole.ancestors().find(|part| part.exists()).unwrap_or(Path::new("/")).to_owned()
}

fn parent(folder: &Path) -> &Path {
    match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use domain::ports::findings::State;

    use super::{DISK_FAIL_BYTES, DISK_WARN_BYTES, judged_room};

    #[test]
    fn room_is_judged_at_its_limits() {
        let state = |bytes| judged_room(Path::new("/"), bytes).state;
        assert_eq!(state(DISK_FAIL_BYTES - 1), State::Fail);
        assert_eq!(state(DISK_FAIL_BYTES), State::Warn);
        assert_eq!(state(DISK_WARN_BYTES - 1), State::Warn);
        assert_eq!(state(DISK_WARN_BYTES), State::Ok);
        let found = judged_room(Path::new("/x"), 1_610_612_736).found;
        assert_eq!(found, "1.5 GiB (1610612736 bytes) are left at /x");
    }
}
