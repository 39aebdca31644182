//! Each method, and each way in which a call is refused.

use super::frames::{Frame, Frames};
use super::generated::bench::{CountRequest, EchoRequest, SlowRequest, SumRequest};
use super::generated::sample::{GetUserRequest, PingRequest, SubmitRequest, UpdateRequest};
use super::{bench, channel, sample, start};
use futures_util::{StreamExt as _, stream};
use lameduck_testing::{eventually, request};
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use std::time::Duration;
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

fn object(name: &str, value: Kind) -> Option<Struct> {
    let fields = [(name.to_owned(), Value { kind: Some(value) })].into_iter().collect();
    Some(Struct { fields })
}

fn code<T: std::fmt::Debug>(result: Result<T, Status>) -> Code {
    result.expect_err("it is refused").code()
}

#[tokio::test]
async fn each_method_does_what_its_route_does() {
    let (service, address) = start(&[]);
    let mut client = sample(address).await;
    let pong = client.ping(PingRequest {}).await.unwrap();
    assert!(pong.metadata().contains_key("x-request-id"), "{:?}", pong.metadata());
    assert_eq!(pong.into_inner().message, "pong");
    let submitted = client.submit(SubmitRequest { object: object("order", Kind::NumberValue(1.0)) }).await.unwrap();
    assert!(submitted.into_inner().id.contains('-'));
    let stored = UpdateRequest { id: "a b".to_owned(), object: object("n", Kind::BoolValue(true)) };
    assert_eq!(client.update(stored).await.unwrap().into_inner().id, "a b");
    let again = request(service.http, "PUT", "/update/a%20b", &[("content-type", "application/json")], b"{}");
    assert_eq!(again.json()["created"], false, "both interfaces have one store");
    let user = GetUserRequest { id: "7".to_owned(), name: String::new() };
    assert_eq!(client.get_user(user).await.unwrap().into_inner().greeting, "Hello anonymous (ID: 7)");
    drop(client);
    let ended = service.stop();
    ended.assert_code(0);
    assert_eq!(ended.report["jobs"]["finished"], 1, "{:#}", ended.report);
}

#[tokio::test]
async fn each_shape_of_stream_comes_whole() {
    let (_service, address) = start(&[]);
    let mut client = bench(address).await;
    assert_eq!(client.slow(SlowRequest { milliseconds: 5 }).await.unwrap().into_inner().milliseconds, 5);
    let asked = CountRequest { messages: 1000, interval_milliseconds: 0, subscription: false };
    let numbers: Vec<_> =
        client.count(asked).await.unwrap().into_inner().map(|one| one.unwrap().number).collect().await;
    assert_eq!(numbers, (0..1000).collect::<Vec<_>>());
    let summed = client.sum(stream::iter((1..=100).map(|number| SumRequest { number }))).await.unwrap().into_inner();
    assert_eq!((summed.sum, summed.messages), (5050, 100));
    let sent = (0..50_u8).map(|byte| EchoRequest { payload: vec![byte; 1000] });
    let echoed = client.echo(stream::iter(sent.clone())).await.unwrap().into_inner();
    let echoed: Vec<_> = echoed.map(|one| one.unwrap().payload).collect().await;
    assert_eq!(echoed, sent.map(|one| one.payload).collect::<Vec<_>>());
}

#[tokio::test]
async fn wrong_calls_have_the_right_status() {
    let (service, address) = start(&[("jobs.queue_max", "1"), ("grpc.message_max", "64KiB")]);
    let mut client = sample(address).await;
    let user = |id: String| GetUserRequest { id, name: String::new() };
    assert_eq!(code(client.get_user(user(String::new())).await), Code::InvalidArgument);
    assert_eq!(code(client.get_user(user("x".repeat(129))).await), Code::InvalidArgument);
    assert_eq!(code(client.submit(SubmitRequest { object: None }).await), Code::InvalidArgument);
    let infinite = SubmitRequest { object: object("n", Kind::NumberValue(f64::INFINITY)) };
    assert_eq!(code(client.submit(infinite).await), Code::InvalidArgument);
    let large = UpdateRequest { id: "a".to_owned(), object: object("x", Kind::StringValue("y".repeat(70_000))) };
    let refused = client.update(large).await.expect_err("the message is too large");
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    assert!(refused.message().contains("65536"), "{refused}");

    // Two are taken: one by the worker, one by the queue.
    let slow = || SubmitRequest { object: object("work_ms", Kind::NumberValue(1000.0)) };
    let refused = loop {
        if let Err(status) = client.submit(slow()).await {
            break status;
        }
    };
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    let retry = refused.get_details_retry_info().expect("it says when to try again");
    assert_eq!(retry.retry_delay, Some(Duration::from_secs(1)));
    assert_eq!(refused.metadata().get("grpc-retry-pushback-ms").unwrap(), "1000");
    assert_eq!(service.drain()["ledger"]["rejected"], 1);
}

#[tokio::test]
async fn what_there_is_not_is_unimplemented() {
    let (_service, address) = start(&[("bench.enabled", "false")]);
    assert_eq!(code(bench(address).await.slow(SlowRequest { milliseconds: 1 }).await), Code::Unimplemented);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_says_when_to_try_again() {
    let (service, address) = start(&[("limits.requests_in_flight", "1")]);
    let mut client = bench(address).await;
    let slow = tokio::spawn({
        let mut client = client.clone();
        async move { client.slow(SlowRequest { milliseconds: 60_000 }).await }
    });
    eventually("it is full", || (service.drain()["ledger"]["in_flight"] == 1).then_some(()));
    let refused = client.slow(SlowRequest { milliseconds: 0 }).await.expect_err("it is full");
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    let retry = refused.get_details_retry_info().expect("it says when to try again");
    assert_eq!(retry.retry_delay, Some(Duration::from_secs(1)));
    slow.abort();
    assert_eq!(service.drain()["ledger"]["rejected"], 1);
}

/// A client that does not watch its own deadline, which libraries do.
#[test]
fn a_deadline_ends_a_call_on_the_servers_side_too() {
    let (service, address) = start(&[]);
    let mut frames = Frames::connect(address);
    // 60 000 ms.
    frames.call_within(1, "/lameduck.bench.v1.Bench/Slow", "100m", &[0x08, 0xe0, 0xd4, 0x03]);
    frames.until(|frame| *frame == Frame::Headers { end: true });
    eventually("it has ended so", || (service.drain()["ledger"]["timed_out"] == 1).then_some(()));
}

#[tokio::test]
async fn health_is_that_of_the_process_and_of_each_service() {
    let (_service, address) = start(&[]);
    let mut client = HealthClient::new(channel(address).await);
    for service in ["", "lameduck.sample.v1.Sample", "lameduck.bench.v1.Bench"] {
        let answer = client.check(HealthCheckRequest { service: service.to_owned() }).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service}");
    }
    let unknown = HealthCheckRequest { service: "a.B".to_owned() };
    assert_eq!(code(client.check(unknown.clone()).await), Code::NotFound);
    let mut watch = client.watch(unknown).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
}

#[tokio::test]
async fn reflection_lists_what_there_is() {
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

    let (_service, address) = start(&[]);
    let mut client = ServerReflectionClient::new(channel(address).await);
    let ask = |question| ServerReflectionRequest { host: String::new(), message_request: Some(question) };
    let asked = [
        MessageRequest::ListServices(String::new()),
        MessageRequest::FileContainingSymbol("lameduck.sample.v1.Sample.GetUser".to_owned()),
    ];
    let answers = client.server_reflection_info(stream::iter(asked.map(ask))).await.unwrap().into_inner();
    let answers: Vec<_> = answers.map(|answer| answer.unwrap().message_response.unwrap()).collect().await;
    let MessageResponse::ListServicesResponse(list) = &answers[0] else { panic!("{:?}", answers[0]) };
    let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    for name in ["lameduck.sample.v1.Sample", "lameduck.bench.v1.Bench", "grpc.health.v1.Health"] {
        assert!(names.contains(&name), "{names:?}");
    }
    assert!(matches!(answers[1], MessageResponse::FileDescriptorResponse(_)), "{:?}", answers[1]);

    let (_closed, address) = start(&[("grpc.reflection", "false")]);
    let mut client = ServerReflectionClient::new(channel(address).await);
    let asked = stream::iter([ask(MessageRequest::ListServices(String::new()))]);
    assert_eq!(code(client.server_reflection_info(asked).await), Code::Unimplemented);
}

/// Metadata that a client sends must not be able to break a call.
#[tokio::test]
async fn odd_metadata_is_let_be() {
    let (_service, address) = start(&[]);
    let mut request = Request::new(PingRequest {});
    *request.metadata_mut() = MetadataMap::new();
    for (name, value) in [("grpc-timeout", "soon"), ("x-request-id", "%"), ("grpc-encoding", "identity")] {
        request.metadata_mut().insert(name, value.parse().unwrap());
    }
    assert_eq!(sample(address).await.ping(request).await.unwrap().into_inner().message, "pong");
}
