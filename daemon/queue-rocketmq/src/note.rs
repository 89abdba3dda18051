//! One note in the process's notebook: what the next start has to know of the brokers.

use std::sync::Arc;

use domain::ports::notebook::Notes;
use domain::ports::{Cause, WriteError};

use super::Settings;

/// Lines under a name.
pub(super) struct Note {
    notes: Arc<dyn Notes>,
    name: String,
}

impl Note {
    pub(super) const fn new(notes: Arc<dyn Notes>, name: String) -> Self {
        Self { notes, name }
    }

    /// Which brokers had orders. Another topic, or another instance's, has notes of its own.
    pub(super) fn of_brokers(notes: Arc<dyn Notes>, settings: &Settings) -> Self {
        let Settings { namespace, topic, .. } = settings;
        Self::new(notes, format!("rocketmq_brokers/{namespace}/{topic}"))
    }

    /// How far orders are consumed. Another group has notes of its own.
    pub(super) fn of_consumed(notes: Arc<dyn Notes>, settings: &Settings) -> Self {
        let Settings { namespace, topic, consumer_group, .. } = settings;
        Self::new(notes, format!("rocketmq_consumed/{namespace}/{topic}/{consumer_group}"))
    }

    pub(super) async fn read(&self) -> Result<Vec<String>, Cause> {
        self.notes.read(&self.name).await
    }

    pub(super) async fn write(&self, lines: Vec<String>) -> Result<(), WriteError> {
        self.notes.write(&self.name, lines).await
    }
}
