//! A ready-made axum service loses nothing: the same requests to `axum::serve` and to us, the same answers, byte for
//! byte.

mod service;

use crate::client::Client;
use crate::rig::{Rig, eventually, options};
use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};
use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use lameduck_lifecycle::Outcome;
use lameduck_server::{App, Bound, Options, RouteOptions, Server};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower_http::set_header::SetResponseHeaderLayer;

/// The service behind axum's own server.
async fn bare() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = service::router().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

/// The same behind ours, with every limit of the defaults.
fn wrapped() -> (Server, SocketAddr) {
    let server = Server::new(Options::default());
    let bound = Bound::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = server.serve(bound, App::from(service::router())).unwrap();
    (server, address)
}

/// Everything that comes back, but for the date.
async fn answer(address: SocketAddr, request: &[u8]) -> (Vec<String>, Vec<u8>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head");
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let mut lines: Vec<_> = head.split("\r\n").filter(|line| !line.starts_with("date: ")).map(str::to_owned).collect();
    lines[1..].sort_unstable();
    (lines, answer[end + 4..].to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_requests_have_the_same_answers() {
    let bare = bare().await;
    let (server, wrapped) = wrapped();
    let mut differences = Vec::new();
    for (name, request) in service::requests() {
        let (expected, got) = (answer(bare, &request).await, answer(wrapped, &request).await);
        let shown = String::from_utf8_lossy(&expected.1).chars().take(200).collect::<String>();
        println!("{name}: {} {shown:?}", expected.0[0]);
        if expected != got {
            let text = |body: &[u8]| String::from_utf8_lossy(body).chars().take(300).collect::<String>();
            let (was, is) = (text(&expected.1), text(&got.1));
            differences.push(format!("{name}:\n  {:?} {was:?}\n  {:?} {is:?}", expected.0, got.0));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    server.force();
}

#[tokio::test(flavor = "multi_thread")]
async fn control_what_an_app_asks_for_changes_the_answers() {
    let server = Server::new(Options::default());
    let bound = Bound::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let app = App::from(service::router()).json_errors().request_ids().request_limits();
    let wrapped = server.serve(bound, app).unwrap();
    let bare = bare().await;
    let mut changed = Vec::new();
    for (name, request) in service::requests() {
        if answer(bare, &request).await != answer(wrapped, &request).await {
            changed.push(name);
        }
    }
    for name in ["text of a 500", "a rejected query", "no route", "not HTTP"] {
        assert!(changed.contains(&name), "{name} is the same: {changed:?}");
    }
    server.force();
}

/// A router whose routes wait at the rig's gate, or fail.
fn gated(rig_gate: &std::sync::Arc<tokio::sync::Semaphore>) -> Router {
    let gate = rig_gate.clone();
    let waits = move |Path(_): Path<String>| {
        let gate = gate.clone();
        async move {
            gate.acquire().await.unwrap().forget();
            "passed"
        }
    };
    Router::new()
        .route("/wait/{name}", get(waits))
        .route("/panics/{name}", get(async |Path(_): Path<String>| -> &'static str { panic!("on purpose") }))
        .nest("/nested", Router::new().route("/upload/{name}", post(async |body: Bytes| body.len().to_string())))
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_have_their_label_while_in_flight_and_however_they_end() {
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let limited = RouteOptions { request_timeout: Some(Duration::from_millis(100)), body_bytes: Some(10) };
    let timed =
        Router::new().route("/timed/{name}", get(async |Path(_): Path<String>| std::future::pending::<()>().await));
    let rig = Rig::with(options(), |app| app.merge_router(gated(&gate)).merge_router_with(timed, limited));
    let mut waiting = Client::connect(rig.address).await;
    waiting.ask("/wait/a").await;
    let named = |route: &str| rig.server.stragglers(10).iter().any(|one| one.name.ends_with(route));
    eventually("the label of a request in flight", || named("GET /wait/{name}")).await;

    let mut client = Client::connect(rig.address).await;
    assert_eq!(client.get("/timed/a").await.status, 503);
    assert_eq!(client.get("/panics/a").await.status, 500);
    client.send("POST /nested/upload/a HTTP/1.1\r\nhost: a\r\ncontent-length: 2000000\r\n\r\n").await;
    client.send("x".repeat(1_100_000)).await;
    assert_eq!(client.answer().await.status, 413, "the limit of the rig's app");
    drop(client);
    waiting.reset();
    rig.outcome(Outcome::ClientGone, 1).await;
    let histograms = rig.server.histograms();
    let routes: Vec<_> = histograms.iter().map(|one| (&*one.route, one.status)).collect();
    for expected in [("/timed/{name}", Some(503)), ("/panics/{name}", Some(500)), ("/nested/upload/{name}", Some(413))]
    {
        assert!(routes.contains(&expected), "{expected:?} is not among {routes:?}");
    }
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_is_around_every_route_and_the_fallback() {
    let named = |value| SetResponseHeaderLayer::appending("x-layer".parse().unwrap(), HeaderValue::from_static(value));
    let foreign = Router::new().route("/foreign", get(async || "foreign"));
    let rig = Rig::with(options(), |app| app.merge_router(foreign).layer(named("inner")).layer(named("outer")));
    let mut client = Client::connect(rig.address).await;
    for path in ["/ping", "/foreign", "/nowhere"] {
        client.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        let head = client.until(b"\r\n\r\n").await.unwrap();
        let head = String::from_utf8(head).unwrap();
        let layers: Vec<_> = head.lines().filter_map(|line| line.strip_prefix("x-layer: ")).collect();
        assert_eq!(layers, ["inner", "outer"], "{path}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
        client.skip(length).await;
    }
    drop(client);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_of_a_5xx_is_hidden_only_where_it_was_asked_for() {
    let leak = || get(async || (StatusCode::INTERNAL_SERVER_ERROR, "the disk is full"));
    let (server, address) = wrapped();
    assert_eq!(Client::connect(address).await.get("/fail").await.body, "the disk is full");
    server.force();
    let rig = Rig::with(options(), |app| app.route("/hides", leak()));
    let body = Client::connect(rig.address).await.get("/hides").await.body;
    assert!(!body.contains("disk"), "{body}");
    rig.finish().await;
}
