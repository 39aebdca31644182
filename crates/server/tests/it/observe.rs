//! What the server says about itself: histograms, arrivals, the access log.

use crate::client::{Client, Http2};
use crate::rig::{Rig, eventually, options};
use axum::Router;
use axum::routing::get;
use lameduck_lifecycle::{ConnectionState, Outcome, Protocol};
use lameduck_server::{Interest, Observers, Options, Record, RequestObserver, RouteHistogram};
use std::sync::{Arc, Mutex};

fn labels(histograms: &[RouteHistogram]) -> Vec<(&str, &str, Option<u16>, u64)> {
    let mut labels: Vec<_> =
        histograms.iter().map(|one| (one.method, &*one.route, one.status, one.durations.count())).collect();
    labels.sort_unstable();
    labels
}

#[tokio::test(flavor = "multi_thread")]
async fn histograms_are_by_method_route_and_status() {
    let rig = Rig::new(options());
    let mut client = Client::connect(rig.address).await;
    for path in ["/user/1", "/user/2", "/nowhere", "/nowhere/else", "/panic"] {
        client.get(path).await;
    }
    client.send("BREW /ping HTTP/1.1\r\nhost: a\r\n\r\n").await;
    client.answer().await;
    let histograms = rig.server.histograms();
    assert_eq!(
        labels(&histograms),
        [
            ("GET", "", Some(404), 2),
            ("GET", "/panic", Some(500), 1),
            ("GET", "/user/{id}", Some(200), 2),
            ("_OTHER", "/ping", Some(200), 1),
        ]
    );
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ready_made_router_brings_its_labels() {
    let foreign = Router::new()
        .route("/foreign/{name}", get(|| async { "foreign" }))
        .nest("/nested", Router::new().route("/{id}", get(|| async { "nested" })));
    let rig = Rig::with(options(), |app| app.merge_router(foreign));
    let mut client = Client::connect(rig.address).await;
    for path in ["/foreign/a", "/foreign/b", "/nested/7", "/user/1", "/nowhere"] {
        client.get(path).await;
    }
    let histograms = rig.server.histograms();
    assert_eq!(
        labels(&histograms),
        [
            ("GET", "", Some(404), 1),
            ("GET", "/foreign/{name}", Some(200), 2),
            ("GET", "/nested/{id}", Some(200), 1),
            ("GET", "/user/{id}", Some(200), 1),
        ]
    );
    rig.finish().await;
}

struct Collected {
    interest: Interest,
    lines: Mutex<Vec<String>>,
}

impl RequestObserver for Collected {
    fn interest(&self) -> Interest {
        self.interest
    }

    fn ended(&self, record: &Record<'_>) {
        let status = record.status.map_or(0, |status| status.as_u16());
        let route = record.route.unwrap_or("-");
        let id = if record.request_id.len() == 32 { "made" } else { record.request_id };
        assert!(record.peer.ip().is_loopback());
        let line = format!("{} {route} {status} {id} {} {}", record.method, record.protocol, record.outcome);
        self.lines.lock().unwrap().push(line);
    }
}

async fn logged(interest: Interest) -> Vec<String> {
    let collected = Arc::new(Collected { interest, lines: Mutex::default() });
    let rig = Rig::new(Options { observers: Observers::none().with(collected.clone()), ..options() });
    let mut client = Client::connect(rig.address).await;
    client.send("GET /user/7 HTTP/1.1\r\nhost: a\r\nx-request-id: mine\r\n\r\n").await;
    client.answer().await;
    client.get("/nowhere").await;
    client.get("/leak").await;
    let mut gone = Client::connect(rig.address).await;
    gone.ask("/gate").await;
    rig.in_flight(1).await;
    gone.reset();
    rig.outcome(Outcome::ClientGone, 1).await;
    drop(client);
    rig.finish().await;
    collected.lines.lock().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_access_log_gets_what_it_asked_for() {
    let gone = "GET /gate 0 made http1 client_gone";
    let leak = "GET /leak 500 made http1 completed";
    assert_eq!(logged(Interest::Errors).await, [leak, gone]);
    let all = ["GET /user/{id} 200 mine http1 completed", "GET - 404 made http1 completed", leak, gone];
    assert_eq!(logged(Interest::All).await, all);
    assert!(logged(Interest::Off).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn arrivals_are_told_only_while_leaving() {
    let rig = Rig::new(options());
    let mut arrivals = rig.server.arrivals();
    assert_eq!(Client::connect(rig.address).await.get("/ping").await.status, 200);
    assert!(!arrivals.has_changed().unwrap());
    rig.server.lame_duck();
    assert_eq!(Client::connect(rig.address).await.get("/ping").await.status, 200);
    arrivals.changed().await.unwrap();
    let told = *arrivals.borrow_and_update();
    assert_eq!(told.count, 1);
    assert!(told.last.is_some());
    assert_eq!(rig.server.snapshot().late_arrivals.count(), 1);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_of_arrivals_is_known_after_a_while() {
    let rig = Rig::new(options());
    assert_eq!(rig.server.arrival_rate(), None);
    eventually("a rate", || rig.server.arrival_rate().is_some()).await;
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_counted_by_protocol_and_state() {
    let rig = Rig::new(options());
    let silent = Client::connect(rig.address).await;
    let mut idle = Client::connect(rig.address).await;
    idle.get("/ping").await;
    let mut active = Client::connect(rig.address).await;
    active.ask("/gate").await;
    let mut http2 = Http2::connect(rig.address).await;
    http2.get("/ping").await.unwrap();
    rig.in_flight(1).await;
    eventually("states", || {
        let connections = rig.server.snapshot().connections;
        let states = [
            (Protocol::Unknown, ConnectionState::New),
            (Protocol::Http1, ConnectionState::Idle),
            (Protocol::Http1, ConnectionState::Active),
            (Protocol::Http2, ConnectionState::Idle),
        ];
        connections.open() == 4 && states.iter().all(|(protocol, state)| connections.open_by(*protocol, *state) == 1)
    })
    .await;
    active.reset();
    drop((silent, idle, http2));
    rig.finish().await;
}
