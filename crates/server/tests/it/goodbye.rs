//! Long-lived streams of handlers that know nothing of a drain: ended in order, on the wire, and counted as drained.

use crate::client::{Client, Http2};
use crate::rig::{Rig, drained, eventually, options};
use axum::Extension;
use axum::body::Body;
use axum::response::IntoResponse as _;
use axum::routing::get;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::header::CONTENT_TYPE;
use lameduck_lifecycle::{Kind, Outcome, Protocol};
use lameduck_server::{App, Goodbye};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// A text frame as a client sends it, with a mask of zeros.
fn frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
    frame.extend_from_slice(text.as_bytes());
    frame
}

async fn websocket(rig: &Rig) -> Client {
    let mut client = Client::connect(rig.address).await;
    client.send("GET /upgrade HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n").await;
    assert_eq!(client.head().await.status, 101);
    client
}

/// Reads a Close frame of ours: its code and reason.
async fn close_frame(client: &mut Client) -> (u16, String) {
    let header = client.exactly(4).await.unwrap();
    assert_eq!((header[0], header[1] & 0x80), (0x88, 0), "a Close frame without a mask: {header:?}");
    let reason = client.exactly(usize::from(header[1]) - 2).await.unwrap();
    (u16::from_be_bytes([header[2], header[3]]), String::from_utf8(reason).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_is_closed_for_a_handler_that_does_not() {
    let rig = Rig::new(options());
    let mut client = websocket(&rig).await;
    client.send(frame("hello")).await;
    assert_eq!(client.until(b"hello").await.unwrap(), frame("hello"));

    rig.server.drain(None);
    let (code, reason) = close_frame(&mut client).await;
    assert_eq!(code, 1012);
    assert!(reason.starts_with("restarting; reconnect in ") && reason.ends_with(" ms"), "{reason}");
    // The handler echoes this, too; but nothing follows a Close.
    client.send([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xf4]).await;
    client.closed().await;
    drained(&rig.server).await;
    let ledger = rig.ledger();
    assert_eq!(ledger.ended_by(Protocol::Http1, Kind::Websocket, Outcome::Drained), 1, "{}", ledger.sentence());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_under_way_is_finished_before_the_close() {
    let rig = Rig::new(options());
    let mut client = websocket(&rig).await;
    let whole = frame("0123456789");
    let (first, rest) = whole.split_at(9);
    client.send(first).await;
    assert_eq!(client.exactly(first.len()).await.unwrap(), first);
    rig.server.drain(None);
    client.send(rest).await;
    assert_eq!(client.exactly(rest.len()).await.unwrap(), rest);
    assert_eq!(close_frame(&mut client).await.0, 1012);
    drop(client);
    drained(&rig.server).await;
    assert_eq!(rig.ledger().outcome(Outcome::Drained), 1);
}

/// A client that never answers the Close is cut a while later; it had its goodbye.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_answer_holds_nothing_for_long() {
    let rig = Rig::new(options());
    let mut client = websocket(&rig).await;
    rig.server.drain(None);
    close_frame(&mut client).await;
    drained(&rig.server).await;
    client.closed().await;
    assert_eq!(rig.ledger().ended_by(Protocol::Http1, Kind::Websocket, Outcome::Drained), 1);
}

/// Two events, then silence.
fn events(goodbye: Goodbye) -> axum::response::Response {
    let events = futures_util::stream::iter(["data: 1\n\n", "data: 2\n\n"])
        .map(|event| Ok::<_, std::io::Error>(Bytes::from_static(event.as_bytes())));
    let body = Body::from_stream(events.chain(futures_util::stream::pending()));
    (Extension(goodbye), [(CONTENT_TYPE, "text/event-stream")], body).into_response()
}

fn app(app: App) -> App {
    app.route("/subscription", get(|| async { events(Goodbye::Restart) }))
        .route("/work", get(|| async { events(Goodbye::Finish) }))
}

#[tokio::test(flavor = "multi_thread")]
async fn events_end_with_a_last_one_that_says_retry() {
    let rig = Rig::with(options(), app);
    let mut client = Client::connect(rig.address).await;
    client.ask("/subscription").await;
    client.until(b"data: 2\n\n").await.unwrap();
    rig.server.drain(None);
    let last = client.until(b"0\r\n\r\n").await.unwrap();
    let last = String::from_utf8(last).unwrap();
    assert!(last.contains(": restarting\nretry: "), "{last}");
    client.closed().await;
    drained(&rig.server).await;
    assert_eq!(rig.ledger().ended_by(Protocol::Http1, Kind::Sse, Outcome::Drained), 1);
}

/// The control: without a goodbye the same stream holds the drain until the deadline cuts it.
#[tokio::test(flavor = "multi_thread")]
async fn work_is_left_to_finish_and_cut_at_the_deadline() {
    let rig = Rig::with(options(), app);
    let mut client = Client::connect(rig.address).await;
    client.ask("/work").await;
    client.until(b"data: 2\n\n").await.unwrap();
    let mut subscription = Client::connect(rig.address).await;
    subscription.ask("/subscription").await;
    subscription.until(b"data: 2\n\n").await.unwrap();
    rig.server.drain(None);
    // The other one has ended: all goodbyes were said.
    subscription.until(b"0\r\n\r\n").await.unwrap();
    eventually("one is left", || rig.ledger().in_flight() == 1).await;
    rig.server.force();
    drained(&rig.server).await;
    assert_eq!(rig.ledger().ended_by(Protocol::Http1, Kind::Sse, Outcome::Aborted), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_over_http2_end_with_their_stream() {
    let rig = Rig::with(options(), app);
    let mut client = Http2::connect(rig.address).await;
    let response = client.ask(http::Request::get("http://test/subscription")).await.await.unwrap();
    let mut body = response.into_body();
    let mut text = Vec::new();
    while !text.ends_with(b"data: 2\n\n") {
        text.extend_from_slice(&body.data().await.unwrap().unwrap());
    }
    rig.server.drain(None);
    while let Some(data) = body.data().await {
        text.extend_from_slice(&data.expect("no reset: the stream ends in order"));
    }
    assert!(String::from_utf8(text).unwrap().contains("retry: "));
    client.ended().await;
    drained(&rig.server).await;
    assert_eq!(rig.ledger().ended_by(Protocol::Http2, Kind::Sse, Outcome::Drained), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_begins_while_draining_ends_at_once() {
    let gate = Arc::new(Semaphore::new(0));
    let waits = gate.clone();
    let late = get(move || async move {
        waits.acquire().await.unwrap().forget();
        events(Goodbye::Restart)
    });
    let rig = Rig::with(options(), |app| app.route("/late", late));
    let mut client = Client::connect(rig.address).await;
    client.ask("/late").await;
    rig.in_flight(1).await;
    rig.server.drain(None);
    gate.add_permits(1);
    let all = client.until(b"0\r\n\r\n").await.unwrap();
    assert!(String::from_utf8(all).unwrap().contains("retry: "));
    drained(&rig.server).await;
    assert_eq!(rig.ledger().outcome(Outcome::Drained), 1);
}
