//! A service by hand inside an engine: what its handler is given, and what becomes of what it answers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use futures_util::future::BoxFuture;
use lameduck::config::Sources;
use lameduck::{Engine, Service as Engined};
use lameduck_grpc::{CallContext as _, Calls, ServeGrpc as _, refused};
use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::Duration;
use tonic::body::Body;
use tonic::codegen::http;
use tonic::server::{NamedService, UnaryService};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::Service;

/// Answers with what it knows of the call; refuses an empty question.
#[derive(Clone)]
struct Seen;

impl UnaryService<String> for Seen {
    type Response = String;
    type Future = BoxFuture<'static, Result<Response<String>, Status>>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        Box::pin(async move {
            if request.get_ref().is_empty() {
                return Err(refused("ask something", Duration::from_millis(250)));
            }
            let in_time = request.time_left().map(|left| left > Duration::ZERO && left <= Duration::from_secs(50));
            let handle = request.handle();
            let from_here = request.peer().is_some_and(|peer| peer.ip().is_loopback());
            Ok(Response::new(format!("{} {in_time:?} {from_here}", handle.phase().as_str())))
        })
    }
}

impl Service<http::Request<Body>> for Seen {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut calls = tonic::server::Grpc::new(ProstCodec::<String, String>::default());
            Ok(calls.unary(Seen, request).await)
        })
    }
}

impl NamedService for Seen {
    const NAME: &'static str = "test.Seen";
}

fn start() -> Engine {
    let service = Engined::new("seen").grpc(|_| async { Ok(Calls::new().service(Seen)) });
    let environment = [
        ("LAMEDUCK_LISTEN__GRPC", "127.0.0.1:0"),
        ("LAMEDUCK_LISTEN__HTTP", "127.0.0.1:0"),
        ("LAMEDUCK_LISTEN__ADMIN", "127.0.0.1:0"),
        ("LAMEDUCK_DRAIN__STRATEGY", "immediate"),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let loaded = service.load(&Sources { environment, ..Sources::default() }).unwrap();
    lameduck::start(service, loaded).unwrap()
}

async fn ask(channel: &Channel, question: &str, timeout: Option<&str>) -> Result<String, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let mut request = Request::new(question.to_owned());
    if let Some(timeout) = timeout {
        request.metadata_mut().insert("grpc-timeout", timeout.parse().unwrap());
    }
    let path = http::uri::PathAndQuery::from_static("/test.Seen/Any");
    let codec = ProstCodec::<String, String>::default();
    client.unary(request, path, codec).await.map(Response::into_inner)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_knows_deadline_lifecycle_and_peer_and_may_refuse() {
    let engine = start();
    engine.handle().started().await;
    let address = engine.addresses().listener("grpc").unwrap();
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    assert_eq!(ask(&channel, "what?", None).await.unwrap(), "ready None true");
    assert_eq!(ask(&channel, "what?", Some("50S")).await.unwrap(), "ready Some(true) true");
    let status = ask(&channel, "", None).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "ask something"));
    assert_eq!(status.metadata().get("grpc-retry-pushback-ms").unwrap(), "250");
    drop(channel);
    engine.shutdown();
    let report = engine.ended().await;
    assert_eq!(report.exit.code(), 0);
    let ledger = serde_json::to_value(&report.document).unwrap()["ledger"].clone();
    assert_eq!((&ledger["completed"], &ledger["rejected"]), (&2.into(), &1.into()), "{ledger}");
}
