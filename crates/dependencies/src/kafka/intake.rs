//! A member of a consumer group, as the client library has it.

use super::backlog::{Backlog, Partition};
use super::message::Message;
use super::options::ConsumerOptions;
use super::session::Session;
use krafka::consumer::{
    AutoOffsetReset, Consumer, ConsumerRebalanceListener, OffsetAndMetadata, PartitionAssignmentStrategy,
    TopicPartition,
};
use krafka::{CloseOptions, ConsumerRecord, KrafkaError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Heartbeats in the time of a session: that some are late does not end it.
const HEARTBEATS: u32 = 15;
/// Messages taken at a time: what one poll may add to the backlog.
const POLL_MAX: i32 = 64;

/// What was taken, shared with the rebalances that happen inside of a poll.
#[derive(Clone, Default)]
pub(super) struct Shared(Arc<Mutex<Backlog<Message>>>);

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Backlog<Message>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A member of the group.
pub(super) struct Intake {
    consumer: Consumer,
    backlog: Shared,
}

impl Intake {
    /// Joins. `member`: the name under which it stays a member over a restart.
    pub(super) async fn join(
        session: &Session,
        options: &ConsumerOptions,
        member: Option<&str>,
        backlog: Shared,
    ) -> Result<Self, KrafkaError> {
        let mut builder = session
            .kafka
            .consumer(&options.group)
            .enable_auto_commit(false)
            .auto_offset_reset(AutoOffsetReset::Earliest)
            .max_poll_records(POLL_MAX)
            .session_timeout(options.session_timeout)
            .heartbeat_interval(options.session_timeout / HEARTBEATS)
            .partition_assignment_strategy(PartitionAssignmentStrategy::CooperativeSticky)
            .rebalance_listener(Rebalance(backlog.clone()));
        if let Some(member) = member {
            builder = builder.group_instance_id(format!("{}-{member}", options.group));
        }
        let consumer = builder.build().await?;
        consumer.subscribe(&options.topics).await?;
        Ok(Self { consumer, backlog })
    }

    /// Takes messages into the backlog, for at most `wait` if there are none. Rebalances happen in here.
    ///
    /// # Cancel safety
    /// Cancel safe: what is taken is in the backlog.
    pub(super) async fn poll(&self, wait: Duration) -> Result<(), KrafkaError> {
        let busy = self.backlog.lock().busy();
        self.hold(&busy).await;
        let records = self.consumer.poll(wait).await?;
        let mut backlog = self.backlog.lock();
        for record in records {
            let partition = (record.topic.to_string(), record.partition);
            backlog.push(partition, record.offset, message(record));
        }
        Ok(())
    }

    /// Takes nothing more from partitions in which something waits: the backlog is bounded.
    async fn hold(&self, busy: &[Partition]) {
        let mut held: BTreeMap<String, Vec<i32>> = BTreeMap::new();
        let mut free: BTreeMap<String, Vec<i32>> = BTreeMap::new();
        let paused = self.consumer.paused_partitions().await;
        for (topic, partitions) in self.consumer.assignment().await {
            for partition in partitions {
                let key = (topic.clone(), partition);
                match (busy.contains(&key), paused.contains(&key)) {
                    (true, false) => held.entry(topic.clone()).or_default().push(partition),
                    (false, true) => free.entry(topic.clone()).or_default().push(partition),
                    (true, true) | (false, false) => {}
                }
            }
        }
        for (topic, partitions) in held {
            self.consumer.pause(&topic, &partitions).await;
        }
        for (topic, partitions) in free {
            self.consumer.resume(&topic, &partitions).await;
        }
    }

    /// Tells the brokers what is finished.
    pub(super) async fn commit(&self) -> Result<(), KrafkaError> {
        let offsets = self.backlog.lock().uncommitted();
        if offsets.is_empty() {
            return Ok(());
        }
        let request: Vec<_> = offsets
            .iter()
            .map(|((topic, partition), offset)| {
                (TopicPartition::new(topic.clone(), *partition), OffsetAndMetadata::new(*offset))
            })
            .collect();
        self.consumer.commit_offsets(request).await?;
        self.backlog.lock().committed(&offsets);
        Ok(())
    }

    /// Messages behind, by topic, as far as the last responses tell.
    pub(super) async fn lag(&self) -> BTreeMap<String, u64> {
        let unfinished: BTreeMap<Partition, u64> = self.backlog.lock().lengths();
        let mut lags = BTreeMap::new();
        for (partition, lag) in self.consumer.lag().await {
            let key = (partition.topic().to_owned(), partition.partition());
            let behind = lag.lag.unwrap_or(0) + unfinished.get(&key).copied().unwrap_or(0);
            *lags.entry(key.0).or_default() += behind;
        }
        lags
    }

    /// Leaves the group at once, so that others take over at once; a static member stays, and comes back.
    pub(super) async fn leave(self, within: Duration) -> Result<(), KrafkaError> {
        self.consumer.close_with(CloseOptions::new().timeout(within)).await
    }
}

fn message(record: ConsumerRecord) -> Message {
    let headers = record.headers.into_iter().map(|(name, value)| (name, value.unwrap_or_default())).collect();
    Message::new((record.topic.to_string(), record.partition, record.offset), record.key, record.value, headers)
}

/// Forgets what belongs to others from now on. What is finished has been committed before each poll.
struct Rebalance(Shared);

impl Rebalance {
    fn forget(&self, partitions: &[TopicPartition]) {
        let mut backlog = self.0.lock();
        for partition in partitions {
            backlog.forget(&(partition.topic().to_owned(), partition.partition()));
        }
    }
}

impl ConsumerRebalanceListener for Rebalance {
    async fn on_partitions_assigned(&self, partitions: &[TopicPartition]) {
        self.forget(partitions);
        tracing::info!(partitions = partitions.len(), "{} partitions were assigned", partitions.len());
    }

    async fn on_partitions_revoked(&self, partitions: &[TopicPartition]) {
        self.forget(partitions);
        tracing::info!(partitions = partitions.len(), "{} partitions were revoked", partitions.len());
    }

    async fn on_partitions_lost(&self, partitions: &[TopicPartition]) {
        self.forget(partitions);
        tracing::warn!(partitions = partitions.len(), "{} partitions were lost", partitions.len());
    }
}
