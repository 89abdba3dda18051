//! What `/readyz` and the log say of the queue: sentences on what is wrong and what to do.

use domain::ports::QueueHealth;
use tokio::sync::watch;

/// The writing end: every change is one line of the log, however often the state is found again.
pub(super) struct HealthBoard {
    sender: watch::Sender<QueueHealth>,
}

impl HealthBoard {
    pub(super) fn new() -> Self {
        Self { sender: watch::Sender::new(QueueHealth::default()) }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<QueueHealth> {
        self.sender.subscribe()
    }

    /// Something is wrong; orders may still be sent where the way is known from before.
    pub(super) fn degrade(&self, sentences: Vec<String>, sending: Running) {
        self.change(|health| {
            health.degraded = sentences;
            health.producer_ready = sending == Running::Yes;
        });
    }

    pub(super) fn clear(&self) {
        self.change(|health| health.degraded.clear());
    }

    pub(super) fn warn(&self, warnings: Vec<String>) {
        self.change(|health| health.warnings = warnings);
    }

    pub(super) fn producer_ready(&self) {
        self.change(|health| health.producer_ready = true);
    }

    pub(super) fn consumer(&self, running: Running) {
        self.change(|health| health.consumer_running = running == Running::Yes);
    }

    fn change(&self, apply: impl FnOnce(&mut QueueHealth)) {
        self.sender.send_if_modified(|health| {
            let before = health.clone();
            apply(health);
            log_difference(&before, health);
            *health != before
        });
    }
}

/// Whether a part runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Running {
    Yes,
    No,
}

fn log_difference(before: &QueueHealth, after: &QueueHealth) {
    for sentence in after.degraded.iter().filter(|new| !before.degraded.contains(new)) {
        tracing::error!(target: "seckilld::queue", "{sentence}");
    }
    for sentence in after.warnings.iter().filter(|new| !before.warnings.contains(new)) {
        tracing::warn!(target: "seckilld::queue", "{sentence}");
    }
    if after.degraded.is_empty() && !before.degraded.is_empty() {
        tracing::info!(target: "seckilld::queue", "RocketMQ answers again");
    }
    if after.producer_ready && !before.producer_ready {
        tracing::info!(target: "seckilld::queue", "orders can be sent to RocketMQ");
    }
    if after.consumer_running && !before.consumer_running {
        tracing::info!(target: "seckilld::queue", "orders are consumed from RocketMQ");
    }
}

#[cfg(test)]
mod tests {
    use super::{HealthBoard, QueueHealth, Running};

    #[test]
    fn a_fault_found_again_is_no_change() {
        let board = HealthBoard::new();
        let mut seen = board.subscribe();
        board.producer_ready();
        board.consumer(Running::Yes);
        board.degrade(vec!["broker away".to_owned()], Running::No);
        assert_eq!(
            *seen.borrow_and_update(),
            QueueHealth {
                degraded: vec!["broker away".to_owned()],
                warnings: Vec::new(),
                producer_ready: false,
                consumer_running: true,
            }
        );
        board.degrade(vec!["broker away".to_owned()], Running::No);
        assert!(!seen.has_changed().unwrap());
        board.clear();
        assert!(seen.has_changed().unwrap());
    }
}
