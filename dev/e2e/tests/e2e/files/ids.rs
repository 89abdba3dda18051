//! `<store>.id` and the lock: a start finds out that another store lies there, or none, and a
//! second daemon never gets what a first one has.

use super::*;

/// A store with ten orders that was stopped in order.
async fn left_behind() -> Result<Ground> {
    let (ground, mut daemon) = Ground::with_ten_orders().await?;
    let stopped = daemon.terminate().await?;
    ensure!(stopped.status.success(), "{stopped:?}");
    Ok(ground)
}

/// That a start is refused with the ways out, and changes nothing.
async fn is_refused(ground: &Ground, words: &[&str]) -> Result<()> {
    let before = ground.names()?;
    let told = ground.run(&[]).await?;
    ensure!(told.code == Some(65), "{told:?}");
    for word in words.iter().chain(&["restore", "run --new-store"]) {
        ensure!(told.log.contains(word), "{word:?} isn't told: {told:?}");
    }
    ensure!(ground.names()? == before, "{:?} were {before:?}", ground.names()?);
    Ok(())
}

async fn doctor_fails(ground: &Ground, words: &[&str]) -> Result<()> {
    let report = crate::doctor::Report::of(ground.folder.path(), &ground.options).await?;
    ensure!(report.code == Some(2), "{report:?}");
    report.assert("database", "fail", words);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_gone_is_not_begun_anew_unless_somebody_says_so() -> Result<()> {
    let ground = left_behind().await?;
    let kept = ground.folder.path().join("kept");
    fs::rename(ground.file(""), &kept)?;
    is_refused(&ground, &["s.db.id"]).await?;
    let id = fs::read_to_string(ground.file(".id"))?;
    let id = id.trim();
    ensure!(id.len() == 36, "{id:?}");
    for end in [".id", ".lock"] {
        let mode = fs::metadata(ground.file(end))?.permissions().mode() & 0o777;
        ensure!(mode == 0o600, "{end}: mode {mode:o}");
    }
    is_refused(&ground, &["s.db.id", id]).await?;
    doctor_fails(&ground, &["s.db.id", id]).await?;
    // An empty file is none either.
    fs::write(ground.file(""), "")?;
    is_refused(&ground, &["s.db.id", id]).await?;
    doctor_fails(&ground, &["s.db.id"]).await?;
    ensure!(fs::metadata(ground.file(""))?.len() == 0);
    // Put back it is itself.
    fs::rename(&kept, ground.file(""))?;
    let mut daemon = ground.start().await?;
    ensure!(charge(&daemon, 0).await? == "10000");
    ensure!(daemon.terminate().await?.status.success());

    fs::rename(ground.file(""), &kept)?;
    let mut daemon = ground.start_with("--new-store").await?;
    ensure!(charge(&daemon, 50).await? == "10000");
    ensure!(daemon.terminate().await?.status.success());
    ensure!(!fs::read_to_string(ground.file(".id"))?.contains(id), "the id is the old one");
    ensure!(Books::read(&ground.file(""))?.sold("pid_0002") == 1);
    ensure!(Books::read(&kept)?.sold("pid_0002") == 10, "the old one was changed");
    // From now on it is the one that belongs there, and the old one is another.
    drop(ground.start().await?);
    fs::copy(&kept, ground.file(""))?;
    for end in ["-wal", "-shm"] {
        let _ = fs::remove_file(ground.file(end));
    }
    is_refused(&ground, &["this is the store", id]).await?;
    doctor_fails(&ground, &["this is the store", id]).await?;
    let daemon = ground.start_with("--new-store").await?;
    are_placed(&daemon).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_everything_was_removed_in_mid_run_a_start_is_refused_and_a_restore_mends_it()
-> Result<()> {
    let (ground, daemon) = Ground::with_ten_orders().await?;
    remove_all(&ground)?;
    is_shut(&daemon, "s.db is gone").await?;
    let pid = daemon.pid().to_string();
    doctor_fails(&ground, &[&pid, "s.db is gone", "rescued"]).await?;
    let data = ground.data();
    let copy = stop_with_a_copy(&ground, daemon, &data).await?;
    is_refused(&ground, &["s.db.id", &copy.to_string_lossy()]).await?;
    ground.restore(&copy).await?;
    let mut daemon = ground.start().await?;
    are_placed(&daemon).await?;
    ensure!(daemon.terminate().await?.status.success());
    // A rescued copy can be put back by its name as well.
    ground.restore(&copy).await?;
    drop(ground.start().await?);
    Ok(())
}

/// Killed in that state, nothing is copied; but the next start doesn't sell all of it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_after_its_files_were_removed_it_is_not_begun_anew_either() -> Result<()> {
    let (ground, mut daemon) = Ground::with_ten_orders().await?;
    remove_all(&ground)?;
    is_shut(&daemon, "s.db is gone").await?;
    until("the id to be back", LONG, || async { Ok(ground.file(".id").exists().then_some(())) })
        .await?;
    daemon.kill9()?;
    is_refused(&ground, &["s.db.id"]).await
}

/// Its orders are in the log alone, which is removed: they are moved into the database at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_after_its_log_was_removed_it_has_all_orders() -> Result<()> {
    let (ground, mut daemon) = Ground::with_ten_orders().await?;
    fs::remove_file(ground.file("-wal"))?;
    is_shut(&daemon, "s.db-wal is gone").await?;
    daemon.kill9()?;
    let _ = fs::remove_file(ground.file("-shm"));
    let daemon = ground.start().await?;
    are_placed(&daemon).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_of_older_versions_get_an_id_and_a_log_without_its_database_is_kept() -> Result<()> {
    let (ground, mut daemon) = Ground::with_ten_orders().await?;
    daemon.kill9()?;
    fs::remove_file(ground.file(".id"))?;
    let mut daemon = daemon.restart().await?;
    until("the id", LONG, || async { Ok(ground.file(".id").exists().then_some(())) }).await?;
    ensure!(charge(&daemon, 20).await? == "10000");
    daemon.kill9()?;
    // Without an id there is a log still, which SQLite would remove.
    fs::remove_file(ground.file(".id"))?;
    fs::remove_file(ground.file(""))?;
    let log = fs::read(ground.file("-wal"))?;
    is_refused(&ground, &["s.db-wal"]).await?;
    let mut daemon = ground.start_with("--new-store").await?;
    ensure!(daemon.terminate().await?.status.success());
    let names = ground.names()?;
    let aside = names.iter().find(|name| name.contains(".before-new-store-"));
    let aside = aside.with_context(|| format!("{names:?}"))?;
    ensure!(fs::read(ground.data().join(aside))? == log, "the log isn't what it was");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_is_removed_is_made_anew_and_a_second_daemon_gets_nothing() -> Result<()> {
    let (ground, daemon) = Ground::with_ten_orders().await?;
    let pid = daemon.pid().to_string();
    let second = async || {
        let told = ground.run(&["--set", "admin.socket="]).await?;
        ensure!(told.code == Some(75), "{told:?}");
        Ok::<_, anyhow::Error>(told.log)
    };
    // At once, and when it is back; with the database there, and without any of its files.
    fs::remove_file(ground.file(".lock"))?;
    second().await?;
    until("the lock to be back", LONG, || async {
        Ok(ground.file(".lock").exists().then_some(()))
    })
    .await?;
    until("the lock to be held", LONG, || async {
        Ok(second().await?.contains(&pid).then_some(()))
    })
    .await?;
    ensure!(charge(&daemon, 20).await? == "10000", "it doesn't sell on");
    remove_all(&ground)?;
    second().await?;
    is_shut(&daemon, "s.db is gone").await?;
    ensure!(second().await?.contains(&pid));
    let data = ground.data();
    stop_with_a_copy(&ground, daemon, &data).await?;
    is_refused(&ground, &["s.db.id"]).await
}

/// What is mounted over it could not be unmounted, if anything of it were open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_in_the_place_of_its_own_gets_no_lock_and_a_second_daemon_nothing() -> Result<()> {
    let ground = Ground::new()?;
    let daemon = ground.start().await?;
    ten_orders(&daemon).await?;
    let away = ground.folder.path().join("away");
    fs::rename(ground.data(), &away)?;
    fs::create_dir(ground.data())?;
    is_shut(&daemon, "s.db is gone").await?;
    until("the id to be told", LONG, || async { Ok(ground.file(".id").exists().then_some(())) })
        .await?;
    ensure!(!ground.file(".lock").exists(), "it has made a lock");
    let told = ground.run(&[]).await?;
    ensure!(told.code == Some(65), "{told:?}");
    fs::remove_dir_all(ground.data())?;
    fs::rename(&away, ground.data())?;
    is_open(&daemon).await?;
    let told = ground.run(&[]).await?;
    ensure!(told.code == Some(75), "{told:?}");
    Ok(())
}

/// Its files under other names, without the lock: it is the same database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_daemon_where_the_files_were_moved_to_gets_nothing() -> Result<()> {
    let (ground, daemon) = Ground::with_ten_orders().await?;
    let elsewhere = Ground::new()?;
    fs::create_dir(elsewhere.data())?;
    for end in ["", "-wal", "-shm"] {
        if fs::rename(ground.file(end), elsewhere.file(end)).is_err() {
            println!("the two folders are on two file systems: nothing to be tried");
            return Ok(());
        }
    }
    is_shut(&daemon, "s.db is gone").await?;
    let told = elsewhere.run(&[]).await?;
    ensure!(told.code == Some(75) && told.log.contains("locked"), "{told:?}");
    for end in ["-shm", "-wal", ""] {
        fs::rename(elsewhere.file(end), ground.file(end))?;
    }
    is_open(&daemon).await
}
