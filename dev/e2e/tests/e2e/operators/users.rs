//! Who may do what on the admin socket, with real users and groups. They are made for the test and
//! removed after it, which only root can do.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::process::{built, ended};
use tempfile::TempDir;

/// Users and groups that go with the test.
struct People {
    users: Vec<String>,
    groups: Vec<String>,
}

impl Drop for People {
    fn drop(&mut self) {
        for user in &self.users {
            let _ = Command::new("userdel").arg(user).output();
        }
        for group in &self.groups {
            let _ = Command::new("groupdel").arg(group).output();
        }
    }
}

impl People {
    fn group(&mut self, name: &str) -> Result<()> {
        run(Command::new("groupadd").arg(name))?;
        self.groups.push(name.to_owned());
        Ok(())
    }

    fn user(&mut self, name: &str, group: &str, more: &str) -> Result<()> {
        let mut command = Command::new("useradd");
        command.args(["-M", "-N", "-s", "/bin/false", "-g", group]);
        if !more.is_empty() {
            command.args(["-G", more]);
        }
        run(command.arg(name))?;
        self.users.push(name.to_owned());
        Ok(())
    }
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{command:?}: {told}");
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn number(what: &str, user: &str) -> Result<u32> {
    Ok(run(Command::new("id").args([what, user]))?.parse()?)
}

/// Runs a program as a user who carries the primary group only: the daemon has to find out of which
/// other groups the user is a member.
fn as_user(user: &str, program: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().current_dir("/");
    command.uid(number("-u", user)?).gid(number("-g", user)?);
    Ok(command.output()?)
}

/// A `seckillctl` in the daemon's folder, both open to everybody: where the test was built, the
/// users may not look.
fn ctl_for_all(daemon: &Daemon) -> Result<PathBuf> {
    let folder = daemon.folder();
    let ctl = folder.path().join("seckillctl");
    fs::copy(built("seckillctl")?, &ctl)?;
    for path in [folder.path(), &ctl] {
        fs::set_permissions(path, Permissions::from_mode(0o755))?;
    }
    Ok(ctl)
}

fn text_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sockets_group_looks_and_only_operators_operate() -> Result<()> {
    let is_root = rustix::process::geteuid().is_root();
    ensure!(is_root, "only root can make the users that this test is about: run it as root");
    let mark = std::process::id();
    let name = |what: &str| format!("skt{mark}{what}");
    let (crew, ops, nobody) = (name("crew"), name("ops"), name("none"));
    let (viewer, operator, stranger) = (name("v"), name("o"), name("s"));
    let mut people = People { users: Vec::new(), groups: Vec::new() };
    for group in [&crew, &ops, &nobody] {
        people.group(group)?;
    }
    people.user(&viewer, &crew, "")?;
    people.user(&operator, &crew, &ops)?;
    people.user(&stranger, &nobody, "")?;

    let options = Options::embedded()
        .set("admin.socket_group", crew.as_str())
        .set("admin.operator_group", ops.as_str());
    let daemon = Daemon::start(options).await?;
    let ctl = ctl_for_all(&daemon)?;
    let socket = daemon.socket();
    let socket = socket.to_string_lossy();
    let ask = |user: &str, verb: &[&str]| {
        as_user(user, &ctl, &[&["--socket", &socket][..], verb].concat())
    };

    let output = ask(&stranger, &["status"])?;
    assert_eq!(output.status.code(), Some(77), "{}", text_of(&output));
    let output = ask(&viewer, &["status"])?;
    assert_eq!(output.status.code(), Some(0), "{}", text_of(&output));
    let output = ask(&viewer, &["pause", "intake", "--yes"])?;
    assert_eq!(output.status.code(), Some(77), "{}", text_of(&output));
    assert!(text_of(&output).contains(&ops), "the missing group is named: {}", text_of(&output));
    let curl = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", &socket, "-d"];
    let post = [&curl[..], &["{\"request_id\":\"v\"}", "http://seckilld/v1/intake/pause"]].concat();
    let answer = as_user(&viewer, Path::new("/usr/bin/curl"), &post)?;
    assert_eq!(String::from_utf8_lossy(&answer.stdout), "403");
    assert!(daemon.admin().status().await?.controls.intake.is_some_and(|intake| !intake.paused));

    let output = ask(&operator, &["pause", "intake", "--yes", "--reason", "a test"])?;
    assert_eq!(output.status.code(), Some(0), "{}", text_of(&output));
    let intake = daemon.admin().status().await?.controls.intake.context("no intake")?;
    assert!(intake.paused);
    assert_eq!(intake.by.as_deref(), Some(operator.as_str()));
    Ok(())
}

/// A user whom a reload makes an operator may operate at once, and no longer when the next reload
/// takes the group away. Root does both by `seckillctl`, whose exit code says how it went.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_makes_operators_and_takes_it_back() -> Result<()> {
    let is_root = rustix::process::geteuid().is_root();
    ensure!(is_root, "only root can make the users that this test is about: run it as root");
    let mark = std::process::id();
    let (ops, operator) = (format!("skr{mark}ops"), format!("skr{mark}o"));
    let mut people = People { users: Vec::new(), groups: Vec::new() };
    people.group(&ops)?;
    people.user(&operator, &ops, "")?;

    let folder = Arc::new(TempDir::new()?);
    let file = folder.path().join("own.toml");
    fs::write(&file, "")?;
    let options = Options::embedded().file(&file).set("admin.socket_group", ops.as_str());
    let daemon = Daemon::start_in(Arc::clone(&folder), options).await?;
    let ctl = ctl_for_all(&daemon)?;
    let socket = daemon.socket();
    let socket = socket.to_string_lossy();
    let pause = || as_user(&operator, &ctl, &["--socket", &socket, "pause", "intake", "--yes"]);
    let reload = || Command::new(&ctl).args(["--socket", &socket, "reload"]).output();

    let output = pause()?;
    assert_eq!(output.status.code(), Some(77), "{}", text_of(&output));
    for (group, code) in [(ops.as_str(), 0), ("", 77)] {
        fs::write(&file, format!("admin.operator_group = {group:?}\n"))?;
        let output = reload()?;
        assert_eq!(output.status.code(), Some(0), "{}", text_of(&output));
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(printed.contains("admin.operator_group"), "{printed}");
        let output = pause()?;
        assert_eq!(output.status.code(), Some(code), "{}", text_of(&output));
    }
    fs::write(&file, "store.readers = 9\n")?;
    let output = reload()?;
    assert_eq!(output.status.code(), Some(65), "{}", text_of(&output));
    assert!(text_of(&output).contains("store.readers: 4 → 9"), "{}", text_of(&output));
    Ok(())
}

/// So many threads and processes of a user of its own.
const TASKS: &str = "--nproc=3:3";

#[tokio::test]
async fn with_too_few_threads_a_start_is_refused_in_words() -> Result<()> {
    const NOBODYS: u32 = 64_997;
    let folder = TempDir::new()?;
    std::os::unix::fs::chown(folder.path(), Some(NOBODYS), Some(NOBODYS))?;
    let run = Options::embedded().command(folder.path(), "run")?;
    let mut command = Command::new("prlimit");
    command.arg(TASKS).arg(run.get_program()).args(run.get_args()).current_dir(folder.path());
    command.uid(NOBODYS).gid(NOBODYS).env_clear();
    let refused = ended(TempDir::new()?.path(), command).await?;
    ensure!(refused.code == Some(71), "{refused:?}");
    ensure!(refused.log.contains("too few threads (ulimit -u, TasksMax="), "{refused:?}");
    Ok(())
}
