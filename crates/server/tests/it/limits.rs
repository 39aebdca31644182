//! A limit on everything.

use crate::client::{Client, Http2};
use crate::rig::{Rig, eventually, options};
use lameduck_lifecycle::{CloseReason, ConnectionState, Outcome, WaitsFor};
use lameduck_server::{Limits, Options};
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(50);

fn with(limits: Limits) -> Rig {
    Rig::new(Options { limits, ..options() })
}

impl Rig {
    async fn closed_for(&self, reason: CloseReason, count: u64) {
        eventually(reason.as_str(), || self.server.snapshot().connections.closed_for(reason) == count).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announced_body_that_is_too_long_is_refused_before_the_handler() {
    let rig = with(Limits { body_bytes: 10, ..Limits::default() });
    let mut client = Client::connect(rig.address).await;
    client.send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n0123456789").await;
    assert_eq!(client.answer().await.body, "0123456789");
    client.send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 11\r\n\r\n01234567890").await;
    let refused = client.answer().await;
    assert_eq!((refused.status, refused.error()), (413, "the request body is larger than allowed".to_owned()));

    let mut http2 = Http2::connect(rig.address).await;
    let request = http::Request::post("http://a/echo").header("content-length", "11").body(()).unwrap();
    let mut send = http2.send.clone().ready().await.unwrap();
    let (response, mut body) = send.send_request(request, false).unwrap();
    assert_eq!(response.await.unwrap().status(), 413);
    body.send_reset(h2::Reason::CANCEL);
    assert_eq!(http2.get("/ping").await.unwrap(), 200);
    drop((http2, send));
    assert_eq!(rig.finish().await.outcome(Outcome::Completed), 4, "a refusal by size is an answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_announced_length_is_counted() {
    let rig = with(Limits { body_bytes: 10, ..Limits::default() });
    let mut client = Client::connect(rig.address).await;
    let head = "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    client.send(format!("{head}5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n")).await;
    assert_eq!(client.answer().await.body, "0123456789");
    client.send(format!("{head}5\r\n01234\r\n6\r\n567890\r\n0\r\n\r\n")).await;
    let refused = client.answer().await;
    assert_eq!((refused.status, refused.error()), (413, "the request body is larger than allowed".to_owned()));
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_may_take_more() {
    let rig = with(Limits { body_bytes: 10, ..Limits::default() });
    let mut client = Client::connect(rig.address).await;
    // More than axum's own bound, too.
    let length = 3 << 20;
    client.send(format!("POST /echo/wide HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n")).await;
    client.send(vec![b'x'; length]).await;
    assert_eq!(client.answer().await.body, length.to_string());
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_requests_than_allowed_are_shed() {
    let rig = with(Limits { requests_in_flight: 3, ..Limits::default() });
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let mut client = Client::connect(rig.address).await;
        client.ask("/gate").await;
        waiting.push(client);
    }
    rig.in_flight(3).await;
    let mut client = Client::connect(rig.address).await;
    let shed = client.get("/ping").await;
    assert_eq!((shed.status, shed.header("retry-after")), (503, "1"));
    assert_eq!(shed.error(), "too many requests are in flight; try again");

    rig.open(3);
    for client in &mut waiting {
        assert_eq!(client.answer().await.status, 200);
    }
    rig.in_flight(0).await;
    assert_eq!(client.get("/ping").await.status, 200);
    let ledger = rig.finish().await;
    assert_eq!((ledger.outcome(Outcome::Rejected), ledger.outcome(Outcome::Completed)), (1, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_one_connection_count_too() {
    let rig = with(Limits { requests_in_flight: 3, ..Limits::default() });
    let mut http2 = Http2::connect(rig.address).await;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(http2.ask(http::Request::get("http://a/gate")).await);
    }
    rig.in_flight(3).await;
    assert_eq!(http2.get("/ping").await.unwrap(), 503);
    rig.open(3);
    for response in waiting {
        assert_eq!(response.await.unwrap().status(), 200);
    }
    drop(http2);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_connections_than_allowed_wait_in_the_queue() {
    let rig = with(Limits { connections: 2, ..Limits::default() });
    let mut one = Client::connect(rig.address).await;
    assert_eq!(one.get("/ping").await.status, 200);
    let mut two = Client::connect(rig.address).await;
    assert_eq!(two.get("/ping").await.status, 200);
    let mut three = Client::connect(rig.address).await;
    three.ask("/ping").await;
    // The others are served meanwhile; the third is not even accepted.
    for _ in 0..20 {
        assert_eq!(one.get("/ping").await.status, 200);
    }
    assert_eq!(rig.server.snapshot().connections.open(), 2);
    drop(two);
    assert_eq!(three.answer().await.status, 200);
    drop(one);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_bounded_at_every_point() {
    let limits = Limits { first_byte_timeout: SHORT, header_timeout: SHORT, idle_timeout: SHORT, ..Limits::default() };
    let rig = with(limits);
    let mut silent = Client::connect(rig.address).await;
    silent.closed().await;
    rig.closed_for(CloseReason::FirstByteTimeout, 1).await;

    for half in ["GET /ping HT", "PRI * HTTP/2.0\r\n", "P"] {
        let mut client = Client::connect(rig.address).await;
        client.send(half).await;
        client.closed().await;
    }
    let mut second = Client::connect(rig.address).await;
    assert_eq!(second.get("/ping").await.status, 200);
    second.send("GET /ping HT").await;
    second.closed().await;
    rig.closed_for(CloseReason::HeaderTimeout, 4).await;

    let mut idle = Client::connect(rig.address).await;
    assert_eq!(idle.get("/ping").await.status, 200);
    idle.closed().await;
    rig.closed_for(CloseReason::IdleTimeout, 1).await;
    Http2::connect(rig.address).await.ended().await;
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_is_not_silence() {
    let limits = Limits { first_byte_timeout: SHORT, header_timeout: SHORT, idle_timeout: SHORT, ..Limits::default() };
    let rig = with(limits);
    let mut waiting = Client::connect(rig.address).await;
    waiting.ask("/gate").await;
    let mut idle = Client::connect(rig.address).await;
    idle.closed().await;
    rig.open(1);
    assert_eq!(waiting.answer().await.status, 200);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tail_of_an_unread_body_is_no_new_head() {
    let rig = Rig::new(options());
    let mut client = Client::connect(rig.address).await;
    client.send("POST /ignore HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n").await;
    assert_eq!(client.answer().await.body, "ignored");
    client.send("tail\n").await;
    // Either hyper has given the connection up, or it is idle: it must not wait for the rest of a head.
    eventually("settled", || {
        let connections = rig.server.snapshot().connections;
        connections.open() == 0
            || connections.in_state(ConnectionState::Idle) == 1
                && rig.server.stragglers(1).iter().any(|one| one.waits_for == WaitsFor::NextRequest)
    })
    .await;
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_a_preface_runs_from_its_first_byte() {
    let rig = with(Limits { header_timeout: Duration::from_secs(1), ..Limits::default() });
    let mut client = Client::connect(rig.address).await;
    let begun = std::time::Instant::now();
    // Slowly, but never silent for as long as the limit.
    for byte in b"PRI * HTTP/2.0\r\n\r\n" {
        if rig.server.snapshot().connections.closed_for(CloseReason::HeaderTimeout) == 1 {
            break;
        }
        client.send([*byte]).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    rig.closed_for(CloseReason::HeaderTimeout, 1).await;
    rig.finish().await;
}
