//! Builds the RocketMQ clients, all on one runtime of their own: configuration, signing, TLS,
//! namespace. Owns that runtime and ends it. Decides nothing about when clients are made or
//! dropped.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::ports::{Account, Credentials};
use instruments::clock;
use rocketmq_client_rust::{
    ClientConfig, ClientInstanceHandle, ClientResult, ClientRuntime, ClientRuntimeConfig,
    DefaultMQProducer, DefaultMQPushConsumer, MQPushConsumer, MessageListenerConcurrently,
};
use rocketmq_model::common::consumer::consume_from_where::ConsumeFromWhere;
use rocketmq_observability::TelemetryRuntimeGuard;
use rocketmq_runtime::{RuntimeConfig, RuntimeOwner};

use super::Cause;
use super::offsets::Handled;
use super::queue_share::AmongTheLiving;
use super::refusal::{RefusalHook, Remarks};
use super::signer::Signer;
use crate::settings::Settings;

/// Listeners run on the runtime's `metadata_io` lane, which on 2 cores runs 4, lets 16 wait, and
/// after 5 s in the queue or 30 s of work sends messages to the retry topic *without calling the
/// listener*. So the lane must hold the threads of two consumers (an old one stopping while the new
/// one runs).
const LISTENERS_MAX: usize = 160;
const BLOCKING_THREADS_MAX: usize = 192;
const LISTENERS_WAITING_MAX: usize = 65_536;
const LANE_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// The least that the client accepts. A topic made elsewhere is found by the keeper's own polling.
const POLL_NAME_SERVER_MS: u32 = 10_000;
/// The least that the client accepts (it defaults to 5 s): what was consumed shows in the lag this
/// soon, and a killed process gets redelivered only what followed.
const PERSIST_OFFSETS_MS: u32 = 1_000;
/// The client's cleaner sends messages back to the retry topic when their listener takes longer
/// than this. A paused or store-less consumer holds its batch instead, so the limit is a week.
const CONSUME_TIMEOUT_MINUTES: u64 = 7 * 24 * 60;
/// Deliveries after the first, then the broker's own dead-letter topic (`contract/messages.md`).
const REDELIVERIES_MAX: i32 = 16;
/// Parked listeners have nothing to finish; working ones were awaited before (consumer.rs).
const LISTENERS_END_MS: u64 = 500;

/// How long the clients' tasks, and then their runtime, may take to end.
const RUNTIME_END_TIMEOUT: Duration = Duration::from_millis(1_000);

/// Full names, as the broker knows them: the instance namespace in front of topic and group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) topic: String,
    pub(super) group: String,
    pub(super) retry_topic: String,
    pub(super) dead_letter_topic: String,
}

impl Names {
    fn of(settings: &Settings) -> Self {
        let full = |name: &str| match settings.namespace.as_str() {
            "" => name.to_owned(),
            namespace => format!("{namespace}%{name}"),
        };
        let group = full(&settings.consumer_group);
        Self {
            topic: full(&settings.topic),
            retry_topic: format!("%RETRY%{group}"),
            dead_letter_topic: format!("%DLQ%{group}"),
            group,
        }
    }
}

/// Makes clients.
pub(super) struct Clients {
    runtime: Arc<ClientRuntime>,
    owner: Mutex<Option<RuntimeOwner>>,
    signer: Arc<Signer>,
    /// What brokers said beside the sends that they refused.
    pub(super) remarks: Arc<Remarks>,
    /// How far this process's consumers have come.
    pub(super) handled: Arc<Handled>,
    made: AtomicU64,
    identity: String,
    pub(super) settings: Settings,
    pub(super) names: Names,
}

impl Clients {
    /// Starts the runtime; no network yet.
    pub(super) fn new(settings: Settings, credentials: Option<Credentials>) -> Result<Self, Cause> {
        let owner = runtime_owner().map_err(|error| Cause(format!("client runtime: {error}")))?;
        let telemetry = TelemetryRuntimeGuard::noop();
        let runtime = ClientRuntime::try_new(
            owner.root_context().component("rocketmq"),
            ClientRuntimeConfig {
                shutdown_timeout: RUNTIME_END_TIMEOUT,
                ..ClientRuntimeConfig::default()
            },
            telemetry.handle(),
        )
        .map_err(|error| Cause(format!("client runtime: {error}")))?;
        let names = Names::of(&settings);
        Ok(Self {
            runtime,
            owner: Mutex::new(Some(owner)),
            signer: Signer::new(settings.account(credentials)),
            remarks: Arc::default(),
            handled: Arc::default(),
            made: AtomicU64::new(0),
            identity: identity(),
            settings,
            names,
        })
    }

    /// Whether a client id of the broker's list is one of this process's.
    pub(super) fn is_ours(&self, client_id: &str) -> bool {
        client_id.contains(&self.identity)
    }

    /// What the client ids of this process have in common.
    pub(super) fn identity(&self) -> &str {
        &self.identity
    }

    pub(super) fn has_credentials(&self) -> bool {
        self.account().credentials.is_some()
    }

    /// Who we are to the brokers at the moment.
    pub(super) fn account(&self) -> Arc<Account> {
        self.signer.account()
    }

    /// Every request from now on is signed with these keys, of all clients.
    pub(super) fn change_account(&self, account: Account) {
        self.signer.change(account);
    }

    /// A started producer. Nothing is retried inside: whether a failure is definite must stay
    /// known.
    pub(super) async fn producer(&self) -> ClientResult<DefaultMQProducer> {
        let timeout_ms = u32::try_from(self.settings.send_timeout_ms).unwrap_or(u32::MAX);
        let mut producer = DefaultMQProducer::builder(self.runtime.clone())
            .client_config(self.config(ClientUse::Producer)?)
            .producer_group(self.settings.producer_group.as_str())
            .send_msg_timeout(timeout_ms)
            .default_topic_queue_nums(4)
            .retry_times_when_send_failed(0)
            .retry_times_when_send_async_failed(0)
            .rpc_hook(Arc::new(RefusalHook {
                signer: self.signer.clone(),
                remarks: self.remarks.clone(),
            }))
            .build();
        producer.start().await?;
        Ok(producer)
    }

    /// A started push consumer.
    pub(super) async fn consumer(
        &self,
        listener: impl MessageListenerConcurrently + 'static,
    ) -> ClientResult<DefaultMQPushConsumer> {
        let settings = &self.settings;
        let batch_max = u32::try_from(settings.consume_batch_max.clamp(1, 1024)).unwrap_or(1024);
        let threads = u32::try_from(settings.consume_threads.clamp(1, 64)).unwrap_or(64);
        let mut consumer = DefaultMQPushConsumer::builder(self.runtime.clone())
            .client_config(self.config(ClientUse::Consumer)?)
            .consumer_group(settings.consumer_group.as_str())
            .consume_from_where(ConsumeFromWhere::ConsumeFromFirstOffset)
            .allocate_message_queue_strategy(Arc::new(AmongTheLiving {
                identity: self.identity.clone(),
            }))
            .consume_thread_min(threads)
            .consume_thread_max(threads)
            .consume_message_batch_max_size(batch_max)
            .pull_batch_size(batch_max)
            .max_reconsume_times(REDELIVERIES_MAX)
            .consume_timeout(CONSUME_TIMEOUT_MINUTES)
            .await_termination_millis_when_shutdown(LISTENERS_END_MS)
            .rpc_hook(Some(self.signer.clone() as _))
            .build();
        consumer.subscribe(settings.topic.as_str(), "*").await?;
        consumer.register_message_listener_concurrently(listener);
        consumer.start().await?;
        Ok(consumer)
    }

    /// A started plain connection for single requests.
    pub(super) async fn handle(&self) -> ClientResult<ClientInstanceHandle> {
        self.handle_signed_by(self.signer.clone()).await
    }

    /// The same with a secret that can't be right; none without credentials.
    pub(super) async fn handle_with_invented_secret(
        &self,
    ) -> ClientResult<Option<ClientInstanceHandle>> {
        let Some(invented) = self.signer.with_secret(&invented_secret()) else { return Ok(None) };
        self.handle_signed_by(invented).await.map(Some)
    }

    /// The same with another account's keys.
    pub(super) async fn handle_of(&self, account: &Account) -> ClientResult<ClientInstanceHandle> {
        self.handle_signed_by(Signer::on_trial(account)).await
    }

    async fn handle_signed_by(&self, signer: Arc<Signer>) -> ClientResult<ClientInstanceHandle> {
        let domain = self.made.fetch_add(1, Ordering::Relaxed);
        let config = self.config(ClientUse::Requests)?;
        let hook = Some(signer as _);
        let handle = ClientInstanceHandle::get_or_create(&self.runtime, domain, config, hook)?;
        handle.start().await?;
        Ok(handle)
    }

    /// Each client has an instance name of its own, and so connections and a circuit breaker of its
    /// own: after 5 failed connects the breaker refuses everything for 30 s although the broker is
    /// back, and a fresh client is the only way round it.
    fn config(&self, used_for: ClientUse) -> ClientResult<ClientConfig> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let settings = &self.settings;
        let mut config = ClientConfig::builder()
            .namesrv_addr(settings.name_servers.join(";"))
            .instance_name(format!("{}-{used_for:?}-{number}", self.identity))
            .poll_name_server_interval(POLL_NAME_SERVER_MS)
            .persist_consumer_offset_interval(PERSIST_OFFSETS_MS)
            // A body that doesn't decompress would silently end the decoding of its whole pull:
            // delivery.rs does it, message by message.
            .enable_decode_decompress_body(false);
        // Single requests carry full names instead.
        if used_for != ClientUse::Requests && !settings.namespace.is_empty() {
            config = config.namespace(settings.namespace.as_str());
        }
        if settings.tls {
            config = config.enable_tls(true);
            if !settings.tls_ca_file.as_os_str().is_empty() {
                let trusted = settings.tls_ca_file.display().to_string();
                config = config.tls_client_trust_cert_path(trusted);
            }
        }
        config.build()
    }

    /// Ends the clients' runtime, last of all. Bounded.
    pub(super) async fn shutdown(&self) {
        let report = self.runtime.shutdown().await;
        tracing::debug!(healthy = report.is_healthy(), "RocketMQ client runtime ended");
        let owner = self.owner.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(owner) = owner {
            let ended = tokio::task::spawn_blocking(move || {
                owner.shutdown_runtime_blocking_with_timeout(RUNTIME_END_TIMEOUT).is_ok()
            });
            let _ = ended.await;
        }
    }
}

/// What a client is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientUse {
    Producer,
    Consumer,
    Requests,
}

/// A secret that nobody has: a broker that takes it checks nothing.
fn invented_secret() -> String {
    let mut bytes = [0_u8; 16];
    // Where the system has no random bits, zeroes serve: they only have to be no real secret.
    let _ = getrandom::fill(&mut bytes);
    uuid::Uuid::from_bytes(bytes).simple().to_string()
}

/// Names this process among the clients of a group: the process id alone repeats in containers.
fn identity() -> String {
    format!("seckilld-{}-{:x}", std::process::id(), clock::now().0)
}

fn runtime_owner() -> Result<RuntimeOwner, Box<dyn std::error::Error + Send + Sync>> {
    let config = RuntimeConfig { thread_name: "rocketmq".to_owned(), ..RuntimeConfig::default() };
    let mut config = config.with_max_blocking_threads(BLOCKING_THREADS_MAX)?;
    let lane = &mut config.blocking_lane_policies.metadata_io;
    lane.max_concurrency = LISTENERS_MAX;
    lane.max_queue_depth = LISTENERS_WAITING_MAX;
    lane.queue_timeout = LANE_TIMEOUT;
    lane.task_timeout = LANE_TIMEOUT;
    Ok(RuntimeOwner::plan(config)?.build()?)
}
