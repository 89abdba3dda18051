//! Keeps in the database which brokers ever had orders: one that is away at a start is missed.

use crate::queue::rocketmq::BrokerNotes;
use crate::queue::{BoxFuture, Cause};
use crate::store::Store;

/// The names that one topic's orders went to, a line each.
pub(super) struct StoredNotes {
    store: Store,
    key: String,
}

impl StoredNotes {
    /// Another topic, or another instance's, has notes of its own.
    pub(super) fn new(store: &Store, namespace: &str, topic: &str) -> Self {
        Self { store: store.clone(), key: format!("rocketmq_brokers/{namespace}/{topic}") }
    }
}

impl BrokerNotes for StoredNotes {
    fn read(&self) -> BoxFuture<'_, Result<Vec<String>, Cause>> {
        Box::pin(async move {
            let kept = self.store.meta(&self.key).await?.unwrap_or_default();
            let text = String::from_utf8(kept)
                .map_err(|_| Cause(format!("{} holds no names", self.key)))?;
            Ok(text.lines().map(str::to_owned).collect())
        })
    }

    fn keep(&self, names: Vec<String>) -> BoxFuture<'_, Result<(), Cause>> {
        Box::pin(
            async move { Ok(self.store.set_meta(&self.key, names.join("\n").into_bytes()).await?) },
        )
    }
}
