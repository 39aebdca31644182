//! OpenMetrics 1.0: what Prometheus asks for, and the only text format that carries exemplars.

use super::exemplars::{Exemplar, Exemplars};
use prometheus::proto::{Histogram, LabelPair, Metric, MetricFamily, MetricType};
use std::fmt::Write;

/// What /metrics says of the format.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All families, in the order in which they come, with the exemplars of the engine's histograms.
pub(crate) fn text(families: &[MetricFamily], exemplars: &Exemplars) -> String {
    let mut out = String::with_capacity(32 << 10);
    for family in families {
        write_family(&mut out, family, exemplars);
    }
    out.push_str("# EOF\n");
    out
}

fn write_family(out: &mut String, family: &MetricFamily, exemplars: &Exemplars) {
    let kind = family.get_field_type();
    let counter = kind == MetricType::COUNTER;
    // The name of a counter is without the suffix, which its sample must have.
    let name = if counter { family.name().trim_end_matches("_total") } else { family.name() };
    let word = match kind {
        MetricType::COUNTER => "counter",
        MetricType::GAUGE => "gauge",
        MetricType::SUMMARY => "summary",
        MetricType::UNTYPED => "unknown",
        MetricType::HISTOGRAM => "histogram",
    };
    let mut line = Line { out };
    line.words(&["# TYPE ", name, " ", word, "\n"]);
    if !family.help().is_empty() {
        line.words(&["# HELP ", name, " "]);
        line.escaped(family.help());
        line.words(&["\n"]);
    }
    for metric in family.get_metric() {
        let labels = metric.get_label();
        match kind {
            MetricType::COUNTER => line.sample(&[name, "_total"], labels, None, metric.get_counter().get_value()),
            MetricType::GAUGE => line.sample(&[name], labels, None, metric.get_gauge().get_value()),
            MetricType::HISTOGRAM => line.histogram(name, labels, metric.get_histogram(), exemplars),
            MetricType::SUMMARY => line.summary(name, metric),
            // The crate has no way to make one.
            MetricType::UNTYPED => {}
        }
    }
}

struct Line<'a> {
    out: &'a mut String,
}

impl Line<'_> {
    fn words(&mut self, words: &[&str]) {
        words.iter().for_each(|word| self.out.push_str(word));
    }

    fn escaped(&mut self, text: &str) {
        for char in text.chars() {
            match char {
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '"' => self.out.push_str("\\\""),
                char => self.out.push(char),
            }
        }
    }

    fn head(&mut self, name: &[&str], labels: &[LabelPair], more: Option<(&str, f64)>) {
        self.words(name);
        if labels.is_empty() && more.is_none() {
            return self.out.push(' ');
        }
        for (index, pair) in labels.iter().enumerate() {
            self.words(&[if index == 0 { "{" } else { "," }, pair.name(), "=\""]);
            self.escaped(pair.value());
            self.out.push('"');
        }
        if let Some((name, value)) = more {
            self.words(&[if labels.is_empty() { "{" } else { "," }, name, "=\""]);
            self.number(value);
            self.out.push('"');
        }
        self.out.push_str("} ");
    }

    fn sample(&mut self, name: &[&str], labels: &[LabelPair], more: Option<(&str, f64)>, value: f64) {
        self.head(name, labels, more);
        self.number(value);
        self.out.push('\n');
    }

    fn number(&mut self, value: f64) {
        let written = match value {
            value if value.is_nan() => write!(self.out, "NaN"),
            value if value.is_infinite() => write!(self.out, "{}Inf", if value > 0.0 { '+' } else { '-' }),
            // "1.0": bounds of buckets are compared as text by some readers, so the canonical form is written
            // everywhere.
            value => write!(self.out, "{value:?}"),
        };
        debug_assert!(written.is_ok());
    }

    fn histogram(&mut self, name: &str, labels: &[LabelPair], histogram: &Histogram, exemplars: &Exemplars) {
        let of_series = exemplars.of(name, labels);
        let total = histogram.get_sample_count();
        let buckets = histogram.get_bucket().iter().map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()));
        let finite = buckets.filter(|(bound, _)| bound.is_finite());
        for (index, (bound, count)) in finite.chain([(f64::INFINITY, total)]).enumerate() {
            self.head(&[name, "_bucket"], labels, Some(("le", bound)));
            let written = write!(self.out, "{count}");
            debug_assert!(written.is_ok());
            if let Some(exemplar) = of_series.as_ref().and_then(|buckets| buckets.get(index)?.as_ref()) {
                self.exemplar(exemplar);
            }
            self.out.push('\n');
        }
        self.head(&[name, "_count"], labels, None);
        let written = writeln!(self.out, "{total}");
        debug_assert!(written.is_ok());
        self.sample(&[name, "_sum"], labels, None, histogram.get_sample_sum());
    }

    fn exemplar(&mut self, exemplar: &Exemplar) {
        let Exemplar { trace_id, seconds, at } = exemplar;
        let written = write!(self.out, " # {{trace_id=\"{trace_id:032x}\"}} {seconds:?} {at:.3}");
        debug_assert!(written.is_ok());
    }

    fn summary(&mut self, name: &str, metric: &Metric) {
        let (labels, summary) = (metric.get_label(), metric.get_summary());
        for quantile in summary.get_quantile() {
            self.sample(&[name], labels, Some(("quantile", quantile.quantile())), quantile.value());
        }
        self.sample(&[name, "_count"], labels, None, summary.sample_count() as f64);
        self.sample(&[name, "_sum"], labels, None, summary.sample_sum());
    }
}

#[cfg(test)]
mod tests;
