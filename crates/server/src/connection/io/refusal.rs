//! hyper's own answer to what is not HTTP: a bare head. It becomes JSON with a request id, as every other error.

use crate::error_body;
use crate::request_id;
use crate::table::Row;
use http::StatusCode;

const BEGINNING: &[u8] = b"HTTP/1.1 4";

/// A first look, for every write.
#[inline]
pub(super) fn begins(write: &[u8]) -> bool {
    write.starts_with(BEGINNING)
}

/// What to send instead of `write`, if that is an answer that hyper gave by itself.
///
/// Sure, not likely: no request is in flight, bytes have come since the last one ended, nothing of an earlier answer
/// waits to be sent, and the write is one whole head without content.
#[cold]
pub(super) fn of_hyper(write: &[u8], row: &Row) -> Option<Vec<u8>> {
    let conventions = row.routes.conventions;
    let activity = &row.activity;
    let alone = activity.in_flight() == 0 && !activity.unsent() && activity.reading().begun();
    if !alone || !conventions.json_errors {
        return None;
    }
    let head = std::str::from_utf8(write).ok()?.strip_suffix("\r\n\r\n")?;
    if head.contains("\r\n\r\n") || !head.contains("\r\ncontent-length: 0") {
        return None;
    }
    let status = StatusCode::from_bytes(write.get(9..12)?).ok()?;
    Some(render(status, conventions.request_ids))
}

fn render(status: StatusCode, with_id: bool) -> Vec<u8> {
    let id = with_id.then(request_id::make);
    let body = error_body::json(error_body::sentence(status), error_body::Ids { request: id.as_ref(), trace: None });
    let id_line =
        id.as_ref().and_then(|id| id.to_str().ok()).map_or_else(String::new, |id| format!("x-request-id: {id}\r\n"));
    format!(
        "HTTP/1.1 {} {}\r\ncontent-type: application/json\r\n{id_line}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        status.as_u16(),
        status.canonical_reason().unwrap_or("Error"),
        body.len(),
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_json_of_the_right_length() {
        let text = String::from_utf8(render(StatusCode::BAD_REQUEST, true)).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
        assert!(head.contains("x-request-id: ") && body.contains("\"request_id\":\""), "{text}");
    }
}
