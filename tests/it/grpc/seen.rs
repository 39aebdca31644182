//! What metrics, the access log and the other port show of calls.

use super::generated::bench::SlowRequest;
use super::generated::sample::{GetUserRequest, PingRequest};
use super::{bench, sample, start};
use lameduck_testing::{Service, get};
use tonic::Code;

/// The value of the one sample whose name and labels contain all of these.
fn value(service: &Service, parts: &[&str]) -> Option<f64> {
    let text = get(service.admin, "/metrics").text();
    let lines: Vec<_> = text.lines().filter(|line| parts.iter().all(|part| line.contains(part))).collect();
    assert!(lines.len() < 2, "{lines:?}");
    lines.first()?.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn metrics_have_the_method_and_the_status_of_grpc() {
    let (service, address) = start(&[("grpc.shared_port", "true")]);
    for port in [address, service.http] {
        let mut client = sample(port).await;
        client.ping(PingRequest {}).await.unwrap();
        client.get_user(GetUserRequest::default()).await.unwrap_err();
    }
    assert_eq!(super::call_unknown(address, "/a.B/C").await.code(), Code::Unimplemented);
    let count = |method: &str, status: &str| {
        let method = format!("rpc_method=\"{method}\"");
        let status = format!("rpc_response_status_code=\"{status}\"");
        value(&service, &["rpc_server_call_duration_seconds_count", "rpc_system_name=\"grpc\"", &method, &status])
    };
    assert_eq!(count("lameduck.sample.v1.Sample/Ping", "OK"), Some(2.0), "both ports are one series");
    assert_eq!(count("lameduck.sample.v1.Sample/GetUser", "INVALID_ARGUMENT"), Some(2.0));
    assert_eq!(count("", "UNIMPLEMENTED"), Some(1.0), "names that a client makes up are no labels");
    assert_eq!(value(&service, &["http_server_request_duration_seconds_count", "lameduck.sample"]), None);
}

#[tokio::test]
async fn the_access_log_has_the_status_of_grpc() {
    let (service, address) = start(&[("log.access", "all"), ("log.format", "json")]);
    let mut client = sample(address).await;
    client.get_user(GetUserRequest::default()).await.unwrap_err();
    drop(client);
    let log = service.stop().log;
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let line = lines.into_iter().find(|line| line["route"] == "/lameduck.sample.v1.Sample/GetUser").expect("a line");
    assert_eq!((&line["grpc_status"], &line["kind"]), (&"INVALID_ARGUMENT".into(), &"grpc".into()), "{line}");
}

#[tokio::test]
async fn one_port_serves_both_by_choice_alone() {
    let (service, _) = start(&[("grpc.shared_port", "true")]);
    let mut client = sample(service.http).await;
    let pong = client.ping(PingRequest {}).await.unwrap().into_inner();
    let answer = service.get("/ping");
    assert_eq!((pong.message.as_str(), answer.status, answer.json()["message"].as_str()), ("pong", 200, Some("pong")));
    assert_eq!(
        bench(service.http).await.slow(SlowRequest { milliseconds: 1 }).await.unwrap().into_inner().milliseconds,
        1
    );
    assert_eq!(service.get("/lameduck.sample.v1.Sample/Ping").status, 404, "what is no call is HTTP's");

    let (apart, address) = start(&[]);
    let refused = sample(apart.http).await.ping(PingRequest {}).await.expect_err("calls have their own port");
    assert_eq!(refused.code(), Code::Unimplemented);
    sample(address).await.ping(PingRequest {}).await.unwrap();
}
