//! From a declaration and numbers to what the `prometheus` crate encodes.

use super::declared::{Kind, Metric};
use lameduck_server::{BOUNDS_SECONDS, HistogramSnapshot};
use prometheus::core::Desc;
use prometheus::proto;
use std::collections::HashMap;

/// The samples of one metric.
pub(super) struct Family {
    metric: &'static Metric,
    samples: Vec<proto::Metric>,
}

impl Family {
    pub(super) fn new(metric: &'static Metric) -> Self {
        Self { metric, samples: Vec::new() }
    }

    /// A family of one sample without labels.
    pub(super) fn single(metric: &'static Metric, value: f64) -> Self {
        let mut family = Self::new(metric);
        family.push(&[], value);
        family
    }

    /// Adds a sample; `labels` in the order of the declaration.
    pub(super) fn push(&mut self, labels: &[&str], value: f64) {
        let mut sample = self.labelled(labels);
        match self.metric.kind {
            Kind::Counter => {
                let mut counter = proto::Counter::default();
                counter.set_value(value);
                sample.set_counter(counter);
            }
            Kind::Gauge | Kind::Histogram => {
                let mut gauge = proto::Gauge::default();
                gauge.set_value(value);
                sample.set_gauge(gauge);
            }
        }
        self.samples.push(sample);
    }

    /// Adds a histogram.
    pub(super) fn push_histogram(&mut self, labels: &[&str], snapshot: &HistogramSnapshot) {
        self.push_buckets(labels, &BOUNDS_SECONDS, &snapshot.buckets, snapshot.sum_seconds);
    }

    /// Adds a histogram: how many fell below each bound and not below the one before, and last how many above all of
    /// them.
    pub(super) fn push_buckets(&mut self, labels: &[&str], bounds: &[f64], counts: &[u64], sum: f64) {
        let mut sample = self.labelled(labels);
        let mut cumulative = 0;
        let buckets = bounds.iter().zip(counts).map(|(&bound, &count)| {
            cumulative += count;
            let mut bucket = proto::Bucket::default();
            bucket.set_upper_bound(bound);
            bucket.set_cumulative_count(cumulative);
            bucket
        });
        let mut histogram = proto::Histogram::default();
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_count(counts.iter().sum());
        histogram.set_sample_sum(sum);
        sample.set_histogram(histogram);
        self.samples.push(sample);
    }

    pub(super) fn build(self) -> proto::MetricFamily {
        let mut family = proto::MetricFamily::default();
        family.set_name(self.metric.name.to_owned());
        family.set_help(self.metric.help.to_owned());
        family.set_field_type(match self.metric.kind {
            Kind::Counter => proto::MetricType::COUNTER,
            Kind::Gauge => proto::MetricType::GAUGE,
            Kind::Histogram => proto::MetricType::HISTOGRAM,
        });
        family.set_metric(self.samples);
        family
    }

    fn labelled(&self, values: &[&str]) -> proto::Metric {
        assert_eq!(values.len(), self.metric.labels.len(), "{}: one value for each label", self.metric.name);
        let pairs = self.metric.labels.iter().zip(values).map(|(name, value)| {
            let mut pair = proto::LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value((*value).to_owned());
            pair
        });
        proto::Metric::from_label(pairs.collect())
    }
}

/// What the registry wants to know beforehand, so that a service cannot register a metric of ours.
pub(super) fn descriptions(metrics: &[Metric]) -> prometheus::Result<Vec<Desc>> {
    let description = |metric: &Metric| {
        let labels = metric.labels.iter().map(|label| (*label).to_owned()).collect();
        Desc::new(metric.name.to_owned(), metric.help.to_owned(), labels, HashMap::new())
    };
    metrics.iter().map(description).collect()
}
