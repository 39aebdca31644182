//! How a consumer is doing: messages by end, and how far it is behind.

use super::options::ConsumerOptions;
use lameduck::prometheus::core::{Collector, Desc};
use lameduck::prometheus::proto::MetricFamily;
use lameduck::prometheus::{IntCounter, IntGauge, Opts};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Done,
    Retried,
    Dead,
}

const ENDS: [&str; 3] = ["done", "retried", "dead"];

/// The metrics of a [`KafkaConsumer`](super::KafkaConsumer), to be registered.
#[derive(Clone, Debug)]
pub struct ConsumerMetrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    ended: [IntCounter; ENDS.len()],
    lag: BTreeMap<String, IntGauge>,
}

impl ConsumerMetrics {
    pub(super) fn new(name: &str, options: &ConsumerOptions) -> Self {
        let known = "the names of the metrics are constants";
        let base = |family: &str, help: &str| {
            Opts::new(family, help).const_label("name", name).const_label("group", &options.group)
        };
        let ended = ENDS.map(|end| {
            let options = base(
                "lameduck_kafka_messages_total",
                "Tries of messages, by end: done, retried, or dead: sent to the dead-letter topic.",
            );
            IntCounter::with_opts(options.const_label("end", end)).expect(known)
        });
        let lag = options.topics.iter().map(|topic| {
            let options =
                base("lameduck_kafka_lag", "Messages of the partitions of this replica that are not finished.");
            (topic.clone(), IntGauge::with_opts(options.const_label("topic", topic)).expect(known))
        });
        Self(Arc::new(Inner { ended, lag: lag.collect() }))
    }

    pub(super) fn count(&self, ended: Ended) {
        self.0.ended[ended as usize].inc();
    }

    pub(super) fn lag(&self, lags: &BTreeMap<String, u64>) {
        for (topic, gauge) in &self.0.lag {
            gauge.set(lags.get(topic).map_or(0, |lag| i64::try_from(*lag).unwrap_or(i64::MAX)));
        }
    }

    fn each(&self) -> impl Iterator<Item = &dyn Collector> {
        let ended = self.0.ended.iter().map(|counter| counter as &dyn Collector);
        ended.chain(self.0.lag.values().map(|gauge| gauge as &dyn Collector))
    }
}

impl Collector for ConsumerMetrics {
    fn desc(&self) -> Vec<&Desc> {
        self.each().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.each().flat_map(Collector::collect).collect()
    }
}
