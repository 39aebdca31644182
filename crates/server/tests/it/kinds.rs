//! What a request turns out to be moves the gauge; an upgraded one is in flight until its socket is gone.

use crate::client::{Client, Http2};
use crate::rig::{Rig, drained, eventually, options};
use lameduck_lifecycle::{CloseReason, Kind, Outcome, Protocol};
use lameduck_server::{Limits, Options};
use std::time::Duration;

const UPGRADE: &str = "GET /upgrade HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: ";

async fn upgraded(rig: &Rig, to: &str) -> Client {
    let mut client = Client::connect(rig.address).await;
    client.send(format!("{UPGRADE}{to}\r\n\r\n")).await;
    assert_eq!(client.head().await.status, 101);
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn kinds_are_told_by_request_and_response() {
    let rig = Rig::new(options());
    let mut events = Client::connect(rig.address).await;
    events.ask("/events").await;
    events.head().await;
    let websocket = upgraded(&rig, "websocket").await;
    let other = upgraded(&rig, "echo").await;
    let mut http2 = Http2::connect(rig.address).await;
    let call = http::Request::post("http://a/call").header("content-type", "application/grpc");
    let call = http2.ask(call).await;

    let gauge = |protocol, kind| rig.ledger().in_flight_by(protocol, kind);
    eventually("all in flight", || {
        [Kind::Sse, Kind::Websocket, Kind::Upgrade].iter().all(|kind| gauge(Protocol::Http1, *kind) == 1)
            && gauge(Protocol::Http2, Kind::Grpc) == 1
    })
    .await;
    assert_eq!(gauge(Protocol::Http1, Kind::Request), 0);
    rig.ledger().check().unwrap();

    rig.open(1);
    events.reset();
    drop((websocket, other, http2, call));
    rig.in_flight(0).await;
    let ledger = rig.finish().await;
    assert_eq!((ledger.started_by(Protocol::Http1), ledger.started_by(Protocol::Http2)), (3, 1));
    assert_eq!(ledger.ended_by(Protocol::Http1, Kind::Websocket, Outcome::Completed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_holds_the_drain_until_its_socket_is_gone() {
    let rig = Rig::new(options());
    let mut client = upgraded(&rig, "echo").await;
    rig.server.drain(None);
    client.send("still here").await;
    assert_eq!(client.until(b"here").await.unwrap(), b"still here");
    assert_eq!(rig.ledger().in_flight_by(Protocol::Http1, Kind::Upgrade), 1);
    drop(client);
    drained(&rig.server).await;
    let numbers = rig.server.snapshot();
    assert_eq!(numbers.ledger.ended_by(Protocol::Http1, Kind::Upgrade, Outcome::Drained), 1);
    assert_eq!(numbers.connections.closed_for(CloseReason::Upgraded), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_reaches_an_upgraded_socket() {
    let rig = Rig::new(options());
    let mut client = upgraded(&rig, "echo").await;
    rig.server.drain(None);
    rig.server.force();
    client.closed().await;
    drained(&rig.server).await;
    assert_eq!(rig.ledger().ended_by(Protocol::Http1, Kind::Upgrade, Outcome::Aborted), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_has_no_time_out_of_ours() {
    let limits = Limits {
        request_timeout: Duration::from_millis(20),
        idle_timeout: Duration::from_millis(20),
        header_timeout: Duration::from_millis(20),
        ..Limits::default()
    };
    let rig = Rig::new(Options { limits, ..options() });
    let mut client = upgraded(&rig, "echo").await;
    // Another connection's time-out shows that the sweep has passed.
    let mut idle = Client::connect(rig.address).await;
    assert_eq!(idle.get("/ping").await.status, 200);
    idle.closed().await;
    client.send("x").await;
    assert_eq!(client.until(b"x").await.unwrap(), b"x");
    drop(client);
    rig.finish().await;
}
