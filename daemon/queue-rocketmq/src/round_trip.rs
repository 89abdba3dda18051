//! A message over `doctor.topic` and back: the only proof that the account may publish, and the
//! best measure of the broker's clock.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::ports::findings::Finding;
use instruments::clock;

use super::broker_clock::Ahead;
use super::client::Clients;
use super::examine::{silent, timely};
use super::requests::{Broker, RequestError, Requests};

const CHECK: &str = "round trip";
/// Between two looks for the message; a broker shows it within milliseconds of storing it.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOOKS_MAX: u32 = 150;

/// Sends a message to each of the topic's brokers and reads it back. The lines, and how far each
/// broker's clock is ahead, by its address.
pub(super) async fn over(
    clients: &Clients,
    requests: &Requests,
    topic: &str,
) -> (Vec<Finding>, BTreeMap<String, Ahead>) {
    let mut clocks = BTreeMap::new();
    let full = match clients.settings.namespace.as_str() {
        "" => topic.to_owned(),
        namespace => format!("{namespace}%{topic}"),
    };
    let brokers = match timely(requests.brokers_of(&full)).await {
        Some(Ok(brokers)) => brokers.unwrap_or_default(),
        Some(Err(error)) => {
            let line = Finding::fail(CHECK, error.to_string(), "look at the name server");
            return (vec![line], clocks);
        }
        None => return (vec![silent(CHECK)], clocks),
    };
    if brokers.is_empty() {
        // Not sent: the broker might make it.
        let found = format!("not made: the topic {full} (doctor.topic) isn't there");
        let advice = format!("make it: mqadmin updateTopic -t {full}");
        return (vec![Finding::fail(CHECK, found, advice)], clocks);
    }
    let mut findings = Vec::new();
    for Broker { name, address, .. } in brokers {
        findings.push(match timely(once(clients, requests, &address, &full)).await {
            Some(Ok((ahead, took_ms))) => {
                clocks.insert(address, ahead);
                let found = format!("a message over {full} at {name} came back in {took_ms} ms");
                Finding::ok(CHECK, found)
            }
            Some(Err((doing, error))) if error.is_acl() => Finding::fail(
                CHECK,
                format!("{name} doesn't let the account {doing} {full}: {error}"),
                "allow the access key to publish and subscribe to doctor.topic",
            ),
            Some(Err((doing, error))) => Finding::fail(
                CHECK,
                format!("can't {doing} {full} at {name}: {error}"),
                "look at the broker's log and load",
            ),
            None => silent(CHECK),
        });
    }
    (findings, clocks)
}

/// There and back at one broker: its clock beside ours, and how many milliseconds it took.
async fn once(
    clients: &Clients,
    requests: &Requests,
    address: &str,
    topic: &str,
) -> Result<(Ahead, i64), (&'static str, RequestError)> {
    let group = &clients.names.group;
    let body = format!("seckilld doctor {}", clients.identity()).into_bytes();
    let sent = clock::now().0;
    let put = requests.put(address, group, topic, body).await;
    let offset = put.map_err(|error| ("publish to", error))?;
    let answered = clock::now().0;
    for _ in 0..LOOKS_MAX {
        let glance = requests.glance(address, group, topic, 0, offset).await;
        let glance = glance.map_err(|error| ("read from", error))?;
        if let Some(stored) = glance.and_then(|glance| glance.stored_ms) {
            let ahead = Ahead::by_message(sent, stored, answered);
            return Ok((ahead, clock::now().0 - sent));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Err(("read from", RequestError::Unreadable("message just stored")))
}
