//! Builds and owns every part of the daemon, and alone knows all of them. Parts are started in one
//! order and stopped in another:
//!
//! | start | stop |
//! | --- | --- |
//! | 1 store: lock, migrate, check | 6 store: checkpoint, unlock |
//! | 2 addresses bound (nothing answers yet) | 1 accepting ends; what is in flight is answered |
//! | 3 queue opened (connects by itself, or says what is wrong) | 5 queue shut down |
//! | 4 gateway: book read, holds recovered | 2 publisher flushed, then its helpers ended |
//! | 5 REST served | – |
//! | 6 consumer, the lag's first reading | 3 consumer ended after its batch |
//! | 7 admin socket, port of the metrics; READY | 7 both, last: they show the stop |
//!
//! In between, `reload` puts a changed configuration into effect.

mod clock_keeper;
mod ending;
mod gateway;
mod in_place;
mod limits;
mod looks;
mod manager;
mod operations;
mod queue;
mod refused;
mod reload;
#[cfg_attr(not(feature = "rocketmq"), path = "app/rocketmq/absent.rs")]
mod rocketmq;
mod sale_store;
mod serving;
mod standstill;
mod switches;
mod view;
mod ways;

use std::os::unix::net::UnixListener;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use domain::ports::Seed;
use domain::ports::order_side::OrderSide;
use instruments::fault_points::{self, Point, reach};
use protocol::{OrderId, Phase, SwitchView};
use store_sqlite::{CloseError, Store, Take};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error, info, warn};

use crate::admin::{AdminSocket, StatusSource};
use crate::cli::args;
use crate::cli::exit::Exit;
use crate::config::{Config, Loaded, Role, Tunables};
use crate::observe::metrics::Scraper;
use crate::observe::status::Status;
use crate::observe::telemetry::{self, LogHandle, Sink};
use crate::order::StoreOrderSide;
use crate::os::inherited_sockets::{self, Inherited};
use crate::os::shutdown::{Hangups, Signals, Stop};
use crate::os::signals::Meaningless;
use crate::os::{groups, huge_pages, signals, systemd, threads};
use crate::tunable::Tunable;
use crate::{admin, config};
use clock_keeper::ClockKeeper;
use gateway::GatewayParts;
use instruments::clock::SaleClock;
use operations::Operations;
use queue::QueueParts;
use reload::Reloader;
use sale_store::SaleStore;
use serving::{Bound, RestLimits, Serving};
use switches::Switches;
use view::{Shown, View};
pub use ways::Ways;

/// How long the end of the process waits for the log's last lines to be taken. Where the log is
/// read this takes no time; where it isn't, the process ends without these lines.
const LAST_LINES_MAX: Duration = Duration::from_secs(1);

/// Time that is left to threads of the runtime after everything was stopped in order.
const RUNTIME_LEFTOVERS: Duration = Duration::from_millis(200);

/// Why the daemon can't start. Nothing it found was changed.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database can't be used.
    #[error(transparent)]
    Store(#[from] store_sqlite::OpenError),
    /// An address can't be listened on.
    #[error(transparent)]
    Bind(#[from] edge::BindError),
    /// The admin socket can't be made.
    #[error(transparent)]
    AdminSocket(#[from] admin::SocketError),
    /// A file with a secret can't be used.
    #[error(transparent)]
    Secrets(#[from] config::Faults),
    /// The queue's client can't be set up (an absent broker is no such case).
    #[error("the queue can't be set up: {0}")]
    Queue(domain::ports::Cause),
    /// The database was opened and can't be read.
    #[error(transparent)]
    Read(#[from] store_sqlite::ReadError),
    /// The system refused something basic.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

impl StartError {
    /// The process's exit code for it.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Store(error) => Exit::of_store(error),
            Self::Bind(edge::BindError::NotPermitted(_)) => Exit::NoPerm,
            Self::Bind(_) => Exit::Unavailable,
            Self::AdminSocket(admin::SocketError::AlreadyRunning(_)) => Exit::TempFail,
            Self::AdminSocket(_) => Exit::CantCreate,
            Self::Secrets(_) => Exit::Config,
            Self::Queue(_) => Exit::Software,
            Self::Read(_) | Self::Io(_) => Exit::Io,
        }
    }
}

/// Runs the daemon until it is asked to stop, on the store that `take` allows.
#[must_use]
pub fn run(loaded: &Loaded, take: Take) -> Exit {
    signals::hold_back();
    systemd::tell_at(loaded.manager.notify_socket.as_deref());
    let names = loaded.manager.socket_names.as_deref();
    let inherited = match inherited_sockets::take(names, &loaded.config.roles) {
        Ok(inherited) => inherited,
        Err(fault) => return args::complain(&fault, Exit::Config),
    };
    let log = match telemetry::init(&loaded.config.log, Sink::of_standard_error(loaded.journal)) {
        Ok(log) => Arc::new(log),
        Err(fault) => return args::complain(&fault, Exit::Config),
    };
    let _last_lines = LastLines(Arc::clone(&log));
    if let Err(error) = huge_pages::avoid() {
        debug!(%error, "huge pages can't be turned off: a buyer may wait some milliseconds longer");
    }
    if let Err(fault) = threads::are_given() {
        return refuse(&fault.into(), Exit::OsErr);
    }
    let _armed = fault_points::arm();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(fault) => return refuse(&fault.into(), Exit::Software),
    };
    let exit = runtime.block_on(live(loaded, take, inherited, &log));
    runtime.shutdown_timeout(RUNTIME_LEFTOVERS);
    exit
}

/// Writes the log's last lines, in whatever way the process ends.
struct LastLines(Arc<LogHandle>);

impl Drop for LastLines {
    fn drop(&mut self) {
        self.0.flush(LAST_LINES_MAX);
    }
}

async fn live(loaded: &Loaded, take: Take, inherited: Inherited, log: &Arc<LogHandle>) -> Exit {
    let stop = Stop::default();
    // Before anything starts, so that no signal is lost; one that asks for a reload waits.
    let (signals, hangups, meaningless) = match take_over_signals() {
        Ok(taken) => taken,
        Err(fault) => return refuse(&fault.into(), Exit::Io),
    };
    let watching = tokio::spawn(signals.watch(stop.clone()));
    let ignoring = tokio::spawn(meaningless.tell());
    announce(loaded);
    let started = tokio::select! {
        started = Box::pin(App::start(loaded, take, inherited, log, &stop, hangups)) => started,
        () = stop.forced.cancelled() => {
            warn!("stopped by force before the start was complete");
            return Exit::Ok;
        }
    };
    let exit = match started {
        Ok(app) => {
            stop.asked.cancelled().await;
            app.stop_within(&stop).await
        }
        Err(fault) => refuse(&fault, fault.exit()),
    };
    watching.abort();
    ignoring.abort();
    // A stop at the limit on processor time is no success, so that a service manager starts the
    // daemon again.
    if exit == Exit::Ok && stop.is_out_of_time() { Exit::OsErr } else { exit }
}

fn take_over_signals() -> std::io::Result<(Signals, Hangups, Meaningless)> {
    let taken = (Signals::install()?, Hangups::install()?, Meaningless::install()?);
    signals::heed()?;
    Ok(taken)
}

/// Says why the daemon doesn't start.
fn refuse(fault: &StartError, exit: Exit) -> Exit {
    error!(exit_code = exit.code(), "{fault}");
    exit
}

fn announce(loaded: &Loaded) {
    let (version, env_type) = (args::BUILD, &loaded.env_type);
    info!(version, %env_type, "starting");
    for note in &loaded.notes {
        info!("{note}");
    }
}

/// The running daemon.
struct App {
    status: Arc<Status>,
    store: Store,
    queue: Arc<QueueParts>,
    gateway: Option<GatewayParts>,
    rest: Serving,
    admin: Option<Serving>,
    metrics: Option<Serving>,
    /// Tasks that only watch: cancelled at the stop, nothing of theirs is flushed.
    watchers: TaskTracker,
    watchers_end: CancellationToken,
    deadline: Tunable,
}

impl App {
    async fn start(
        loaded: &Loaded,
        take: Take,
        inherited: Inherited,
        log: &Arc<LogHandle>,
        stop: &Stop,
        hangups: Hangups,
    ) -> Result<Self, StartError> {
        let (config, status) = (&loaded.config, Arc::new(Status::default()));
        let tunables = Tunables::new(config);
        let (store, clock) = open_store(config, take, &status).await?;
        let Inherited { gateway, order, admin } = inherited;
        let mut bound = Bound::bind(config, gateway, order)?;
        let (metrics_port, limits) = (bound.metrics.take(), RestLimits::new(config, &bound));
        let admin_socket = bind_admin(config, admin)?;
        let sale = SaleStore::open(&store);
        let queue = Arc::new(QueueParts::open(loaded, &tunables, (&store, &sale), &status)?);
        let orders = order_side(config, &sale, &queue, &clock);
        let key = loaded.order_id_key()?;
        let key_mark = key.as_ref().map(reload::key_mark);
        let needs = gateway::Needs { store: &store, queue: &queue, orders: orders.clone() };
        let gateway = GatewayParts::of_role(config, &tunables, key, needs, &status).await?;
        // Before anything is taken from buyers or from the queue, because pauses survive a restart.
        let switches = restored(config, &sale, &queue, gateway.as_ref()).await?;
        let clock = ClockKeeper::begin(clock, gateway.as_ref(), &sale, &status).await;
        let rest = Serving::rest(bound, &limits, &status, gateway.as_ref(), orders)?;
        let (watchers, watchers_end) = (TaskTracker::new(), CancellationToken::new());
        let (lag, every) = (queue.whole_lag(), tunables.queue.lag_every_ms.clone());
        let shown = Shown {
            status: &status,
            store: &store,
            clock: &clock,
            sale: &sale,
            queue: &queue,
            switches: &switches,
            log,
            gateway: gateway.as_ref(),
            rest: &rest,
            tunables: &tunables,
        };
        looks::begin(&shown, &watchers, &watchers_end);
        if config.roles.contains(&Role::Order) {
            queue.start_consumer(&sale, &status);
        }
        queue::first_lag(&*lag, queue.knowledge(), &status).await;
        watchers.spawn(queue::watch_lag(lag, every, Arc::clone(&status), watchers_end.clone()));
        let view = View::begin(loaded, &shown).await;
        let (reloader, parts) = for_operators(loaded, key_mark, limits, &shown, &view, stop);
        let metrics = metrics_port
            .map(|listener| Serving::metrics(listener, Arc::clone(&parts.metrics)))
            .transpose()?;
        let admin = admin_socket.map(|socket| Serving::admin(socket, parts));
        status.enter(Phase::Serving);
        systemd::ready(&manager::line(&view.snapshot().await));
        watchers.spawn(manager::watchers(&loaded.manager, view, &status, &watchers_end));
        watchers.spawn(reloader.on_signals(hangups, watchers_end.clone()));
        info!("serving");
        Ok(Self {
            status,
            store,
            queue,
            gateway,
            rest,
            admin,
            metrics,
            watchers,
            watchers_end,
            deadline: tunables.shutdown.deadline_ms,
        })
    }

    /// Stops in order, within the deadline.
    async fn stop_within(self, stop: &Stop) -> Exit {
        let (deadline, store) = (self.deadline.milliseconds(), self.store.clone());
        self.status.enter(Phase::Stopping);
        systemd::stopping("finishing what is in flight");
        info!(deadline_ms = deadline.as_millis(), "stopping");
        tokio::select! {
            stopped = tokio::time::timeout(deadline, self.stop()) => match stopped {
                Ok(()) => info!("stopped: everything in flight was finished"),
                Err(_) => warn!("stopped at the deadline: what was in flight is cut off"),
            },
            () = stop.forced.cancelled() => warn!("stopped by force: what was in flight is cut off"),
            () = ending::ask_for_time() => {}
        }
        ending::exit(&store, stop).await
    }

    async fn stop(self) {
        self.rest.stop().await;
        reach(Point::StopAccepting);
        if let Some(gateway) = self.gateway {
            gateway.stop().await;
        }
        reach(Point::StopPublished);
        self.queue.stop_consuming().await;
        reach(Point::StopConsumed);
        self.watchers_end.cancel();
        self.watchers.close();
        self.watchers.wait().await;
        self.queue.shutdown().await;
        match self.store.close().await {
            // `ending` logs it.
            Ok(()) | Err(CloseError::Displaced { .. }) => {}
            Err(fault) => {
                warn!(%fault, "the database was closed in disorder; the next start repairs it");
            }
        }
        self.status.enter(Phase::Stopped);
        for last in self.metrics.into_iter().chain(self.admin) {
            last.stop().await;
        }
    }
}

/// The order side, where it is in this process.
fn order_side(
    config: &Config,
    store: &SaleStore,
    queue: &QueueParts,
    clock: &Arc<SaleClock>,
) -> Option<Arc<dyn OrderSide>> {
    let is_here = config.roles.contains(&Role::Order);
    is_here.then(|| {
        let sale = Arc::clone(&store.sale);
        let clock = Arc::clone(clock);
        let now = Arc::new(move || clock.now());
        Arc::new(StoreOrderSide::new(sale, queue.lag_reader(), queue.paused(), now)) as _
    })
}

fn bind_admin(
    config: &Config,
    inherited: Option<UnixListener>,
) -> Result<Option<AdminSocket>, StartError> {
    if let Some(listener) = inherited {
        return Ok(Some(AdminSocket::inherited(listener)));
    }
    let path = &config.admin.socket;
    let wanted = !path.as_os_str().is_empty();
    let group = groups::number_of(&config.admin.socket_group);
    Ok(wanted.then(|| AdminSocket::bind(path, group)).transpose()?)
}

/// The switches as an operator left them, in effect.
async fn restored(
    config: &Config,
    sale: &SaleStore,
    queue: &Arc<QueueParts>,
    gateway: Option<&GatewayParts>,
) -> Result<Arc<Switches>, StartError> {
    let desk = gateway.map_or_else(Weak::new, |gateway| Arc::downgrade(&gateway.endpoints.charge));
    let switches = Switches::new(desk, Arc::clone(queue));
    let controls = sale.operators.controls().await?;
    let controls = admin::of_roles(controls, &config.roles);
    for (what, switch) in [("intake", &controls.intake), ("consumption", &controls.consumption)] {
        if let Some(SwitchView { paused: true, by, reason, .. }) = switch {
            warn!(?by, ?reason, "{what} is still paused, as it was left: resume it to go on");
        }
    }
    switches.apply(&controls).await;
    Ok(Arc::new(switches))
}

/// The reloader, and the parts that the admin socket needs.
fn for_operators(
    loaded: &Loaded,
    key_mark: Option<OrderId>,
    limits: RestLimits,
    shown: &Shown<'_>,
    view: &Arc<View>,
    stop: &Stop,
) -> (Arc<Reloader>, admin::Parts) {
    let config = &loaded.config;
    let access = Arc::new(admin::Access::new(access_rules(config)));
    let page = Arc::new(ArcSwap::from_pointee(config::entries(loaded)));
    let live = reload::Live {
        tunables: shown.tunables.clone(),
        limits,
        access: Arc::clone(&access),
        page: Arc::clone(&page),
        profile: view.profile(),
    };
    let reloader = Reloader::new(
        loaded,
        key_mark,
        reload::Parts {
            live,
            sale: Arc::clone(&shown.sale.sale),
            operators: Arc::clone(&shown.sale.operators),
            queue: Arc::clone(shown.queue),
            log: Arc::clone(shown.log),
            status: Arc::clone(shown.status),
            stop: stop.asked.clone(),
        },
    );
    let reloader = Arc::new(reloader);
    let owners = Operations {
        switches: Arc::clone(shown.switches),
        log: Arc::clone(shown.log),
        clock: Arc::clone(shown.clock),
        stop: stop.asked.clone(),
        book: shown.gateway.map(|gateway| Arc::clone(&gateway.book)),
        query: shown.gateway.and_then(|gateway| gateway.query_elsewhere(config)),
        broker: shown.queue.lag_elsewhere(),
        reloader: Arc::clone(&reloader),
    };
    let parts = admin::Parts {
        source: Arc::clone(view) as _,
        metrics: Arc::new(Scraper::new(Arc::clone(view) as _)),
        owners: Arc::new(owners),
        operators: Arc::clone(&shown.sale.operators),
        lists: Arc::clone(&shown.sale.lists),
        database: shown.store.files().path,
        access,
        config: page,
        roles: config.roles.clone(),
        resend_per_s: shown.tunables.admin.resend_per_s.clone(),
        tell_trouble: serving::tell_socket(shown.status),
    };
    (reloader, parts)
}

/// Who may do what on the admin socket. Asks the name service.
fn access_rules(config: &Config) -> admin::Rules {
    let settings = &config.admin;
    let operators = groups::number_of(&settings.operator_group);
    admin::Rules {
        own_uid: rustix::process::geteuid().as_raw(),
        operators: operators.map(|gid| (settings.operator_group.clone(), gid)),
        others: settings.others,
    }
}

/// The store, and the clock by which it goes.
async fn open_store(
    config: &Config,
    take: Take,
    status: &Status,
) -> Result<(Store, Arc<SaleClock>), StartError> {
    let settings = store_sqlite::Settings {
        path: config.store.path.clone(),
        readers: config.store.readers,
        writes_waiting_max: config.store.writes_waiting_max,
        take,
    };
    // The products are the order role's: a gateway of its own reads them from its order node.
    let seeds = if config.roles.contains(&Role::Order) { seeds(config) } else { Vec::new() };
    let clock = Arc::<SaleClock>::default();
    let of_the_store = Arc::clone(&clock);
    let opening = move || Store::open_by(&settings, &seeds, of_the_store);
    let opened = tokio::task::spawn_blocking(opening).await;
    let store = opened.map_err(std::io::Error::other)??;
    status.vitals().watch("writer", store.pulse());
    Ok((store, clock))
}

fn seeds(config: &Config) -> Vec<Seed> {
    let seed = |product: &config::ProductSeed| {
        // `validate` has judged the terms.
        let terms = product.terms_at_start().ok()?;
        let (prod_id, prod_name) = (product.prod_id.as_str().into(), product.prod_name.clone());
        Some(Seed { prod_id, prod_name, terms, stock: product.stock })
    };
    config.products.iter().filter_map(seed).collect()
}
