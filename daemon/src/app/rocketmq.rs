//! RocketMQ as the queue: opened by the configuration, whose keys the queue's own crate doesn't
//! know. In a build without it `rocketmq/absent.rs` stands in this file's place.

use std::sync::Arc;

use domain::ports::Queue;
use domain::ports::findings::Finding;
use domain::ports::notebook::Notes;
use queue_rocketmq::{Examination, RocketmqQueue, Settings};

use super::StartError;
use crate::config::{Loaded, Rocketmq, Role};

/// Opens the queue; it connects in the background.
pub(super) fn open(loaded: &Loaded, notes: &Arc<dyn Notes>) -> Result<Arc<dyn Queue>, StartError> {
    let credentials = loaded.credentials()?;
    let settings = &loaded.config.rocketmq;
    let queue = RocketmqQueue::open(&settings.into(), credentials).map_err(StartError::Queue)?;
    queue.keep_notes_in(notes);
    Ok(queue)
}

/// What is found of the brokers, line by line, without changing anything.
pub(super) async fn examine(loaded: &Loaded, running: Option<u32>) -> Vec<Finding> {
    let config = &loaded.config;
    let credentials = match loaded.credentials() {
        Ok(credentials) => credentials,
        Err(faults) => {
            let advice = "put the file right";
            return vec![Finding::fail("secrets", faults.to_string(), advice)];
        }
    };
    let wanted = Examination {
        publishes: config.roles.contains(&Role::Gateway),
        consumes: config.roles.contains(&Role::Order),
        doctor_topic: config.doctor.topic.clone(),
        running,
    };
    Box::pin(queue_rocketmq::examine(&(&config.rocketmq).into(), credentials, wanted)).await
}

impl From<&Rocketmq> for Settings {
    fn from(keys: &Rocketmq) -> Self {
        Self {
            name_servers: keys.name_servers.clone(),
            topic: keys.topic.clone(),
            producer_group: keys.producer_group.clone(),
            consumer_group: keys.consumer_group.clone(),
            namespace: keys.namespace.clone(),
            access_key_file: keys.access_key_file.clone(),
            secret_key_file: keys.secret_key_file.clone(),
            tls: keys.tls,
            tls_ca_file: keys.tls_ca_file.clone(),
            send_timeout_ms: keys.send_timeout_ms,
            sends_in_flight_max: keys.sends_in_flight_max,
            consume_batch_max: keys.consume_batch_max,
            consume_threads: keys.consume_threads,
            create_topic: keys.create_topic,
            brokers_gone: keys.brokers_gone.clone(),
        }
    }
}
