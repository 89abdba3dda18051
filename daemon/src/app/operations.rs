//! The parts that the admin socket's commands act on, in one place: the switches, the log, the
//! configuration, the ordered stop, and the gateway's book for a question that nothing else can
//! answer.

use std::sync::Arc;
use std::time::Duration;

use domain::ports::desk::{Asked, Carried};
use domain::ports::{BoxFuture, Cause, LagReader};
use instruments::fault_points::{Point, reach};
use protocol::{ClockState, Code, Controls, Phone, QueryData};
use tokio_util::sync::CancellationToken;

use super::clock_keeper::ClockKeeper;
use super::reload::Reloader;
use super::switches::Switches;
use crate::admin::{Owners, Reached, ReloadError, SaleIsOpen, UndecidedOrder};
use crate::gateway::book::{Book, Standing};
use crate::gateway::query::QueryDesk;
use crate::observe::telemetry::LogHandle;

/// How long a list waits for the lag of a broker that may be silent.
const LAG_WAIT_MAX: Duration = Duration::from_secs(1);

/// Products for which the order node is asked of one buyer.
const ASKED_MAX: usize = 100;

/// The owners of what can be commanded.
pub(super) struct Operations {
    pub(super) switches: Arc<Switches>,
    pub(super) log: Arc<LogHandle>,
    pub(super) clock: Arc<ClockKeeper>,
    pub(super) stop: CancellationToken,
    pub(super) book: Option<Arc<Book>>,
    /// What `query.do` answers with, where another process decides the gateway's orders.
    pub(super) query: Option<Arc<QueryDesk>>,
    /// The queue that is in no database of ours, if it is one.
    pub(super) broker: Option<Arc<dyn LagReader>>,
    pub(super) reloader: Arc<Reloader>,
}

impl Owners for Operations {
    fn apply<'a>(&'a self, controls: &'a Controls) -> BoxFuture<'a, ()> {
        reach(Point::SwitchStored);
        Box::pin(self.switches.apply(controls))
    }

    fn log_level(&self) -> String {
        self.log.level()
    }

    fn set_log_level(&self, level: &str) -> Result<(), String> {
        self.log.set_level(level).map_err(|error| error.to_string())
    }

    fn clock_adoptable(&self) -> Result<i64, SaleIsOpen> {
        self.clock.adoptable()
    }

    fn adopt_clock(&self) -> Result<ClockState, SaleIsOpen> {
        self.clock.adopt()
    }

    fn reload(&self, asked: Asked) -> BoxFuture<'_, Result<Carried, ReloadError>> {
        Box::pin(self.reloader.reload(asked))
    }

    fn shut_down(&self) {
        self.stop.cancel();
    }

    fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    fn undecided(&self) -> BoxFuture<'_, Result<Vec<UndecidedOrder>, Cause>> {
        let Some(book) = self.book.clone() else { return Box::pin(async { Ok(Vec::new()) }) };
        // There may be a million buyers, and a thread that answers requests must not look through
        // them.
        let looked = tokio::task::spawn_blocking(move || undecided(&book));
        Box::pin(async move { looked.await.map_err(|error| Cause(error.to_string())) })
    }

    fn waiting_outside(&self) -> Option<BoxFuture<'_, Result<u64, Cause>>> {
        let broker = self.broker.as_ref()?;
        Some(Box::pin(async move {
            match tokio::time::timeout(LAG_WAIT_MAX, broker.read_lag()).await {
                Ok(lag) => lag.map(|lag| lag.messages),
                Err(_) => Err(Cause("the broker doesn't tell within a second".to_owned())),
            }
        }))
    }

    fn query_elsewhere<'a>(
        &'a self,
        phone: &'a Phone,
    ) -> BoxFuture<'a, Result<Vec<QueryData>, Cause>> {
        Box::pin(async move {
            let (Some(book), Some(desk)) = (&self.book, &self.query) else { return Ok(Vec::new()) };
            let products = book.products();
            if products.is_empty() || ASKED_MAX < products.len() {
                let count = products.len();
                return Err(Cause(format!("it can't be asked for {count} products")));
            }
            let mut found = Vec::new();
            for product in products.iter() {
                let reply = desk.query(&product.prod_id, phone).await;
                match (reply.code, reply.data().cloned()) {
                    (Code::Found, Some(data)) => found.push(data),
                    (Code::NeverOrdered, _) => {}
                    (code, _) => {
                        let (code, prod_id) = (code.as_str(), &product.prod_id);
                        return Err(Cause(format!("it answers {code} for product {prod_id}")));
                    }
                }
            }
            Ok(found)
        })
    }
}

/// Every undecided order of the book.
fn undecided(book: &Book) -> Vec<UndecidedOrder> {
    let mut orders = Vec::new();
    for entry in book.entries() {
        let card = entry.card();
        for (phone, standing) in entry.undecided() {
            let Some(order) = standing.undecided() else { continue };
            orders.push(UndecidedOrder {
                order_id: order.id.clone(),
                phone,
                prod_id: entry.prod_id().clone(),
                prod_name: card.name.clone(),
                price: card.terms.price,
                asked_at: order.asked_at,
                reached: match standing {
                    Standing::Unconfirmed(_) => Reached::Unconfirmed,
                    Standing::Queued(_) => Reached::Queued,
                    _ => Reached::Publishing,
                },
            });
        }
    }
    orders
}
