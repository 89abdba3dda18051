//! Reload: the configuration is read again and judged as a whole, and what may change while the
//! daemon runs is put into effect. With a fault, or a difference that takes a restart, nothing is
//! changed. `config` finds what differs; the part that a key belongs to puts it into effect.
//! Reloads come one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arc_swap::ArcSwap;
use domain::order_id::OrderIdKey;
use domain::ports::Seed;
use domain::ports::desk::{
    Actor, Asked, Carried, Command, ListedSeed, Named, Operation, OperatorDesk, Reload,
};
use domain::ports::{Account, AccountKey, Sale};
use domain::secret::Secret;
use instruments::clock;
use protocol::{
    ConfigChange, ConfigPage, EpochMs, OrderId, Refusal, RefusalCode, ReloadOutcome, ReloadState,
    ReloadView,
};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::{Level, enabled, error, info, warn};

use super::queue::QueueParts;
use super::serving::RestLimits;
use super::{access_rules, seeds};
use crate::admin::{Access, ReloadError, Rules};
use crate::config::{self, Config, Faults, Loaded, ORDER_ID_KEY_FILE, ProductSeed, Role, Tunables};
use crate::observe::status::Status;
use crate::observe::telemetry::LogHandle;
use crate::os::shutdown::Hangups;
use crate::os::{groups, systemd};

/// The asker of a reload by a signal: the kernel names none.
const BY_SIGNAL: &str = "SIGHUP";

/// What a reload changes.
pub(super) struct Live {
    pub(super) tunables: Tunables,
    pub(super) limits: RestLimits,
    pub(super) access: Arc<Access>,
    /// The effective configuration as it is shown.
    pub(super) page: Arc<ArcSwap<ConfigPage>>,
    /// The products as the profile has them.
    pub(super) profile: Arc<ArcSwap<Vec<ProductSeed>>>,
}

/// The parts that a reload works with.
pub(super) struct Parts {
    pub(super) live: Live,
    pub(super) sale: Arc<dyn Sale>,
    pub(super) operators: Arc<dyn OperatorDesk>,
    pub(super) queue: Arc<QueueParts>,
    pub(super) log: Arc<LogHandle>,
    pub(super) status: Arc<Status>,
    pub(super) stop: CancellationToken,
}

/// Reloads.
pub(super) struct Reloader {
    /// What is in force; held for as long as a reload takes.
    in_force: Mutex<Loaded>,
    /// Recognises the key of the order ids: the id that it gives a made-up order. `None` when the
    /// key is the database's own.
    key_mark: Option<OrderId>,
    signals: AtomicU32,
    parts: Parts,
}

/// The id that a key gives one made-up order: two keys that give the same one are the same.
pub(super) fn key_mark(key: &Secret<Vec<u8>>) -> OrderId {
    OrderIdKey::new(key.expose().clone()).order_id(&"reload".into(), &"".into(), 0)
}

/// What a reload is going to do.
struct Plan {
    again: Loaded,
    changed: Vec<ConfigChange>,
    rules: Rules,
    /// The account at the brokers, where its keys or their files are others.
    account: Option<Account>,
    seeds: Vec<ListedSeed>,
    notes: Vec<String>,
}

/// What a reload came to.
struct Reloaded {
    carried: Carried,
    state: ReloadState,
    /// The log's level, where it is another one.
    level: Option<String>,
}

impl Reloader {
    pub(super) fn new(loaded: &Loaded, key_mark: Option<OrderId>, parts: Parts) -> Self {
        let in_force = Mutex::new(loaded.clone());
        Self { in_force, key_mark, signals: AtomicU32::new(0), parts }
    }

    /// Reloads as an operator asks, unless this very command was carried out before.
    ///
    /// # Errors
    /// `config_faulty`, `restart_needed`, `stopping`, or the database fails: nothing is changed.
    pub(super) async fn reload(&self, asked: Asked) -> Result<Carried, ReloadError> {
        let by = asked.actor.name();
        self.reload_by(&by, asked).await
    }

    /// Reloads with each signal until cancelled.
    pub(super) async fn on_signals(
        self: Arc<Self>,
        mut signals: Hangups,
        cancel: CancellationToken,
    ) {
        while cancel.run_until_cancelled(signals.next()).await.is_some() {
            let reloader = Arc::clone(&self);
            // A task of its own: what has begun is brought to its end.
            let reloading = tokio::spawn(async move {
                let asked = reloader.asked_by_signal().await;
                // How it ends is in the log.
                let _ = reloader.reload_by(BY_SIGNAL, asked).await;
            });
            if reloading.await.is_err() {
                error!("a reload ended in disorder");
            }
        }
    }

    /// The kernel doesn't say who sent a signal, so the audit log has the daemon's own user, and
    /// says so.
    async fn asked_by_signal(&self) -> Asked {
        let uid = rustix::process::geteuid().as_raw();
        let known = tokio::task::spawn_blocking(move || groups::of_user(uid)).await;
        let number = self.signals.fetch_add(1, Ordering::Relaxed);
        let started = self.parts.status.started_at().0;
        Asked {
            request_id: format!("sighup-{started}-{number}"),
            arguments: json!({ "by": BY_SIGNAL }),
            reason: None,
            actor: Actor { uid, user: known.unwrap_or_default().name, pid: None },
        }
    }

    async fn reload_by(&self, by: &str, asked: Asked) -> Result<Carried, ReloadError> {
        let mut in_force = self.in_force.lock().await;
        if self.parts.stop.is_cancelled() {
            info!(by, "the daemon is stopping: nothing is reloaded any more");
            let msg = "the daemon is stopping: nothing is changed any more";
            return Err(Refusal::new(RefusalCode::Stopping, msg).into());
        }
        if let Some(carried) = self.parts.operators.repeated(&asked, Named::RELOAD).await? {
            return Ok(carried);
        }
        systemd::reloading();
        let reloaded = self.reloaded(&mut in_force, asked).await;
        let was_told = enabled!(Level::INFO);
        self.tell(by, &reloaded);
        // The level last, so that a quieter one doesn't hide how it ended.
        if let Ok(Reloaded { level: Some(level), .. }) = &reloaded {
            self.set_log_level(level);
            if !was_told {
                info!(by, level, "the configuration was reloaded, and with it the log's level");
            }
        }
        reloaded.map(|reloaded| reloaded.carried)
    }

    async fn reloaded(&self, in_force: &mut Loaded, asked: Asked) -> Result<Reloaded, ReloadError> {
        let plan = self.plan(in_force).await?;
        let generation = self.parts.status.config().generation;
        let state = ReloadState {
            generation: generation + u64::from(!plan.changed.is_empty()),
            changed: plan.changed.clone(),
            products_added: Vec::new(),
            notes: plan.notes.clone(),
        };
        // The last step that can fail: the products that the reload adds and its entry in the audit
        // log are stored together.
        let operation = Operation::Reload(Box::new(noted(&plan, generation, state)));
        let carried = self.parts.operators.carry_out(Command { asked, operation }).await?;
        let is_other = plan.changed.iter().any(|change| change.key == "log.level");
        let level = is_other.then(|| plan.again.config.log.level.clone());
        self.take(plan, in_force);
        let state: ReloadState = serde_json::from_str(carried.state.get()).map_err(|error| {
            Refusal::new(RefusalCode::Internal, format!("the reload's own answer: {error}"))
        })?;
        Ok(Reloaded { carried, state, level })
    }

    /// Reads and judges all of it; nothing is changed.
    async fn plan(&self, in_force: &Loaded) -> Result<Plan, Refusal> {
        let generation = self.parts.status.config().generation;
        let before = in_force.clone();
        // Files, and a name service that may be on the network.
        let read = tokio::task::spawn_blocking(move || {
            let again = before.read_again()?;
            let rules = access_rules(&again.config);
            Ok((again.account()?, again.order_id_key()?, rules, again))
        });
        let read = read.await.map_err(|panicked| {
            Refusal::new(RefusalCode::Internal, format!("reading ended in disorder: {panicked}"))
        })?;
        let (account, key, rules, again) = read.map_err(|faults| faulty(&faults, generation))?;
        let mut changed = config::changes(in_force, &again);
        let account_before = self.parts.queue.account();
        let other_keys =
            account_before.as_ref().map_or_else(Vec::new, |old| old.differing(&account));
        let other_keys: Vec<_> = other_keys.into_iter().map(key_of).collect();
        let other_order_id_key = self.other_order_id_key(key.as_ref());
        for key in other_keys.iter().copied().chain(other_order_id_key) {
            note_content(&mut changed, key, &again);
        }
        let restart: Vec<ConfigChange> =
            changed.iter().filter(|change| config::taken(&change.key).is_none()).cloned().collect();
        if !restart.is_empty() {
            return Err(restart_needed(&restart, generation));
        }
        let mut notes = new_notes(in_force, &again);
        if !other_keys.is_empty() {
            let tried = self.parts.queue.try_account(&account).await;
            notes.extend(
                tried.map_err(|sentence| refused_keys(&other_keys, &sentence, generation))?,
            );
        }
        let key_files = [config::ACCESS_KEY_FILE, config::SECRET_KEY_FILE];
        let is_other = changed.iter().any(|change| key_files.contains(&change.key.as_str()));
        let seeds = new_seeds(&in_force.config, &again.config, &mut notes);
        notes.extend(self.differing(&again.config).await);
        let account = is_other.then_some(account);
        Ok(Plan { again, changed, rules, account, seeds, notes })
    }

    /// The terms at which products are sold otherwise than the profile says.
    async fn differing(&self, config: &Config) -> Vec<String> {
        if !config.roles.contains(&Role::Order) {
            return Vec::new();
        }
        // A database that can't be read fails the reload by itself, at its next step.
        let stored = self.parts.sale.products().await.unwrap_or_default();
        let of = |id: &str| stored.iter().find(|theirs| theirs.prod_id.as_str() == id);
        config::differing(&config.products, |id| of(id).map(|theirs| theirs.terms))
    }

    /// The key that names it, where the file holds another key for the order ids. (Whether there is
    /// such a file at all is seen by its name.)
    fn other_order_id_key(&self, key: Option<&Secret<Vec<u8>>>) -> Option<&'static str> {
        let (old, new) = (self.key_mark.as_ref()?, key_mark(key?));
        (*old != new).then_some(ORDER_ID_KEY_FILE)
    }

    /// Puts a plan into effect, but for the log's level. Nothing in here can fail.
    fn take(&self, plan: Plan, in_force: &mut Loaded) {
        let Plan { again, changed, rules, account, .. } = plan;
        let live = &self.parts.live;
        let config = &again.config;
        live.tunables.set(config);
        if changed.iter().any(|change| change.key.starts_with("http.")) {
            live.limits.change(config);
        }
        live.access.change(rules);
        if let Some(account) = account {
            self.parts.queue.change_account(account);
        }
        live.page.store(Arc::new(config::entries(&again)));
        live.profile.store(Arc::new(again.config.products.clone()));
        *in_force = again;
    }

    fn set_log_level(&self, level: &str) {
        if let Err(fault) = self.parts.log.set_level(level) {
            // `config` has judged the text.
            warn!(%fault, "the log's level stays");
        }
    }

    /// How it ended: for the views, the log and the service manager.
    fn tell(&self, by: &str, reloaded: &Result<Reloaded, ReloadError>) {
        let (outcome, text) = match reloaded {
            Ok(Reloaded { state, .. }) if state.changed.is_empty() => {
                (ReloadOutcome::Unchanged, "nothing changed".to_owned())
            }
            Ok(Reloaded { state, .. }) => {
                let keys: Vec<&str> =
                    state.changed.iter().map(|change| change.key.as_str()).collect();
                (ReloadOutcome::Changed, keys.join(", "))
            }
            Err(error) => (ReloadOutcome::Refused, one_line(&error.to_string())),
        };
        let at: EpochMs = clock::now();
        let view = ReloadView { at, by: by.to_owned(), outcome, text: text.clone() };
        let generation = self.parts.status.note_reload(view);
        match outcome {
            ReloadOutcome::Changed => {
                let notes = reloaded.as_ref().map(|reloaded| reloaded.state.notes.join("; "));
                let notes = notes.unwrap_or_default();
                info!(by, generation, changed = text, notes, "the configuration was reloaded");
            }
            ReloadOutcome::Unchanged => {
                info!(by, generation, "a reload found nothing changed");
            }
            ReloadOutcome::Refused => {
                warn!(
                    by,
                    generation, "a reload was refused, and the old configuration stays: {text}"
                );
            }
        }
        if self.parts.stop.is_cancelled() {
            return;
        }
        match outcome {
            ReloadOutcome::Refused => systemd::ready(&format!("reload refused: {text}")),
            ReloadOutcome::Changed | ReloadOutcome::Unchanged => systemd::ready_again(),
        }
    }
}

/// What is written down of a reload, `generation` being the one that was in force.
fn noted(plan: &Plan, generation: u64, state: ReloadState) -> Reload {
    let values = |pick: fn(&ConfigChange) -> &Value| {
        let pairs = state.changed.iter();
        pairs.map(|change| (change.key.clone(), pick(change).clone())).collect::<Value>()
    };
    Reload {
        seeds: plan.seeds.clone(),
        before: json!({ "generation": generation, "keys": values(|key| &key.before) }),
        after: json!({ "generation": state.generation, "keys": values(|key| &key.after) }),
        state,
    }
}

/// A text with a heading and its list as one line.
fn one_line(text: &str) -> String {
    let (heading, list) = text.split_once('\n').unwrap_or((text, ""));
    let list: Vec<&str> = list.lines().map(str::trim).collect();
    format!("{heading} {}", list.join("; ")).trim_end().to_owned()
}

/// Notes that a file holds something else, where its name is the same.
fn note_content(changed: &mut Vec<ConfigChange>, key: &'static str, again: &Loaded) {
    let note = Some("the file holds something else".to_owned());
    if let Some(known) = changed.iter_mut().find(|change| change.key == key) {
        known.note = note;
        return;
    }
    let file = again.secret_files().into_iter().find(|file| file.key == key);
    let path = file.map_or(Value::Null, |file| file.path.display().to_string().into());
    let source = again.sources.of(key).to_string();
    let (before, after) = (path.clone(), path);
    changed.push(ConfigChange { key: key.to_owned(), before, after, source, note });
}

/// The notes of the new configuration that the one in force didn't have.
fn new_notes(before: &Loaded, again: &Loaded) -> Vec<String> {
    let new = again.notes.iter().filter(|note| !before.notes.contains(note));
    new.map(ToString::to_string).collect()
}

/// The products whose entries are new or differ from before.
fn new_seeds(before: &Config, again: &Config, notes: &mut Vec<String>) -> Vec<ListedSeed> {
    if before.products == again.products {
        return Vec::new();
    }
    if !again.roles.contains(&Role::Order) {
        notes.push("products are the order node's: reload that one".to_owned());
        return Vec::new();
    }
    let listed = |config: &Config, id: &str| config.products.iter().any(|seed| seed.prod_id == id);
    let gone = before.products.iter().filter(|seed| !listed(again, &seed.prod_id));
    notes.extend(gone.map(|seed| {
        let id = &seed.prod_id;
        format!(
            "{id} is no longer listed and stays as it is: take it off the shelf to end its sale"
        )
    }));
    let old = seeds(before);
    seeds(again).into_iter().filter(|seed| !old.contains(seed)).map(listed_seed).collect()
}

fn listed_seed(seed: Seed) -> ListedSeed {
    let id = &seed.prod_id;
    let note_if_kept = format!(
        "{id} exists and keeps what the database has: name, terms and stock (units are added by \
         `product stock`)"
    );
    ListedSeed { seed, note_if_kept }
}

fn faulty(faults: &Faults, generation: u64) -> Refusal {
    let each: Vec<Value> = faults
        .0
        .iter()
        .map(|fault| {
            let source = fault.source.as_ref().map(ToString::to_string);
            json!({
                "key": fault.key, "value": fault.value, "source": source,
                "problem": fault.problem,
            })
        })
        .collect();
    let data = json!({ "generation": generation, "faults": each });
    let msg = format!("nothing was changed: {faults}");
    Refusal { data, ..Refusal::new(RefusalCode::ConfigFaulty, msg) }
}

/// A broker that refuses the new keys.
fn refused_keys(keys: &[&'static str], sentence: &str, generation: u64) -> Refusal {
    let faults: Vec<Value> =
        keys.iter().map(|key| json!({ "key": key, "problem": sentence })).collect();
    let data = json!({ "generation": generation, "faults": faults });
    let msg = format!("nothing was changed: {}: {sentence}", keys.join(" and "));
    Refusal { data, ..Refusal::new(RefusalCode::ConfigFaulty, msg) }
}

fn restart_needed(keys: &[ConfigChange], generation: u64) -> Refusal {
    let lines: String = keys
        .iter()
        .map(|change| {
            let ConfigChange { key, before, after, source, note } = change;
            let note = note.as_ref().map(|note| format!(", {note}")).unwrap_or_default();
            format!("\n  {key}: {before} → {after} ({source}{note})")
        })
        .collect();
    let what = match keys.len() {
        1 => "a key takes a restart:".to_owned(),
        count => format!("{count} keys take a restart:"),
    };
    let data = json!({ "generation": generation, "keys": keys });
    let msg = format!("nothing was changed: {what}{lines}");
    Refusal { data, ..Refusal::new(RefusalCode::RestartNeeded, msg) }
}

/// The configuration's key for the file that one of the account's keys is in.
const fn key_of(key: AccountKey) -> &'static str {
    match key {
        AccountKey::Access => config::ACCESS_KEY_FILE,
        AccountKey::Secret => config::SECRET_KEY_FILE,
    }
}

#[cfg(test)]
mod tests;
