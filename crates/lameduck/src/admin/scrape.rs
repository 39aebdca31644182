//! /metrics: in the format and the encoding that the scraper asks for.

use super::Admin;
use crate::metrics::{self, Format, Scrapes};
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt as _, Full};
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use tokio::time::Instant;

/// `GET /metrics`.
pub(super) async fn scrape(
    State(admin): State<Admin>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Response {
    let at = Instant::now();
    let openmetrics = wants(&headers, &ACCEPT, "application/openmetrics-text");
    let format = if openmetrics { Format::OpenMetrics } else { Format::Text };
    let text = match metrics::text(&admin.registry, format, &admin.observer.telemetry.exemplars) {
        Ok(text) => text,
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written: {error}");
            let sentence = "a metric of this service is malformed; see its log\n";
            return (StatusCode::INTERNAL_SERVER_ERROR, sentence).into_response();
        }
    };
    let (text, encoding) = if wants(&headers, &ACCEPT_ENCODING, "gzip") { compressed(text) } else { (text, None) };
    let reading = Reading { scrapes: admin.observer.telemetry.scrapes, from: peer.ip(), at };
    let length = text.len();
    let mut response = Response::new(Body::new(Full::from(text).map_frame(move |frame| {
        // Dropped with the body: when hyper has taken all of it.
        let _ = &reading;
        frame
    })));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    // The mapped body does not know it any more.
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, encoding);
    }
    response
}

/// A scraper reads; it has read when this is dropped.
struct Reading {
    scrapes: Scrapes,
    from: IpAddr,
    /// When the numbers were taken.
    at: Instant,
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.scrapes.read(self.from, self.at);
    }
}

/// Quick rather than small: the control thread compresses.
fn compressed(text: Vec<u8>) -> (Vec<u8>, Option<HeaderValue>) {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 8), Compression::fast());
    match encoder.write_all(&text).and_then(|()| encoder.finish()) {
        Ok(compressed) => (compressed, Some(HeaderValue::from_static("gzip"))),
        // A vector takes everything; and if not, the text is there.
        Err(_) => (text, None),
    }
}

/// Whether the header names `what`, and does not refuse it with `q=0`.
fn wants(headers: &HeaderMap, name: &HeaderName, what: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = parts.next().is_some_and(|named| named.eq_ignore_ascii_case(what));
        let refused = |part: &str| part.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0));
        named && !parts.any(refused)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_used_only_if_it_is_asked_for() {
        const PROMETHEUS: &str =
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
        for (value, expected) in [
            (PROMETHEUS, true),
            ("application/openmetrics-text", true),
            ("text/plain", false),
            ("*/*", false),
            ("application/openmetrics-text;q=0", false),
            ("application/openmetrics-text; version=1.0.0; q=0.0", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(value))]);
            assert_eq!(wants(&headers, &ACCEPT, "application/openmetrics-text"), expected, "{value}");
        }
        assert!(!wants(&HeaderMap::new(), &ACCEPT, "application/openmetrics-text"));
    }
}
