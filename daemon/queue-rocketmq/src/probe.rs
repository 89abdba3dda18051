//! What is wrong with the way to RocketMQ, in sentences that say what to do. Asks only what a
//! consumer of our group asks anyway, and never sends to the order topic: Java consumers would
//! place a probe.

use std::collections::BTreeMap;

use domain::ports::Account;

use super::access::{Closed, Shut};
use super::client::Clients;
use super::permissions;
use super::port_watch::PortWatch;
use super::requests::{Broker, Closes, RequestError, Requests};

/// What a probe found working.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) brokers: Vec<Broker>,
    pub(super) topic: Topic,
    /// What the brokers close to everybody, and what works but isn't as it should be.
    pub(super) closed: Closed,
}

/// The order topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    /// It is there.
    Exists,
    /// It isn't there, and the first order sent makes it: there is nothing to consume yet.
    MadeByFirstOrder,
}

/// What keeps orders from flowing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// No name server answers; each with why.
    NameServers(BTreeMap<String, String>),
    /// The name server leaves out what the client can't do without.
    NameServerSpeaks4x,
    /// The name server answers, and knows no broker.
    NoBroker,
    /// No broker answers; each with why.
    Brokers(BTreeMap<String, String>),
    /// A broker took the connection and says nothing.
    Silent { address: String, detail: String },
    /// The account itself: nothing works with it.
    Account { sentence: String },
    /// The account is taken, and lacks a right of a consumer. A gateway that only publishes does
    /// without.
    Rights { sentence: String },
    /// There is no topic and nobody makes it.
    TopicMissing { why: String },
    /// No broker has the topic that we consume: it was deleted.
    TopicGone,
    /// Nothing is wrong: something is under way that takes a moment.
    Settling(&'static str),
    /// Something else.
    Other(String),
}

impl Obstacle {
    /// One sentence on what is wrong, one on what to do.
    pub(super) fn sentence(&self, clients: &Clients) -> String {
        let settings = &clients.settings;
        match self {
            Self::NameServers(why) => format!(
                "no RocketMQ name server answers ({}): start it, or correct rocketmq.name_servers",
                listed(why)
            ),
            Self::NameServerSpeaks4x => "the name server speaks 4.x, which this build can't read: \
                build with `cargo xtask rocketmq patch-4x`, or put a 5.x name server in front"
                .to_owned(),
            Self::NoBroker => format!(
                "the name server {} knows no broker: start the broker, and look whether its \
                 namesrvAddr is this name server",
                settings.name_servers.join(", ")
            ),
            Self::Brokers(why) => format!(
                "the RocketMQ broker doesn't answer ({}): start it; if it runs, the address that it \
                 gave the name server (brokerIP1) can't be reached from here",
                listed(why)
            ),
            Self::Silent { address, detail } => format!(
                "the RocketMQ broker {address} takes connections but doesn't answer ({detail}): look \
                 at its log and load; with TLS on one side only it looks the same (rocketmq.tls)"
            ),
            Self::Account { sentence } | Self::Rights { sentence } => sentence.clone(),
            Self::TopicMissing { why } => format!(
                "the topic {} doesn't exist and isn't made by itself ({why}): make it with `mqadmin \
                 updateTopic`, or give the account the right to",
                clients.names.topic
            ),
            Self::TopicGone => format!("the topic {} was deleted", clients.names.topic),
            Self::Settling(what) => (*what).to_owned(),
            Self::Other(detail) => format!("RocketMQ can't be used: {detail}"),
        }
    }

    /// Whether only a person can remove the obstacle: then there is no hurry in asking again.
    pub(super) fn needs_a_person(&self) -> bool {
        matches!(self, Self::Account { .. } | Self::Rights { .. } | Self::NameServerSpeaks4x)
    }
}

/// Whether this process consumes: only then are missing rights on the group an obstacle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consumes {
    Yes,
    No,
}

/// Whether this process has a consumer at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtWork {
    Yes,
    No,
}

/// Looks at everything between us and the topic. `shut` are orders that were found where nobody may
/// read. A topic that is gone isn't made again while a consumer of the old one is at work.
pub(super) async fn probe(
    clients: &Clients,
    requests: &Requests,
    port_watch: &PortWatch,
    (consumes, at_work): (Consumes, AtWork),
    shut: &[Shut],
) -> Result<Found, Obstacle> {
    let topic = &clients.names.topic;
    let route = requests.route_of(topic).await.map_err(from_name_server)?;
    let known = route.as_ref().is_some_and(|route| !route.brokers.is_empty());
    let headless = route.as_ref().map(|route| route.headless.clone()).unwrap_or_default();
    let brokers = match route {
        Some(route) if known || !headless.is_empty() => route.brokers,
        _ => candidates(requests).await?,
    };
    if brokers.is_empty() {
        return Err(Obstacle::NoBroker);
    }
    let addresses: Vec<String> = brokers.iter().map(|broker| broker.address.clone()).collect();
    port_watch.watch_only(&[clients.settings.name_servers.as_slice(), &addresses].concat());
    let down = port_watch.down_among(&addresses).await;
    if down.len() == addresses.len() {
        return Err(Obstacle::Brokers(down));
    }
    let mut closed = match known {
        true => permissions::closed(requests, topic, &brokers, shut).await,
        false => Closed::default(),
    };
    if !down.is_empty() {
        closed
            .warnings
            .push(format!("a part of the RocketMQ brokers doesn't answer: {}", listed(&down)));
    }
    if !headless.is_empty() {
        closed.warnings.push(format!(
            "the master of {} is away: what waits there is unknown, and only replicas answer. Start it",
            headless.join(", ")
        ));
    }
    let reachable = || brokers.iter().filter(|broker| !down.contains_key(&broker.address));
    let mut there = false;
    for broker in reachable() {
        there |= usable(clients, requests, broker, known, consumes, &mut closed).await?;
    }
    if known {
        return Ok(Found { brokers, topic: Topic::Exists, closed });
    }
    if there {
        // The broker has it and the name server doesn't know yet: it registers in a moment.
        return Err(Obstacle::Settling("waiting for the name server to know the topic"));
    }
    if at_work == AtWork::Yes && down.is_empty() {
        return Err(Obstacle::TopicGone);
    }
    let made = make_topic(clients, requests, reachable()).await?;
    if made == Topic::MadeByFirstOrder && consumes == Consumes::Yes {
        closed
            .warnings
            .push(format!("the topic {topic} doesn't exist yet; the first order sent makes it"));
    }
    Ok(Found { brokers, topic: made, closed })
}

/// Whether the broker takes us and has the topic; who else consumes there.
async fn usable(
    clients: &Clients,
    requests: &Requests,
    broker: &Broker,
    known: bool,
    consumes: Consumes,
    closed: &mut Closed,
) -> Result<bool, Obstacle> {
    let there = match account(clients, requests, broker, known).await {
        Ok(Here::Open) => true,
        Ok(Here::GroupClosed) => {
            closed.degraded.extend(group_closed(clients, broker, consumes));
            true
        }
        Ok(Here::NoTopic) => false,
        Err(Obstacle::Rights { sentence }) if consumes == Consumes::No => {
            closed.warnings.push(format!("the lag can't be read: {sentence}"));
            known
        }
        Err(obstacle) => return Err(obstacle),
    };
    if consumes == Consumes::Yes {
        closed.warnings.extend(others(clients, requests, broker).await);
    }
    Ok(there)
}

/// The group as a whole may not consume; that doesn't matter to a process that only publishes.
fn group_closed(clients: &Clients, broker: &Broker, consumes: Consumes) -> Option<String> {
    (consumes == Consumes::Yes).then(|| permissions::group_closed(&clients.names.group, broker))
}

/// Brokers to ask when the name server doesn't know the topic.
pub(super) async fn candidates(requests: &Requests) -> Result<Vec<Broker>, Obstacle> {
    let makers = requests.topic_makers().await.map_err(from_name_server)?;
    if makers.is_empty() {
        return requests.all_brokers().await.map_err(from_name_server);
    }
    Ok(makers)
}

/// What a broker has for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Here {
    Open,
    NoTopic,
    GroupClosed,
}

/// Whether the broker takes our account and rights, and has the topic.
async fn account(
    clients: &Clients,
    requests: &Requests,
    broker: &Broker,
    known: bool,
) -> Result<Here, Obstacle> {
    let names = &clients.names;
    // Where nobody may read the queue, another request shows whether the account is taken.
    let asked = match known && broker.access.readable() == 0 {
        true => {
            let committed = requests.committed(&broker.address, &names.group, &names.topic, 0);
            committed.await.map(|_| Here::Open)
        }
        false => {
            let glance = requests.glance(&broker.address, &names.group, &names.topic, 0, 0).await;
            glance.map(|glance| if glance.is_some() { Here::Open } else { Here::NoTopic })
        }
    };
    match asked {
        Ok(here) => Ok(here),
        Err(error) if error.is_acl() => {
            Err(account_obstacle(clients, &clients.account(), &error.to_string()))
        }
        Err(error @ RequestError::Refused { .. }) => match error.closes() {
            Some(Closes::Group) => Ok(Here::GroupClosed),
            // Closed since the name server was asked; its route will show it in a moment.
            Some(Closes::Queue) => Ok(Here::Open),
            None => Err(Obstacle::Other(error.to_string())),
        },
        Err(error) => {
            Err(Obstacle::Silent { address: broker.address.clone(), detail: error.to_string() })
        }
    }
}

/// The brokers' remarks differ by version; only their words distinguish the obstacles.
pub(super) fn account_obstacle(clients: &Clients, account: &Account, remark: &str) -> Obstacle {
    let secret_file = account.secret_key_file.display();
    let key_file = account.access_key_file.display();
    let lower = remark.to_ascii_lowercase();
    let unknown = ["not found", "no acl config", "is null", "cannot be null", "no accesskey"];
    let sentence = if account.credentials.is_none() {
        format!(
            "the RocketMQ broker wants an account and none is configured ({remark}): set \
             rocketmq.access_key_file and rocketmq.secret_key_file"
        )
    } else if lower.contains("signature") {
        format!(
            "the RocketMQ broker refuses the secret ({remark}): put the right one in \
             rocketmq.secret_key_file ({secret_file})"
        )
    } else if unknown.iter().any(|words| lower.contains(words)) {
        format!(
            "the RocketMQ broker doesn't know the access key ({remark}): put the right one in \
             rocketmq.access_key_file ({key_file}), or add the account at the broker"
        )
    } else {
        let (topic, group) = (&clients.names.topic, &clients.names.group);
        return Obstacle::Rights {
            sentence: format!(
                "the account lacks a right at the RocketMQ broker ({remark}): allow the access key \
                 of rocketmq.access_key_file ({key_file}) to publish and subscribe to topic \
                 {topic} and to subscribe with group {group}"
            ),
        };
    };
    Obstacle::Account { sentence }
}

/// Everyone else in our group takes a part of the orders, and places them in another database.
async fn others(clients: &Clients, requests: &Requests, broker: &Broker) -> Option<String> {
    let group = &clients.names.group;
    // A failure to read is no obstacle: the account may lack the right to know.
    let consumers = requests.consumers(&broker.address, group).await.ok()?;
    let mut others: Vec<String> = consumers.into_iter().filter(|id| !clients.is_ours(id)).collect();
    others.sort();
    others.dedup();
    (!others.is_empty()).then(|| {
        format!(
            "{} other consumers in group {group} take part of the orders: {}. Stop them, or give this \
             daemon a topic of its own",
            others.len(),
            others.join(", ")
        )
    })
}

/// Makes the topic at the brokers that lack it, where it is allowed.
async fn make_topic<'a>(
    clients: &Clients,
    requests: &Requests,
    brokers: impl Iterator<Item = &'a Broker>,
) -> Result<Topic, Obstacle> {
    let topic = clients.names.topic.as_str();
    let (mut made, mut refusal) = (false, None);
    if clients.settings.create_topic {
        for broker in brokers {
            // All these brokers just answered that they don't have the topic: nobody's topic is
            // overwritten.
            match requests.create_topic(&broker.address, topic).await {
                Ok(()) => {
                    tracing::info!(
                        target: "seckilld::queue", topic, broker = broker.name, "made the topic"
                    );
                    made = true;
                }
                Err(error) => refusal = Some(error.to_string()),
            }
        }
    }
    if made {
        return Err(Obstacle::Settling("waiting for the name server to know the new topic"));
    }
    if !requests.topic_makers().await.map_err(from_name_server)?.is_empty() {
        return Ok(Topic::MadeByFirstOrder);
    }
    let off = "rocketmq.create_topic is off and so is the broker's autoCreateTopicEnable";
    Err(Obstacle::TopicMissing { why: refusal.unwrap_or_else(|| off.to_owned()) })
}

/// Whether a secret that nobody has is taken too.
pub(super) async fn takes_any_secret(clients: &Clients, broker: &Broker) -> Option<String> {
    let handle = clients.handle_with_invented_secret().await.ok()??;
    let invented = Requests::new(handle);
    let names = &clients.names;
    let glance = invented.glance(&broker.address, &names.group, &names.topic, 0, 0).await;
    invented.close().await;
    glance.is_ok().then(|| {
        format!(
            "credentials are configured, but the RocketMQ broker {} takes an invented secret as well: \
             it checks nothing (a 5.3 or newer broker wants authenticationEnabled, not aclEnable)",
            broker.name
        )
    })
}

pub(super) fn from_name_server(error: RequestError) -> Obstacle {
    match error {
        RequestError::Failed(facts) if facts.code == "core.serialization.failed" => {
            Obstacle::NameServerSpeaks4x
        }
        other => Obstacle::Other(format!("the name server: {other}")),
    }
}

fn listed(why: &BTreeMap<String, String>) -> String {
    let each: Vec<String> = why.iter().map(|(address, why)| format!("{address}: {why}")).collect();
    each.join("; ")
}
