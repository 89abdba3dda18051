//! What answers on sockets: the REST listeners of the roles, the admin socket, the port of the
//! metrics.

use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::sync::Arc;

use domain::ports::order_side::OrderSide;
use edge::{EdgeCounters, Limits, Listener, LiveLimits, Route};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::StartError;
use super::gateway::GatewayParts;
use crate::admin::{self, AdminSocket};
use crate::config::{Config, Role};
use crate::observe::metrics::Scraper;
use crate::observe::status::{Condition, Part, Status};
use crate::observe::{health, metrics};
use crate::os::descriptors;
use crate::{gateway, order};

/// The addresses of this process's roles, taken but not answering yet.
pub(super) struct Bound {
    gateway: Option<TcpListener>,
    order: Option<TcpListener>,
    pub(super) metrics: Option<TcpListener>,
}

impl Bound {
    /// Sockets that the service manager passed are used in place of the configured addresses.
    pub(super) fn bind(
        config: &Config,
        gateway: Option<StdTcpListener>,
        order: Option<StdTcpListener>,
    ) -> Result<Self, StartError> {
        let bind = |role: Role, inherited: Option<StdTcpListener>, address: SocketAddr| {
            let wanted = config.roles.contains(&role);
            let listener = match inherited {
                Some(inherited) => TcpListener::from_std(inherited)?,
                None if wanted => edge::bind_tcp(address)?,
                None => return Ok::<_, StartError>(None),
            };
            Ok(Some(listener))
        };
        Ok(Self {
            gateway: bind(Role::Gateway, gateway, config.gateway.listen)?,
            order: bind(Role::Order, order, config.order.listen)?,
            metrics: config.metrics.listen.0.map(edge::bind_tcp).transpose()?,
        })
    }
}

/// Without the admin socket operators can't act, but buyers can buy: a warning.
pub(super) fn tell_socket(status: &Arc<Status>) -> admin::TellTrouble {
    let status = Arc::clone(status);
    Arc::new(move |trouble| {
        let warnings = trouble.into_iter().collect();
        status.report(Part::AdminSocket, Condition { warnings, ..Condition::default() });
    })
}

/// The limits of each of so many listeners, with no more connections than files may be open.
fn limits(config: &Config, listeners: usize) -> Limits {
    let limits = Limits::from(&config.http);
    let open_files_max = descriptors::raise_limit();
    let asked = limits.connections_max;
    let connections_max = descriptors::connections(asked, open_files_max, listeners);
    if connections_max < asked {
        warn!(
            asked,
            connections_max,
            open_files_max,
            "the limit on open files leaves room for fewer connections than \
             http.connections_max: the others wait in the kernel's queue"
        );
    }
    Limits { connections_max, ..limits }
}

/// The limits of all REST listeners, which a reload may change.
pub(super) struct RestLimits {
    live: LiveLimits,
    listeners: usize,
}

impl RestLimits {
    pub(super) fn new(config: &Config, bound: &Bound) -> Self {
        let listeners = usize::from(bound.gateway.is_some()) + usize::from(bound.order.is_some());
        Self { live: limits(config, listeners).into(), listeners }
    }

    /// Puts those of another configuration in force.
    pub(super) fn change(&self, config: &Config) {
        self.live.change(limits(config, self.listeners));
    }
}

/// Listeners that answer until `stop` is called.
pub(super) struct Serving {
    tasks: Vec<JoinHandle<()>>,
    cancel: CancellationToken,
    counters: Vec<(&'static str, Arc<EdgeCounters>)>,
    order_tally: Arc<order::Tally>,
}

impl Serving {
    pub(super) fn rest(
        bound: Bound,
        limits: &RestLimits,
        status: &Arc<Status>,
        gateway: Option<&GatewayParts>,
        orders: Option<Arc<dyn OrderSide>>,
    ) -> Result<Self, StartError> {
        let cancel = CancellationToken::new();
        let mut serving = Self::nothing(cancel);
        let limits = &limits.live;
        if let (Some(listener), Some(gateway)) = (bound.gateway, gateway) {
            let endpoints = gateway.endpoints.clone();
            let routes = move || gateway::routes::routes(endpoints.clone());
            serving.answer("gateway", listener, routes, limits, status)?;
        }
        if let (Some(listener), Some(orders)) = (bound.order, orders) {
            let tally = Arc::clone(&serving.order_tally);
            let routes = move || order::routes::routes(Arc::clone(&orders), Arc::clone(&tally));
            serving.answer("order", listener, routes, limits, status)?;
        }
        Ok(serving)
    }

    pub(super) fn admin(socket: AdminSocket, parts: admin::Parts) -> Self {
        let cancel = CancellationToken::new();
        let counters = Arc::new(EdgeCounters::default());
        let serving = admin::serve(socket, parts, counters, cancel.clone());
        let task = tokio::spawn(async move {
            if let Err(fault) = serving.await {
                error!(%fault, "the admin socket is broken");
            }
        });
        Self { tasks: vec![task], ..Self::nothing(cancel) }
    }

    pub(super) fn metrics(
        listener: TcpListener,
        scraper: Arc<Scraper>,
    ) -> Result<Self, StartError> {
        let cancel = CancellationToken::new();
        let address = listener.local_addr()?;
        let serving = metrics::serve(listener, scraper, cancel.clone());
        let task = tokio::spawn(async move {
            if let Err(fault) = serving.await {
                error!(%fault, "the port of the metrics is broken");
            }
        });
        info!(role = "metrics", %address, "listening");
        Ok(Self { tasks: vec![task], ..Self::nothing(cancel) })
    }

    fn nothing(cancel: CancellationToken) -> Self {
        Self { tasks: Vec::new(), cancel, counters: Vec::new(), order_tally: Arc::default() }
    }

    fn answer<R>(
        &mut self,
        role: &'static str,
        listener: TcpListener,
        routes: R,
        limits: &LiveLimits,
        status: &Arc<Status>,
    ) -> Result<(), StartError>
    where
        R: Fn() -> Vec<Route> + Send + Sync + 'static,
    {
        let address = listener.local_addr()?;
        let status = Arc::clone(status);
        let all = move || {
            let mut routes = routes();
            routes.extend(health::routes(Arc::clone(&status)));
            routes
        };
        let gate = edge::gate(all());
        let service = move || warp::service(edge::table(all()));
        let counters = Arc::new(EdgeCounters::default());
        self.counters.push((role, Arc::clone(&counters)));
        let (limits, cancel) = (limits.clone(), self.cancel.clone());
        let serving = edge::serve(Listener::Tcp(listener), service, gate, limits, counters, cancel);
        self.tasks.push(tokio::spawn(async move {
            if let Err(fault) = serving.await {
                error!(role, %fault, "the listener is broken");
            }
        }));
        info!(role, %address, "listening");
        Ok(())
    }

    /// What each listener counts, by its role.
    pub(super) fn counters(&self) -> Vec<(&'static str, Arc<EdgeCounters>)> {
        self.counters.clone()
    }

    /// What the order node counts.
    pub(super) fn order_tally(&self) -> Arc<order::Tally> {
        Arc::clone(&self.order_tally)
    }

    /// Stops accepting; returns when every request that was begun is answered.
    pub(super) async fn stop(self) {
        self.cancel.cancel();
        for task in self.tasks {
            if let Err(fault) = task.await {
                error!(%fault, "a listener ended in disorder");
            }
        }
    }
}
