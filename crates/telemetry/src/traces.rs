//! Traces by OTLP: spans of requests, of handlers, and of the exit.
//!
//! Whether a request is recorded is decided before anything is built for it; one that is not costs its trace id.
//! Finished spans go into a bounded queue; a thread of the exporter with a small runtime sends them, so that neither
//! blocked handlers nor a dead collector can hold up a request, the control thread or the exit. What is not exported is
//! counted under a reason.

mod call;
mod drain;
mod exporter;
mod options;
mod queue;
mod request;
mod sampler;
#[cfg(test)]
mod tests;

pub use call::CallSpan;
pub use drain::{DrainTrace, PhaseSpan};
pub use options::{Protocol, TraceKeys, TraceOptions};
pub use queue::{DropReason, Flushed};
pub use request::{RequestEnd, RequestSpan};

use crate::context::Trace;
use opentelemetry::InstrumentationScope;
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use opentelemetry_sdk::trace::SpanData;
use queue::Queue;
use sampler::Sampler;
use std::sync::Arc;
use std::time::Instant;

/// The traces of the process. Clones are the same.
#[derive(Clone, Debug)]
pub struct Traces {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    sampler: Sampler,
    queue: Arc<Queue>,
    scope: InstrumentationScope,
}

impl Traces {
    /// Starts the exporter's thread. Whether the collector answers is not known yet.
    ///
    /// # Errors
    /// If the endpoint or a certificate cannot be used, or the system refuses the thread.
    pub fn start(options: TraceOptions) -> anyhow::Result<Self> {
        let scope = InstrumentationScope::builder("lameduck").with_version(env!("CARGO_PKG_VERSION")).build();
        let sampler = options.sampler;
        let queue = Arc::new(Queue::default());
        exporter::start(options, queue.clone())?;
        Ok(Self { inner: Arc::new(Inner { sampler, queue, scope }) })
    }

    /// The position in a trace of what begins here: a span of its own if it is recorded, else its parent's.
    pub fn begin(&self, parent: Option<&Trace>) -> Trace {
        let trace_id = parent.map_or_else(sampler::new_trace_id, |parent| parent.trace_id);
        let sampled = self.inner.sampler.samples(trace_id, parent.map(|parent| parent.sampled));
        let span_id = match parent {
            Some(parent) if !sampled => parent.span_id,
            _ => sampler::new_span_id(),
        };
        Trace { trace_id, span_id, sampled, state: parent.and_then(|parent| parent.state.clone()) }
    }

    /// Sends what waits, at most until `until`; what is left then is counted as lost with the process. Nothing is
    /// exported any more afterwards.
    ///
    /// # Cancel safety
    /// Dropped, the spans that wait are neither exported nor counted.
    pub async fn flush(&self, until: Instant) -> Flushed {
        self.inner.queue.flush(until).await
    }

    /// Spans that were not exported, by reason.
    pub fn dropped(&self) -> [(DropReason, u64); DropReason::ALL.len()] {
        self.inner.queue.dropped()
    }

    fn push(&self, span: SpanData) {
        self.inner.queue.push(span);
    }
}

/// The position of a span in the words of OpenTelemetry.
fn span_context(trace: &Trace, remote: bool) -> SpanContext {
    let state = trace.state.as_ref().and_then(|state| state.to_str().ok()?.parse::<TraceState>().ok());
    SpanContext::new(
        TraceId::from_bytes(trace.trace_id.to_be_bytes()),
        SpanId::from_bytes(trace.span_id.to_be_bytes()),
        if trace.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() },
        remote,
        state.unwrap_or_default(),
    )
}
