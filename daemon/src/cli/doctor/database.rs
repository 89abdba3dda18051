//! The database: whether it is ours, whole and balanced, and its products beside the profile's.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use domain::ports::findings::Finding;
use instruments::background;
use protocol::{ProdId, ProductState};
use rustix::fs::{Access, access};
use rustix::io::Errno;
use rustix::process::geteuid;
use store_sqlite::{Balance, Examined, OpenError};

use super::places::{existing, writable_folder};
use super::running::Running;
use crate::config::{self, Loaded, ProductSeed, Role};
use crate::os::groups;

/// A gigabyte takes a few seconds.
const INTEGRITY_TIMEOUT: Duration = Duration::from_secs(60);

/// Looks at the database on a thread of its own, at the lowest priority: a daemon may be selling
/// beside it.
pub(super) async fn look(loaded: &Loaded, running: &Running) -> Vec<Finding> {
    let path = loaded.config.store.path.clone();
    let examined = background::run(move || store_sqlite::examine(&path, INTEGRITY_TIMEOUT)).await;
    let profile = &loaded.config.products;
    let (mut findings, stored) = match examined {
        Some(Ok(None)) => (vec![absent(loaded)], None),
        Some(Ok(Some(examined))) => (present(loaded, running, &examined), Some(examined.products)),
        // Something that is no folder stands in the place of the database's folder.
        Some(Err(_)) if !loaded.config.store.path.exists() => (vec![absent(loaded)], None),
        Some(Err(error)) => (vec![refused(&error)], None),
        None => {
            let advice = "try again; if it stays, restore a copy";
            (vec![Finding::fail("database", "the look at it broke off", advice)], None)
        }
    };
    findings.extend(elsewhere(loaded, running));
    // Only an order role's database decides by its products.
    let stored = stored.filter(|_| loaded.config.roles.contains(&Role::Order));
    findings.extend(products(profile, stored.as_deref()));
    findings
}

/// Says that the database belongs to another user and is closed to this one, as the service's is to
/// all others.
pub(super) fn closed(loaded: &Loaded) -> Option<Finding> {
    let path = &loaded.config.store.path;
    let place = existing(path);
    let (folder, wanted, word) = match place.is_dir() {
        true => (place.as_path(), Access::EXEC_OK, "enter"),
        false => (place.parent()?, Access::READ_OK, "read"),
    };
    let owner = fs::metadata(folder).ok()?.uid();
    if owner == geteuid().as_raw() || access(&place, wanted) != Err(Errno::ACCESS) {
        return None;
    }
    let owner = groups::of_user(owner).name.unwrap_or_else(|| format!("'#{owner}'"));
    Some(Finding::fail(
        "database",
        format!(
            "{} can't be looked at: this user may not {word} {}",
            path.display(),
            place.display()
        ),
        format!(
            "run it as the daemon's user: sudo -u {owner} seckilld doctor --env-type {}",
            loaded.env_type
        ),
    ))
}

/// Says that the daemon which has the database open no longer has it at this path.
fn elsewhere(loaded: &Loaded, running: &Running) -> Option<Finding> {
    let path = &loaded.config.store.path;
    let pid =
        running.holder().or_else(|| running.pid().filter(|_| running.shares("store.path")))?;
    let off = store_sqlite::out_of_place(pid, path).filter(|off| !off.is_empty())?;
    Some(Finding::fail(
        "database",
        format!(
            "process {pid} has a database open that isn't the one at its path any more: {}; it \
             accepts nothing",
            off.join(", ")
        ),
        format!(
            "put the files back, and it goes on; or stop it: it copies what it has to \
             {}.rescued-TIME, for seckilld restore",
            path.display()
        ),
    ))
}

fn absent(loaded: &Loaded) -> Finding {
    let path = &loaded.config.store.path;
    if let Err(error) = store_sqlite::recognise(path) {
        return refused(&error);
    }
    let (shown, place) = (path.display(), existing(path));
    match writable_folder(&place) {
        Ok(()) => Finding::ok(
            "database",
            format!("{shown} is absent; a start makes it, {} can be written", place.display()),
        ),
        Err(why) => Finding::fail(
            "database",
            format!("{shown} is absent and can't be made: {why}"),
            "give the folder to the daemon's user, or set store.path elsewhere",
        ),
    }
}

fn refused(error: &OpenError) -> Finding {
    let advice = match error {
        OpenError::NewerSchema { .. } => "run the newer seckilld, or set store.path to another",
        OpenError::NotADatabase { .. } | OpenError::Foreign { .. } => {
            "set store.path to the sale's own database"
        }
        OpenError::Corrupt { .. } => {
            "keep a copy of it, and restore the last good one: docs/backup.md"
        }
        OpenError::Gone { .. } | OpenError::Another { .. } => {
            "take one of the ways out: docs/backup.md, Another store, or none"
        }
        OpenError::Held { .. } => "end what locks it, or try again",
        OpenError::Unwritable { .. } | OpenError::Io { .. } => {
            "run doctor as the daemon's user; look at the file's owner and disk"
        }
    };
    Finding::fail("database", error.to_string(), advice)
}

fn present(loaded: &Loaded, running: &Running, examined: &Examined) -> Vec<Finding> {
    let path = &loaded.config.store.path;
    if let Err(error) = store_sqlite::recognise(path) {
        return vec![refused(&error)];
    }
    let Examined { schema, known, bytes, .. } = examined;
    let held = match running.pid() {
        Some(pid) if running.shares("store.path") => format!(", in use by process {pid}"),
        _ => String::new(),
    };
    let version = match schema.cmp(known) {
        std::cmp::Ordering::Less => format!("{schema}; a start takes it to {known}"),
        _ => schema.to_string(),
    };
    let found = format!("{}: {bytes} bytes, schema {version}{held}", path.display());
    let writable = access(path, Access::WRITE_OK | Access::READ_OK);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let writable = writable
        .map_err(|error| error.to_string())
        .and_then(|()| folder.map_or(Ok(()), writable_folder));
    let database = match writable {
        Ok(()) => Finding::ok("database", found),
        Err(why) => Finding::fail(
            "database",
            format!("{found}; it can't be written: {why}"),
            "give file and folder to the daemon's user",
        ),
    };
    let integrity = match &examined.faults {
        None => Finding::warn(
            "integrity",
            format!("not proven: not done within {} s", INTEGRITY_TIMEOUT.as_secs()),
            "check it at leisure: sqlite3 -readonly FILE 'PRAGMA integrity_check'",
        ),
        Some(faults) if faults.is_empty() => {
            Finding::ok("integrity", "PRAGMA integrity_check finds nothing")
        }
        Some(faults) => {
            let advice = "keep a copy of it, and restore the last good one: docs/backup.md";
            return vec![database, Finding::fail("integrity", faults.join("; "), advice)];
        }
    };
    vec![database, integrity, books(&examined.books)]
}

fn books(books: &[Balance]) -> Finding {
    let off = books.iter().filter(|balance| !balance.holds());
    let off: Vec<String> = off.map(ToString::to_string).collect();
    if off.is_empty() {
        return Finding::ok("books", format!("balanced: {} products", books.len()));
    }
    let advice = "pause intake and compare the audit log and orders with the stock";
    Finding::fail("books", off.join("; "), advice)
}

/// The configuration's own check has shown that prices are above 0 and each id is used once.
fn products(profile: &[ProductSeed], stored: Option<&[ProductState]>) -> Vec<Finding> {
    const CHECK: &str = "products";
    let none = profile.iter().filter(|product| product.stock == 0);
    let mut findings: Vec<Finding> = none
        .map(|product| {
            let found = format!("{} starts with stock 0: sold out at once", product.prod_id);
            Finding::warn(CHECK, found, "give it stock in `products`, or leave it out")
        })
        .collect();
    let (terms, differing) = stored.map(|stored| differences(profile, stored)).unwrap_or_default();
    let advice =
        "what the database has counts; `seckillctl product set` changes it, or mend the profile";
    findings.extend(terms.into_iter().map(|found| Finding::fail(CHECK, found, advice)));
    let advice = "what the database has counts; `seckillctl product` (price, stock) changes it";
    findings.extend(differing.into_iter().map(|found| Finding::warn(CHECK, found, advice)));
    if findings.is_empty() {
        let counted = profile.len();
        let found = match stored {
            Some([]) | None => format!("{counted} in the profile, prices and stock above 0"),
            Some(_) => format!("{counted} in the profile, the database has the same"),
        };
        findings.push(Finding::ok(CHECK, found));
    }
    findings
}

/// Where the terms differ, of each product in a sentence, and where all else does. A sale at other
/// terms than the profile's is another sale than whoever wrote the profile thinks.
fn differences(profile: &[ProductSeed], stored: &[ProductState]) -> (Vec<String>, Vec<String>) {
    // A database in which nothing was made yet gets the profile's.
    if stored.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let of = |id: &str| stored.iter().find(|theirs| theirs.prod_id.as_str() == id);
    let of_terms = config::differing(profile, |id| of(id).map(|theirs| theirs.terms));
    let mut told = Vec::new();
    for seed in profile {
        let ProductSeed { prod_id, prod_name, stock, .. } = seed;
        let Some(theirs) = of(prod_id) else {
            told.push(format!("{prod_id} isn't in the database; a start puts it in"));
            continue;
        };
        let mut parts = Vec::new();
        if *prod_name != theirs.prod_name {
            parts.push(format!("name {prod_name:?}, there {:?}", theirs.prod_name));
        }
        if u64::from(*stock) != theirs.initial {
            parts.push(format!("stock {stock}, there {} at the start", theirs.initial));
        }
        if !parts.is_empty() {
            told.push(format!("{prod_id} differs in the profile: {}", parts.join("; ")));
        }
    }
    let known = |id: &ProdId| profile.iter().any(|product| *id == product.prod_id.as_str());
    let further = stored.iter().filter(|theirs| !known(&theirs.prod_id));
    told.extend(further.map(|theirs| format!("{} is in the database alone", theirs.prod_id)));
    (of_terms, told)
}
