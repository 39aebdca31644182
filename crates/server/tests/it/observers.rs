//! Request observers: a begin and an end for each request, and what is in between.

use crate::client::{Client, Http2};
use crate::rig::{Rig, options};
use axum::routing::get;
use http::{Extensions, HeaderMap, HeaderValue, StatusCode};
use lameduck_lifecycle::Outcome;
use lameduck_server::{Began, Interest, Observers, Options, Record, RequestObserver, RequestScope};
use std::cell::RefCell;
use std::sync::{Arc, Mutex};

type Lines = Arc<Mutex<Vec<String>>>;

thread_local! { static INSIDE: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) } }

/// Follows requests, as a trace would.
struct Tracer {
    name: &'static str,
    lines: Lines,
}

struct Span {
    name: &'static str,
    lines: Lines,
}

#[derive(Clone)]
struct Context(&'static str);

impl RequestObserver for Tracer {
    fn observes_begin(&self) -> bool {
        true
    }

    fn began(&self, request: &mut Began<'_>) -> Option<Box<dyn RequestScope>> {
        let Began { parts, route, peer, protocol, .. } = request;
        assert!(peer.ip().is_loopback());
        parts.extensions.insert(Context(self.name));
        let line = format!("{} begins {} {} {protocol}", self.name, parts.method, route.unwrap_or("-"));
        self.lines.lock().unwrap().push(line);
        let sampled = !parts.headers.contains_key("not-sampled");
        sampled.then(|| Box::new(Span { name: self.name, lines: self.lines.clone() }) as Box<dyn RequestScope>)
    }
}

impl RequestScope for Span {
    fn enter(&mut self, run: &mut dyn FnMut()) {
        INSIDE.with_borrow_mut(|inside| inside.push(self.name));
        run();
        INSIDE.with_borrow_mut(Vec::pop);
    }

    fn answered(&mut self, _: StatusCode, headers: &mut HeaderMap) {
        headers.insert("x-trace-id", HeaderValue::from_static("4bf9"));
    }

    fn trace_id(&self) -> Option<&str> {
        Some("4bf9")
    }

    fn ended(self: Box<Self>, record: &Record<'_>) {
        let status = record.status.map_or(0, |status| status.as_u16());
        let line = format!("{} ends {} {status} {}", self.name, record.route.unwrap_or("-"), record.outcome);
        self.lines.lock().unwrap().push(line);
    }
}

/// An access log: notes which scopes it is called in.
struct Log(Lines);

impl RequestObserver for Log {
    fn interest(&self) -> Interest {
        Interest::All
    }

    fn ended(&self, record: &Record<'_>) {
        let inside = INSIDE.with_borrow(|inside| inside.join("/"));
        self.0.lock().unwrap().push(format!("log {} in [{inside}]", record.outcome));
    }
}

fn rig(lines: &Lines) -> Rig {
    let tracer = |name| Arc::new(Tracer { name, lines: lines.clone() });
    let observers = Observers::none().with(tracer("outer")).with(Arc::new(Log(lines.clone()))).with(tracer("inner"));
    let inside = get(async |context: Extensions| {
        // Also after the task was put aside.
        tokio::task::yield_now().await;
        let inside = INSIDE.with_borrow(|inside| inside.join("/"));
        format!("{} in [{inside}]", context.get::<Context>().map_or("none", |context| context.0))
    });
    Rig::with(Options { observers, ..options() }, |app| app.route("/inside", inside))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_runs_inside_of_the_scopes_and_the_log_too() {
    let lines = Lines::default();
    let rig = rig(&lines);
    let mut client = Client::connect(rig.address).await;
    let answer = client.get("/inside").await;
    assert_eq!(answer.body, "inner in [outer/inner]");
    assert_eq!(answer.header("x-trace-id"), "4bf9");
    drop(client);
    rig.finish().await;
    let expected = [
        "outer begins GET /inside http1",
        "inner begins GET /inside http1",
        "log completed in [outer/inner]",
        "inner ends /inside 200 completed",
        "outer ends /inside 200 completed",
    ];
    assert_eq!(*lines.lock().unwrap(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_scope_only_the_log_hears_of_the_end() {
    let lines = Lines::default();
    let rig = rig(&lines);
    let mut client = Client::connect(rig.address).await;
    client.send("GET /inside HTTP/1.1\r\nhost: a\r\nnot-sampled: 1\r\n\r\n").await;
    assert_eq!(client.answer().await.body, "inner in []");
    drop(client);
    rig.finish().await;
    assert_eq!(lines.lock().unwrap()[2..], ["log completed in []"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_begin_has_an_end_whatever_happens() {
    let lines = Lines::default();
    let rig = rig(&lines);
    let mut client = Client::connect(rig.address).await;
    let panicked = client.get("/panic/late").await;
    assert!(panicked.body.contains("\"trace_id\":\"4bf9\""), "{}", panicked.body);
    client.get("/nowhere").await;
    let mut gone = Client::connect(rig.address).await;
    gone.ask("/gate").await;
    rig.in_flight(1).await;
    gone.reset();
    rig.outcome(Outcome::ClientGone, 1).await;
    let mut http2 = Http2::connect(rig.address).await;
    let stream = http2.ask(http::Request::get("http://a/gate")).await;
    rig.in_flight(1).await;
    rig.server.force();
    assert!(stream.await.is_err());
    crate::rig::drained(&rig.server).await;
    let lines = lines.lock().unwrap();
    for (outcome, count) in [("failed", 1), ("completed", 1), ("client_gone", 1), ("aborted", 1)] {
        let ends = lines.iter().filter(|line| line.starts_with("outer ends") && line.ends_with(outcome)).count();
        assert_eq!(ends, count, "{outcome}: {lines:#?}");
    }
    assert_eq!(lines.iter().filter(|line| line.contains("begins")).count(), 8);
}
