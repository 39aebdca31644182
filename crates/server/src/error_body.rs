//! Answers of the server's own, and error answers of the router brought into the same form:
//! `{"error": sentence, "request_id": …}`.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use http_body::Body as _;
use std::fmt::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// The longest plain-text error that is taken over as the sentence.
const SENTENCE_MAX: u64 = 1024;

/// What a client does after a refusal: come back, but not at once.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// Marks a response as a refusal (shedding, a full queue): the request ends as `rejected`. A handler puts it into the
/// response's extensions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rejected;

/// The sentence for a status, when nobody has a better one.
pub(crate) fn sentence(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "the request is not valid HTTP or its parts do not fit",
        401 => "this needs credentials",
        403 => "this is not allowed",
        404 => "there is nothing at this path",
        405 => "this path does not take this method; see the Allow header",
        406 => "no representation fits the Accept header",
        408 => "the request took too long to arrive",
        409 => "the request conflicts with the present state",
        410 => "this is gone",
        411 => "the request needs a Content-Length",
        412 => "a precondition does not hold",
        413 => "the request body is larger than allowed",
        414 => "the request target is longer than allowed",
        415 => "the Content-Type is not one that this path takes",
        422 => "the request body does not fit what this path takes",
        429 => "too many requests; try again later",
        431 => "the request header is larger than allowed",
        501 => "this is not implemented",
        502 => "a dependency answered wrongly",
        503 => "the service cannot answer now; try again",
        504 => "a dependency did not answer in time",
        _ if status.is_client_error() => "the request cannot be served",
        _ => "the service failed to answer",
    }
}

/// What an error body names beside the sentence.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ids<'a> {
    pub(crate) request: Option<&'a HeaderValue>,
    pub(crate) trace: Option<&'a str>,
}

/// What the body of the server's own responses looks like.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form<'a> {
    /// A sentence: the app asks for nothing else.
    Text,
    /// [`App::json_errors`](crate::App::json_errors).
    Json(Ids<'a>),
}

/// A response of the server's own.
pub(crate) fn own(status: StatusCode, sentence: &str, form: Form<'_>) -> Response {
    let (body, kind) = match form {
        Form::Text => (sentence.to_owned(), "text/plain; charset=utf-8"),
        Form::Json(ids) => (json(sentence, ids), "application/json"),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response
}

/// The body of an error answer.
pub(crate) fn json(sentence: &str, ids: Ids<'_>) -> String {
    let mut text = String::with_capacity(sentence.len() + 80);
    text.push_str("{\"error\":\"");
    escape(sentence, &mut text);
    let request = ids.request.and_then(|id| id.to_str().ok());
    for (name, id) in [("request_id", request), ("trace_id", ids.trace)] {
        let Some(id) = id else { continue };
        text.push_str("\",\"");
        text.push_str(name);
        text.push_str("\":\"");
        escape(id, &mut text);
    }
    text.push_str("\"}");
    text
}

fn escape(text: &str, out: &mut String) {
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            char if char < ' ' => {
                let written = write!(out, "\\u{:04x}", u32::from(char));
                debug_assert!(written.is_ok());
            }
            char => out.push(char),
        }
    }
}

/// Gives an error answer that has no body, or a short plain-text one, the common form. Others are the handler's own
/// business.
///
/// The text of a 4xx is for the client and becomes the sentence; that of a 5xx may tell about our inside and does not.
#[cold]
pub(crate) fn as_json(mut response: Response, ids: Ids<'_>) -> Response {
    let text = match response.headers().get(header::CONTENT_TYPE) {
        None if response.body().is_end_stream() => None,
        Some(kind) if kind.as_bytes().starts_with(b"text/plain") => {
            if response.body().size_hint().exact().is_none_or(|length| length > SENTENCE_MAX) {
                return response;
            }
            ready_text(response.body_mut())
        }
        _ => return response,
    };
    let status = response.status();
    if let Some(text) = text.as_deref().filter(|text| status.is_server_error() && !text.is_empty()) {
        let request_id = ids.request.and_then(|id| id.to_str().ok()).unwrap_or("");
        tracing::error!(status = status.as_u16(), request_id, "response {}: {text}", status.as_u16());
    }
    let sentence = match &text {
        Some(text) if status.is_client_error() && !text.is_empty() => text,
        _ => sentence(status),
    };
    *response.body_mut() = Body::from(json(sentence, ids));
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::TRANSFER_ENCODING);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The text of a body that is there already; `None` if it is not, or not text.
fn ready_text(body: &mut Body) -> Option<String> {
    let mut text = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(&mut cx) {
        let Some(frame) = frame else { return String::from_utf8(text).ok() };
        text.extend_from_slice(frame.ok()?.data_ref()?);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(status: u16, kind: Option<&'static str>, body: &'static str) -> (String, Option<HeaderValue>) {
        let mut response = Response::new(if body.is_empty() { Body::empty() } else { Body::from(body) });
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        if let Some(kind) = kind {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        let request = HeaderValue::from_static("id-1");
        let mut response = as_json(response, Ids { request: Some(&request), trace: Some("4b") });
        let kind = response.headers().get(header::CONTENT_TYPE).cloned();
        (ready_text(response.body_mut()).unwrap(), kind)
    }

    #[test]
    fn errors_without_a_body_get_a_sentence() {
        let (body, kind) = converted(404, None, "");
        assert_eq!(body, r#"{"error":"there is nothing at this path","request_id":"id-1","trace_id":"4b"}"#);
        assert_eq!(kind.unwrap(), "application/json");
    }

    #[test]
    fn text_for_the_client_becomes_the_sentence_and_text_about_us_does_not() {
        let (body, _) = converted(400, Some("text/plain; charset=utf-8"), "missing \"id\"\n");
        assert_eq!(body, r#"{"error":"missing \"id\"\u000a","request_id":"id-1","trace_id":"4b"}"#);
        let (body, _) = converted(500, Some("text/plain"), "password is hunter2");
        assert!(!body.contains("hunter2") && body.contains("failed"), "{body}");
    }

    #[test]
    fn other_answers_are_left_alone() {
        assert_eq!(converted(400, Some("application/json"), "{}").0, "{}");
        assert_eq!(converted(404, Some("text/html"), "<p>no").0, "<p>no");
    }
}
