//! `seckillctl queue`: the queue between the roles, part by part, and the way to its broker.

use protocol::{Endpoint, QueuePart, RocketmqView, Snapshot};

use crate::args::Shape;
use crate::exit::NoAnswer;
use crate::table::{facts, number, table, text};
use crate::verbs::daemon_socket::{DaemonSocket, Printed, json};
use crate::verbs::status::queue_line;
use crate::words::{UNKNOWN, known, printable, span};

/// Prints the queue; the JSON is the state's `queue` and `rocketmq`, as the daemon has them.
pub(crate) async fn run(daemon: &DaemonSocket, shape: Shape) -> Result<Printed, NoAnswer> {
    let mut answer = daemon.ask::<Snapshot>(&Endpoint::Status.address()).await?;
    if shape.json {
        let [queue, rocketmq] = ["queue", "rocketmq"].map(|part| answer.document[part].take());
        let document = serde_json::json!({ "queue": queue, "rocketmq": rocketmq });
        return Ok(Printed::fine(json(&document)));
    }
    let Snapshot { queue, rocketmq, .. } = &answer.view;
    let parts = [head(&answer.view), parts(&queue.queues)];
    let broker = rocketmq.as_ref().map(brokers);
    Ok(Printed::fine(parts.into_iter().chain(broker).collect::<Vec<_>>().join("\n")))
}

fn head(snapshot: &Snapshot) -> String {
    let (queue, rocketmq) = (&snapshot.queue, snapshot.rocketmq.as_ref());
    let mut head = vec![("queue", printable(&queue.kind)), ("lag", queue_line(queue))];
    head[1].1 = head[1].1.trim_start_matches("lag ").to_owned();
    if let Some(unreadable) = &queue.unreadable {
        head.push(("unreadable", printable(unreadable)));
    }
    if let Some(rocketmq) = rocketmq {
        // What a role that isn't here would need is no alarm.
        let state =
            |role: &str, is_so: bool| match (is_so, snapshot.roles.iter().any(|r| r == role)) {
                (true, _) => "yes".to_owned(),
                (false, true) => "NO".to_owned(),
                (false, false) => format!("{UNKNOWN}, {role} is not a role of this process"),
            };
        head.push(("connection", printable(&rocketmq.connection)));
        head.push(("can send", state("gateway", rocketmq.producer_ready)));
        head.push(("can take", state("order", rocketmq.consumer_running)));
        head.push(("topic", printable(&rocketmq.topic)));
        head.push(("group", printable(&rocketmq.group)));
        head.push(("name servers", printable(&rocketmq.name_servers.join(", "))));
    }
    facts(&head)
}

fn parts(parts: &[QueuePart]) -> String {
    let columns = [
        text("QUEUE"),
        text("BROKER"),
        number("LAG"),
        number("OLDEST"),
        number("END"),
        number("CONSUMED"),
        text("OWNER"),
    ];
    let cells = |part: &QueuePart| {
        let age = match (part.lag_messages, part.lag_age_ms) {
            (0, None) => String::new(),
            (_, age_ms) => age_ms.map_or_else(|| UNKNOWN.to_owned(), span),
        };
        [
            printable(&part.name),
            known(part.broker.as_deref().map(printable)),
            part.lag_messages.to_string(),
            age,
            known(part.end_offset),
            known(part.consumed_offset),
            known(part.owner.as_deref().map(printable)),
        ]
    };
    table(columns, parts.iter().map(cells).collect())
}

fn brokers(rocketmq: &RocketmqView) -> String {
    let brokers = rocketmq.brokers.iter().map(|broker| {
        let version = known(broker.version.as_deref().map(printable));
        [printable(&broker.name), printable(&broker.address), version]
    });
    table([text("BROKER"), text("ADDRESS"), text("VERSION")], brokers.collect())
}
