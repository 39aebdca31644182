//! The span of a call that this process makes: to a database, a cache, a broker, another service.

use super::{Traces, sampler, span_context};
use crate::context::Trace;
use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;
use std::borrow::Cow;
use std::time::SystemTime;

/// A call that is recorded: part of a trace that is.
#[derive(Debug)]
pub struct CallSpan {
    traces: Traces,
    trace: Trace,
    parent: SpanId,
    name: Cow<'static, str>,
    began: SystemTime,
    attributes: Vec<KeyValue>,
}

impl CallSpan {
    /// The span of a call that begins now, below `parent`. `None` if that is not recorded.
    pub fn begin(traces: &Traces, parent: &Trace, name: Cow<'static, str>) -> Option<Self> {
        parent.sampled.then(|| Self {
            traces: traces.clone(),
            trace: Trace { span_id: sampler::new_span_id(), ..parent.clone() },
            parent: SpanId::from_bytes(parent.span_id.to_be_bytes()),
            name,
            began: SystemTime::now(),
            attributes: Vec::new(),
        })
    }

    /// The span's position: what the other side gets as its parent.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Adds an attribute, by its name in the semantic conventions.
    pub fn attribute(&mut self, name: &'static str, value: impl Into<Value>) {
        self.attributes.push(KeyValue::new(name, value));
    }

    /// Hands the finished span over. `error`: its type, if the call failed.
    pub fn end(mut self, error: Option<Cow<'static, str>>) {
        let status = error.map_or(Status::Unset, |error| {
            self.attributes.push(KeyValue::new("error.type", error.clone()));
            Status::error(error)
        });
        self.traces.push(SpanData {
            span_context: span_context(&self.trace, false),
            parent_span_id: self.parent,
            parent_span_is_remote: false,
            span_kind: SpanKind::Client,
            name: self.name,
            start_time: self.began,
            end_time: SystemTime::now(),
            attributes: self.attributes,
            dropped_attributes_count: 0,
            events: Default::default(),
            links: Default::default(),
            status,
            instrumentation_scope: self.traces.inner.scope.clone(),
        });
    }
}
