//! Those whom the admin socket's commands concern, in one place: the switches, the log, the
//! configuration, the ordered stop, and the gateway's book for a question that nothing else can
//! answer.

use std::sync::Arc;

use protocol::{Controls, OrderState};
use tokio_util::sync::CancellationToken;

use super::reload::Reloader;
use super::switches::Switches;
use crate::admin::{Owners, UndecidedOrder};
use crate::domain::order_id::OrderId;
use crate::fault_points::{Point, reach};
use crate::gateway::book::{Book, Standing};
use crate::queue::BoxFuture;
use crate::store::{Carried, Command, CommandError};
use crate::telemetry::LogHandle;

/// The owners of what can be commanded.
pub(super) struct Operations {
    pub(super) switches: Arc<Switches>,
    pub(super) log: Arc<LogHandle>,
    pub(super) stop: CancellationToken,
    pub(super) book: Option<Arc<Book>>,
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

    fn reload(&self, command: Command) -> BoxFuture<'_, Result<Carried, CommandError>> {
        Box::pin(self.reloader.reload(command))
    }

    fn shut_down(&self) {
        self.stop.cancel();
    }

    fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    fn find_undecided(&self, order_id: &str) -> Option<UndecidedOrder> {
        let id = OrderId::from(order_id);
        let shelves = self.book.as_ref()?.shelves();
        shelves.iter().find_map(|shelf| {
            let (user_phone, standing) = shelf.find_undecided(&id)?;
            let (order, card) = (standing.undecided()?, shelf.card());
            Some(UndecidedOrder {
                user_phone,
                prod_id: shelf.prod_id().to_owned(),
                prod_name: card.name.clone(),
                price: card.price,
                accepted_at: order.accepted_at,
                state: match standing {
                    Standing::Unconfirmed(_) => OrderState::Unconfirmed,
                    _ => OrderState::Queued,
                },
            })
        })
    }
}
