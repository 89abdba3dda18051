//! The process's own notebook behind its ports: what one process keeps for itself in this database,
//! apart from the sale's data.

use std::time::Duration;

use domain::ports::notebook::{DataFile, Identity, Notes, UnconfirmedSends};
use domain::ports::{BoxFuture, Cause, Outgoing, ReadError, WriteError};
use domain::secret::Secret;
use protocol::{EpochMs, OrderId};
use tokio::sync::watch;

use crate::Store;
use crate::engine::writer::LOCK_WAIT;
use crate::queue_table::unconfirmed::Unconfirmed;

impl UnconfirmedSends for Store {
    fn keep(&self, orders: Vec<(Outgoing, Cause)>) -> BoxFuture<'_, Result<(), WriteError>> {
        let since: EpochMs = self.now();
        let sends = orders
            .into_iter()
            .map(|(order, cause)| Unconfirmed { order, since, tries: 1, cause })
            .collect();
        Box::pin(self.keep_unconfirmed(sends))
    }

    fn forget(&self, order_ids: Vec<OrderId>) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(self.forget_unconfirmed(order_ids))
    }

    fn delay(&self) -> Cause {
        let known = Self::stall(self, Duration::ZERO);
        known.unwrap_or_else(|| Cause("the database gives no answer".to_owned()))
    }

    fn load(&self) -> BoxFuture<'_, Result<Vec<Outgoing>, ReadError>> {
        Box::pin(async move {
            let sends = self.unconfirmed().await?;
            Ok(sends.into_iter().map(|send| send.order).collect())
        })
    }
}

impl Notes for Store {
    fn read<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<String>, Cause>> {
        Box::pin(async move {
            let kept = self.meta(name).await?.unwrap_or_default();
            let text =
                String::from_utf8(kept).map_err(|_| Cause(format!("{name} holds no names")))?;
            Ok(text.lines().map(str::to_owned).collect())
        })
    }

    fn write<'a>(
        &'a self,
        name: &'a str,
        lines: Vec<String>,
    ) -> BoxFuture<'a, Result<(), WriteError>> {
        Box::pin(async move { self.set_meta(name, lines.join("\n").into_bytes()).await })
    }
}

impl Identity for Store {
    fn store_id(&self) -> &str {
        Self::store_id(self)
    }

    fn order_id_key(&self) -> Secret<Vec<u8>> {
        Secret::new(Self::order_id_key(self).to_vec())
    }
}

impl DataFile for Store {
    fn displaced(&self) -> Option<Cause> {
        Self::displaced(self)
    }

    fn watch_place(&self) -> watch::Receiver<Option<Cause>> {
        Self::watch_place(self)
    }

    fn stall(&self, after: Duration) -> Option<Cause> {
        Self::stall(self, after)
    }

    fn trouble(&self) -> Option<Cause> {
        Self::trouble(self)
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(Self::probe(self))
    }

    fn probed_within(&self) -> Duration {
        LOCK_WAIT.saturating_add(Duration::from_secs(1))
    }

    fn closed_to_a_start(&self) -> Option<Cause> {
        Self::closed_to_a_start(self)
    }
}
