//! The queue over RocketMQ behind the traits of `domain::ports`. What is asked for is noted for the
//! keeper, who brings it about; what is shown is what was seen last.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use domain::ports::{
    Account, BoxFuture, Broker, BrokerWay, Cause, Consuming, Decider, Ended, Knowledge, LagReader,
    Pending, Producer, Queue, QueueHealth, ReadError, Tried,
};
use tokio::sync::watch;

use super::{RocketmqQueue, SHUTDOWN_TIMEOUT, account_trial, probe, view};

impl Queue for RocketmqQueue {
    /// It connects in the background from the first call on.
    fn producer(&self) -> Arc<dyn Producer> {
        self.shared.wants().producer = true;
        self.shared.wake.notify_one();
        self.producer.clone()
    }

    fn lag_reader(&self) -> Arc<dyn LagReader> {
        self.lag.clone()
    }

    fn knowledge(&self) -> Knowledge {
        Knowledge::Partial
    }

    fn undecided(&self) -> BoxFuture<'_, Result<Vec<Pending>, ReadError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Consumes as soon as broker and topic are there.
    fn start_consumer(&self, decider: Arc<dyn Decider>, consuming: Consuming) {
        let mut wants = self.shared.wants();
        wants.decider = Some(decider);
        wants.consuming = consuming;
        self.shared.wake.notify_one();
    }

    /// A pause takes hold at once; deliveries that the client had fetched wait in memory (at most
    /// about a thousand per queue) and are never given back.
    fn set_consuming(&self, consuming: Consuming) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.shared.wants().consuming = consuming;
            if let Some(consumer) = self.shared.consumer.lock().await.as_ref() {
                consumer.set(consuming);
                self.shared.tell_consuming();
            }
        })
    }

    /// Finishes the batches that are being placed and keeps their offsets.
    fn stop_consuming(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.end_consumer())
    }

    /// Takes 10 s at most.
    fn shutdown(&self) -> BoxFuture<'_, Ended> {
        Box::pin(async move {
            match tokio::time::timeout(SHUTDOWN_TIMEOUT, Box::pin(self.end())).await {
                Ok(()) => Ended::Whole,
                Err(_) => {
                    tracing::warn!(
                        target: "seckilld::queue",
                        "RocketMQ's clients didn't end in time"
                    );
                    Ended::CutOff
                }
            }
        })
    }

    fn broker(&self) -> Option<&dyn Broker> {
        Some(self)
    }
}

impl Broker for RocketmqQueue {
    fn name(&self) -> &'static str {
        "RocketMQ"
    }

    fn health(&self) -> watch::Receiver<QueueHealth> {
        self.shared.health.subscribe()
    }

    fn way(&self) -> BrokerWay {
        view::way(&self.shared)
    }

    fn dead_letters(&self) -> Result<u64, Cause> {
        view::broker_dead_letters(&self.shared)
    }

    fn account(&self) -> Arc<Account> {
        self.shared.clients.account()
    }

    fn try_account<'a>(&'a self, account: &'a Account) -> BoxFuture<'a, Tried> {
        Box::pin(async move {
            let consumes = match self.shared.wants().decider {
                Some(_) => probe::Consumes::Yes,
                None => probe::Consumes::No,
            };
            account_trial::try_account(&self.shared.clients, account, consumes).await
        })
    }

    /// Every request from now on is signed with its keys. What the brokers make of it is looked at
    /// now.
    fn change_account(&self, account: Account) {
        self.shared.clients.change_account(account);
        self.shared.account_changed.store(true, Ordering::Release);
        self.shared.wake.notify_one();
    }
}
