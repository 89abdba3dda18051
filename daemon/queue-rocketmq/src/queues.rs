//! How much waits in each queue of a topic at a broker, whether it may be read or not. Orders lie
//! as well in queues that are written to and not read, in a topic whose permission to be read was
//! taken, and in queues that a topic had before it was made narrower: the broker keeps those, and
//! answers for them only when asked by number.

use std::collections::BTreeSet;
use std::fmt::Display;

use futures_util::future::try_join_all;

use super::requests::{Broker, Closes, Glance, RequestError, Requests};

/// Queues with numbers below this are looked for beyond those that a topic has now. Topics have 4
/// to 16 by habit; a topic that had more than this and was made narrower is not looked through.
const NUMBERS_MAX: u32 = 128;

/// How many of those queues are asked for at once: one after the other would take more than a
/// second, and the lag isn't known until then.
const AT_ONCE: u32 = 32;

/// A queue's name, as it is shown, and under which all notes on it are kept: what one part notes
/// another looks up.
pub(super) fn queue_name(
    broker: impl Display,
    topic: impl Display,
    number: impl Display,
) -> String {
    format!("{broker}/{topic}/{number}")
}

/// A topic at a broker, as a group sees it.
#[derive(Clone, Copy)]
pub(super) struct Spot<'a> {
    pub(super) requests: &'a Requests,
    pub(super) broker: &'a Broker,
    pub(super) group: &'a str,
    pub(super) topic: &'a str,
}

/// One queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Depth {
    pub(super) number: u32,
    /// The group's offset; none when it never committed one.
    pub(super) committed: Option<i64>,
    pub(super) glance: Glance,
    /// Whether consumers are given it.
    pub(super) is_open: bool,
}

impl Depth {
    /// Messages between what the group has consumed and the end. A group that never committed
    /// starts at the first message that is left.
    pub(super) fn waiting(&self) -> u64 {
        let Glance { min_offset, max_offset, .. } = self.glance;
        let from = self.committed.unwrap_or(0).max(min_offset);
        u64::try_from(max_offset.saturating_sub(from)).unwrap_or(0)
    }
}

/// Which queues of a topic at a broker are read beyond those that it has. Nothing is written to
/// those any more, so an empty one isn't read again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Beyond {
    /// How many queues the topic had when they were looked for, and the next number to look at.
    looked: Option<(u32, u32)>,
    numbers: BTreeSet<u32>,
}

impl Beyond {
    /// Starts over where the topic has another number of queues than before. Those that it had are
    /// known to be there.
    pub(super) fn begin(&mut self, queues: u32) {
        match self.looked {
            Some((before, _)) if before == queues => return,
            Some((before, _)) => self.numbers.extend(queues..before),
            None => {}
        }
        self.numbers.retain(|number| queues <= *number);
        self.looked = Some((queues, queues));
    }

    /// Whether all of them were looked at: until then it isn't known what lies there.
    pub(super) fn is_whole(&self) -> bool {
        self.looked.is_some_and(|(_, next)| NUMBERS_MAX <= next)
    }

    /// Takes in what a look found. The topic may have got another number of queues meanwhile: then
    /// what was found counts, and how far the look came doesn't.
    pub(super) fn take(&mut self, found: Self) {
        let (queues, next) = self.looked.unzip();
        if queues.is_none() || queues == found.looked.map(|(queues, _)| queues) {
            self.looked = found.looked.max(queues.zip(next));
        }
        let first = queues.unwrap_or(0);
        self.numbers.extend(found.numbers.into_iter().filter(|number| first <= *number));
    }
}

impl Spot<'_> {
    /// The name of one of its queues.
    pub(super) fn name_of(&self, depth: &Depth) -> String {
        queue_name(&self.broker.name, self.topic, depth.number)
    }

    /// Each queue that there is; of those beyond the topic's own, what was found until now. None
    /// when the broker has no such topic.
    pub(super) async fn depths(
        &self,
        beyond: &mut Beyond,
    ) -> Result<Option<Vec<Depth>>, RequestError> {
        let mut depths = Vec::new();
        for number in 0..self.broker.access.queues() {
            let Some(depth) = self.depth(number).await? else { return Ok(None) };
            depths.push(depth);
        }
        for number in beyond.numbers.clone() {
            let Some(depth) = self.depth(number).await? else { continue };
            if depth.waiting() == 0 {
                beyond.numbers.remove(&number);
            } else {
                depths.push(depth);
            }
        }
        Ok(Some(depths))
    }

    /// Only the queues that nobody may read. Asks nothing that makes a broker know the group.
    pub(super) async fn shut(&self, beyond: &mut Beyond) -> Result<Vec<Depth>, RequestError> {
        let access = self.broker.access;
        self.look_beyond(beyond).await?;
        let mut depths = Vec::new();
        for number in (access.readable()..access.queues()).chain(beyond.numbers.clone()) {
            depths.extend(self.depth(number).await?);
        }
        Ok(depths)
    }

    async fn depth(&self, number: u32) -> Result<Option<Depth>, RequestError> {
        let Self { requests, broker, group, topic } = *self;
        // The committed offset before the end of the queue: what is consumed in between counts as
        // waiting, and what isn't never counts as consumed.
        let committed = requests.committed(&broker.address, group, topic, number).await?;
        if number < broker.access.readable() {
            let from = committed.unwrap_or(0);
            let glance = requests.glance(&broker.address, group, topic, number, from).await;
            match glance {
                Ok(Some(glance)) => {
                    let glance = self.at_the_oldest(number, from, glance).await?;
                    return Ok(Some(Depth { number, committed, glance, is_open: true }));
                }
                Ok(None) => return Ok(None),
                // The queue was closed since the name server was asked, or the group is closed: its
                // messages count all the same.
                Err(error) if error.closes().is_some() => {
                    let is_open = error.closes() == Some(Closes::Group);
                    let glance = self.borders(number).await?;
                    return Ok(Some(Depth { number, committed, glance, is_open }));
                }
                Err(error) => return Err(error),
            }
        }
        let glance = self.borders(number).await?;
        Ok(Some(Depth { number, committed, glance, is_open: false }))
    }

    /// Where the broker has dropped the message at the committed offset, the oldest is the first
    /// that is left.
    async fn at_the_oldest(
        &self,
        number: u32,
        from: i64,
        glance: Glance,
    ) -> Result<Glance, RequestError> {
        if glance.min_offset <= from || glance.min_offset == glance.max_offset {
            return Ok(glance);
        }
        let Self { requests, broker, group, topic } = *self;
        let again =
            requests.glance(&broker.address, group, topic, number, glance.min_offset).await?;
        Ok(again.unwrap_or(glance))
    }

    /// Both ends of a queue that can't be read. Not every broker answers an account that may only
    /// publish and subscribe; then it isn't known what lies there.
    async fn borders(&self, number: u32) -> Result<Glance, RequestError> {
        let Self { requests, broker, topic, .. } = *self;
        let asked = async {
            let max_offset = requests.end_of(&broker.address, topic, number).await?;
            let min_offset = requests.start_of(&broker.address, topic, number).await?;
            Ok(Glance { min_offset, max_offset, ..Glance::default() })
        };
        asked.await.map_err(|error: RequestError| match error.is_acl() {
            true => RequestError::Uncounted(format!(
                "orders may lie in queue {number} of topic {topic} at {}, which nobody may read, and \
                 the account may not ask how many ({error})",
                broker.name
            )),
            false => error,
        })
    }

    /// Looks for queues with messages beyond those that the topic has. The look goes on where the
    /// last one was broken off.
    pub(super) async fn look_beyond(&self, beyond: &mut Beyond) -> Result<(), RequestError> {
        let queues = self.broker.access.queues();
        beyond.begin(queues);
        let mut first = beyond.looked.map_or(queues, |(_, next)| next);
        while first < NUMBERS_MAX {
            let end = NUMBERS_MAX.min(first + AT_ONCE);
            let looked = try_join_all((first..end).map(|number| self.was_used(number))).await?;
            let found = (first..end).zip(looked).filter(|(_, was_used)| *was_used);
            beyond.numbers.extend(found.map(|(number, _)| number));
            beyond.looked = Some((queues, end));
            first = end;
        }
        Ok(())
    }

    /// Whether a queue ever had a message.
    async fn was_used(&self, number: u32) -> Result<bool, RequestError> {
        let Self { requests, broker, group, topic } = *self;
        match requests.end_of(&broker.address, topic, number).await {
            Ok(end) => Ok(0 < end),
            // This account may ask only whether the group has ever been there.
            Err(error) if error.is_acl() => {
                let group = requests.committed(&broker.address, group, topic, number).await?;
                Ok(group.is_some_and(|committed| 0 < committed))
            }
            // A broker that has no such queue.
            Err(RequestError::Refused { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Beyond, Depth, Glance};

    fn waiting(committed: Option<i64>, glance: Glance) -> u64 {
        Depth { number: 0, committed, glance, is_open: true }.waiting()
    }

    #[test]
    fn what_waits_is_counted_from_the_committed_or_the_first_offset() {
        let glance = Glance { min_offset: 10, max_offset: 25, ..Glance::default() };
        assert_eq!(waiting(Some(20), glance), 5);
        assert_eq!(waiting(Some(25), glance), 0);
        assert_eq!(waiting(None, glance), 15);
        // The broker dropped what was committed last, and a topic that was made again.
        assert_eq!(waiting(Some(3), glance), 15);
        assert_eq!(waiting(Some(90), glance), 0);
        assert_eq!(waiting(None, Glance::default()), 0);
    }

    #[test]
    fn queues_that_a_topic_had_are_remembered_when_it_is_made_narrower() {
        let mut beyond = Beyond::default();
        beyond.begin(8);
        assert_eq!((beyond.looked, beyond.numbers.len()), (Some((8, 8)), 0));
        beyond.looked = Some((8, 128));
        beyond.begin(8);
        assert_eq!(beyond.looked, Some((8, 128)), "looked for once");
        beyond.begin(2);
        assert_eq!(beyond.looked, Some((2, 2)));
        assert_eq!(beyond.numbers.iter().copied().collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7]);
        // The topic is wider again: its own queues are read anyway.
        beyond.begin(6);
        assert_eq!(beyond.numbers.iter().copied().collect::<Vec<_>>(), [6, 7]);
    }

    #[test]
    fn a_look_counts_as_whole_only_for_the_number_of_queues_that_it_was_begun_with() {
        let mut beyond = Beyond::default();
        assert!(!beyond.is_whole(), "nothing was looked at yet");
        beyond.begin(8);
        assert!(!beyond.is_whole());
        let found = Beyond { looked: Some((8, 128)), numbers: [3, 9].into() };
        let mut narrowed = beyond.clone();
        beyond.take(found.clone());
        assert!(beyond.is_whole());
        assert_eq!(beyond.numbers.iter().copied().collect::<Vec<_>>(), [9]);
        // Made narrower while the look was under way.
        narrowed.begin(2);
        narrowed.take(found);
        assert_eq!(narrowed.looked, Some((2, 2)));
        assert_eq!(narrowed.numbers.iter().copied().collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7, 9]);
    }
}
