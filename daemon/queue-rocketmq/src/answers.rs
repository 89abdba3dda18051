//! What a broker's answer to a send means: whether the orders may be in its queue, whose fault it
//! is, and in words what is wrong and what to do. There is one table, and an answer that isn't in
//! it is unknown. Pure.
//!
//! Read from the brokers' sources, releases 4.9.0 to 5.3.3. An answer is definite only where every
//! release gives it before anything is appended: `NettyRemotingAbstract` and `BrokerFastFailure`
//! (the request was never begun), `AbstractSendMessageProcessor.msgCheck` and
//! `SendMessageProcessor.preSend`, `HookUtils.checkBeforePutMessage`, `CommitLog`. A broker that
//! keeps its log by DLedger appends first and counts the copies afterwards, which leaves two
//! remarks without a meaning (`DLedgerCommitLog`).

use rocketmq_client_rust::SendStatus;

use super::Blame;

/// Whether orders may be in the queue after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// The broker says that it stored nothing.
    No,
    /// The orders may be there, or come there yet.
    Perhaps,
}

/// What one kind of answer means.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The broker's response code.
    pub(super) code: i32,
    /// How the remark begins; empty where any remark fits. The first row that fits counts.
    remark: &'static str,
    pub(super) kept: Kept,
    pub(super) blame: Blame,
    /// What the broker does, after its name. `{topic}` and `{disk}` are filled in.
    words: &'static str,
    /// What to do. `{topic}` and `{address}` are filled in.
    advice: &'static str,
}

/// Codes above this are rows of the table: `refusal.rs` puts them into answers, because the client
/// drops the remark that some rows go by. No broker's code comes near.
const ROWS: i32 = 1_000_000;

const fn row(
    code: i32,
    remark: &'static str,
    kept: Kept,
    words: &'static str,
    advice: &'static str,
) -> Answer {
    Answer { code, remark, kept, blame: Blame::Queue, words, advice }
}

const fn too_large(remark: &'static str) -> Answer {
    let words = "finds the message too large";
    Answer { code: 1, remark, kept: Kept::No, blame: Blame::Order, words, advice: SMALL }
}

const SMALL: &str = "look at its maxMessageSize: an order is well below 1 KiB";
const BUSY: &str = "is too busy to take orders";
const LESS_LOAD: &str = "look at its disk and load; orders come again when it keeps up";
const ALLOW_PUBLISHING: &str = "allow the account to publish to topic {topic}";
const NARROWER: &str = "has fewer queues of topic {topic} than it had a moment ago";
const IN_A_MOMENT: &str = "nothing has to be done: the new number is known within seconds";

/// Every answer that a send can get, but for the success.
const ANSWERS: &[Answer] = &[
    // The check of the account before 5.3 comes before all else, and throws.
    row(1, "org.apache.rocketmq.acl.", Kept::No, "doesn't let the account send", ALLOW_PUBLISHING),
    // CommitLog gives up before it appends; of a batch it appends all or nothing.
    row(
        1,
        "create mapped file failed",
        Kept::No,
        "can't make a new file for messages",
        "look at its disk: room, inodes, permissions",
    ),
    row(
        1,
        "broker unable to service, until",
        Kept::No,
        "takes no orders before its startAcceptSendRequestTimeStamp",
        "wait, or set that to an earlier time",
    ),
    // The encoder throws before anything is appended; of a batch it counts all together.
    too_large("java.lang.RuntimeException: message body size exceeded"),
    too_large("java.lang.RuntimeException: message size exceeded"),
    // msgCheck of 4.9, before code 29 was used for it.
    row(1, "request queueId[", Kept::No, NARROWER, IN_A_MOMENT),
    // Answered before the append where replicas are counted first; but DLedger answers so after the
    // append, too.
    row(
        1,
        "in-sync replicas not enough",
        Kept::Perhaps,
        "has too few replicas that keep up, so it confirms nothing",
        "start its replicas and look at the network between them",
    ),
    row(1, "[PC_SYNCHRONIZED]", Kept::Perhaps, BUSY, LESS_LOAD),
    row(
        1,
        "",
        Kept::Perhaps,
        "failed at storing orders (its general error code 1)",
        "look at its log (broker.log, store.log)",
    ),
    // The request was refused on arrival, or was taken out of the broker's queue again.
    row(2, "[REJECTREQUEST]", Kept::No, BUSY, LESS_LOAD),
    row(2, "[OVERLOAD]", Kept::No, BUSY, LESS_LOAD),
    row(2, "[TIMEOUT_CLEAN_QUEUE]", Kept::No, BUSY, LESS_LOAD),
    row(2, "[PCBUSY_CLEAN_QUEUE]", Kept::No, BUSY, LESS_LOAD),
    // [PC_SYNCHRONIZED] stands for DLedger's half appended batches as well.
    row(2, "", Kept::Perhaps, BUSY, LESS_LOAD),
    row(
        3,
        "",
        Kept::No,
        "doesn't know how to take orders: it is no broker",
        "look what rocketmq.name_servers leads to",
    ),
    Answer {
        code: 13,
        remark: "",
        kept: Kept::No,
        blame: Blame::Order,
        words: "finds the message illegal",
        advice: SMALL,
    },
    // Checked before the append: the store is shut down, a replica's, or marked as not writable,
    // which it is when its disk is fuller than diskSpaceWarningLevelRatio.
    row(
        14,
        "",
        Kept::No,
        "stores nothing: {disk}",
        "make room there (mqadmin deleteExpiredCommitLog, a smaller fileReservedTime); it takes \
         orders again by itself",
    ),
    row(
        15,
        "",
        Kept::No,
        "doesn't take this client's version",
        "look what rocketmq.name_servers leads to",
    ),
    row(
        16,
        "the broker[",
        Kept::No,
        "may not be written to (brokerPermission)",
        "mqadmin updateBrokerConfig -b {address} -k brokerPermission -v 6",
    ),
    row(
        16,
        "the topic[",
        Kept::No,
        "lets nobody write to topic {topic}",
        "mqadmin updateTopicPerm -b {address} -t {topic} -p 6",
    ),
    row(
        16,
        "Sending message to topic[",
        Kept::No,
        "keeps {topic} for itself",
        "set rocketmq.topic to another",
    ),
    row(16, "", Kept::No, "doesn't let the account send", ALLOW_PUBLISHING),
    row(
        17,
        "",
        Kept::No,
        "has no topic {topic}, and makes none by itself",
        "make it with mqadmin updateTopic -b {address} -t {topic}",
    ),
    row(29, "request queueId[", Kept::No, NARROWER, IN_A_MOMENT),
    row(
        29,
        "",
        Kept::No,
        "doesn't take topic {topic} for a name",
        "set rocketmq.topic to letters, digits, _ and -",
    ),
    // Rented brokers throttle with this code instead of processing the request.
    row(
        215,
        "",
        Kept::No,
        "throttles orders (flow control)",
        "its instance takes no more in a second: rent a larger one, or sell more slowly",
    ),
    // The queue of a static topic moved to another broker.
    row(501, "", Kept::No, "has handed its queues of topic {topic} to another", IN_A_MOMENT),
    // Answered instead of beginning with the request.
    row(1_500, "", Kept::No, "is being stopped", "wait for its return, or start it"),
];

const UNLISTED: Answer = row(
    -1,
    "",
    Kept::Perhaps,
    "answers with a code that isn't known here",
    "look it up in its log (broker.log)",
);

/// What stands in an answer instead of the broker's code; `code` itself where no row fits.
pub(super) fn marked(code: i32, remark: &str) -> i32 {
    let row = ANSWERS.iter().position(|row| row.code == code && remark.starts_with(row.remark));
    row.and_then(|row| i32::try_from(row).ok()).map_or(code, |row| ROWS + row)
}

/// The row of a marked code, or of a broker's own whose remark isn't known.
pub(super) fn meaning(code: i32) -> &'static Answer {
    let row = match usize::try_from(code.saturating_sub(ROWS)) {
        Ok(row) => ANSWERS.get(row),
        Err(_) => ANSWERS.iter().find(|row| row.code == code && row.remark.is_empty()),
    };
    row.unwrap_or(&UNLISTED)
}

/// Which broker answered, for words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Answering {
    /// `broker-a (127.0.0.1:10911)`, or the half that is known.
    pub(super) broker: String,
    /// `HOST:PORT`.
    pub(super) address: String,
    /// The topic, with its namespace.
    pub(super) topic: String,
    /// The broker's remark, where it is known.
    pub(super) remark: String,
}

/// A sentence on what is wrong, and one on what to do.
pub(super) fn sentence(code: i32, by: &Answering) -> String {
    let answer = meaning(code);
    let code = if answer.code == UNLISTED.code { code } else { answer.code };
    let filled = |text: &str| {
        text.replace("{topic}", &by.topic)
            .replace("{address}", &by.address)
            .replace("{disk}", &disk(&by.remark))
    };
    // A refused account's remark names what is refused; a general code's what went wrong.
    let remark = match answer.remark {
        "" | "org.apache.rocketmq.acl." if code != 14 && !by.remark.is_empty() => {
            format!(" ({})", by.remark)
        }
        _ => String::new(),
    };
    let (words, advice) = (filled(answer.words), filled(answer.advice));
    format!("the RocketMQ broker {} {words} [{code}]{remark}: {advice}", by.broker)
}

/// Fuller than this by its own word, a broker's disk is full beyond doubt. Most stop at 0.90.
const FULL: f64 = 0.85;

/// What a broker that stores nothing says of its disk: `… [CL:  0.93 CQ:  0.93 INDEX:  0.93] …`,
/// parts of 1, or -1 where the broker doesn't know.
fn disk(remark: &str) -> String {
    let parts = remark.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    let parts = parts.map_or("", |(parts, _)| parts);
    let used = parts.split_whitespace().filter_map(|part| part.parse::<f64>().ok());
    let used = used.fold(-1.0_f64, f64::max);
    match used {
        used if FULL <= used => format!("its disk is full ({:.0} % used)", used * 100.0),
        used if 0.0 <= used => format!(
            "its disk is full by its own limit ({:.0} % used; diskSpaceWarningLevelRatio), or it \
             is a replica, or is being stopped",
            used * 100.0
        ),
        _ => "its disk is full, or it is a replica, or is being stopped".to_owned(),
    }
}

/// Why a broker that took an order doesn't vouch for it; none where it does. The order may be lost,
/// or may still arrive.
pub(super) fn unvouched(status: SendStatus, broker: &str) -> Option<String> {
    let (words, advice) = match status {
        SendStatus::SendOk => return None,
        SendStatus::FlushDiskTimeout => (
            "takes orders, but its disk doesn't confirm them in time [FLUSH_DISK_TIMEOUT]",
            "look at the load of its disk, or give it more time (syncFlushTimeout)",
        ),
        SendStatus::FlushSlaveTimeout => (
            "takes orders, but waits in vain for a replica to confirm them [FLUSH_SLAVE_TIMEOUT]",
            "start its replica and look at the network to it; or want fewer copies \
             (inSyncReplicas, brokerRole)",
        ),
        SendStatus::SlaveNotAvailable => (
            "takes orders, but waits for a replica that isn't there [SLAVE_NOT_AVAILABLE]",
            "start its replica, or set brokerRole=ASYNC_MASTER",
        ),
    };
    Some(format!("the RocketMQ broker {broker} {words}: {advice}"))
}

#[cfg(test)]
mod tests {
    use rocketmq_client_rust::SendStatus;

    use super::{ANSWERS, Answering, Blame, Kept, UNLISTED, marked, meaning, unvouched};

    fn kept(code: i32, remark: &str) -> Kept {
        meaning(marked(code, remark)).kept
    }

    fn by(remark: &str) -> Answering {
        Answering {
            broker: "broker-a (10.0.0.7:10911)".to_owned(),
            address: "10.0.0.7:10911".to_owned(),
            topic: "ORDERS".to_owned(),
            remark: remark.to_owned(),
        }
    }

    fn sentence(code: i32, remark: &str) -> String {
        super::sentence(marked(code, remark), &by(remark))
    }

    /// The very remark of a broker whose disk is full to these parts.
    fn full(part: &str) -> String {
        format!(
            "service not available now. It may be caused by one of the following reasons: the \
             broker's disk is full [CL: {part} CQ: {part} INDEX: {part}], messages are put to the \
             slave, message store has been shut down, etc."
        )
    }

    #[test]
    fn what_a_broker_refuses_before_it_stores_is_definite() {
        for (code, remark) in [
            (1, "org.apache.rocketmq.acl.common.AclException: No default permission"),
            (1, "create mapped file failed, server is busy or broken."),
            (1, "broker unable to service, until 2026-11-30 20:00:00,000"),
            (1, "java.lang.RuntimeException: message body size exceeded, org.apache.rocketmq.x"),
            (1, "request queueId[7] is illegal, TopicConfig [topicName=T] Producer: /1.2.3.4"),
            (2, "[REJECTREQUEST]system busy, start flow control for a while"),
            (2, "[OVERLOAD]system busy, start flow control for a while"),
            (2, "[TIMEOUT_CLEAN_QUEUE]broker busy, start flow control for a while, period: 201ms"),
            (2, "[PCBUSY_CLEAN_QUEUE]broker busy, start flow control for a while"),
            (3, " request type 310 not supported"),
            (13, "the message is illegal, maybe msg body or properties length not matched."),
            (14, "service not available now."),
            (15, "the client is too old"),
            (16, "the broker[127.0.0.1] sending message is forbidden"),
            (16, "User:someone has no permission to access Topic:T from 127.0.0.1"),
            (17, "topic[T] not exist, apply first please!"),
            (29, "request queueId[7] is illegal"),
            (215, "messages flow control"),
            (501, "T-3 does not exit in request process of current broker broker-a"),
            (1_500, "please go away"),
        ] {
            assert_eq!(kept(code, remark), Kept::No, "{code} {remark}");
        }
    }

    #[test]
    fn what_may_have_been_stored_is_not() {
        for (code, remark) in [
            (1, ""),
            (1, "UNKNOWN_ERROR"),
            (1, "store putMessage return null"),
            (1, "java.lang.NullPointerException: null, org.apache.rocketmq.acl.common.X.y"),
            // DLedger says both after it has appended.
            (1, "in-sync replicas not enough"),
            (1, "[PC_SYNCHRONIZED]broker busy, start flow control for a while"),
            (2, "[PC_SYNCHRONIZED]broker busy, start flow control for a while"),
            (2, ""),
            (4, "transaction failed"),
            (777, "what is this"),
        ] {
            assert_eq!(kept(code, remark), Kept::Perhaps, "{code} {remark}");
        }
    }

    #[test]
    fn only_an_illegal_message_is_the_orders_own_fault() {
        for row in ANSWERS {
            let is_own = row.code == 13 || row.remark.contains("size exceeded");
            let wanted = if is_own { Blame::Order } else { Blame::Queue };
            assert_eq!(row.blame, wanted, "{row:?}");
        }
    }

    #[test]
    fn a_full_disk_is_named_with_its_figure() {
        let told = sentence(14, &full(" 0.93"));
        assert!(told.contains("broker-a (10.0.0.7:10911) stores nothing"), "{told}");
        assert!(told.contains("its disk is full (93 % used)"), "{told}");
        assert!(told.contains(": make room there"), "{told}");
        let told = sentence(14, &full(" 0.31"));
        assert!(told.contains("full by its own limit (31 % used"), "{told}");
        let told = sentence(14, &full("-1.00"));
        assert!(told.contains("its disk is full, or it is a replica"), "{told}");
    }

    #[test]
    fn a_permission_is_named_with_the_command_that_gives_it() {
        let told = sentence(16, "the broker[10.0.0.7] sending message is forbidden");
        assert!(told.contains("brokerPermission"), "{told}");
        assert!(told.contains("updateBrokerConfig -b 10.0.0.7:10911"), "{told}");
        let told = sentence(16, "User:someone has no permission to access Topic:ORDERS");
        assert!(told.contains("User:someone"), "{told}");
        assert!(told.ends_with("allow the account to publish to topic ORDERS"), "{told}");
        let told = sentence(17, "");
        assert!(told.contains("updateTopic -b 10.0.0.7:10911 -t ORDERS"), "{told}");
    }

    #[test]
    fn a_row_is_found_again_by_its_mark_and_no_other_code_is_one() {
        for row in ANSWERS {
            let mark = marked(row.code, row.remark);
            assert_eq!(meaning(mark), row);
        }
        assert_eq!(marked(777, "what"), 777);
        assert_eq!(meaning(777), &UNLISTED);
        assert_eq!(meaning(i32::MAX), &UNLISTED);
        assert_eq!(meaning(-1), &UNLISTED);
        // A code without its remark: only what every remark of it would mean.
        assert_eq!(meaning(1).kept, Kept::Perhaps);
    }

    #[test]
    fn what_never_confirms_is_named() {
        for (status, words) in [
            (SendStatus::FlushDiskTimeout, "disk doesn't confirm"),
            (SendStatus::FlushSlaveTimeout, "waits in vain for a replica"),
            (SendStatus::SlaveNotAvailable, "waits for a replica that isn't there"),
        ] {
            let told = unvouched(status, "broker-a").unwrap();
            assert!(
                told.contains("broker broker-a takes orders") && told.contains(words),
                "{told}"
            );
        }
        assert_eq!(unvouched(SendStatus::SendOk, "broker-a"), None);
    }
}
