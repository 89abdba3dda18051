//! What the brokers let be done with their parts of a topic: how many queues may be written to and
//! read, and in sentences what is closed and how it is opened. Pure.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::requests::Broker;

/// How long a count of orders has to stand before it is shown in the place of another: while orders
/// come in, each reading has a new one, and each would be a line in the log and an event.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// The bits of a topic's permissions.
const READ: u32 = 4;
const WRITE: u32 = 2;

/// How a broker's part of a topic may be used, as the name server reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Access {
    /// Queues that consumers are given.
    pub(super) read_queues: u32,
    /// Queues that producers are given.
    pub(super) write_queues: u32,
    /// Bits: 4 to read, 2 to write. The broker's own permission is in it: the broker reports the
    /// lesser of the two to the name server.
    pub(super) perm: u32,
}

impl Access {
    /// Open to readers and writers on so many queues.
    pub(super) const fn open(queues: u32) -> Self {
        Self { read_queues: queues, write_queues: queues, perm: READ | WRITE }
    }

    /// Queues that may be read: those with lower numbers.
    pub(super) const fn readable(self) -> u32 {
        if self.perm & READ == 0 { 0 } else { self.read_queues }
    }

    /// Queues that may be written to: those with lower numbers.
    pub(super) const fn writable(self) -> u32 {
        if self.perm & WRITE == 0 { 0 } else { self.write_queues }
    }

    /// Queues that there are, open or closed.
    pub(super) const fn queues(self) -> u32 {
        if self.read_queues < self.write_queues { self.write_queues } else { self.read_queues }
    }
}

/// The queues that take orders and may be read, as broker and number, neighbours at different
/// brokers. None where it doesn't matter which is chosen: all that take orders may be read, or not
/// one of them.
pub(super) fn readable_queues(brokers: &[Broker]) -> Vec<(String, u32)> {
    let both = |broker: &Broker| broker.access.readable().min(broker.access.writable());
    if brokers.iter().all(|broker| both(broker) == broker.access.writable()) {
        return Vec::new();
    }
    let most = brokers.iter().map(both).max().unwrap_or(0);
    let at = |number: u32| {
        let brokers = brokers.iter().filter(move |broker| number < both(broker));
        brokers.map(move |broker| (broker.name.clone(), number))
    };
    (0..most).flat_map(at).collect()
}

/// Orders in queues of a broker that nobody may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shut {
    pub(super) broker: String,
    pub(super) topic: String,
    /// How many there are; none where they can't be counted.
    pub(super) waiting: Option<u64>,
    /// The numbers of the queues that they are in, or may be.
    pub(super) queues: Vec<u32>,
}

/// The orders that are shut in, as the last readings found them.
#[derive(Debug, Default)]
pub(super) struct ShutBoard(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    shown: Vec<Shut>,
    seen: Vec<Shut>,
    since: Option<Instant>,
}

impl ShutBoard {
    /// What is shown at the moment.
    pub(super) fn shown(&self) -> Vec<Shut> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).shown.clone()
    }

    /// Takes a reading of the moment `at` in; whether something else is to be shown from now on.
    pub(super) fn note(&self, now: Vec<Shut>, at: Instant) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let places = |shut: &[Shut]| -> Vec<(String, String)> {
            shut.iter().map(|shut| (shut.broker.clone(), shut.topic.clone())).collect()
        };
        let is_same_place = places(&now) == places(&counts.shown);
        let has_settled = now == counts.seen
            && counts.since.is_some_and(|since| SETTLED_AFTER <= at.duration_since(since));
        if now != counts.seen {
            counts.since = Some(at);
            counts.seen.clone_from(&now);
        }
        if now == counts.shown || is_same_place && !has_settled {
            return false;
        }
        counts.shown = now;
        true
    }
}

/// What is closed, in sentences.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Closed {
    /// What keeps every order from being sent, or every one from being placed.
    pub(super) degraded: Vec<String>,
    /// What keeps only some orders from that.
    pub(super) warnings: Vec<String>,
    /// Whether no broker takes orders now.
    pub(super) to_writers: bool,
}

/// A broker with its part of a topic.
#[derive(Debug, Clone, Copy)]
pub(super) struct TopicPart<'a> {
    pub(super) broker: &'a Broker,
    /// The bits of the broker's own `brokerPermission`, which closes every topic there; all bits
    /// where it isn't known.
    pub(super) own: u32,
}

/// The bits of a broker that closes nothing.
pub(super) const OPEN: u32 = READ | WRITE;

/// Judges the parts of the orders' topic, with the orders that were found shut in.
pub(super) fn judged(topic: &str, parts: &[TopicPart<'_>], shut: &[Shut]) -> Closed {
    let mut closed = Closed::default();
    let unwritable: Vec<String> = parts.iter().filter_map(|part| part.unwritable(topic)).collect();
    closed.to_writers = !parts.is_empty() && unwritable.len() == parts.len();
    if closed.to_writers {
        closed.degraded.extend(unwritable);
    } else {
        closed.warnings.extend(unwritable);
    }
    let unreadable: Vec<String> =
        parts.iter().filter_map(|part| part.unreadable(topic, shut)).collect();
    if !parts.is_empty() && unreadable.len() == parts.len() {
        closed.degraded.extend(unreadable);
    } else {
        closed.warnings.extend(unreadable);
    }
    closed.warnings.extend(parts.iter().filter_map(|part| part.narrow(topic, shut)));
    closed.warnings.extend(parts.iter().flat_map(|part| part.left_over(topic, shut)));
    closed
}

impl TopicPart<'_> {
    /// Why nothing can be sent to this part.
    pub(super) fn unwritable(&self, topic: &str) -> Option<String> {
        let Broker { name, address, access } = self.broker;
        let Access { read_queues, write_queues, perm } = *access;
        if 0 < access.writable() {
            return None;
        }
        if perm & WRITE != 0 {
            return Some(format!(
                "topic {topic} has no queue for orders at {name} (writeQueueNums {write_queues}), \
                 so it takes none: mqadmin updateTopic -b {address} -t {topic} -r {read_queues} -w \
                 {read_queues}"
            ));
        }
        let refuses = format!("{name} takes no orders: {}", self.opened(topic, WRITE));
        Some(match self.own & WRITE {
            0 => format!(
                "the broker may not be written to (brokerPermission {}), so {refuses}",
                self.own
            ),
            _ => format!("topic {topic} may not be written to (perm {perm}), so {refuses}"),
        })
    }

    /// Why nothing can be read from this part.
    pub(super) fn unreadable(&self, topic: &str, shut: &[Shut]) -> Option<String> {
        let Broker { name, address, access } = self.broker;
        if 0 < access.readable() {
            return None;
        }
        let (perm, held) = (access.perm, self.held(topic, shut));
        if perm & READ != 0 {
            let queues = access.write_queues.max(1);
            return Some(format!(
                "topic {topic} has no queue that may be read at {name} (readQueueNums 0){held}: \
                 mqadmin updateTopic -b {address} -t {topic} -r {queues} -w {queues}"
            ));
        }
        let opened = self.opened(topic, READ);
        Some(match self.own & READ {
            0 => format!(
                "the broker {name} may not be read (brokerPermission {}){held}: {opened}",
                self.own
            ),
            _ => format!("topic {topic} may not be read at {name} (perm {perm}){held}: {opened}"),
        })
    }

    /// Why some queues of this part can't be read.
    pub(super) fn narrow(&self, topic: &str, shut: &[Shut]) -> Option<String> {
        let Broker { name, address, access } = self.broker;
        let Access { read_queues: r, write_queues: w, .. } = *access;
        if access.readable() == 0 || w <= r {
            return None;
        }
        let held = self.held(topic, shut);
        Some(format!(
            "{name} takes orders for topic {topic} on {w} queues and lets only {r} be read \
             (writeQueueNums {w}, readQueueNums {r}){held}: mqadmin updateTopic -b {address} -t \
             {topic} -r {w} -w {w}"
        ))
    }

    /// Orders in queues that the topic no longer has, and in those of the retry topic.
    fn left_over(&self, topic: &str, shut: &[Shut]) -> Vec<String> {
        let Broker { name, address, access } = self.broker;
        let here = shut.iter().filter(|shut| shut.broker == *name);
        let shown = here.filter_map(|shut| {
            let is_shown = shut.topic == topic && access.readable() < access.queues();
            let last = *shut.queues.last()?;
            if is_shown && last < access.queues() {
                return None;
            }
            let (held, wanted) = (held(shut), last + 1);
            Some(format!(
                "topic {} of {name} had more queues than may be read now{held}: mqadmin \
                 updateTopic -b {address} -t {} -r {wanted} -w {wanted}",
                shut.topic, shut.topic
            ))
        });
        shown.collect()
    }

    /// The command that gives a permission back.
    fn opened(&self, topic: &str, bit: u32) -> String {
        let address = &self.broker.address;
        match self.own & bit {
            0 => format!("mqadmin updateBrokerConfig -b {address} -k brokerPermission -v 6"),
            _ => format!("mqadmin updateTopicPerm -b {address} -t {topic} -p 6"),
        }
    }

    /// How many orders are shut in there, as the end of a clause.
    fn held(&self, topic: &str, shut: &[Shut]) -> String {
        let here = |shut: &&Shut| shut.broker == self.broker.name && shut.topic == topic;
        shut.iter().find(here).map(held).unwrap_or_default()
    }
}

fn held(shut: &Shut) -> String {
    let queues = match shut.queues.as_slice() {
        [only] => format!("queue {only}"),
        [first, .., last] => format!("queues {first} to {last}"),
        [] => return String::new(),
    };
    match shut.waiting {
        Some(1) => format!("; 1 order waits there unread ({queues})"),
        Some(waiting) => format!("; {waiting} orders wait there unread ({queues})"),
        None => format!("; orders may wait there uncounted ({queues})"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::{
        Access, Broker, Closed, OPEN, SETTLED_AFTER, Shut, ShutBoard, TopicPart, judged,
        readable_queues,
    };

    fn broker(name: &str, read_queues: u32, write_queues: u32, perm: u32) -> Broker {
        Broker {
            name: name.to_owned(),
            address: format!("{name}:10911"),
            access: Access { read_queues, write_queues, perm },
        }
    }

    fn judge(brokers: &[Broker], shut: &[Shut]) -> Closed {
        let parts: Vec<TopicPart<'_>> =
            brokers.iter().map(|broker| TopicPart { broker, own: OPEN }).collect();
        judged("T", &parts, shut)
    }

    fn shut(broker: &str, waiting: u64, queues: std::ops::Range<u32>) -> Shut {
        Shut {
            broker: broker.to_owned(),
            topic: "T".to_owned(),
            waiting: Some(waiting),
            queues: queues.collect(),
        }
    }

    #[test]
    fn orders_are_sent_where_they_may_be_read_while_that_is_anywhere() {
        let chosen = |brokers: &[Broker]| {
            let name = |(broker, number)| format!("{broker}{number}");
            readable_queues(brokers).into_iter().map(name).collect::<Vec<_>>()
        };
        let (narrow, open) = (broker("a", 2, 8, 6), broker("b", 3, 3, 6));
        assert_eq!(chosen(std::slice::from_ref(&narrow)), ["a0", "a1"]);
        assert_eq!(chosen(&[narrow, open.clone()]), ["a0", "b0", "a1", "b1", "b2"]);
        assert_eq!(chosen(&[broker("a", 8, 8, 2), open.clone()]), ["b0", "b1", "b2"]);
        // All of them may be read, or none may: the client chooses.
        assert_eq!(chosen(&[broker("a", 8, 2, 6), open.clone()]), [""; 0]);
        assert_eq!(chosen(&[broker("a", 4, 4, 4), open]), [""; 0]);
        assert_eq!(chosen(&[broker("a", 8, 8, 2)]), [""; 0]);
    }

    #[test]
    fn a_count_is_narrow_when_it_has_settled() {
        let (board, begin) = (ShutBoard::default(), Instant::now());
        let later = begin + SETTLED_AFTER;
        assert!(!board.note(vec![], begin), "nothing, as before");
        assert!(board.note(vec![shut("a", 1, 2..3)], begin), "a new place is told at once");
        assert!(!board.note(vec![shut("a", 2, 2..4)], begin));
        assert!(!board.note(vec![shut("a", 3, 2..4)], begin));
        assert_eq!(board.shown(), [shut("a", 1, 2..3)]);
        assert!(board.note(vec![shut("a", 3, 2..4)], later));
        assert_eq!(board.shown(), [shut("a", 3, 2..4)]);
        assert!(!board.note(vec![shut("a", 3, 2..4)], later));
        assert!(board.note(vec![], later), "gone is told at once");
    }

    #[test]
    fn what_may_be_used_follows_permission_and_numbers() {
        let access = |read, write, perm| {
            let Broker { access, .. } = broker("a", read, write, perm);
            (access.readable(), access.writable(), access.queues())
        };
        assert_eq!(access(2, 8, 6), (2, 8, 8));
        assert_eq!(access(8, 2, 6), (8, 2, 8));
        assert_eq!(access(4, 4, 4), (4, 0, 4));
        assert_eq!(access(4, 4, 2), (0, 4, 4));
        assert_eq!(access(4, 4, 0), (0, 0, 4));
        assert_eq!(access(0, 4, 6), (0, 4, 4));
        assert_eq!(access(4, 4, 7), (4, 4, 4), "the inherited bit is none of ours");
    }

    #[test]
    fn an_open_topic_is_no_trouble() {
        let open = [broker("a", 4, 4, 6), broker("b", 8, 4, 7)];
        assert_eq!(judge(&open, &[]), Closed::default());
        assert_eq!(judge(&[], &[]), Closed::default());
    }

    #[test]
    fn closed_to_writers_everywhere_is_a_fault_and_somewhere_a_warning() {
        let closed = judge(&[broker("a", 4, 4, 4)], &[]);
        assert!(closed.to_writers && closed.warnings.is_empty(), "{closed:?}");
        assert_eq!(
            closed.degraded,
            ["topic T may not be written to (perm 4), so a takes no orders: mqadmin \
              updateTopicPerm -b a:10911 -t T -p 6"]
        );
        let closed = judge(&[broker("a", 4, 4, 4), broker("b", 4, 4, 6)], &[]);
        assert!(!closed.to_writers && closed.degraded.is_empty(), "{closed:?}");
        assert!(closed.warnings[0].contains("so a takes no orders"), "{closed:?}");
        let closed = judge(&[broker("a", 4, 0, 6)], &[]);
        assert!(closed.to_writers && closed.degraded[0].contains("writeQueueNums 0"), "{closed:?}");
    }

    #[test]
    fn a_brokers_own_permission_is_narrow_apart() {
        // The topic is closed to readers, and the broker to writers.
        let broker = broker("a", 4, 4, 0);
        let closed = judged("T", &[TopicPart { broker: &broker, own: 4 }], &[]);
        let (write, read) = (&closed.degraded[0], &closed.degraded[1]);
        assert!(write.contains("brokerPermission 4") && write.contains("-k brokerPermission -v 6"));
        assert!(read.contains("topic T") && read.contains("updateTopicPerm -b a:10911 -t T -p 6"));
    }

    #[test]
    fn queues_that_nobody_may_read_are_told_with_what_lies_there() {
        let closed = judge(&[broker("a", 2, 8, 6)], &[shut("a", 18, 2..8)]);
        assert_eq!(closed.degraded, [""; 0]);
        assert_eq!(
            closed.warnings,
            ["a takes orders for topic T on 8 queues and lets only 2 be read (writeQueueNums 8, \
              readQueueNums 2); 18 orders wait there unread (queues 2 to 7): mqadmin updateTopic \
              -b a:10911 -t T -r 8 -w 8"]
        );
        let closed = judge(&[broker("a", 4, 4, 2)], &[shut("a", 1, 3..4)]);
        assert!(closed.degraded[0].contains("perm 2); 1 order waits"), "{closed:?}");
        assert!(!closed.to_writers && closed.warnings.is_empty(), "{closed:?}");
        let closed = judge(&[broker("a", 0, 4, 6)], &[]);
        assert!(closed.degraded[0].contains("readQueueNums 0"), "{closed:?}");
        assert!(closed.degraded[0].ends_with("-r 4 -w 4"), "{closed:?}");
    }

    #[test]
    fn queues_that_the_topic_has_no_more_are_told() {
        let closed = judge(&[broker("a", 2, 2, 6)], &[shut("a", 5, 2..8)]);
        assert_eq!(
            closed.warnings,
            [
                "topic T of a had more queues than may be read now; 5 orders wait there unread (queues \
              2 to 7): mqadmin updateTopic -b a:10911 -t T -r 8 -w 8"
            ]
        );
        let mut uncounted = shut("a", 0, 2..3);
        uncounted.waiting = None;
        let closed = judge(&[broker("a", 2, 2, 6)], &[uncounted]);
        assert!(closed.warnings[0].contains("uncounted (queue 2)"), "{closed:?}");
        // Orders at another broker don't count here.
        assert_eq!(judge(&[broker("b", 2, 2, 6)], &[shut("a", 5, 2..8)]), Closed::default());
    }
}
