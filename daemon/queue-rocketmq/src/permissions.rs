//! Asks what brokers close to everybody, for the keeper's look and as lines of `doctor`. The
//! sentences are those of `access.rs`.

use domain::ports::findings::Finding;

use super::access::{Closed, OPEN, Shut, TopicPart, judged};
use super::client::Clients;
use super::queues::{Beyond, Depth, Spot};
use super::requests::{Broker, RequestError, Requests};

const PERMISSION: &str = "topic permission";
const QUEUES: &str = "queues";

/// Judges the brokers' parts of the topic.
pub(super) async fn closed(
    requests: &Requests,
    topic: &str,
    brokers: &[Broker],
    shut: &[Shut],
) -> Closed {
    let mut parts = Vec::with_capacity(brokers.len());
    for broker in brokers {
        parts.push(part(requests, broker).await);
    }
    judged(topic, &parts, shut)
}

async fn part<'a>(requests: &Requests, broker: &'a Broker) -> TopicPart<'a> {
    let is_open = 0 < broker.access.readable() && 0 < broker.access.writable();
    let own = if is_open { OPEN } else { requests.own_permission(broker).await };
    TopicPart { broker, own }
}

/// The group may consume nothing at a broker.
pub(super) fn group_closed(group: &str, broker: &Broker) -> String {
    let Broker { name, address, .. } = broker;
    format!(
        "group {group} may not consume at {name} (consumeEnable is off), so no order is placed: \
         mqadmin updateSubGroup -b {address} -g {group} -s true"
    )
}

/// `doctor`'s lines on one broker's part of the orders' topic. `publishes` and `consumes` say what
/// this process does: what only the other half needs is a warning.
pub(super) async fn lines(
    clients: &Clients,
    requests: &Requests,
    broker: &Broker,
    publishes: bool,
    consumes: bool,
) -> Vec<Finding> {
    let names = &clients.names;
    let (topic, part) = (names.topic.as_str(), part(requests, broker).await);
    let mut findings = Vec::new();
    let shut = match shut(clients, requests, broker, topic).await {
        Ok(shut) => shut.into_iter().collect(),
        Err(error) => {
            let advice = "allow the account to read and to ask for the topic (SUB, GET)";
            findings.push(Finding::warn(QUEUES, error.to_string(), advice));
            Vec::new()
        }
    };
    if let Some(sentence) = part.unwritable(topic) {
        findings.push(line_of(publishes, PERMISSION, &sentence));
    }
    if let Some(sentence) = part.unreadable(topic, &shut) {
        findings.push(line_of(consumes, PERMISSION, &sentence));
    }
    let judged = judged(topic, &[part], &shut);
    // What closes the whole part has its line above.
    let rest = judged.warnings.iter().filter(|_| 0 < broker.access.readable());
    findings.extend(rest.map(|sentence| line_of(!shut.is_empty(), QUEUES, sentence)));
    findings
}

/// A sentence as a line: what is wrong stands before the colon that begins what to do. What this
/// process needs is a failure.
pub(super) fn line_of(is_needed: bool, check: &'static str, sentence: &str) -> Finding {
    let (found, advice) = sentence.rsplit_once(": ").unwrap_or((sentence, ""));
    match is_needed {
        true => Finding::fail(check, found, advice),
        false => Finding::warn(check, found, advice),
    }
}

/// The orders that lie where nobody may read; none where there are none.
async fn shut(
    clients: &Clients,
    requests: &Requests,
    broker: &Broker,
    topic: &str,
) -> Result<Option<Shut>, RequestError> {
    let spot = Spot { requests, broker, group: &clients.names.group, topic };
    let depths = spot.shut(&mut Beyond::default()).await?;
    let depths: Vec<_> = depths.into_iter().filter(|depth| 0 < depth.waiting()).collect();
    let waiting = depths.iter().map(Depth::waiting).sum();
    Ok((!depths.is_empty()).then(|| Shut {
        broker: broker.name.clone(),
        topic: topic.to_owned(),
        waiting: Some(waiting),
        queues: depths.iter().map(|depth| depth.number).collect(),
    }))
}
