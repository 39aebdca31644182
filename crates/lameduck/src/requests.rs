//! What the engine keeps and says about each request: its context, its access line, its span, its exemplar.

#[cfg(feature = "traces")]
use crate::metrics::Exemplars;
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, StatusCode};
use lameduck_lifecycle::Outcome;
use lameduck_server::{Began, Interest, Record, RequestObserver, RequestScope};
use lameduck_telemetry::{Context, Trace};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// The trace that a request belongs to, for its client.
const X_TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");

/// Requests that were cut, of which the trace of the exit can tell.
const CUT_MAX: usize = 256;

/// Observes all requests of the server. Clones are the same: one counter for each request, not one for each part.
#[derive(Clone)]
pub(crate) struct Requests(pub(crate) Arc<Shared>);

/// What the requests of a server share.
pub(crate) struct Shared {
    pub(crate) access: Interest,
    #[cfg(feature = "traces")]
    pub(crate) traces: Option<lameduck_telemetry::traces::Traces>,
    #[cfg(feature = "traces")]
    pub(crate) exemplars: Exemplars,
    pub(crate) cut: Cut,
}

/// The traces of requests that were cut at the deadline. Clones are the same list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cut(Arc<Mutex<Vec<Trace>>>);

impl Cut {
    fn add(&self, trace: &Trace) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < CUT_MAX {
            all.push(trace.clone());
        }
    }

    /// All so far.
    #[cfg(feature = "traces")]
    pub(crate) fn all(&self) -> Vec<Trace> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl RequestObserver for Requests {
    fn interest(&self) -> Interest {
        self.0.access
    }

    fn observes_begin(&self) -> bool {
        true
    }

    fn began(&self, request: &mut Began<'_>) -> Option<Box<dyn RequestScope>> {
        let headers = &request.parts.headers;
        let request_id = if request.request_id.is_empty() { None } else { headers.get("x-request-id").cloned() };
        let parent = Trace::extract(headers);
        let came = parent.is_some();
        let deadline = request.time_left.and_then(|left| Instant::now().checked_add(left));
        let context = Context { request_id, trace: None, deadline };
        let mut scope = Scope { requests: self.clone(), context, shown: None, span: None };
        self.trace(&mut scope, request, parent);
        let trace = scope.context.trace.as_ref();
        scope.shown = trace.filter(|trace| came || trace.sampled).map(Trace::trace_id);
        Some(Box::new(scope))
    }

    fn ended(&self, record: &Record<'_>) {
        crate::access_log::write(record);
    }
}

#[cfg(feature = "traces")]
type Span = lameduck_telemetry::traces::RequestSpan;
#[cfg(not(feature = "traces"))]
type Span = std::convert::Infallible;

impl Requests {
    #[cfg(feature = "traces")]
    fn trace(&self, scope: &mut Scope, request: &Began<'_>, parent: Option<Trace>) {
        let Some(traces) = &self.0.traces else { return scope.context.trace = parent };
        let trace = traces.begin(parent.as_ref());
        if trace.sampled {
            let parts = &request.parts;
            scope.span = Some(Span::begin(trace.clone(), parent, &parts.uri, &parts.headers).tls(tls_version(parts)));
        }
        scope.context.trace = Some(trace);
    }

    /// Nothing is recorded here; the caller's trace is passed on.
    #[cfg(not(feature = "traces"))]
    fn trace(&self, scope: &mut Scope, _: &Began<'_>, parent: Option<Trace>) {
        scope.context.trace = parent;
    }
}

/// The version of TLS that a request came by.
#[cfg(feature = "traces")]
#[cfg_attr(not(feature = "tls"), expect(unused_variables, reason = "all connections are plain"))]
fn tls_version(parts: &http::request::Parts) -> Option<&'static str> {
    #[cfg(feature = "tls")]
    return parts
        .extensions
        .get::<lameduck_server::Connection>()?
        .tls_version()
        .map(lameduck_server::tls::TlsVersion::as_str);
    #[cfg(not(feature = "tls"))]
    None
}

/// One request.
struct Scope {
    requests: Requests,
    context: Context,
    /// The id of the trace, if the client is shown it.
    shown: Option<String>,
    /// `None`: it is not recorded.
    span: Option<Span>,
}

impl RequestScope for Scope {
    fn enter(&mut self, run: &mut dyn FnMut()) {
        self.context.enter(run);
    }

    fn answered(&mut self, _: StatusCode, headers: &mut HeaderMap) {
        if let Some(id) = self.shown.as_ref().and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.insert(X_TRACE_ID, id);
        }
    }

    fn trace_id(&self) -> Option<&str> {
        self.shown.as_deref()
    }

    fn ended(self: Box<Self>, record: &Record<'_>) {
        let Self { requests, context, span, .. } = *self;
        if let Some(trace) = context.trace.as_ref().filter(|_| record.outcome == Outcome::Aborted) {
            requests.0.cut.add(trace);
        }
        if let Some(span) = span {
            end_span(&requests, span, record);
        }
    }
}

#[cfg(feature = "traces")]
fn end_span(requests: &Requests, span: Span, record: &Record<'_>) {
    use lameduck_lifecycle::{Kind, Protocol};
    use lameduck_telemetry::traces::RequestEnd;
    let Some(traces) = &requests.0.traces else { return };
    let (method, route) = (record.method.as_str(), record.route.unwrap_or(""));
    if let Some(status) = record.status {
        let seconds = record.duration.as_secs_f64();
        requests.0.exemplars.record(method, route, status.as_u16(), seconds, span.trace().trace_id);
    }
    span.end(
        traces,
        &RequestEnd {
            method,
            route: record.route,
            status: record.status.map(|status| status.as_u16()),
            grpc_status: record.grpc_status,
            grpc: record.kind == Kind::Grpc,
            http_version: match record.protocol {
                Protocol::Http2 => "2",
                Protocol::Http1 | Protocol::Unknown => "1.1",
            },
            duration: record.duration,
            peer: record.peer,
            request_id: record.request_id,
            outcome: record.outcome.as_str(),
            failed: matches!(record.outcome, Outcome::Failed | Outcome::Aborted | Outcome::TimedOut),
        },
    );
}

#[cfg(not(feature = "traces"))]
fn end_span(_: &Requests, span: Span, _: &Record<'_>) {
    match span {}
}
