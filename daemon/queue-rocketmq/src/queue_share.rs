//! Which queues of the topic are this consumer's: the client's own average rule, over the consumers
//! that live.
//!
//! The broker's list of a group's consumers has an entry for each connection, and keeps the wrong
//! ones after a freeze. During it the client gives up a connection that doesn't answer and says
//! hello on the next; thawed, the broker meets such a hello together with the end of its
//! connection, and where it handles the end first, the hello enters a connection that is gone. That
//! entry stays for two minutes. The average rule would keep a share of the queues for each entry:
//! with one consumer twice in the list half of the orders wait all that time.

use cheetah_string::CheetahString;
use rocketmq_client_rust::{AllocateMessageQueueAveragely, AllocateMessageQueueStrategy};
use rocketmq_model::message::MessageQueue;

/// The average rule without the dead.
pub(super) struct AmongTheLiving {
    /// What the names of all consumers of this process, and of no others, have in common.
    pub(super) identity: String,
}

impl AmongTheLiving {
    /// Each consumer once. Of this process's own only the one that asks: the keeper ends a consumer
    /// before it starts the next.
    fn living(&self, asks: &CheetahString, listed: &[CheetahString]) -> Vec<CheetahString> {
        let is_dead = |id: &CheetahString| id != asks && id.contains(&self.identity);
        let mut living: Vec<CheetahString> =
            listed.iter().filter(|id| !is_dead(id)).cloned().collect();
        living.sort();
        living.dedup();
        living
    }
}

impl AllocateMessageQueueStrategy for AmongTheLiving {
    fn allocate(
        &self,
        group: &CheetahString,
        asks: &CheetahString,
        queues: &[MessageQueue],
        listed: &[CheetahString],
    ) -> rocketmq_error::Result<Vec<MessageQueue>> {
        let living = self.living(asks, listed);
        AllocateMessageQueueAveragely.allocate(group, asks, queues, &living)
    }

    /// The name of the average rule: others of the group divide by it, too.
    fn get_name(&self) -> &'static str {
        AllocateMessageQueueAveragely.get_name()
    }
}

#[cfg(test)]
mod tests {
    use cheetah_string::CheetahString;
    use rocketmq_client_rust::AllocateMessageQueueStrategy;
    use rocketmq_model::message::MessageQueue;

    use super::AmongTheLiving;

    const NOW: &str = "10.0.0.1@seckilld-7-1a-Consumer-9";

    fn share(listed: &[&str]) -> Vec<i32> {
        let queues: Vec<MessageQueue> =
            (0..4).map(|queue| MessageQueue::from_parts("T", "broker-a", queue)).collect();
        let listed: Vec<CheetahString> = listed.iter().map(|id| (*id).into()).collect();
        let rule = AmongTheLiving { identity: "seckilld-7-1a".to_owned() };
        let mine = rule.allocate(&"G".into(), &NOW.into(), &queues, &listed).unwrap();
        mine.iter().map(MessageQueue::queue_id).collect()
    }

    #[test]
    fn one_consumer_has_all_queues_however_often_it_is_listed() {
        assert_eq!(share(&[NOW]), [0, 1, 2, 3]);
        assert_eq!(share(&[NOW, NOW, NOW]), [0, 1, 2, 3]);
    }

    #[test]
    fn this_processs_earlier_consumers_have_no_share() {
        let before = "10.0.0.1@seckilld-7-1a-Consumer-3";
        assert_eq!(share(&[before, NOW, before]), [0, 1, 2, 3]);
    }

    #[test]
    fn others_have_theirs() {
        assert_eq!(share(&["10.0.0.1@java", NOW]), [2, 3]);
        assert_eq!(share(&[NOW, "10.0.0.2@seckilld-7-1b-Consumer-9"]), [0, 1]);
        assert_eq!(share(&["10.0.0.1@java", "10.0.0.1@java", NOW, NOW]), [2, 3]);
    }

    #[test]
    fn a_consumer_that_the_broker_does_not_list_has_none() {
        assert!(share(&["10.0.0.1@java"]).is_empty());
    }
}
