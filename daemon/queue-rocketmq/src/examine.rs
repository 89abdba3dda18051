//! `doctor`'s look at RocketMQ, line by line. It asks less than a start does. Nothing is made, not
//! even the group's entry that a broker writes at a first pull, and nothing is sent but over
//! `doctor.topic`.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;

use domain::ports::Credentials;
use domain::ports::findings::Finding;

use super::client::Clients;
use super::port_watch::connect;
use super::probe::{Obstacle, account_obstacle, from_name_server};
use super::requests::{Broker, Closes, RequestError, Requests};
use super::{broker_clock, permissions, round_trip};
use crate::settings::Settings;

/// How long all questions to one name server or broker may take together.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the clients may take to end.
const END_TIMEOUT: Duration = Duration::from_secs(3);

pub(super) const BROKER: &str = "broker";
const ACCOUNT: &str = "broker account";
const TOPIC: &str = "topic";
const TOPIC_RIGHT: &str = "topic permission";
const GROUP: &str = "group";
const GROUP_RIGHT: &str = "group permission";
const PUBLISH: &str = "permission to publish";

/// What is to be looked at.
#[derive(Debug, Clone)]
pub struct Examination {
    /// Whether this process sends orders.
    pub publishes: bool,
    /// Whether this process consumes.
    pub consumes: bool,
    /// The topic for a round trip; empty for none.
    pub doctor_topic: String,
    /// The process id of this configuration's running daemon, whose consumer is no stranger.
    pub running: Option<u32>,
}

/// Looks at everything between us and the orders. Bounded in time; changes nothing but what a
/// round trip over [`Examination::doctor_topic`] leaves there.
pub async fn examine(
    settings: &Settings,
    credentials: Option<Credentials>,
    wanted: Examination,
) -> Vec<Finding> {
    let clients = match Clients::new(settings.clone(), credentials) {
        Ok(clients) => clients,
        Err(cause) => return vec![Finding::fail(BROKER, cause.to_string(), "a fault of ours")],
    };
    let (mut findings, anybody) = name_servers(settings).await;
    if anybody {
        match timely(clients.handle()).await {
            Some(Ok(handle)) => {
                let requests = Requests::new(handle);
                let look = Look { clients: &clients, requests: &requests, wanted: &wanted };
                findings.extend(Box::pin(look.all()).await);
                let _ = tokio::time::timeout(END_TIMEOUT, Box::pin(requests.close())).await;
            }
            Some(Err(error)) => {
                findings.push(Finding::fail(BROKER, error.to_string(), "look at rocketmq.tls"));
            }
            None => findings.push(silent(BROKER)),
        }
    } else {
        let advice = "mend the way to a name server first: it tells where the brokers are";
        findings.push(Finding::fail(BROKER, "not looked at: no name server answers", advice));
    }
    let _ = tokio::time::timeout(END_TIMEOUT, Box::pin(clients.shutdown())).await;
    findings
}

/// Each name server by itself, and whether any answers.
async fn name_servers(settings: &Settings) -> (Vec<Finding>, bool) {
    const CHECK: &str = "name server";
    let mut down: BTreeMap<&str, String> = BTreeMap::new();
    for address in &settings.name_servers {
        if let Err(why) = connect(address).await {
            down.insert(address, why);
        }
    }
    let anybody = down.len() < settings.name_servers.len();
    let line = |address: &String| {
        let Some(why) = down.get(address.as_str()) else {
            return Finding::ok(CHECK, format!("{address} takes connections"));
        };
        let found = format!("{address} doesn't answer: {why}");
        let advice = "start it, or correct rocketmq.name_servers";
        // The sale can do with the others.
        if anybody {
            Finding::warn(CHECK, found, advice)
        } else {
            Finding::fail(CHECK, found, advice)
        }
    };
    (settings.name_servers.iter().map(line).collect(), anybody)
}

pub(super) async fn timely<T>(asked: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(STEP_TIMEOUT, Box::pin(asked)).await.ok()
}

pub(super) fn silent(check: &'static str) -> Finding {
    let found = format!("no answer within {} s", STEP_TIMEOUT.as_secs());
    Finding::fail(check, found, "look at the broker's log and load")
}

struct Look<'a> {
    clients: &'a Clients,
    requests: &'a Requests,
    wanted: &'a Examination,
}

/// What one broker answers this account.
#[derive(Default)]
struct Heard {
    findings: Vec<Finding>,
    /// Client ids of the group's consumers.
    consumers: Vec<String>,
    /// Whether the group has been at the topic.
    has_consumed: bool,
    /// Whether the account is taken.
    account: bool,
    /// Whether the broker listed the consumers.
    listed: bool,
}

impl Look<'_> {
    async fn all(&self) -> Vec<Finding> {
        let found = match timely(self.brokers()).await {
            Some(Ok(found)) => found,
            Some(Err(obstacle)) => return vec![line_of(BROKER, self.clients, &obstacle)],
            None => return vec![silent(BROKER)],
        };
        let (brokers, known, makers) = found;
        let mut findings = Vec::new();
        let (mut reached, mut heard_all) = (Vec::new(), Vec::new());
        for broker in &brokers {
            let Broker { name, address, .. } = broker;
            match connect(address).await {
                Ok(_) => {
                    findings.push(Finding::ok(BROKER, format!("{name} at {address} answers")));
                    reached.push(broker);
                }
                Err(why) => findings.push(Finding::fail(
                    BROKER,
                    format!("{name} at {address} doesn't answer: {why}"),
                    "start it; if it runs, the address that it gave the name server (brokerIP1) \
                     can't be reached from here",
                )),
            }
        }
        for broker in &reached {
            let Some(mut heard) = timely(self.listen(broker)).await else {
                findings.push(silent(ACCOUNT));
                continue;
            };
            findings.append(&mut heard.findings);
            if heard.account {
                findings.push(self.open_broker(broker).await);
            }
            if heard.account && known {
                findings.extend(self.closed(broker).await);
            }
            heard_all.push(heard);
        }
        if reached.is_empty() || !heard_all.iter().any(|heard| heard.account) {
            return findings;
        }
        findings.push(self.topic(&brokers, known, makers));
        findings.extend(self.group(&heard_all));
        findings.extend(self.ways(&reached).await);
        findings
    }

    /// The brokers, whether they are the topic's own, and whether any makes topics by itself.
    async fn brokers(&self) -> Result<(Vec<Broker>, bool, bool), Obstacle> {
        let topic = &self.clients.names.topic;
        let own = self.requests.brokers_of(topic).await.map_err(from_name_server)?;
        if let Some(brokers) = own.filter(|brokers| !brokers.is_empty()) {
            return Ok((brokers, true, false));
        }
        let makers = self.requests.topic_makers().await.map_err(from_name_server)?;
        let anybody = match makers.is_empty() {
            true => self.requests.all_brokers().await.map_err(from_name_server)?,
            false => makers.clone(),
        };
        if anybody.is_empty() {
            Err(Obstacle::NoBroker)
        } else {
            Ok((anybody, false, !makers.is_empty()))
        }
    }

    /// Account and rights at one broker. One thing is asked at a time, so that each refusal names
    /// its cause.
    async fn listen(&self, broker: &Broker) -> Heard {
        let names = &self.clients.names;
        let (name, address) = (&broker.name, broker.address.as_str());
        let mut heard = Heard { account: true, ..Heard::default() };
        match self.requests.consumers(address, &names.group).await {
            Ok(consumers) => (heard.consumers, heard.listed) = (consumers, true),
            Err(error) => self.refused(&mut heard, broker, GROUP_RIGHT, &error),
        }
        if !heard.account {
            return heard;
        }
        let who = match self.clients.has_credentials() {
            true => "takes the access key and its secret",
            false => "wants no account, and none is configured",
        };
        heard.findings.insert(0, Finding::ok(ACCOUNT, format!("{name} {who}")));
        match self.requests.committed(address, &names.group, &names.topic, 0).await {
            Ok(committed) => heard.has_consumed = committed.is_some(),
            Err(error) => {
                self.refused(&mut heard, broker, TOPIC_RIGHT, &error);
                return heard;
            }
        }
        if !heard.has_consumed && heard.consumers.is_empty() {
            // A pull would write the group into the broker's list.
            let found = format!("{name} tells the group's place on {}", names.topic);
            heard.findings.push(Finding::ok(TOPIC_RIGHT, found));
            return heard;
        }
        match self.requests.glance(address, &names.group, &names.topic, 0, 0).await {
            Ok(_) => heard.findings.push(Finding::ok(
                TOPIC_RIGHT,
                format!("{name} lets us subscribe to {} with group {}", names.topic, names.group),
            )),
            Err(error) if error.closes() == Some(Closes::Group) => {
                let sentence = permissions::group_closed(&names.group, broker);
                heard.findings.push(permissions::line_of(
                    self.wanted.consumes,
                    GROUP_RIGHT,
                    &sentence,
                ));
            }
            // Closed to everybody: a line of its own says how.
            Err(error) if error.closes().is_some() => {}
            Err(error) => self.refused(&mut heard, broker, TOPIC_RIGHT, &error),
        }
        heard
    }

    /// A refusal: of the account as a whole, or of a right. Brokers name what they refuse.
    fn refused(
        &self,
        heard: &mut Heard,
        broker: &Broker,
        asked: &'static str,
        error: &RequestError,
    ) {
        let name = &broker.name;
        if !error.is_acl() {
            let found = format!("{name} takes connections but doesn't answer ({error})");
            let advice = "look at its log and load; with TLS on one side only it looks the same";
            heard.findings.push(Finding::fail(ACCOUNT, found, advice));
            heard.account = false;
            return;
        }
        let obstacle = account_obstacle(self.clients, &self.clients.account(), &error.to_string());
        if let Obstacle::Account { .. } = obstacle {
            heard.findings.push(line_of(ACCOUNT, self.clients, &obstacle));
            heard.account = false;
            return;
        }
        let (check, what) = match refused_thing(&error.to_string()) {
            Some(Thing::Topic) => (TOPIC_RIGHT, format!("topic {}", self.clients.names.topic)),
            Some(Thing::Group) => (GROUP_RIGHT, format!("group {}", self.clients.names.group)),
            None => (asked, "this".to_owned()),
        };
        if heard.findings.iter().any(|known| known.check == check) {
            return;
        }
        let found = format!("{name} gives the account no permission on {what}: {error}");
        let advice = format!("allow the access key to subscribe with {what} at the broker");
        // A gateway can do without this right: it only can't read the lag.
        heard.findings.push(match self.wanted.consumes {
            true => Finding::fail(check, found, advice),
            false => Finding::warn(check, found, advice),
        });
    }

    /// What the broker closes to everybody.
    async fn closed(&self, broker: &Broker) -> Vec<Finding> {
        let Examination { publishes, consumes, .. } = *self.wanted;
        let lines = permissions::lines(self.clients, self.requests, broker, publishes, consumes);
        timely(lines).await.unwrap_or_else(|| vec![silent(TOPIC_RIGHT)])
    }

    /// Whether a secret that nobody has is taken too.
    async fn open_broker(&self, broker: &Broker) -> Finding {
        const CHECK: &str = "open broker";
        let name = &broker.name;
        if !self.clients.has_credentials() {
            return Finding::ok(CHECK, format!("{name} asks for no secret, none is configured"));
        }
        let asked = async {
            let handle = self.clients.handle_with_invented_secret().await.ok()??;
            let invented = Requests::new(handle);
            let told = invented.consumers(&broker.address, &self.clients.names.group).await;
            let _ = tokio::time::timeout(END_TIMEOUT, Box::pin(invented.close())).await;
            Some(told)
        };
        match timely(asked).await.flatten() {
            Some(Ok(_)) => Finding::warn(
                CHECK,
                format!("{name} takes an invented secret as well: it checks nothing"),
                "switch its access control on (5.3 and newer: authenticationEnabled, not aclEnable)",
            ),
            Some(Err(error)) if error.is_acl() => {
                Finding::ok(CHECK, format!("{name} refuses an invented secret"))
            }
            _ => Finding::warn(
                CHECK,
                format!("{name} didn't answer to an invented secret"),
                "run doctor again",
            ),
        }
    }

    fn topic(&self, brokers: &[Broker], known: bool, makers: bool) -> Finding {
        let topic = &self.clients.names.topic;
        if known {
            let queues: u32 = brokers.iter().map(|broker| broker.access.readable()).sum();
            let found =
                format!("{topic} is there: {queues} queues to read, {} brokers", brokers.len());
            return Finding::ok(TOPIC, found);
        }
        if makers {
            let found =
                format!("{topic} isn't there yet; the broker makes it (autoCreateTopicEnable)");
            return Finding::ok(TOPIC, found);
        }
        let found = format!("{topic} isn't there, and brokers make none by themselves");
        if self.clients.settings.create_topic {
            let advice = "a start tries to make it (rocketmq.create_topic), which wants an \
                          administrator's account: better make it with mqadmin updateTopic";
            return Finding::warn(TOPIC, found, advice);
        }
        Finding::fail(TOPIC, found, "make it with mqadmin updateTopic")
    }

    /// The group: whether it is there, and who else is in it.
    fn group(&self, heard: &[Heard]) -> Vec<Finding> {
        let group = &self.clients.names.group;
        if !self.wanted.consumes {
            return Vec::new();
        }
        // Where no broker listed the consumers, another line says why.
        if !heard.iter().any(|heard| heard.listed) {
            return Vec::new();
        }
        let everybody: BTreeSet<&String> =
            heard.iter().flat_map(|heard| &heard.consumers).collect();
        let is_there = !everybody.is_empty() || heard.iter().any(|heard| heard.has_consumed);
        let found = match is_there {
            true => format!("{group} is there"),
            false => format!(
                "{group} has consumed nothing yet; the broker makes it with its first consumer, \
                 unless its autoCreateSubscriptionGroup is off"
            ),
        };
        let is_ours = |id: &str| {
            self.wanted.running.is_some_and(|pid| id.contains(&format!("seckilld-{pid}-")))
        };
        let others: Vec<&str> =
            everybody.into_iter().map(String::as_str).filter(|id| !is_ours(id)).collect();
        const CHECK: &str = "other consumers";
        let company = match others.as_slice() {
            [] => Finding::ok(CHECK, format!("nobody else is in group {group}")),
            others => Finding::warn(
                CHECK,
                format!(
                    "{} in group {group} take a part of the orders: {}",
                    others.len(),
                    others.join(", ")
                ),
                "stop them, or give this daemon a topic of its own",
            ),
        };
        vec![Finding::ok(GROUP, found), company]
    }

    /// Sending, and the clock, which a sent message measures best.
    async fn ways(&self, brokers: &[&Broker]) -> Vec<Finding> {
        let topic = &self.wanted.doctor_topic;
        let mut findings = Vec::new();
        let mut offsets = BTreeMap::new();
        if !topic.is_empty() {
            let (line, found) = round_trip::over(self.clients, self.requests, topic).await;
            findings.extend(line);
            offsets = found;
        } else if self.wanted.publishes {
            findings.push(Finding::warn(
                PUBLISH,
                "unproven: only sending shows it, and the orders' topic has other readers",
                "set doctor.topic to a topic that nobody reads",
            ));
        }
        for broker in brokers {
            let seen = offsets.get(&broker.address).copied();
            let seen = match seen {
                Some(seen) => Some(Ok(seen)),
                None => timely(broker_clock::by_runtime(self.requests, &broker.address)).await,
            };
            findings.push(broker_clock::judged(&broker.name, seen));
        }
        findings
    }
}

/// What a broker's remark says that it refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thing {
    Topic,
    Group,
}

fn refused_thing(remark: &str) -> Option<Thing> {
    let remark = remark.to_ascii_lowercase();
    if remark.contains("group:") || remark.contains("%retry%") {
        Some(Thing::Group)
    } else if remark.contains("topic:") {
        Some(Thing::Topic)
    } else {
        None
    }
}

/// An obstacle as a line: what is wrong stands before the colon that begins the advice.
pub(super) fn line_of(check: &'static str, clients: &Clients, obstacle: &Obstacle) -> Finding {
    let sentence = obstacle.sentence(clients);
    match sentence.rsplit_once(": ") {
        Some((found, advice)) => Finding::fail(check, found, advice),
        None => Finding::fail(check, sentence, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::{Thing, refused_thing};

    #[test]
    fn brokers_name_what_they_refuse() {
        for (remark, thing) in [
            ("User:someone has no permission to access Topic:T from 127.0.0.1", Some(Thing::Topic)),
            ("User:someone has no permission to access Group:G from 127.0.0.1", Some(Thing::Group)),
            ("AclException: No default permission for topic:T", Some(Thing::Topic)),
            ("AclException: No default permission for group:G", Some(Thing::Group)),
            ("no permission", None),
        ] {
            assert_eq!(refused_thing(remark), thing, "{remark}");
        }
    }
}
