//! The span of a request that this process serves, in the stable conventions of OpenTelemetry for HTTP and RPC.

use super::{Traces, span_context};
use crate::context::Trace;
use crate::grpc::grpc_status;
use http::{HeaderMap, HeaderValue, Uri, header};
use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry_sdk::trace::SpanData;
use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

/// A request that is recorded. Nothing is built for it until it ends.
#[derive(Debug)]
pub struct RequestSpan {
    trace: Trace,
    parent: Option<Trace>,
    began: SystemTime,
    /// Cheap to keep: the bytes of the request's head are shared.
    uri: Uri,
    host: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
    /// The version of TLS, such as `1.3`; `None`: plain.
    tls: Option<&'static str>,
}

/// How a recorded request ended.
#[derive(Clone, Copy, Debug)]
pub struct RequestEnd<'a> {
    /// The method; `_OTHER` for one outside the known set.
    pub method: &'a str,
    /// The pattern of the route; `None` if none matched.
    pub route: Option<&'a str>,
    /// The status of the response; `None` if there was none.
    pub status: Option<u16>,
    /// The status of a gRPC call; `None` if it has none.
    pub grpc_status: Option<u16>,
    /// A call of gRPC.
    pub grpc: bool,
    /// `1.1`, `2`.
    pub http_version: &'static str,
    /// From the head to the last byte.
    pub duration: Duration,
    /// The other end of the connection.
    pub peer: SocketAddr,
    /// `x-request-id`.
    pub request_id: &'a str,
    /// How it ended, in the words of the ledger.
    pub outcome: &'static str,
    /// The outcome is one that the service is to blame for.
    pub failed: bool,
}

impl RequestSpan {
    /// The span of a request with this head, which takes the position `trace`.
    pub fn begin(trace: Trace, parent: Option<Trace>, uri: &Uri, headers: &HeaderMap) -> Self {
        let began = SystemTime::now();
        let (host, user_agent) = (headers.get(header::HOST).cloned(), headers.get(header::USER_AGENT).cloned());
        Self { trace, parent, began, uri: uri.clone(), host, user_agent, tls: None }
    }

    /// The request came by this version of TLS.
    #[must_use]
    pub fn tls(mut self, version: Option<&'static str>) -> Self {
        self.tls = version;
        self
    }

    /// The span's position.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Hands the finished span over.
    pub fn end(self, traces: &Traces, end: &RequestEnd<'_>) {
        let (attributes, name) = if end.grpc { self.rpc(end) } else { self.http(end) };
        let status = match (end.failed, end.status) {
            (true, _) => Status::error(end.outcome),
            (false, Some(500..)) => Status::error(Cow::Borrowed("")),
            _ => Status::Unset,
        };
        traces.push(SpanData {
            span_context: span_context(&self.trace, false),
            parent_span_id: self
                .parent
                .as_ref()
                .map_or(SpanId::INVALID, |parent| SpanId::from_bytes(parent.span_id.to_be_bytes())),
            parent_span_is_remote: self.parent.is_some(),
            span_kind: SpanKind::Server,
            name: name.into(),
            start_time: self.began,
            end_time: self.began + end.duration,
            attributes,
            dropped_attributes_count: 0,
            events: Default::default(),
            links: Default::default(),
            status,
            instrumentation_scope: traces.inner.scope.clone(),
        });
    }

    fn http(&self, end: &RequestEnd<'_>) -> (Vec<KeyValue>, String) {
        let mut attributes = Vec::with_capacity(14);
        attributes.push(KeyValue::new("http.request.method", end.method.to_owned()));
        attributes.push(KeyValue::new("url.path", self.uri.path().to_owned()));
        if let Some(query) = self.uri.query() {
            attributes.push(KeyValue::new("url.query", lameduck_support::url::redacted_query(query)));
        }
        attributes.push(KeyValue::new("url.scheme", if self.tls.is_some() { "https" } else { "http" }));
        if let Some(route) = end.route {
            attributes.push(KeyValue::new("http.route", route.to_owned()));
        }
        if let Some(status) = end.status {
            attributes.push(KeyValue::new("http.response.status_code", i64::from(status)));
        }
        if let Some(agent) = text(self.user_agent.as_ref()) {
            attributes.push(KeyValue::new("user_agent.original", agent));
        }
        self.common(end, &mut attributes);
        match (end.failed, end.status) {
            (true, _) => attributes.push(KeyValue::new("error.type", end.outcome)),
            (false, Some(status @ 500..)) => attributes.push(KeyValue::new("error.type", status.to_string())),
            _ => {}
        }
        let shown = if end.method == "_OTHER" { "HTTP" } else { end.method };
        let name = end.route.map_or_else(|| shown.to_owned(), |route| format!("{shown} {route}"));
        (attributes, name)
    }

    fn rpc(&self, end: &RequestEnd<'_>) -> (Vec<KeyValue>, String) {
        let mut attributes = Vec::with_capacity(10);
        attributes.push(KeyValue::new("rpc.system.name", "grpc"));
        // Only a method that exists: a client can ask for any number of others.
        let method = end.route.map(|route| route.trim_start_matches('/'));
        attributes.push(KeyValue::new("rpc.method", method.unwrap_or("_OTHER").to_owned()));
        if let Some(status) = end.grpc_status {
            attributes.push(KeyValue::new("rpc.response.status_code", grpc_status(status)));
        }
        self.common(end, &mut attributes);
        // As the conventions have it: what the server is to blame for.
        match end.grpc_status {
            _ if end.failed => attributes.push(KeyValue::new("error.type", end.outcome)),
            Some(status @ (2 | 4 | 12 | 13 | 14 | 15)) => {
                attributes.push(KeyValue::new("error.type", grpc_status(status)));
            }
            _ => {}
        }
        (attributes, method.unwrap_or("grpc").to_owned())
    }

    fn common(&self, end: &RequestEnd<'_>, attributes: &mut Vec<KeyValue>) {
        let host = self.uri.authority().map(|authority| authority.as_str().to_owned());
        if let Some((name, port)) = host.or_else(|| text(self.host.as_ref())).map(host_and_port) {
            attributes.push(KeyValue::new("server.address", name));
            if let Some(port) = port {
                attributes.push(KeyValue::new("server.port", port));
            }
        }
        attributes.push(KeyValue::new("network.protocol.version", end.http_version));
        if let Some(version) = self.tls {
            attributes.push(KeyValue::new("tls.protocol.version", version));
        }
        attributes.push(KeyValue::new("client.address", end.peer.ip().to_canonical().to_string()));
        attributes.push(KeyValue::new("client.port", i64::from(end.peer.port())));
        attributes.push(KeyValue::new("lameduck.outcome", end.outcome));
        if !end.request_id.is_empty() {
            attributes.push(KeyValue::new("lameduck.request_id", end.request_id.to_owned()));
        }
    }
}

fn text(value: Option<&HeaderValue>) -> Option<String> {
    const BYTES_MAX: usize = 256;
    value.and_then(|value| value.to_str().ok()).filter(|text| text.len() <= BYTES_MAX).map(str::to_owned)
}

fn host_and_port(host: String) -> (String, Option<i64>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => match port.parse::<u16>() {
            Ok(port) => (name.to_owned(), Some(i64::from(port))),
            Err(_) => (host, None),
        },
        _ => (host, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_ports_or_not() {
        for (host, name, port) in [
            ("orders:8080", "orders", Some(8080)),
            ("orders", "orders", None),
            ("[::1]", "[::1]", None),
            ("[::1]:80", "[::1]", Some(80)),
            ("a:b", "a:b", None),
        ] {
            assert_eq!(host_and_port(host.to_owned()), (name.to_owned(), port), "{host}");
        }
    }
}
