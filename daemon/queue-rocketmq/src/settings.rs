//! The settings with which the queue is opened. The configuration describes its keys.

use std::path::PathBuf;

use domain::ports::{Account, Credentials};

/// How RocketMQ is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Name servers, `HOST:PORT` each.
    pub name_servers: Vec<String>,
    /// The topic of orders.
    pub topic: String,
    /// Group of the producer.
    pub producer_group: String,
    /// Group of the consumer.
    pub consumer_group: String,
    /// Instance namespace; empty for none.
    pub namespace: String,
    /// The file that the access key is from, as it is configured: for sentences.
    pub access_key_file: PathBuf,
    /// The file that the secret key is from.
    pub secret_key_file: PathBuf,
    /// Whether to speak TLS to name servers and brokers.
    pub tls: bool,
    /// PEM file with the certificates to trust; empty for the system's own.
    pub tls_ca_file: PathBuf,
    /// Milliseconds until a send without an answer counts as unknown.
    pub send_timeout_ms: u64,
    /// Sends in flight at once.
    pub sends_in_flight_max: usize,
    /// Messages handed to the order role at once.
    pub consume_batch_max: usize,
    /// Threads that hand over messages.
    pub consume_threads: usize,
    /// Whether to make the topic when the broker lacks it and allows it.
    pub create_topic: bool,
    /// Brokers that were removed for good: nothing of theirs is missed any more.
    pub brokers_gone: Vec<String>,
}

impl Settings {
    /// The account that the settings name, with these keys.
    pub(crate) fn account(&self, credentials: Option<Credentials>) -> Account {
        Account {
            credentials,
            access_key_file: self.access_key_file.clone(),
            secret_key_file: self.secret_key_file.clone(),
        }
    }
}
