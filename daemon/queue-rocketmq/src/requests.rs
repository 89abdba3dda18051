//! Single requests to name server and broker: routes, offsets, who consumes, making the topic. They
//! go out as plain remoting commands for two reasons. Only so the broker's own code and remark come
//! back (the client's errors are redacted). And the admin calls want rights that an order account
//! doesn't have, while these need only what producing and consuming need, and work on 4.x brokers
//! too.

use std::collections::HashMap;
use std::time::Duration;

use rocketmq_client_rust::{ClientError, ClientInstanceHandle};
use rocketmq_protocol::common::message::message_decoder;
use rocketmq_protocol::protocol::remoting_command::RemotingCommand;
use rocketmq_protocol::protocol::route::topic_route_data::TopicRouteData;

use super::access::{Access, OPEN};
use super::classify::Facts;

mod queue_ends;

const SEND: i32 = 10;
const PULL: i32 = 11;
const QUERY_COMMITTED: i32 = 14;
const UPDATE_COMMITTED: i32 = 15;
const CREATE_TOPIC: i32 = 17;
const BROKER_RUNTIME_INFO: i32 = 28;
const CONSUMERS_OF_GROUP: i32 = 38;

const SUCCESS: i32 = 0;
const TOPIC_NOT_EXIST: i32 = 17;
const NOTHING_THERE: i32 = 19;
const NOTHING_THERE_RETRY: i32 = 20;
const OFFSET_MOVED: i32 = 21;
const NO_COMMITTED_OFFSET: i32 = 22;

/// A subscription comes with the pull; the broker doesn't wait, and commits nothing.
const PULL_FLAGS: &str = "4";
const QUEUES: &str = "4";

/// Exists at every broker that makes topics by itself; its route lists the brokers.
const TOPIC_MAKER: &str = "TBW102";

/// How long one request may take. A broker that is slower than this counts as silent.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Why a request gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RequestError {
    /// The broker answered, and refused.
    Refused { code: i32, remark: String },
    /// There was no usable answer.
    Failed(Facts),
    /// The answer lacks what it should hold.
    Unreadable(&'static str),
    /// A broker that has a part of the topic has left the name server's list.
    Away(String),
    /// Orders may lie where nobody may read, and can't be counted either; with why.
    Uncounted(String),
}

/// What a broker closes to every consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closes {
    /// The broker itself, the topic, or this queue of the topic: the route shows which.
    Queue,
    /// The group.
    Group,
}

/// A broker that holds a part of a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Broker {
    pub(super) name: String,
    /// `HOST:PORT` of its master.
    pub(super) address: String,
    /// What may be done with its part.
    pub(super) access: Access,
}

/// Where a topic lies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Route {
    pub(super) brokers: Vec<Broker>,
    /// Names of brokers that have a part of it, and of which only replicas are there.
    pub(super) headless: Vec<String>,
}

/// A look at a queue from one offset on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Glance {
    pub(super) min_offset: i64,
    pub(super) max_offset: i64,
    /// When the message at the offset was born, in epoch milliseconds; none where there is none.
    pub(super) born_ms: Option<i64>,
    /// When the broker stored it, by its own clock.
    pub(super) stored_ms: Option<i64>,
}

/// A connection for single requests.
pub(super) struct Requests {
    handle: ClientInstanceHandle,
}

impl Requests {
    pub(super) fn new(handle: ClientInstanceHandle) -> Self {
        Self { handle }
    }

    /// The brokers of the topic, as the name server knows them; none when it doesn't know the
    /// topic.
    pub(super) async fn brokers_of(
        &self,
        topic: &str,
    ) -> Result<Option<Vec<Broker>>, RequestError> {
        Ok(self.route_of(topic).await?.map(|route| route.brokers))
    }

    /// The same with the brokers that have lost their masters.
    pub(super) async fn route_of(&self, topic: &str) -> Result<Option<Route>, RequestError> {
        let route = Box::pin(self.handle.topic_route(topic, timeout_ms())).await;
        route.map(|route| route.map(|route| sorted(&route))).map_err(|error| failed(&error))
    }

    /// The bits of a broker's own permission: each broker has a topic of its own name, which
    /// nothing else closes. All bits where the permission isn't known.
    pub(super) async fn own_permission(&self, broker: &Broker) -> u32 {
        let brokers = self.brokers_of(&broker.name).await.ok().flatten().unwrap_or_default();
        let own = brokers.iter().find(|own| own.name == broker.name);
        own.map_or(OPEN, |own| own.access.perm)
    }

    /// Brokers that make topics by themselves.
    pub(super) async fn topic_makers(&self) -> Result<Vec<Broker>, RequestError> {
        Ok(self.brokers_of(TOPIC_MAKER).await?.unwrap_or_default())
    }

    /// All brokers, whatever they hold.
    pub(super) async fn all_brokers(&self) -> Result<Vec<Broker>, RequestError> {
        let info = Box::pin(self.handle.broker_cluster_info(timeout_ms())).await;
        let table = info.map_err(|error| failed(&error))?.broker_addr_table.unwrap_or_default();
        let mut brokers: Vec<Broker> = table
            .values()
            .filter_map(|broker| {
                let address = broker.broker_addrs().get(&0)?.to_string();
                let access = Access::default();
                Some(Broker { name: broker.broker_name().to_string(), address, access })
            })
            .collect();
        brokers.sort();
        Ok(brokers)
    }

    /// Looks at a queue from `offset` on without taking anything. None when the broker has no such
    /// topic. A consumer of the group asks the same anyway, so the look needs no further rights. It
    /// is the probe of account and rights as well: nothing is ever sent to the topic.
    pub(super) async fn glance(
        &self,
        address: &str,
        group: &str,
        topic: &str,
        queue: u32,
        offset: i64,
    ) -> Result<Option<Glance>, RequestError> {
        let (queue, offset) = (queue.to_string(), offset.to_string());
        let mut answer = self
            .ask(
                address,
                PULL,
                &[
                    ("consumerGroup", group),
                    ("topic", topic),
                    ("queueId", &queue),
                    ("queueOffset", &offset),
                    ("maxMsgNums", "1"),
                    ("sysFlag", PULL_FLAGS),
                    ("commitOffset", "0"),
                    ("suspendTimeoutMillis", "0"),
                    ("subVersion", "0"),
                    ("subscription", "*"),
                ],
            )
            .await?;
        match answer.code() {
            TOPIC_NOT_EXIST => Ok(None),
            SUCCESS | NOTHING_THERE | NOTHING_THERE_RETRY | OFFSET_MOVED => {
                let times = times(&mut answer);
                Ok(Some(Glance {
                    min_offset: number(&answer, "minOffset")?,
                    max_offset: number(&answer, "maxOffset")?,
                    born_ms: times.map(|(born_ms, _)| born_ms),
                    stored_ms: times.map(|(_, stored_ms)| stored_ms),
                }))
            }
            _ => Err(refused(&answer)),
        }
    }

    /// The offset that the group has committed for a queue; none when it never did.
    pub(super) async fn committed(
        &self,
        address: &str,
        group: &str,
        topic: &str,
        queue: u32,
    ) -> Result<Option<i64>, RequestError> {
        let queue = queue.to_string();
        let fields = [
            ("consumerGroup", group),
            ("topic", topic),
            ("queueId", queue.as_str()),
            ("setZeroIfNotFound", "false"),
        ];
        let answer = self.ask(address, QUERY_COMMITTED, &fields).await?;
        match answer.code() {
            SUCCESS => number(&answer, "offset").map(Some),
            NO_COMMITTED_OFFSET => Ok(None),
            _ => Err(refused(&answer)),
        }
    }

    /// Sets the offset that the group has committed for a queue.
    pub(super) async fn commit(
        &self,
        address: &str,
        group: &str,
        topic: &str,
        (queue, offset): (u32, i64),
    ) -> Result<(), RequestError> {
        let (queue, offset) = (queue.to_string(), offset.to_string());
        let fields = [
            ("consumerGroup", group),
            ("topic", topic),
            ("queueId", queue.as_str()),
            ("commitOffset", offset.as_str()),
        ];
        let answer = self.ask(address, UPDATE_COMMITTED, &fields).await?;
        if answer.code() == SUCCESS { Ok(()) } else { Err(refused(&answer)) }
    }

    /// The client ids of the group's consumers at a broker. Some brokers answer for a group without
    /// consumers with an error of their general code; here that is an empty list.
    pub(super) async fn consumers(
        &self,
        address: &str,
        group: &str,
    ) -> Result<Vec<String>, RequestError> {
        let answer = self.ask(address, CONSUMERS_OF_GROUP, &[("consumerGroup", group)]).await?;
        if answer.code() != SUCCESS {
            let refusal = refused(&answer);
            return if refusal.is_acl() { Err(refusal) } else { Ok(Vec::new()) };
        }
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Consumers {
            consumer_id_list: Vec<String>,
        }
        let body = answer.body().ok_or(RequestError::Unreadable("list of consumers"))?;
        serde_json::from_slice::<Consumers>(body)
            .map(|consumers| consumers.consumer_id_list)
            .map_err(|_| RequestError::Unreadable("list of consumers"))
    }

    /// A broker's version, such as `V5_4_0`.
    pub(super) async fn version(&self, address: &str) -> Result<String, RequestError> {
        let mut info = self.runtime_info(address).await?;
        info.remove("brokerVersionDesc").ok_or(RequestError::Unreadable("version"))
    }

    /// What a broker reports about itself, by name.
    pub(super) async fn runtime_info(
        &self,
        address: &str,
    ) -> Result<HashMap<String, String>, RequestError> {
        #[derive(serde::Deserialize)]
        struct Info {
            table: HashMap<String, String>,
        }
        let answer = self.ask(address, BROKER_RUNTIME_INFO, &[]).await?;
        if answer.code() != SUCCESS {
            return Err(refused(&answer));
        }
        let info = answer.body().and_then(|body| serde_json::from_slice::<Info>(body).ok());
        info.map(|info| info.table).ok_or(RequestError::Unreadable("runtime information"))
    }

    /// Puts a message on a topic's first queue; its offset there. Only for `doctor.topic`: orders
    /// go by the producer.
    pub(super) async fn put(
        &self,
        address: &str,
        group: &str,
        topic: &str,
        body: Vec<u8>,
    ) -> Result<i64, RequestError> {
        let born = instruments::clock::now().0.to_string();
        let fields = [
            ("producerGroup", group),
            ("topic", topic),
            ("defaultTopic", TOPIC_MAKER),
            ("defaultTopicQueueNums", QUEUES),
            ("queueId", "0"),
            ("sysFlag", "0"),
            ("bornTimestamp", &born),
            ("flag", "0"),
            ("properties", ""),
            ("reconsumeTimes", "0"),
            ("unitMode", "false"),
            ("batch", "false"),
        ];
        let answer = self.ask_with_body(address, SEND, &fields, Some(body)).await?;
        if answer.code() == SUCCESS {
            number(&answer, "queueOffset")
        } else {
            Err(refused(&answer))
        }
    }

    /// Makes the topic with four queues at a broker.
    pub(super) async fn create_topic(
        &self,
        address: &str,
        topic: &str,
    ) -> Result<(), RequestError> {
        let fields = [
            ("topic", topic),
            ("defaultTopic", TOPIC_MAKER),
            ("readQueueNums", QUEUES),
            ("writeQueueNums", QUEUES),
            ("perm", "6"),
            ("topicFilterType", "SINGLE_TAG"),
            ("topicSysFlag", "0"),
            ("order", "false"),
        ];
        let answer = self.ask(address, CREATE_TOPIC, &fields).await?;
        if answer.code() == SUCCESS { Ok(()) } else { Err(refused(&answer)) }
    }

    /// Closes the connections.
    pub(super) async fn close(&self) {
        Box::pin(self.handle.shutdown_owned()).await;
    }

    async fn ask(
        &self,
        address: &str,
        code: i32,
        fields: &[(&'static str, &str)],
    ) -> Result<RemotingCommand, RequestError> {
        self.ask_with_body(address, code, fields, None).await
    }

    async fn ask_with_body(
        &self,
        address: &str,
        code: i32,
        fields: &[(&'static str, &str)],
        body: Option<Vec<u8>>,
    ) -> Result<RemotingCommand, RequestError> {
        let mut command = RemotingCommand::new_request(code, Vec::new());
        for (name, value) in fields {
            command.add_ext_field(*name, *value);
        }
        if let Some(body) = body {
            command = command.set_body(body);
        }
        let address = address.into();
        let answer = Box::pin(self.handle.invoke_remoting(&address, command, timeout_ms())).await;
        answer.map_err(|error| failed(&error))
    }
}

impl RequestError {
    /// Whether it is the account that is refused.
    pub(super) fn is_acl(&self) -> bool {
        match self {
            Self::Refused { .. } if self.closes().is_some() => false,
            Self::Refused { code, remark } => {
                *code == 16 || *code == 1 && super::classify::says_acl(remark)
            }
            Self::Failed(_) | Self::Unreadable(_) | Self::Away(_) | Self::Uncounted(_) => false,
        }
    }

    /// What is closed to everybody, where the request was refused for that.
    pub(super) fn closes(&self) -> Option<Closes> {
        let Self::Refused { code, remark } = self else { return None };
        let says = |words: &str| remark.contains(words);
        match *code {
            16 if says("pulling message is forbidden") => Some(Closes::Queue),
            16 if says("subscription group no permission") => Some(Closes::Group),
            // Brokers 4.9 answer with the general code.
            1 | 29 if says("queueId[") => Some(Closes::Queue),
            _ => None,
        }
    }

    /// Whether the circuit breaker may stand between us and the other end, so that a fresh
    /// connection might do better.
    pub(super) fn doubts_the_way(&self) -> bool {
        matches!(self, Self::Failed(facts) if facts.doubts_the_way())
    }
}

impl std::fmt::Display for RequestError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused { code, remark } => write!(f, "the broker refused: {remark} ({code})"),
            Self::Failed(facts) => f.write_str(&facts.sentence()),
            Self::Away(broker) => write!(f, "{broker} is away, and what waits there is unknown"),
            Self::Uncounted(what) => f.write_str(what),
            Self::Unreadable(what) => write!(f, "the broker's {what} can't be read"),
        }
    }
}

fn timeout_ms() -> u64 {
    u64::try_from(REQUEST_TIMEOUT.as_millis()).unwrap_or(u64::MAX)
}

fn failed(error: &ClientError) -> RequestError {
    RequestError::Failed(Facts::of(error))
}

fn refused(answer: &RemotingCommand) -> RequestError {
    let remark = answer.remark().map(ToString::to_string).unwrap_or_default();
    // Only the first line: some remarks go on with the address of an FAQ.
    let remark = remark.lines().next().unwrap_or_default().trim().to_owned();
    RequestError::Refused { code: answer.code(), remark }
}

fn number(answer: &RemotingCommand, name: &'static str) -> Result<i64, RequestError> {
    let fields = answer.ext_fields().ok_or(RequestError::Unreadable(name))?;
    let value = fields.get(name).ok_or(RequestError::Unreadable(name))?;
    value.parse().map_err(|_| RequestError::Unreadable(name))
}

/// When the message was born, and when it was stored.
fn times(answer: &mut RemotingCommand) -> Option<(i64, i64)> {
    let mut body = answer.take_body()?;
    let messages = message_decoder::decodes_batch(&mut body, false, false);
    messages.first().map(|message| (message.born_timestamp(), message.store_timestamp()))
}

fn sorted(route: &TopicRouteData) -> Route {
    let mut sorted = Route::default();
    for broker in &route.broker_datas {
        let name = broker.broker_name().to_string();
        let mut access = Access::default();
        let parts = route.queue_datas.iter();
        for part in parts.filter(|part| part.broker_name() == broker.broker_name()) {
            access.read_queues += part.read_queue_nums();
            access.write_queues += part.write_queue_nums();
            access.perm |= part.perm();
        }
        match broker.broker_addrs().get(&0) {
            Some(address) => {
                sorted.brokers.push(Broker { name, address: address.to_string(), access });
            }
            None => sorted.headless.push(name),
        }
    }
    sorted.brokers.sort();
    sorted
}

#[cfg(test)]
mod tests;
