//! The admin socket's file removed, replaced, and taken by another; and what `seckillctl` prints
//! when it finds none.

use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;

use seckill_e2e::admin::Admin;
use seckill_e2e::process::built;

use super::*;

/// Waits until this very daemon answers at its path.
async fn answers(daemon: &Daemon) -> Result<()> {
    let start = Instant::now();
    until("the admin socket to answer", LONG, || async {
        let state = Admin::at(&daemon.socket()).status().await;
        Ok(state.is_ok_and(|state| state.pid == daemon.pid()).then_some(()))
    })
    .await?;
    println!("it answers after {:?}", start.elapsed());
    let mode = fs::metadata(daemon.socket())?.permissions().mode() & 0o777;
    ensure!(mode == 0o660, "mode {mode:o}");
    Ok(())
}

async fn warns(daemon: &Daemon, words: &str) -> Result<()> {
    let ready = format!("{}/readyz", daemon.gateway_url());
    until("a warning", LONG, || async {
        let answer = daemon.client().get(&ready).await?;
        ensure!(answer.status == 200, "operators' troubles keep nobody from buying");
        let warnings = answer.json()?["warnings"].to_string();
        Ok((warnings.contains("admin socket") && warnings.contains(words)).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_is_lost_is_bound_anew_and_who_watches_is_not_cut_off() -> Result<()> {
    let mut daemon = Daemon::start(Options::embedded()).await?;
    let mut events = daemon.admin().events().await?;
    let mut state = events.first().await?;
    fs::remove_file(daemon.socket())?;
    answers(&daemon).await?;
    // A file behind which nobody listens.
    fs::remove_file(daemon.socket())?;
    drop(UnixListener::bind(daemon.socket())?);
    answers(&daemon).await?;
    ensure!(charge(&daemon, 1).await? == "10000");
    while state.orders.as_ref().is_none_or(|orders| orders.placed != 1) {
        events.apply_next(&mut state).await?;
    }
    drop(events);
    ensure!(daemon.terminate().await?.status.success());
    ensure!(!daemon.socket().exists(), "its last socket is left");
    Ok(())
}

/// A folder made for the socket would be in the way when the real one is moved back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_databases_folder_is_not_made_for_the_socket() -> Result<()> {
    let mut daemon = Daemon::start(Options::embedded()).await?;
    let (folder, elsewhere) = (daemon.folder(), TempDir::new()?);
    let away = elsewhere.path().join("away");
    fs::rename(folder.path(), &away)?;
    let ready = format!("{}/readyz", daemon.gateway_url());
    until("the socket to be missed", LONG, || async {
        let warnings = daemon.client().get(&ready).await?.json()?["warnings"].to_string();
        Ok(warnings.contains("the folder is gone").then_some(()))
    })
    .await?;
    ensure!(!folder.path().exists(), "it was made");
    fs::rename(&away, folder.path())?;
    answers(&daemon).await?;
    is_open(&daemon).await?;
    ensure!(daemon.terminate().await?.status.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_has_put_there_is_left_alone_and_told() -> Result<()> {
    let mut daemon = Daemon::start(Options::embedded()).await?;
    fs::remove_file(daemon.socket())?;
    let other = UnixListener::bind(daemon.socket())?;
    warns(&daemon, "already running").await?;
    ensure!(UnixStream::connect(daemon.socket()).is_ok());
    drop(other);
    answers(&daemon).await?;
    fs::remove_file(daemon.socket())?;
    fs::write(daemon.socket(), "notes")?;
    warns(&daemon, "not a socket").await?;
    let told = || -> Result<usize> {
        Ok(daemon.logs()?.matches("the admin socket is lost; trying again").count())
    };
    until("the log to tell", LONG, || async { Ok((2 <= told()?).then_some(())) }).await?;
    ensure!(told()? == 2, "told {} times", told()?);
    ensure!(daemon.terminate().await?.status.success());
    ensure!(fs::read_to_string(daemon.socket())? == "notes");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_managers_socket_is_only_told_of() -> Result<()> {
    let folder = TempDir::new()?;
    let path = folder.path().join("passed.sock");
    let socket = UnixListener::bind(&path)?;
    let daemon = Daemon::start(Options::embedded().pass("admin", socket.try_clone()?)).await?;
    fs::remove_file(&path)?;
    warns(&daemon, "the service manager made it").await?;
    ensure!(!path.exists() && !daemon.socket().exists());
    Ok(())
}

fn seckillctl(socket: &Path) -> Result<(Option<i32>, String)> {
    let mut command = Command::new(built("seckillctl")?);
    let told = command.arg("--socket").arg(socket).arg("status").env_clear().output()?;
    Ok((told.status.code(), String::from_utf8_lossy(&told.stderr).into_owned()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_socket_seckillctl_names_the_process_that_holds_the_database() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let holds = format!("process {} holds the database", daemon.pid());
    let socket = daemon.socket();
    // What isn't a socket is left alone, so that it stays lost.
    let notes = socket.with_file_name("notes");
    fs::write(&notes, "")?;
    fs::rename(&notes, &socket)?;
    let (code, told) = seckillctl(&socket)?;
    ensure!(code == Some(69) && told.contains(&holds), "{code:?} {told}");
    let absent = socket.with_file_name("absent.sock");
    let (code, told) = seckillctl(&absent)?;
    ensure!(code == Some(69) && told.contains("no such socket, but"), "{code:?} {told}");
    ensure!(told.contains(&holds) && told.contains("seckilld.db"), "{told}");
    warns(&daemon, "not a socket").await
}
