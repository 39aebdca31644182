//! The form of answers: ids, JSON errors, panics, what is not HTTP.

use crate::client::{Answer, Client, Http2};
use crate::rig::{Rig, options};
use lameduck_lifecycle::{CloseReason, Outcome};

/// Sends raw bytes on a connection of their own.
async fn raw(rig: &Rig, bytes: &str) -> Answer {
    let mut client = Client::connect(rig.address).await;
    client.send(bytes).await;
    client.answer().await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_response_carries_an_id() {
    let rig = Rig::new(options());
    let mut client = Client::connect(rig.address).await;
    let made = client.get("/id").await;
    assert_eq!(made.header("x-request-id").len(), 32);
    assert_eq!(made.body, made.header("x-request-id"), "the handler sees the same id");
    assert_ne!(client.get("/id").await.body, made.body);

    client.send("GET /id HTTP/1.1\r\nhost: a\r\nx-request-id: mine-1\r\n\r\n").await;
    let given = client.answer().await;
    assert_eq!((given.header("x-request-id"), &*given.body), ("mine-1", "mine-1"));

    client.send("GET /id HTTP/1.1\r\nhost: a\r\nx-request-id: not \"fit\"\r\n\r\n").await;
    let replaced = client.answer().await;
    assert_eq!(replaced.header("x-request-id").len(), 32);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_json_with_the_id_and_leak_nothing() {
    let rig = Rig::new(options());
    let mut client = Client::connect(rig.address).await;
    assert_eq!(client.get("/nowhere").await.error(), "there is nothing at this path");
    assert_eq!(client.get("/teapot").await.error(), "the request cannot be served");
    let leak = client.get("/leak").await;
    assert_eq!((leak.status, leak.error()), (500, "the service failed to answer".to_owned()));
    assert_eq!(client.get("/full").await.error(), "the queue is full");

    client.send("DELETE /user/7 HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let wrong_method = client.answer().await;
    assert_eq!((wrong_method.status, wrong_method.header("allow")), (405, "GET,HEAD"));
    wrong_method.error();

    client.send("POST /json HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}").await;
    let unread = client.answer().await;
    assert_eq!(
        (unread.status, unread.says_close()),
        (415, true),
        "nobody has read the body: the connection cannot go on"
    );
    let mut client = Client::connect(rig.address).await;
    client.send("POST /json HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 1\r\n\r\n{").await;
    let malformed = client.answer().await;
    assert_eq!(malformed.status, 400);
    assert!(malformed.error().contains("JSON"), "{malformed:?}");
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_a_500_and_the_connection_survives() {
    let rig = Rig::new(options());
    let mut client = Client::connect(rig.address).await;
    for path in ["/panic", "/panic/late"] {
        let answer = client.get(path).await;
        assert_eq!((answer.status, answer.error()), (500, "the service failed to answer".to_owned()));
    }
    assert_eq!(client.get("/ping").await.status, 200);

    let mut http2 = Http2::connect(rig.address).await;
    assert_eq!(http2.get("/panic").await.unwrap(), 500);
    assert_eq!(http2.get("/ping").await.unwrap(), 200);
    drop(http2);
    let ledger = rig.finish().await;
    assert_eq!(ledger.outcome(Outcome::Failed), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_http_gets_an_answer_in_the_same_form() {
    let rig = Rig::new(options());
    for (bytes, status) in [
        ("NOT HTTP AT ALL\r\n\r\n".to_owned(), 400),
        ("GET /ping HTTP/1.1\r\nhost: a\r\nbad header\r\n\r\n".to_owned(), 400),
        ("GET /ping HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n".to_owned(), 400),
        ("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n".to_owned(), 400),
        (format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "x".repeat(70_000)), 414),
        (format!("GET /ping HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(200)), 431),
        (format!("GET /ping HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(129 << 10)), 431),
    ] {
        let answer = raw(&rig, &bytes).await;
        assert_eq!(answer.status, status, "{}", &bytes[..40.min(bytes.len())]);
        assert!(answer.says_close(), "{answer:?}");
        assert!(!answer.error().is_empty());
    }
    let numbers = rig.server.snapshot();
    assert_eq!(numbers.ledger.started(), 0, "none reached the guard");
    let closed = rig.finish().await;
    assert_eq!(closed.started(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_second_request_is_a_parse_error_of_the_connection() {
    let rig = Rig::new(options());
    let mut client = Client::connect(rig.address).await;
    assert_eq!(client.get("/ping").await.status, 200);
    client.send("\0\0\0\r\n\r\n").await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 400);
    answer.error();
    client.closed().await;
    drop(client);
    crate::rig::eventually("closed", || rig.server.snapshot().connections.closed_for(CloseReason::ParseError) == 1)
        .await;
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_exactly_one_host() {
    let rig = Rig::new(options());
    for hosts in ["", "host: a\r\nhost: a\r\n", "host: a\r\nx: y\r\nHost: b\r\n", "host: a/b\r\n", "host: user@a\r\n"] {
        let mut client = Client::connect(rig.address).await;
        client.send(format!("GET /ping HTTP/1.1\r\n{hosts}\r\n")).await;
        let refused = client.answer().await;
        assert_eq!((refused.status, refused.says_close()), (400, true), "{hosts:?}");
        assert_eq!(refused.error(), "send exactly one Host header, with a valid value");
        client.closed().await;
    }
    for head in ["HTTP/1.1\r\nhost: a.b-c:8080", "HTTP/1.1\r\nhost: [::1]:80", "HTTP/1.1\r\nhost:", "HTTP/1.0"] {
        assert_eq!(raw(&rig, &format!("GET /ping {head}\r\n\r\n")).await.status, 200, "{head}");
    }
    rig.finish().await;
}
