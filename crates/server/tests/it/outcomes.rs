//! Every way a request can end is one outcome, and the law holds.

use crate::client::{Client, Http2};
use crate::rig::{Rig, options};
use lameduck_lifecycle::Outcome::{self, Aborted, ClientGone, Completed, Drained, Failed, Late, Rejected, TimedOut};
use lameduck_lifecycle::{Kind, Protocol};
use lameduck_server::{Limits, Options};
use std::time::Duration;

#[track_caller]
fn check(ledger: &lameduck_lifecycle::Ledger, expected: &[(Outcome, u64)]) {
    ledger.check().unwrap();
    for outcome in Outcome::ALL {
        let count = expected.iter().find(|(named, _)| *named == outcome).map_or(0, |(_, count)| *count);
        assert_eq!(ledger.outcome(outcome), count, "{outcome}: {}", ledger.sentence());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_completed_drained_or_late() {
    let rig = Rig::new(options());
    let mut before = Client::connect(rig.address).await;
    assert_eq!(before.get("/ping").await.status, 200);
    let mut during = Client::connect(rig.address).await;
    during.ask("/gate").await;
    rig.in_flight(1).await;

    rig.server.lame_duck();
    let mut after = Client::connect(rig.address).await;
    assert_eq!(after.get("/teapot").await.status, 418, "a handler's own error is an answer");
    rig.open(1);
    assert_eq!(during.answer().await.body, "passed");
    let ledger = rig.finish().await;
    check(&ledger, &[(Completed, 1), (Drained, 1), (Late, 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_without_a_body_are_answers() {
    let rig = Rig::new(options());
    let mut client = Client::connect(rig.address).await;
    client.send("HEAD /user/1 HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(client.head().await.header("content-length"), "4");
    assert_eq!(client.get("/none").await.status, 204);
    let mut http2 = Http2::connect(rig.address).await;
    let head = http2.ask(http::Request::head("http://a/user/1")).await.await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(http2.get("/none").await.unwrap(), 204);
    drop((head, http2));
    check(&rig.finish().await, &[(Completed, 4)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_rejected_in_any_phase() {
    let rig = Rig::new(options());
    let mut client = Client::connect(rig.address).await;
    assert_eq!(client.get("/full").await.status, 429);
    rig.server.lame_duck();
    assert_eq!(client.get("/full").await.status, 429);
    check(&rig.finish().await, &[(Rejected, 2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_first_is_gone() {
    let rig = Rig::new(options());
    let mut client = Client::connect(rig.address).await;
    client.ask("/gate").await;
    let mut http2 = Http2::connect(rig.address).await;
    let stream = http2.ask(http::Request::get("http://a/gate")).await;
    let mut reading = Client::connect(rig.address).await;
    reading.ask("/stream").await;
    rig.in_flight(3).await;

    client.reset();
    reading.reset();
    drop(stream);
    rig.outcome(ClientGone, 3).await;
    assert_eq!(http2.get("/ping").await.unwrap(), 200, "the other streams live on");
    drop(http2);
    let ledger = rig.finish().await;
    check(&ledger, &[(ClientGone, 3), (Completed, 1)]);
    assert_eq!(ledger.ended_by(Protocol::Http2, Kind::Request, ClientGone), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_fails_is_failed() {
    let rig = Rig::new(options());
    let mut client = Client::connect(rig.address).await;
    client.ask("/broken").await;
    while client.more().await.is_ok_and(|read| read > 0) {}
    rig.outcome(Failed, 1).await;
    check(&rig.finish().await, &[(Failed, 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn our_time_out_is_an_answer_with_its_own_name() {
    let limits = Limits { request_timeout: Duration::from_millis(50), ..Limits::default() };
    let rig = Rig::new(Options { limits, ..options() });
    let mut http1 = Client::connect(rig.address).await;
    let answer = http1.get("/gate").await;
    assert_eq!((answer.status, answer.error()), (503, "the request took longer than allowed".to_owned()));
    assert_eq!(http1.get("/ping").await.status, 200, "the connection goes on");
    // What only asks for an upgrade is a request like any other until it is upgraded.
    http1.send("GET /gate HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n").await;
    assert_eq!(http1.answer().await.status, 503);

    let mut http2 = Http2::connect(rig.address).await;
    let unhurried = http2.ask(http::Request::get("http://a/gate/unhurried")).await;
    assert_eq!(http2.get("/gate").await.unwrap(), 503);
    rig.open(1);
    assert_eq!(unhurried.await.unwrap().status(), 200, "each stream and each route has its own");
    drop(http2);
    check(&rig.finish().await, &[(TimedOut, 3), (Completed, 2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_deadline_cuts_is_aborted() {
    let rig = Rig::new(options());
    let mut waiting = Client::connect(rig.address).await;
    waiting.ask("/gate").await;
    let mut streaming = Client::connect(rig.address).await;
    streaming.ask("/stream").await;
    let mut http2 = Http2::connect(rig.address).await;
    let stream = http2.ask(http::Request::get("http://a/gate")).await;
    rig.in_flight(3).await;

    rig.server.drain(None);
    rig.server.force();
    assert_eq!(rig.ledger().outcome(Aborted), 3, "counted at once, whenever the tasks come to know");
    assert!(stream.await.is_err());
    waiting.closed().await;
    drop(http2);
    check(&rig.finish().await, &[(Aborted, 3)]);
}
