//! gRPC calls: the server's own answers in their terms, statuses as outcomes, deadlines, bodies without a total limit.

use crate::client::Http2;
use crate::rig::{Rig, eventually, options};
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use lameduck_lifecycle::Outcome;
use lameduck_server::{App, Interest, Observers, Options, Record, RequestObserver};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a client has of a call.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    http_status: u16,
    grpc_status: Option<String>,
    bytes: usize,
}

fn trailers(status: &'static str) -> HeaderMap {
    HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static(status))])
}

/// A message, then the trailers if there are any.
fn respond(status: Option<&'static str>) -> Response {
    let message = Frame::data(Bytes::from_static(b"\0\0\0\0\x02hi"));
    let frames = [Some(message), status.map(|status| Frame::trailers(trailers(status)))];
    let frames = frames.into_iter().flatten().map(Ok::<_, Infallible>);
    let body = Body::new(StreamBody::new(futures_util::stream::iter(frames)));
    ([(header::CONTENT_TYPE, "application/grpc")], body).into_response()
}

fn calls(app: App) -> App {
    let endless = || {
        let frames = futures_util::stream::unfold((), async |()| {
            tokio::time::sleep(Duration::from_millis(5)).await;
            Some((Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"more"))), ()))
        });
        ([(header::CONTENT_TYPE, "application/grpc")], Body::new(StreamBody::new(frames))).into_response()
    };
    app.route("/grpc/ok", post(async || respond(Some("0"))))
        .route("/grpc/unavailable", post(async || respond(Some("14"))))
        .route("/grpc/cut", post(async || respond(None)))
        .route("/grpc/endless", post(async move || endless()))
        .route("/grpc/panics", post(async || -> Response { panic!("on purpose") }))
        .route(
            "/grpc/upload",
            post(async |request: Request| {
                let bytes = request.into_body().collect().await.map_or(0, |body| body.to_bytes().len());
                assert!(bytes > 1 << 20, "{bytes} bytes");
                respond(Some("0"))
            }),
        )
}

async fn call(client: &mut Http2, path: &str, timeout: Option<&str>) -> Answer {
    let request = http::Request::post(format!("http://a{path}")).header("content-type", "application/grpc+proto");
    let request = timeout.into_iter().fold(request, |request, timeout| request.header("grpc-timeout", timeout));
    answer(client.ask(request).await).await
}

async fn answer(response: h2::client::ResponseFuture) -> Answer {
    let response = response.await.expect("a response");
    let http_status = response.status().as_u16();
    let status = |headers: &HeaderMap| headers.get("grpc-status").map(|status| status.to_str().unwrap().to_owned());
    let mut grpc_status = status(response.headers());
    let mut body = response.into_body();
    let mut bytes = 0;
    while let Some(data) = body.data().await {
        let data = data.expect("data");
        bytes += data.len();
        body.flow_control().release_capacity(data.len()).unwrap();
    }
    if let Some(trailers) = body.trailers().await.expect("trailers") {
        grpc_status = status(&trailers);
    }
    Answer { http_status, grpc_status, bytes }
}

fn said(grpc_status: &str) -> Answer {
    Answer { http_status: 200, grpc_status: Some(grpc_status.to_owned()), bytes: 0 }
}

#[derive(Default)]
struct Errors(Mutex<Vec<String>>);

impl RequestObserver for Errors {
    fn interest(&self) -> Interest {
        Interest::Errors
    }

    fn ended(&self, record: &Record<'_>) {
        let line = format!("{} {:?} {}", record.route.unwrap_or("-"), record.grpc_status, record.outcome);
        self.0.lock().unwrap().push(line);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_in_the_trailers_is_how_a_call_ended() {
    let errors = Arc::new(Errors::default());
    let rig = Rig::with(Options { observers: Observers::none().with(errors.clone()), ..options() }, calls);
    let mut client = Http2::connect(rig.address).await;
    assert_eq!(call(&mut client, "/grpc/ok", None).await.grpc_status.as_deref(), Some("0"));
    assert_eq!(call(&mut client, "/grpc/unavailable", None).await.grpc_status.as_deref(), Some("14"));
    assert_eq!(call(&mut client, "/grpc/cut", None).await.grpc_status, None);
    rig.outcome(Outcome::Failed, 1).await;
    assert_eq!(rig.ledger().outcome(Outcome::Completed), 2);
    drop(client);
    rig.finish().await;
    let expected = ["/grpc/unavailable Some(14) completed", "/grpc/cut None failed"];
    assert_eq!(*errors.0.lock().unwrap(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_own_answers_are_statuses_too() {
    let mut options = options();
    options.limits.requests_in_flight = 1;
    let rig = Rig::with(options, calls);
    let mut client = Http2::connect(rig.address).await;
    assert_eq!(call(&mut client, "/grpc/nowhere", None).await, said("12"));
    assert_eq!(call(&mut client, "/grpc/panics", None).await, said("13"));
    let waits = client.ask(http::Request::post("http://a/call").header("content-type", "application/grpc")).await;
    rig.in_flight(1).await;
    assert_eq!(call(&mut client, "/grpc/ok", None).await, said("14"), "too many are in flight");
    rig.open(1);
    assert_eq!(answer(waits).await.http_status, 200);
    assert_eq!(rig.ledger().outcome(Outcome::Rejected), 1);
    drop(client);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_deadline_ends_a_call_before_and_after_its_head() {
    let rig = Rig::with(options(), calls);
    let mut client = Http2::connect(rig.address).await;
    assert_eq!(call(&mut client, "/gate/unhurried", Some("50m")).await, said("4"), "the handler has not answered");
    let cut = call(&mut client, "/grpc/endless", Some("50m")).await;
    assert_eq!((cut.http_status, cut.grpc_status.as_deref()), (200, Some("4")), "in the middle of the stream");
    assert!(cut.bytes > 0);
    eventually("both have timed out", || rig.ledger().outcome(Outcome::TimedOut) == 2).await;
    assert_eq!(call(&mut client, "/grpc/ok", Some("1H")).await.grpc_status.as_deref(), Some("0"));
    drop(client);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_may_send_without_end() {
    let rig = Rig::with(options(), calls);
    let client = Http2::connect(rig.address).await;
    let request = http::Request::post("http://a/grpc/upload").header("content-type", "application/grpc").body(());
    let mut send = client.send.clone().ready().await.unwrap();
    let (response, mut stream) = send.send_request(request.unwrap(), false).unwrap();
    let mut left = 2 << 20;
    while left > 0 {
        stream.reserve_capacity(left.min(16 << 10));
        let capacity = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await.unwrap().unwrap();
        stream.send_data(vec![0; capacity.min(left)].into(), capacity >= left).unwrap();
        left = left.saturating_sub(capacity);
    }
    assert_eq!(answer(response).await.grpc_status.as_deref(), Some("0"));
    drop((send, client));
    rig.finish().await;
}

/// One port for both: HTTP's routes are no calls, its limits are not for calls, and its handlers get what is no call.
#[tokio::test(flavor = "multi_thread")]
async fn calls_may_have_an_app_beside_that_of_http() {
    let mut options = options();
    options.limits.request_timeout = Duration::from_millis(50);
    let late = post(async || {
        tokio::time::sleep(Duration::from_millis(700)).await;
        respond(Some("0"))
    });
    let ping = post(async || "not a call");
    let calls = App::new().route("/a.B/Late", late);
    let rig = Rig::with(options, |app| app.request_limits().route("/ping/post", ping).calls(calls));
    let mut client = Http2::connect(rig.address).await;
    assert_eq!(call(&mut client, "/a.B/Late", None).await.grpc_status.as_deref(), Some("0"));
    assert_eq!(call(&mut client, "/ping/post", None).await, said("12"));
    for (path, status) in [("/ping/post", 200), ("/a.B/Late", 404)] {
        let request = http::Request::post(format!("http://a{path}")).header("content-type", "application/json");
        assert_eq!(client.ask(request).await.await.expect("a response").status(), status, "{path}");
    }
    let routes: Vec<_> = rig.server.call_histograms().iter().map(|one| (one.route.to_string(), one.status)).collect();
    assert!(routes.contains(&("/a.B/Late".to_owned(), 0)), "{routes:?}");
    drop(client);
    rig.finish().await;
}
