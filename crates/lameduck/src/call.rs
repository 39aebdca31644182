//! A call that a handler or worker makes to a dependency: how long it may take, and its span.

use lameduck_telemetry::{Context, Trace};
use std::borrow::Cow;
use std::time::Duration;

#[cfg(feature = "traces")]
thread_local! {
    static TRACES: std::cell::RefCell<Option<lameduck_telemetry::traces::Traces>> = const {
        std::cell::RefCell::new(None)
    };
}

/// Makes these the traces of calls that the calling thread makes.
#[cfg(feature = "traces")]
pub(crate) fn enter(traces: Option<lameduck_telemetry::traces::Traces>) {
    TRACES.set(traces);
}

/// One call to something outside, for crates that implement a [`Dependency`](crate::Dependency). Belongs to the request
/// that the current code serves, if it serves one.
///
/// With the feature `traces`, and if the request is recorded, it is a span of kind client; name and attributes follow
/// the semantic conventions of OpenTelemetry. Otherwise it costs nothing.
///
/// ```
/// use lameduck::Call;
///
/// # fn send() -> Result<(), std::io::Error> { Ok(()) }
/// let mut call = Call::begin("GET");
/// call.attribute("db.system.name", "redis");
/// let result = send();
/// call.end(result.as_ref().err().map(|error| error.kind().to_string()));
/// ```
#[derive(Debug)]
pub struct Call {
    #[cfg(feature = "traces")]
    span: Option<lameduck_telemetry::traces::CallSpan>,
}

impl Call {
    /// A call that begins now.
    pub fn begin(name: impl Into<Cow<'static, str>>) -> Self {
        #[cfg(feature = "traces")]
        {
            let trace = Context::current().and_then(|context| context.trace).filter(|trace| trace.sampled);
            let span = trace.and_then(|trace| {
                TRACES.with_borrow(|traces| {
                    lameduck_telemetry::traces::CallSpan::begin(traces.as_ref()?, &trace, name.into())
                })
            });
            Self { span }
        }
        #[cfg(not(feature = "traces"))]
        {
            let _ = name;
            Self {}
        }
    }

    /// Time that the call may take: what is left to the request, and to the process if it leaves. `None`: no bound.
    pub fn time_left() -> Option<Duration> {
        let request = Context::current().and_then(|context| context.time_left());
        let process = crate::Handle::current().and_then(|handle| handle.time_left());
        match (request, process) {
            (Some(request), Some(process)) => Some(request.min(process)),
            (left, None) | (None, left) => left,
        }
    }

    /// Whether anything is recorded: attributes that cost something to make need not be made otherwise.
    pub fn is_recorded(&self) -> bool {
        #[cfg(feature = "traces")]
        return self.span.is_some();
        #[cfg(not(feature = "traces"))]
        return false;
    }

    /// The position in the trace that the other side gets as its parent. `None`: the request's own is to be sent on.
    pub fn trace(&self) -> Option<&Trace> {
        #[cfg(feature = "traces")]
        return self.span.as_ref().map(lameduck_telemetry::traces::CallSpan::trace);
        #[cfg(not(feature = "traces"))]
        return None;
    }

    /// Adds an attribute, by its name in the semantic conventions.
    pub fn attribute(&mut self, name: &'static str, value: impl Into<Cow<'static, str>>) {
        #[cfg(feature = "traces")]
        if let Some(span) = &mut self.span {
            span.attribute(name, value.into());
        }
        #[cfg(not(feature = "traces"))]
        let _ = (name, value);
    }

    /// Adds a number, as [`attribute`](Self::attribute).
    pub fn number(&mut self, name: &'static str, value: i64) {
        #[cfg(feature = "traces")]
        if let Some(span) = &mut self.span {
            span.attribute(name, value);
        }
        #[cfg(not(feature = "traces"))]
        let _ = (name, value);
    }

    /// It has ended. `error`: its type, from a small set, if it failed. A call that is dropped leaves no span.
    pub fn end(self, error: Option<impl Into<Cow<'static, str>>>) {
        #[cfg(feature = "traces")]
        if let Some(span) = self.span {
            span.end(error.map(Into::into));
        }
        #[cfg(not(feature = "traces"))]
        let _ = error;
    }
}
