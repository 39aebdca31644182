//! What gRPC needs of the server itself: which requests are calls, their deadline, and the server's own answers in its
//! terms. Pure.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use std::time::Duration;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const GRPC_STATUS_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// When a client may try again, in milliseconds (gRFC A6). With a status, it marks a refusal on purpose.
const GRPC_RETRY_PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");
const APPLICATION_GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// The most digits of a `grpc-timeout`.
const TIMEOUT_DIGITS_MAX: usize = 8;

/// Status codes of gRPC that the server itself gives.
pub(crate) const DEADLINE_EXCEEDED: u16 = 4;
const PERMISSION_DENIED: u16 = 7;
const RESOURCE_EXHAUSTED: u16 = 8;
pub(crate) const UNKNOWN: u16 = 2;
const UNIMPLEMENTED: u16 = 12;
const INTERNAL: u16 = 13;
pub(crate) const UNAVAILABLE: u16 = 14;
const UNAUTHENTICATED: u16 = 16;
pub(crate) const CANCELLED: u16 = 1;

pub(super) const BUSY: &str = "too many requests are in flight; try again";

/// `google.rpc.Status` with [`BUSY`] and a `RetryInfo` of one second, in base64.
const BUSY_DETAILS: HeaderValue = HeaderValue::from_static(
    "CA4SKnRvbyBtYW55IHJlcXVlc3RzIGFyZSBpbiBmbGlnaHQ7IHRyeSBhZ2FpbhowCih0eXBlLmdvb2dsZWFwaXMuY29tL2dvb2dsZS5ycGMuUmV0\
     cnlJbmZvEgQKAggB",
);

/// One second, as in [`BUSY_DETAILS`].
const BUSY_PUSHBACK: HeaderValue = HeaderValue::from_static("1000");

/// Whether a request is a call.
pub(crate) fn is_call<B>(request: &Request<B>) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE);
    request.method() == Method::POST && kind.is_some_and(|kind| is_grpc(kind.as_bytes()))
}

/// `application/grpc`, also with `+proto` and the like; not `application/grpc-web`, which is HTTP.
fn is_grpc(kind: &[u8]) -> bool {
    kind.strip_prefix(b"application/grpc").is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// The client's deadline, from now on.
pub(crate) fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(&GRPC_TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > TIMEOUT_DIGITS_MAX || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

/// The `grpc-status` in a response head or its trailers.
pub(crate) fn status(headers: &HeaderMap) -> Option<u16> {
    headers.get(&GRPC_STATUS)?.to_str().ok()?.parse().ok()
}

/// Whether the service refused the call on purpose: a failure that says when to try again.
pub(crate) fn is_refusal(headers: &HeaderMap) -> bool {
    headers.contains_key(&GRPC_RETRY_PUSHBACK) && status(headers).is_some_and(|status| status != 0)
}

/// How severe a status is, as the HTTP status that means the same.
pub(crate) fn severity(status: u16) -> u16 {
    match status {
        0 => 200,
        CANCELLED => 499,
        3 | 9 | 11 => 400,
        DEADLINE_EXCEEDED => 504,
        5 => 404,
        6 | 10 => 409,
        PERMISSION_DENIED => 403,
        RESOURCE_EXHAUSTED => 429,
        UNIMPLEMENTED => 501,
        UNAVAILABLE => 503,
        UNAUTHENTICATED => 401,
        _ => 500,
    }
}

/// The status that a client makes of an HTTP status (the mapping of the gRPC protocol), where the server's own are more
/// exact.
fn of_http(status: StatusCode) -> u16 {
    match status.as_u16() {
        400 => INTERNAL,
        401 => UNAUTHENTICATED,
        403 => PERMISSION_DENIED,
        404 | 405 => UNIMPLEMENTED,
        413 => RESOURCE_EXHAUSTED,
        429 | 502 | 503 => UNAVAILABLE,
        504 => DEADLINE_EXCEEDED,
        500 => INTERNAL,
        _ => UNKNOWN,
    }
}

/// An answer without a message, in the terms of gRPC: the status is in the head, nothing follows.
pub(crate) fn response(status: StatusCode, sentence: &str) -> Response {
    with_status(of_http(status), sentence)
}

/// Too many requests are in flight: nothing of the call has been looked at.
pub(crate) fn busy() -> Response {
    let mut response = with_status(UNAVAILABLE, BUSY);
    let headers = response.headers_mut();
    headers.insert(GRPC_STATUS_DETAILS, BUSY_DETAILS);
    headers.insert(GRPC_RETRY_PUSHBACK, BUSY_PUSHBACK);
    response
}

/// What ends a subscription when the process leaves: the client is to come back in `reconnect_ms`.
pub(crate) fn goodbye(reconnect_ms: u64) -> HeaderMap {
    let mut trailers = trailers(UNAVAILABLE, "restarting; reconnect");
    trailers.insert(GRPC_RETRY_PUSHBACK, HeaderValue::from(reconnect_ms));
    trailers
}

fn with_status(status: u16, sentence: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.headers_mut() = trailers(status, sentence);
    response.headers_mut().insert(header::CONTENT_TYPE, APPLICATION_GRPC);
    response
}

/// What ends a call.
pub(crate) fn trailers(status: u16, sentence: &str) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert(GRPC_STATUS, HeaderValue::from(status));
    // Sentences are plain ASCII without per cent signs: nothing to be encoded.
    if let Ok(sentence) = HeaderValue::from_str(sentence) {
        trailers.insert(GRPC_MESSAGE, sentence);
    }
    trailers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeout_of(text: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(GRPC_TIMEOUT, HeaderValue::from_str(text).unwrap());
        timeout(&headers)
    }

    #[test]
    fn a_timeout_is_up_to_eight_digits_and_a_unit() {
        assert_eq!(timeout_of("1H"), Some(Duration::from_secs(3600)));
        assert_eq!(timeout_of("2M"), Some(Duration::from_secs(120)));
        assert_eq!(timeout_of("3S"), Some(Duration::from_secs(3)));
        assert_eq!(timeout_of("100m"), Some(Duration::from_millis(100)));
        assert_eq!(timeout_of("0u"), Some(Duration::ZERO));
        assert_eq!(timeout_of("99999999n"), Some(Duration::from_nanos(99_999_999)));
        for wrong in ["", "S", "1", "1s", "+1S", "-1S", "1.5S", "123456789S", "1S "] {
            assert_eq!(timeout_of(wrong), None, "{wrong:?}");
        }
        assert_eq!(timeout(&HeaderMap::new()), None);
    }

    #[test]
    fn calls_are_told_from_grpc_web_and_the_rest() {
        for kind in ["application/grpc", "application/grpc+proto", "application/grpc;x=y"] {
            assert!(is_grpc(kind.as_bytes()), "{kind}");
        }
        for kind in ["application/grpc-web", "application/grpc-web+proto", "application/json", "application/grpcx"] {
            assert!(!is_grpc(kind.as_bytes()), "{kind}");
        }
    }

    #[test]
    fn the_servers_own_answers_have_a_status_and_no_body() {
        let busy = response(StatusCode::SERVICE_UNAVAILABLE, "too many requests are in flight; try again");
        assert_eq!((busy.status(), status(busy.headers())), (StatusCode::OK, Some(UNAVAILABLE)));
        assert_eq!(status(response(StatusCode::NOT_FOUND, "no").headers()), Some(UNIMPLEMENTED));
        assert!((0..=16).all(|code| (code == 0) == (severity(code) < 400)));
    }

    #[test]
    fn a_refusal_is_a_failure_that_says_when_to_try_again() {
        assert!(is_refusal(busy().headers()) && is_refusal(&goodbye(7)));
        assert!(!is_refusal(&trailers(UNAVAILABLE, "no")));
        let mut answered = trailers(0, "");
        answered.insert(GRPC_RETRY_PUSHBACK, HeaderValue::from(1));
        assert!(!is_refusal(&answered));
    }
}
