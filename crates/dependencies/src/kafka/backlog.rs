//! What a consumer has taken and not finished: pure, without a broker and without a clock.
//!
//! For each partition the messages wait in their order, and the first is worked on until it is finished; so what may be
//! committed is always everything before the first unfinished one. A message that failed waits for its next try where
//! it is, and holds back those behind it, but no other partition.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// A topic and the number of a partition.
pub(super) type Partition = (String, i32);

/// See the module. `R` is a message.
#[derive(Debug)]
pub(super) struct Backlog<R> {
    partitions: BTreeMap<Partition, Queue<R>>,
}

#[derive(Debug)]
struct Queue<R> {
    waiting: VecDeque<Waiting<R>>,
    /// What the group should go on with, once that is known; and whether the broker knows.
    next: Option<i64>,
    committed: bool,
}

#[derive(Debug)]
struct Waiting<R> {
    offset: i64,
    message: R,
    tries: u32,
    not_before: Option<Instant>,
}

impl<R> Default for Queue<R> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), next: None, committed: true }
    }
}

impl<R> Default for Backlog<R> {
    fn default() -> Self {
        Self { partitions: BTreeMap::new() }
    }
}

impl<R: Clone> Backlog<R> {
    /// A message has been taken. Those of a partition come in the order of their offsets.
    pub(super) fn push(&mut self, partition: Partition, offset: i64, message: R) {
        let queue = self.partitions.entry(partition).or_default();
        debug_assert!(queue.waiting.back().is_none_or(|last| last.offset < offset), "in order");
        queue.waiting.push_back(Waiting { offset, message, tries: 0, not_before: None });
    }

    /// The message to work on, if one is due: and which try it is, from 1.
    pub(super) fn first(&self, partition: &Partition, now: Instant) -> Option<(R, u32)> {
        let first = self.partitions.get(partition)?.waiting.front()?;
        first.not_before.is_none_or(|at| at <= now).then(|| (first.message.clone(), first.tries + 1))
    }

    /// The first message is finished: worked on, or given up.
    pub(super) fn finish(&mut self, partition: &Partition) {
        if let Some(queue) = self.partitions.get_mut(partition)
            && let Some(first) = queue.waiting.pop_front()
        {
            queue.next = Some(first.offset + 1);
            queue.committed = false;
        }
    }

    /// The first message failed: it waits. `counts`: as one of its tries.
    pub(super) fn retry(&mut self, partition: &Partition, at: Instant, counts: bool) {
        if let Some(first) = self.partitions.get_mut(partition).and_then(|queue| queue.waiting.front_mut()) {
            first.tries += u32::from(counts);
            first.not_before = Some(at);
        }
    }

    /// Offsets that the broker should be told: of the next message to work on.
    pub(super) fn uncommitted(&self) -> Vec<(Partition, i64)> {
        let due = self.partitions.iter().filter(|(_, queue)| !queue.committed);
        due.filter_map(|(partition, queue)| Some((partition.clone(), queue.next?))).collect()
    }

    /// The broker knows them.
    pub(super) fn committed(&mut self, offsets: &[(Partition, i64)]) {
        for (partition, offset) in offsets {
            if let Some(queue) = self.partitions.get_mut(partition)
                && queue.next == Some(*offset)
            {
                queue.committed = true;
            }
        }
    }

    /// The partition belongs to another consumer, or nothing of it is wanted any more.
    pub(super) fn forget(&mut self, partition: &Partition) {
        self.partitions.remove(partition);
    }

    /// Partitions in which something waits.
    pub(super) fn busy(&self) -> Vec<Partition> {
        let busy = self.partitions.iter().filter(|(_, queue)| !queue.waiting.is_empty());
        busy.map(|(partition, _)| partition.clone()).collect()
    }

    /// How long nothing is due: zero if something is, `None` if nothing waits.
    pub(super) fn pause(&self, now: Instant) -> Option<Duration> {
        let firsts = self.partitions.values().filter_map(|queue| queue.waiting.front());
        firsts.map(|first| first.not_before.map_or(Duration::ZERO, |at| at.saturating_duration_since(now))).min()
    }

    /// Messages that wait in each partition.
    pub(super) fn lengths(&self) -> BTreeMap<Partition, u64> {
        self.partitions.iter().map(|(partition, queue)| (partition.clone(), queue.waiting.len() as u64)).collect()
    }

    /// Messages that wait.
    pub(super) fn len(&self) -> usize {
        self.partitions.values().map(|queue| queue.waiting.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[derive(Clone, Debug)]
    enum Step {
        /// A message, so many offsets behind the last one.
        Push(i32, i64),
        Work(i32, bool),
        Commit,
        Wait(u64),
        Revoke(i32),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0..3_i32, 1..4_i64).prop_map(|(partition, gap)| Step::Push(partition, gap)),
            4 => (0..3_i32, prop::bool::weighted(0.7)).prop_map(|(partition, good)| Step::Work(partition, good)),
            1 => Just(Step::Commit),
            1 => (0..2000_u64).prop_map(Step::Wait),
            1 => (0..3_i32).prop_map(Step::Revoke),
        ]
    }

    proptest! {
        /// Whatever happens, what is committed is finished, in order, and nothing is skipped.
        #[test]
        fn nothing_unfinished_is_ever_committed(steps in prop::collection::vec(step(), 0..300)) {
            let mut backlog = Backlog::default();
            let mut now = Instant::now();
            let mut last = [-1_i64; 3];
            let mut open: [BTreeSet<i64>; 3] = Default::default();
            let mut worked = [-1_i64; 3];
            let partition = |number: i32| ("topic".to_owned(), number);
            for step in steps {
                match step {
                    Step::Push(number, gap) => {
                        let at = number as usize;
                        last[at] += gap;
                        open[at].insert(last[at]);
                        backlog.push(partition(number), last[at], last[at]);
                    }
                    Step::Work(number, good) => {
                        let at = number as usize;
                        let Some((offset, tries)) = backlog.first(&partition(number), now) else { continue };
                        prop_assert_eq!(Some(&offset), open[at].first(), "the oldest comes first");
                        prop_assert!(offset > worked[at] && tries >= 1);
                        if good {
                            backlog.finish(&partition(number));
                            open[at].remove(&offset);
                            worked[at] = offset;
                        } else {
                            backlog.retry(&partition(number), now + Duration::from_secs(1), true);
                            prop_assert_eq!(backlog.first(&partition(number), now), None, "it waits");
                        }
                    }
                    Step::Commit => {
                        let offsets = backlog.uncommitted();
                        for ((_, number), offset) in &offsets {
                            prop_assert!(open[*number as usize].iter().all(|open| open >= offset));
                            prop_assert_eq!(*offset, worked[*number as usize] + 1);
                        }
                        backlog.committed(&offsets);
                        prop_assert!(backlog.uncommitted().is_empty());
                    }
                    Step::Wait(millis) => now += Duration::from_millis(millis),
                    Step::Revoke(number) => {
                        backlog.forget(&partition(number));
                        open[number as usize].clear();
                        prop_assert_eq!(backlog.first(&partition(number), now), None);
                    }
                }
                prop_assert_eq!(backlog.len(), open.iter().map(BTreeSet::len).sum::<usize>());
                prop_assert_eq!(backlog.pause(now).is_some(), backlog.len() > 0);
            }
        }
    }

    #[test]
    fn a_message_that_waits_holds_back_its_partition_alone() {
        let (mut backlog, now) = (Backlog::default(), Instant::now());
        let (one, two) = (("topic".to_owned(), 1), ("topic".to_owned(), 2));
        for (partition, offset) in [(&one, 10), (&one, 11), (&two, 20)] {
            backlog.push(partition.clone(), offset, offset);
        }
        backlog.retry(&one, now + Duration::from_secs(1), true);
        assert_eq!((backlog.first(&one, now), backlog.first(&two, now)), (None, Some((20, 1))));
        assert_eq!(backlog.pause(now), Some(Duration::ZERO));
        backlog.finish(&two);
        assert_eq!(backlog.pause(now), Some(Duration::from_secs(1)));
        let later = now + Duration::from_secs(1);
        assert_eq!(backlog.first(&one, later), Some((10, 2)));
        backlog.retry(&one, later, false);
        assert_eq!(backlog.first(&one, later), Some((10, 2)), "a failure of somebody else is no try");
        assert_eq!(backlog.uncommitted(), [(two, 21)]);
    }
}
