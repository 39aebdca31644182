//! The verbs: bound, serving, lame duck, draining, forced.

use crate::client::{Client, Http2};
use crate::rig::{Rig, drained, eventually, options};
use axum::routing::get;
use lameduck_lifecycle::{CloseReason, Outcome, WaitsFor};
use lameduck_server::{App, Bound, IdleHold, Options, Server};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn bound_is_not_listening() {
    let bound = Bound::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = bound.local_addr();
    assert_ne!(address.port(), 0);
    assert!(TcpStream::connect(address).await.is_err(), "nobody may connect yet");

    let server = Server::new(Options::default());
    assert_eq!(server.serve(bound, App::new().route("/", get(|| async {}))).unwrap(), address);
    assert_eq!(Client::connect(address).await.get("/").await.status, 200);
    let taken = Bound::bind(address).unwrap_err();
    assert!(taken.to_string().contains(&address.to_string()), "{taken}");
    assert!(taken.to_string().contains("another process"), "{taken}");
    server.force();
    drained(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lame_duck_serves_and_tells() {
    let rig = Rig::new(options());
    let mut before = Client::connect(rig.address).await;
    assert!(!before.get("/ping").await.says_close());
    rig.server.lame_duck();
    // The notice rises over a second: sooner or later everybody is told, old connection or new.
    let mut rounds = 0;
    while !before.get("/ping").await.says_close() {
        rounds += 1;
        assert!(rounds < 1_000_000);
    }
    before.closed().await;
    loop {
        let mut new = Client::connect(rig.address).await;
        let answer = new.get("/ping").await;
        assert_eq!(answer.status, 200);
        if answer.says_close() {
            new.closed().await;
            break;
        }
    }
    assert_eq!(rig.finish().await.outcome(Outcome::Completed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http2_connection_is_told_after_its_first_response() {
    let rig = Rig::new(options());
    let mut http2 = Http2::connect(rig.address).await;
    rig.server.lame_duck();
    // New streams are taken until the client has seen GOAWAY.
    while http2.get("/ping").await.is_ok() {
        tokio::task::yield_now().await;
    }
    http2.ended().await;
    eventually("notice", || rig.server.snapshot().connections.closed_for(CloseReason::Notice) == 1).await;
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_notice_nobody_is_told() {
    let mut options = options();
    options.closings.notice = false;
    let rig = Rig::new(options);
    let mut client = Client::connect(rig.address).await;
    client.ask("/gate").await;
    rig.in_flight(1).await;
    rig.server.drain(None);
    rig.open(1);
    assert!(!client.answer().await.says_close());
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_refuses_the_new_and_finishes_the_old() {
    let rig = Rig::new(options());
    let mut waiting = Client::connect(rig.address).await;
    waiting.ask("/gate").await;
    let mut http2 = Http2::connect(rig.address).await;
    let stream = http2.ask(http::Request::get("http://a/gate")).await;
    rig.in_flight(2).await;

    rig.server.drain(None);
    rig.server.drain(None);
    eventually("refused", || std::net::TcpStream::connect(rig.address).is_err()).await;
    assert!(rig.server.serve(Bound::bind(([127, 0, 0, 1], 0).into()).unwrap(), App::new()).is_err());
    rig.open(2);
    assert!(waiting.answer().await.says_close(), "told, also without a lame-duck phase");
    assert_eq!(stream.await.unwrap().status(), 200);
    http2.ended().await;
    let ledger = rig.finish().await;
    assert_eq!(ledger.outcome(Outcome::Drained), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_listeners_are_one_server() {
    let rig = Rig::new(options());
    let other = Bound::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let other = rig.server.serve(other, App::new().route("/other", get(|| async { "other" }))).unwrap();
    assert_eq!(Client::connect(other).await.get("/other").await.body, "other");
    assert_eq!(Client::connect(rig.address).await.get("/other").await.status, 404);
    let routes: Vec<_> = rig.server.histograms().iter().map(|one| one.route.to_string()).collect();
    assert!(routes.contains(&"/other".to_owned()), "{routes:?}");
    assert_eq!(rig.finish().await.started(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn drained_is_level_triggered() {
    let server = Server::new(options());
    server.drain(None);
    drained(&server).await;
    drained(&server).await;

    let rig = Rig::new(options());
    let waiting = {
        let server = rig.server.clone();
        tokio::spawn(async move { server.drained().await })
    };
    assert_eq!(Client::connect(rig.address).await.get("/ping").await.status, 200);
    assert!(!waiting.is_finished(), "serving is not drained, however idle");
    rig.server.drain(None);
    waiting.await.unwrap();
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn force_ends_at_once() {
    let rig = Rig::new(Options { idle_hold: IdleHold::Auto, ..options() });
    let mut waiting = Client::connect(rig.address).await;
    waiting.ask("/gate").await;
    let mut idle = Client::connect(rig.address).await;
    assert_eq!(idle.get("/ping").await.status, 200);
    let mut silent = Client::connect(rig.address).await;
    rig.in_flight(1).await;
    rig.server.force();
    waiting.closed().await;
    idle.closed().await;
    silent.closed().await;
    drained(&rig.server).await;
    assert!(std::net::TcpStream::connect(rig.address).is_err());
    assert_eq!(rig.ledger().outcome(Outcome::Aborted), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_a_drain_is_named() {
    let rig = Rig::new(Options { idle_hold: IdleHold::For(Duration::from_secs(600)), ..options() });
    let mut waiting = Client::connect(rig.address).await;
    waiting.ask("/gate").await;
    let mut streaming = Client::connect(rig.address).await;
    streaming.ask("/stream").await;
    streaming.head().await;
    let mut idle = Client::connect(rig.address).await;
    assert_eq!(idle.get("/ping").await.status, 200);
    let mut http2 = Http2::connect(rig.address).await;
    let stream = http2.ask(http::Request::put("http://a/gate")).await;
    rig.in_flight(3).await;
    rig.server.drain(Some(Instant::now() + Duration::from_secs(600)));

    let stragglers = rig.server.stragglers(10);
    let waits_for = |name: &str| {
        let found = stragglers.iter().find(|one| one.name.contains(name));
        found.unwrap_or_else(|| panic!("{name}: {stragglers:#?}")).waits_for
    };
    assert_eq!(waits_for("GET /gate"), WaitsFor::Handler);
    assert_eq!(waits_for("PUT /gate"), WaitsFor::Handler);
    assert_eq!(waits_for("GET /stream"), WaitsFor::ResponseBody);
    let peer = idle.stream.local_addr().unwrap().to_string();
    assert_eq!(waits_for(&peer), WaitsFor::NextRequest);
    assert_eq!(stragglers.len(), 4);
    assert_eq!(rig.server.stragglers(2).len(), 2);

    rig.server.force();
    drained(&rig.server).await;
    assert!(stream.await.is_err());
    assert!(rig.server.stragglers(10).is_empty());
}
