//! The exit as a trace: a root `drain`, a child for each phase, events for the progress, links to the requests that
//! were cut. Always sampled: exits are few, and the one that went wrong is the one that is looked for.

use super::{Traces, sampler, span_context};
use crate::context::Trace;
use opentelemetry::trace::{Event, Link, SpanId, SpanKind, Status};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use std::time::SystemTime;

/// Events of one phase; a drain without a bound has no bound of them either.
const EVENTS_MAX: usize = 64;
/// Links to requests that were cut.
const LINKS_MAX: usize = 128;

/// The trace of an exit that is under way.
#[derive(Debug)]
pub struct DrainTrace {
    traces: Traces,
    root: Trace,
    began: SystemTime,
    events: SpanEvents,
}

/// A phase that has ended.
#[derive(Debug)]
pub struct PhaseSpan {
    /// Its name: `draining`.
    pub name: &'static str,
    /// When it began.
    pub began: SystemTime,
    /// When it ended.
    pub ended: SystemTime,
    /// What it found out: names and values.
    pub evidence: Vec<(&'static str, Value)>,
    /// It was ended by its bound.
    pub cut: bool,
}

impl DrainTrace {
    /// Leaving began at `began`.
    pub fn begin(traces: Traces, began: SystemTime) -> Self {
        let (trace_id, span_id) = (sampler::new_trace_id(), sampler::new_span_id());
        let root = Trace { trace_id, span_id, sampled: true, state: None };
        Self { traces, root, began, events: SpanEvents::default() }
    }

    /// The trace, for log lines and the report.
    pub fn trace_id(&self) -> String {
        self.root.trace_id()
    }

    /// Something to tell about the phase that runs.
    pub fn progress(&mut self, message: String, evidence: Vec<(&'static str, Value)>) {
        if self.events.events.len() >= EVENTS_MAX {
            self.events.dropped_count += 1;
            return;
        }
        self.events.events.push(Event::new(message, SystemTime::now(), attributes(evidence), 0));
    }

    /// A phase has ended: its span goes out with the next export, before the exit is over.
    pub fn phase(&mut self, phase: PhaseSpan) {
        let PhaseSpan { name, began, ended, mut evidence, cut } = phase;
        evidence.push(("lameduck.phase", name.into()));
        evidence.push(("lameduck.cut", cut.into()));
        let span_id = sampler::new_span_id();
        let events = std::mem::take(&mut self.events);
        let span = self.span(&Trace { span_id, ..self.root.clone() }, name.to_owned(), (began, ended), evidence);
        self.traces.push(SpanData {
            parent_span_id: SpanId::from_bytes(self.root.span_id.to_be_bytes()),
            events,
            ..span
        });
    }

    /// The exit is over, as far as spans can tell: the root goes out. `cut`: the requests that were cut; `failed`: what
    /// to say if work was lost or a part failed.
    pub fn end(self, evidence: Vec<(&'static str, Value)>, cut: &[Trace], failed: Option<String>) {
        let mut links = SpanLinks::default();
        links.links =
            cut.iter().take(LINKS_MAX).map(|trace| Link::new(span_context(trace, false), Vec::new(), 0)).collect();
        links.dropped_count = cut.len().saturating_sub(LINKS_MAX) as u32;
        let times = (self.began, SystemTime::now());
        let span = self.span(&self.root, "drain".to_owned(), times, evidence);
        let status = failed.map_or(Status::Ok, Status::error);
        self.traces.push(SpanData { links, status, ..span });
    }

    fn span(
        &self,
        trace: &Trace,
        name: String,
        times: (SystemTime, SystemTime),
        evidence: Vec<(&'static str, Value)>,
    ) -> SpanData {
        SpanData {
            span_context: span_context(trace, false),
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: name.into(),
            start_time: times.0,
            end_time: times.1,
            attributes: attributes(evidence),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: self.traces.inner.scope.clone(),
        }
    }
}

fn attributes(evidence: Vec<(&'static str, Value)>) -> Vec<KeyValue> {
    evidence.into_iter().map(|(name, value)| KeyValue::new(name, value)).collect()
}
