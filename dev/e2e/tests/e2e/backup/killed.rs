//! A backup and a restore killed before each single thing that they do to the disk, by strace on
//! the shipped build; and both on a disk that is full.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use seckill_e2e::buyers::phone;
use seckill_e2e::checker::Books;
use seckill_e2e::daemon::{Daemon, Options};
#[cfg(feature = "servers")]
use seckill_e2e::disk::SmallDisk;
use seckill_e2e::process::{ended, killed_at};
use tempfile::TempDir;

use super::{done, live_orders, names, refused};

/// Whatever makes, names, fills or removes a file. A `?`: not every platform has it.
const CALLS: [&str; 12] = [
    "openat",
    "pwrite64",
    "ftruncate",
    "fsync",
    "fdatasync",
    "linkat",
    "?rename",
    "?renameat",
    "renameat2",
    "?unlink",
    "unlinkat",
    "flock",
];

/// A folder with the database of a daemon that was killed, everything in its log, and a backup that
/// lacks its last orders; and the orders of both.
struct Left {
    folder: TempDir,
    old: Vec<String>,
    new: Vec<String>,
}

const DATABASE: &str = "seckilld.db";
const BACKUP: &str = "backup";

impl Left {
    async fn behind() -> Result<Self> {
        let mut daemon = Daemon::start(Options::embedded()).await?;
        let (shared, folder) = (daemon.folder(), TempDir::new()?);
        for number in 0..6 {
            if number == 3 {
                let file = shared.path().join(BACKUP);
                done(&Options::embedded(), shared.path(), "backup", &file).await?;
            }
            let told = daemon.charge(&phone(number), "pid_0001", "5999.000").await?;
            ensure!(told.code() == "10000", "{}", told.text());
        }
        Books::drained(&daemon.database(), std::time::Duration::from_secs(60)).await?;
        daemon.kill9()?;
        for name in [DATABASE, "seckilld.db-wal", BACKUP] {
            fs::copy(shared.path().join(name), folder.path().join(name))?;
        }
        let old = orders_as_left(folder.path())?;
        let new = live_orders(&folder.path().join(BACKUP))?;
        ensure!((old.len(), new.len()) == (6, 3), "{old:?} {new:?}");
        Ok(Self { folder, old, new })
    }

    fn again(&self) -> Result<TempDir> {
        let folder = TempDir::new()?;
        for name in names(self.folder.path())? {
            fs::copy(self.folder.path().join(&name), folder.path().join(&name))?;
        }
        Ok(folder)
    }
}

/// The orders that the next daemon would find, read without changing what was left.
fn orders_as_left(folder: &Path) -> Result<Vec<String>> {
    let copies = TempDir::new()?;
    for end in ["", "-wal", "-journal"] {
        let name = format!("{DATABASE}{end}");
        if folder.join(&name).exists() {
            fs::copy(folder.join(&name), copies.path().join(&name))?;
        }
    }
    let copy = copies.path().join(DATABASE);
    ensure!(copy.exists(), "there is no database: a daemon would begin with all of its stock");
    let faults = Books::read(&copy)?.faults();
    ensure!(faults.is_empty(), "{faults:?}");
    live_orders(&copy)
}

/// Kills a verb at each call of each kind; `judge` looks at what each left. Says how many there
/// were.
async fn at_each_call(
    left: &Left,
    verb: &str,
    file: &str,
    judge: impl AsyncFn(&Path) -> Result<()>,
) -> Result<u32> {
    let mut deaths = 0;
    for call in CALLS {
        for nth in 1.. {
            let folder = left.again()?;
            let mut command = Options::embedded().command(folder.path(), verb)?;
            command.arg(folder.path().join(file));
            let aside = TempDir::new()?;
            let ended = ended(aside.path(), killed_at(&command, call, nth)).await?;
            if let Some(code) = ended.code {
                ensure!(code == 0, "{call} {nth}: {ended:?}");
                break;
            }
            deaths += 1;
            judge(folder.path()).await.with_context(|| format!("killed at {call} {nth}"))?;
        }
    }
    println!("{verb}: killed {deaths} times");
    Ok(deaths)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_killed_anywhere_leaves_the_old_or_the_new_and_can_be_done_over() -> Result<()> {
    let left = Left::behind().await?;
    let deaths = at_each_call(&left, "restore", BACKUP, async |folder| {
        let found = orders_as_left(folder)?;
        ensure!(found == left.old || found == left.new, "neither the old nor the new: {found:?}");
        done(&Options::embedded(), folder, "restore", &folder.join(BACKUP)).await?;
        ensure!(orders_as_left(folder)? == left.new, "the second restore is not the new");
        let kept = kept_aside(folder)?;
        let has_old = |path: &PathBuf| live_orders(path).is_ok_and(|orders| orders == left.old);
        ensure!(kept.iter().any(has_old), "the old is lost: {kept:?}");
        let begun = names(folder)?;
        ensure!(begun.iter().all(|name| !name.contains(".restoring")), "{begun:?}");
        Ok(())
    });
    ensure!(30 < deaths.await?, "it was killed at too few places");
    Ok(())
}

fn kept_aside(folder: &Path) -> Result<Vec<PathBuf>> {
    let kept = names(folder)?.into_iter().filter(|name| name.contains(".before-restore-"));
    Ok(kept.map(|name| folder.join(name)).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_killed_anywhere_leaves_no_file_or_a_whole_one() -> Result<()> {
    let left = Left::behind().await?;
    let deaths = at_each_call(&left, "backup", "fresh", async |folder| {
        let fresh = folder.join("fresh");
        ensure!(orders_as_left(folder)? == left.old, "the database was changed");
        if fresh.exists() {
            ensure!(live_orders(&fresh)? == left.old, "half a backup has its name");
        } else {
            done(&Options::embedded(), folder, "backup", &fresh).await?;
        }
        let known = |name: &String| {
            [DATABASE, BACKUP, "seckilld.db-wal", "seckilld.db-shm"].contains(&name.as_str())
                || name.starts_with("fresh")
        };
        let found = names(folder)?;
        ensure!(found.iter().all(known), "{found:?}");
        Ok(())
    });
    ensure!(30 < deaths.await?, "it was killed at too few places");
    Ok(())
}

#[cfg(feature = "servers")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_nothing_is_left_and_nothing_is_lost() -> Result<()> {
    let disk = SmallDisk::mount(1)?;
    let left = Left::behind().await?;
    let (folder, options) = (left.folder.path(), Options::embedded());
    let on_disk = options.clone().set("store.path", disk.path().join(DATABASE).to_string_lossy());
    fs::copy(folder.join(BACKUP), disk.path().join(DATABASE))?;
    disk.fill()?;
    let before = names(disk.path())?;
    let full: (i32, &[&str]) = (74, &["disk is full"]);
    refused("backup", &options, folder, &disk.path().join("fresh"), full).await?;
    ensure!(names(disk.path())? == before, "{:?}", names(disk.path())?);
    refused("restore", &on_disk, folder, &folder.join(DATABASE), full).await?;
    let mut after = names(disk.path())?;
    after.retain(|name| !name.ends_with(".lock"));
    ensure!(after == before, "{after:?}");
    ensure!(orders_as_left(disk.path())? == left.new, "the database was changed");
    disk.free()?;
    done(&on_disk, folder, "restore", &folder.join(DATABASE)).await?;
    ensure!(orders_as_left(disk.path())? == left.old, "it wasn't restored");
    Ok(())
}
