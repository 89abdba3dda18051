//! The store over real databases.

mod accepting;
mod answers;
mod commands;
mod conserving;
mod contracts;
mod copying;
mod failing;
mod histories;
mod letters;
mod lists;
mod measuring;
mod migrating;
mod opening;
mod placing;
mod queueing;

use domain::backoff::Backoff;
use protocol::OrderState;
use serde_json::Value;

use crate::engine::error::Fault;
use crate::engine::tx::Tx;
pub(crate) use crate::testing::*;
use crate::{Actor, Command, Taken, WriteError};

impl Fixture {
    /// The same database, closed and opened again.
    pub(crate) async fn reopened(self) -> Self {
        let Self { store, time, folder } = self;
        store.close().await.unwrap();
        drop(store);
        Self::open(folder, time, 0)
    }

    /// One look of the consumer at the queue.
    pub(crate) async fn take(&self) -> Taken {
        let backoff = Backoff { first_ms: 1_000, max_ms: 3_000 };
        self.store.place_from_queue(10, 1, backoff).await.unwrap()
    }

    /// Where the order stands, by its history; `None` when it is unknown.
    pub(crate) async fn state(&self, order_id: &str) -> Option<OrderState> {
        let detail = self.store.order_history(order_id).await.unwrap();
        detail.map(|detail| detail.history.order.state)
    }

    pub(crate) async fn write_once<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, WriteError> {
        self.store.writer().write_once(1, work).await
    }
}

/// A command on `object` with these arguments, by a user of no name.
pub(crate) fn command(request_id: &str, object: &str, arguments: Value) -> Command {
    Command {
        request_id: request_id.to_owned(),
        verb: "test.verb",
        object: object.to_owned(),
        arguments,
        reason: Some("because".to_owned()),
        actor: Actor { uid: 1_000, user: None, pid: Some(42) },
    }
}

/// A command with nothing to say but its number.
pub(crate) fn bare(request_id: &str) -> Command {
    command(request_id, "", Value::Null)
}
