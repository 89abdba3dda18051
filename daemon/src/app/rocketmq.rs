//! The settings of the queue over RocketMQ, from the configuration: the queue knows no
//! configuration key.

use queue_rocketmq::Settings;

use crate::config::Rocketmq;

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
