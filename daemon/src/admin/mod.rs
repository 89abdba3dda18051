//! The admin socket: HTTP/1.1 and JSON for the operator's tools, on a Unix socket.
//!
//! It shows what its source puts together and hands commands to their owners; it never reaches into
//! a role. `GET` views, `POST` and `PATCH` operate; `access` says who may. `endpoints` lists what
//! there is, and docs/admin-api.md describes each.
//!
//! A command is written to the audit log in the same transaction as what it changes, or, where it
//! changes nothing in the database, before it takes effect.

mod access;
mod commands;
mod endpoints;
mod events;
mod export;
mod history;
mod keeper;
mod notables;
mod observatory;
mod orders;
mod query;
mod refusals;
mod routes;
mod socket;
#[cfg(test)]
mod tests;
mod views;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use protocol::{
    ClockState, ConfigPage, Controls, EpochMs, Money, OrderId, Phone, ProdId, QueryData, Refusal,
    Snapshot,
};
use tokio_util::sync::CancellationToken;

pub use access::{Access, Rules};
#[cfg(test)]
pub(crate) use commands::new_product;
pub use commands::of_roles;
use domain::ports::desk::{Asked, Carried, CommandError, OperatorDesk};
use domain::ports::lists::Lists;
use domain::ports::{BoxFuture, Cause};
use edge::{EdgeCounters, Limits, Listener, UnixPlace};
#[cfg(test)]
pub(crate) use query::query_string_is_judged;
pub use socket::{AdminSocket, SocketError};

use crate::config::Role;
use crate::observe::metrics::Scraper;
use crate::tunable::Tunable;
use observatory::Observatory;

/// Limits of the admin socket: few clients, all on this machine.
const LIMITS: Limits = Limits {
    connections_max: 16,
    header_timeout: Duration::from_secs(5),
    body_timeout: Duration::from_secs(5),
    header_bytes_max: 16 * 1024,
    body_bytes_max: 64 * 1024,
};

/// Where the state comes from.
pub trait StatusSource: Send + Sync + 'static {
    /// The state now. What can't be read is `None` in it and said in words; it doesn't fail, and
    /// doesn't wait for anything that may hang. `seq` and `notables` are left as they are by
    /// default: the socket numbers the changes.
    fn snapshot(&self) -> BoxFuture<'_, Snapshot>;
}

/// Those whom commands concern.
pub trait Owners: Send + Sync + 'static {
    /// Puts the switches into effect. They are stored already.
    fn apply<'a>(&'a self, controls: &'a Controls) -> BoxFuture<'a, ()>;

    /// The directives of the log that are in force.
    fn log_level(&self) -> String;

    /// Puts other directives in force.
    ///
    /// # Errors
    /// The text isn't understood; it says what is allowed.
    fn set_log_level(&self, level: &str) -> Result<(), String>;

    /// Milliseconds by which the sale's clock would be set forward (negative: back) by
    /// [`Owners::adopt_clock`].
    ///
    /// # Errors
    /// A product is open, or opens within a second.
    fn clock_adoptable(&self) -> Result<i64, SaleIsOpen>;

    /// Sets the sale's clock to the wall's time.
    ///
    /// # Errors
    /// As for [`Owners::clock_adoptable`].
    fn adopt_clock(&self) -> Result<ClockState, SaleIsOpen>;

    /// Has the configuration read again, and what may change while running put into effect; writes
    /// the audit log itself. The state is a [`ReloadState`](protocol::ReloadState).
    ///
    /// # Errors
    /// See [`ReloadError`].
    fn reload(&self, asked: Asked) -> BoxFuture<'_, Result<Carried, ReloadError>>;

    /// Begins the ordered stop.
    fn shut_down(&self);

    /// Whether the stop was asked for, by whatever way.
    fn is_stopping(&self) -> bool;

    /// Every order that this process's gateway has taken on and nobody has decided, as far as it
    /// knows; none without that role. Looks at every buyer.
    ///
    /// # Errors
    /// They couldn't be looked through.
    fn undecided(&self) -> BoxFuture<'_, Result<Vec<UndecidedOrder>, Cause>>;

    /// How many messages wait in a queue that is in no database, by a reading that begins after
    /// this call; `None` where the queue is in this process's database.
    fn waiting_outside(&self) -> Option<BoxFuture<'_, Result<u64, Cause>>>;

    /// What `query.do` tells of this buyer's orders, for a gateway whose orders another process
    /// decides: one answer for each product for which the gateway knows the buyer.
    ///
    /// # Errors
    /// The order node can't be asked, or not all of its decisions were read yet.
    fn query_elsewhere<'a>(
        &'a self,
        phone: &'a Phone,
    ) -> BoxFuture<'a, Result<Vec<QueryData>, Cause>>;
}

/// The sale's clock isn't set while a product goes by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaleIsOpen;

/// Why the configuration was not reloaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReloadError {
    /// Nothing is changed; the refusal names every fault, or every key that takes a restart.
    Refused(Refusal),
    /// It couldn't be written down.
    AdminShared(CommandError),
}

impl From<Refusal> for ReloadError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<CommandError> for ReloadError {
    fn from(error: CommandError) -> Self {
        Self::AdminShared(error)
    }
}

/// An order that a gateway has taken on and nobody has decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndecidedOrder {
    /// Its id.
    pub order_id: OrderId,
    /// The buyer's whole number.
    pub phone: Phone,
    /// The product.
    pub prod_id: ProdId,
    /// The product's name.
    pub prod_name: String,
    /// Its price.
    pub price: Money,
    /// When the buyer asked.
    pub asked_at: EpochMs,
    /// How far it has got.
    pub reached: Reached,
}

/// How far an undecided order has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// It is being sent; its buyer hasn't been answered yet.
    Publishing,
    /// The queue has it durably.
    Queued,
    /// Whether the queue has it isn't known.
    Unconfirmed,
}

/// What the admin socket needs of the rest.
pub struct Parts {
    /// Where the state comes from.
    pub source: Arc<dyn StatusSource>,
    /// Answers `GET /metrics`.
    pub metrics: Arc<Scraper>,
    /// Those whom commands concern.
    pub owners: Arc<dyn Owners>,
    /// Carries commands out, and writes them down.
    pub operators: Arc<dyn OperatorDesk>,
    /// What operators look through.
    pub lists: Arc<dyn Lists>,
    /// The database of this process: its folder isn't made again for the socket.
    pub database: PathBuf,
    /// Who may do what.
    pub access: Arc<Access>,
    /// The effective configuration.
    pub config: Arc<ArcSwap<ConfigPage>>,
    /// What this process does.
    pub roles: Vec<Role>,
    /// Dead letters per second that go back at most.
    pub resend_per_s: Tunable,
    /// Hears why clients don't find the socket.
    pub tell_trouble: TellTrouble,
}

/// Hears what is wrong with something, and with `None` that nothing is any more.
pub type TellTrouble = Arc<dyn Fn(Option<String>) + Send + Sync>;

/// What all requests share.
struct AdminShared {
    parts: Parts,
    observatory: Arc<Observatory>,
    /// One switch is changed at a time, so that what is in effect is what was stored last.
    switching: tokio::sync::Mutex<()>,
    cancel: CancellationToken,
}

/// Serves the admin socket until `cancel` and removes its file. Must be called within a Tokio
/// runtime.
///
/// # Errors
/// The listener is broken for good.
pub async fn serve(
    socket: AdminSocket,
    parts: Parts,
    counters: Arc<EdgeCounters>,
    cancel: CancellationToken,
) -> io::Result<()> {
    let (listener, file) = socket.into_parts();
    let place = Arc::new(UnixPlace::from(tokio::net::UnixListener::from_std(listener)?));
    let listener = Listener::Unix(Arc::clone(&place));
    let tell = Arc::clone(&parts.tell_trouble);
    let end = cancel.child_token();
    let database = parts.database.clone();
    let keeping = tokio::spawn(keeper::keep(file, database, place, tell, end.clone()));
    let observatory = Arc::new(Observatory::new(Arc::clone(&parts.source)).await);
    let looking = {
        let (observatory, cancel) = (Arc::clone(&observatory), cancel.clone());
        tokio::spawn(async move { observatory.run(cancel).await })
    };
    let switching = tokio::sync::Mutex::default();
    let desk = Arc::new(AdminShared { parts, observatory, switching, cancel: cancel.clone() });
    let service = move || warp::service(routes::routes(Arc::clone(&desk)));
    let gate = Box::new(routes::wants_body);
    let served = edge::serve(listener, service, gate, LIMITS, counters, cancel).await;
    looking.abort();
    // The file goes with the end of serving.
    end.cancel();
    drop(keeping.await);
    served
}
