//! The list of requests in flight: which they are, what they wait for, and that it is bounded.

use crate::client::{Client, Http2};
use crate::rig::{Rig, eventually, options};
use lameduck_lifecycle::{Protocol, WaitsFor};
use lameduck_server::{Began, InFlight, Observers, Options, Record, RequestObserver, RequestScope};
use std::sync::Arc;

/// Gives each request the trace that it asks for.
struct Traces;

struct Trace(Option<String>);

impl RequestObserver for Traces {
    fn observes_begin(&self) -> bool {
        true
    }

    fn began(&self, request: &mut Began<'_>) -> Option<Box<dyn RequestScope>> {
        let trace = request.parts.headers.get("trace").and_then(|trace| trace.to_str().ok());
        Some(Box::new(Trace(trace.map(str::to_owned))))
    }
}

impl RequestScope for Trace {
    fn trace_id(&self) -> Option<&str> {
        self.0.as_deref()
    }

    fn ended(self: Box<Self>, _: &Record<'_>) {}
}

fn observed() -> Options {
    Options { observers: Observers::none().with(Arc::new(Traces)), ..options() }
}

/// Method, route, request id, trace id.
fn who(request: &InFlight) -> (&str, Option<&str>, Option<&str>, Option<&str>) {
    let InFlight { method, route, request_id, trace_id, .. } = request;
    (method, route.as_deref(), request_id.as_deref(), trace_id.as_deref())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_named_by_its_ids() {
    let rig = Rig::new(observed());
    let mut first = Client::connect(rig.address).await;
    first.send("GET /gate HTTP/1.1\r\nhost: a\r\nx-request-id: r-1\r\ntrace: t-1\r\n\r\n").await;
    rig.in_flight(1).await;
    let mut second = Http2::connect(rig.address).await;
    let call = http::Request::post("http://a/gate").header("x-request-id", "r-2");
    let answer = second.ask(call).await;
    rig.in_flight(2).await;

    let (listed, more) = rig.server.in_flight(10);
    let expected = [("GET", Some("/gate"), Some("r-1"), Some("t-1")), ("POST", Some("/gate"), Some("r-2"), None)];
    assert_eq!(listed.iter().map(who).collect::<Vec<_>>(), expected);
    assert_eq!(more, 0);
    assert_eq!((listed[0].protocol, listed[1].protocol), (Protocol::Http1, Protocol::Http2));
    assert!(listed.iter().all(|one| one.waits_for == WaitsFor::Handler && one.listener == "http"), "{listed:?}");
    assert!(listed[0].age >= listed[1].age, "the oldest first");
    let left = rig.server.stragglers(10);
    assert!(left.iter().any(|left| left.request_id.as_deref() == Some("r-1")), "{left:?}");

    rig.open(2);
    assert_eq!(first.answer().await.status, 200);
    answer.await.unwrap();
    rig.in_flight(0).await;
    assert_eq!(rig.server.in_flight(10), (Vec::new(), 0));

    // The next request of the connection has nothing of the one before.
    first.ask("/gate").await;
    rig.in_flight(1).await;
    let (listed, _) = rig.server.in_flight(10);
    let (_, _, id, trace) = who(&listed[0]);
    assert_eq!((id.map(str::len), trace), (Some(32), None));
    first.reset();
    drop(second);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_request_waits_for_is_a_word() {
    let rig = Rig::new(observed());
    let waits = || rig.server.in_flight(1).0.first().map(|one| one.waits_for);
    let mut client = Client::connect(rig.address).await;
    client.ask("/stream").await;
    client.head().await;
    eventually("the body", || waits() == Some(WaitsFor::ResponseBody)).await;
    client.reset();
    rig.in_flight(0).await;
    let mut client = Client::connect(rig.address).await;
    client.send("GET /upgrade HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n").await;
    client.head().await;
    eventually("the upgrade", || waits() == Some(WaitsFor::Upgraded)).await;
    client.reset();
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_bounded_and_counts_the_rest() {
    let rig = Rig::new(observed());
    let mut http2 = Http2::connect(rig.address).await;
    let mut answers = Vec::new();
    for number in 0..40 {
        let request = http::Request::get("http://a/gate").header("x-request-id", format!("r-{number}"));
        answers.push(http2.ask(request).await);
        rig.in_flight(number + 1).await;
    }
    let (listed, more) = rig.server.in_flight(3);
    let ids: Vec<_> = listed.iter().map(|one| one.request_id.as_deref().unwrap()).collect();
    assert_eq!((ids.as_slice(), more), (&["r-0", "r-1", "r-2"][..], 37));
    rig.open(40);
    for answer in answers {
        answer.await.unwrap();
    }
    drop(http2);
    rig.finish().await;
}
