//! Keeps in the database what the next start has to know of the brokers: which of them ever had
//! orders, so that an absent one is noticed, and how far orders were consumed.

use domain::ports::{BoxFuture, Cause};
use queue_rocketmq::BrokerNotes;
use store_sqlite::Store;

use crate::config::Rocketmq;

/// Lines of text under a key.
pub(super) struct StoredNotes {
    store: Store,
    key: String,
}

impl StoredNotes {
    /// Which brokers had orders. Another topic, or another instance's, has notes of its own.
    pub(super) fn brokers(store: &Store, settings: &Rocketmq) -> Self {
        let Rocketmq { namespace, topic, .. } = settings;
        Self { store: store.clone(), key: format!("rocketmq_brokers/{namespace}/{topic}") }
    }

    /// How far they are consumed. Another group has notes of its own.
    pub(super) fn consumed(store: &Store, settings: &Rocketmq) -> Self {
        let Rocketmq { namespace, topic, consumer_group, .. } = settings;
        let key = format!("rocketmq_consumed/{namespace}/{topic}/{consumer_group}");
        Self { store: store.clone(), key }
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
