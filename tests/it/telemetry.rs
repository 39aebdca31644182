//! The log of a real process: every line is JSON, floods are summed up, ids lead from a client to its lines.

use crate::process::start;
use lameduck_testing::{get, request};
use serde_json::{Value, json};

const TRACEPARENT: (&str, &str) = ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";

fn lines(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn a_quoted_id_leads_to_the_lines_of_its_request() {
    let service = start(&[("LOG__ACCESS", "all")]);
    let answer = request(service.http, "GET", "/nothing", &[TRACEPARENT, ("x-request-id", "r-1")], b"");
    assert_eq!(answer.header("x-trace-id"), Some(TRACE_ID));
    assert_eq!((&answer.json()["trace_id"], &answer.json()["request_id"]), (&json!(TRACE_ID), &json!("r-1")));
    let log = lines(&service.stop().log);
    let line = log.iter().find(|line| line["request_id"] == "r-1").expect("an access line");
    assert_eq!((&line["trace_id"], &line["span_id"]), (&json!(TRACE_ID), &json!("b7ad6b7169203331")));
}

/// A collector that refuses holds up neither the start nor the exit, over both protocols; its password is not shown.
#[test]
fn a_service_with_traces_starts_and_leaves() {
    let [nobody] = lameduck_testing::free_addresses();
    for protocol in ["grpc", "http/protobuf"] {
        let endpoint = format!("http://user:s3cret@{nobody}");
        let service = start(&[("TRACES__ENDPOINT", &endpoint), ("TRACES__PROTOCOL", protocol)]);
        let answer = get(service.http, "/ping");
        assert_eq!(answer.header("x-trace-id").map(str::len), Some(32), "it is recorded");
        let ended = service.stop();
        ended.assert_code(0);
        assert!(!ended.log.contains("s3cret"), "{}", ended.log);
    }
}

#[test]
fn a_flood_of_access_lines_is_summed_up() {
    let service = start(&[("LOG__ACCESS", "all"), ("LOG__RATE", "5")]);
    for _ in 0..60 {
        let answer = get(service.http, "/ping");
        assert_eq!(answer.status, 200);
    }
    let log = lines(&service.stop().log);
    let access: Vec<_> = log.iter().filter(|line| line["target"] == "lameduck::access").collect();
    let written = access.iter().filter(|line| line["route"] == "/ping").count() as u64;
    let held: u64 = access.iter().filter_map(|line| line["held"].as_u64()).sum();
    // However slow this machine is: sixty were asked for, and each is written or counted.
    assert_eq!(written + held, 60, "{access:?}");
}

#[test]
fn slow_requests_get_a_line_and_quick_ones_do_not() {
    let service = start(&[("LOG__ACCESS", "slow"), ("LOG__SLOW", "1h")]);
    get(service.http, "/ping");
    assert!(!lines(&service.stop().log).iter().any(|line| line["route"] == "/ping"));
    let service = start(&[("LOG__ACCESS", "slow"), ("LOG__SLOW", "1ms"), ("BENCH__ENABLED", "true")]);
    get(service.http, "/bench/slow?ms=20");
    assert!(lines(&service.stop().log).iter().any(|line| line["route"] == "/bench/slow"));
}

#[test]
fn the_level_is_changed_by_who_may_order_a_drain() {
    let service = start(&[("LOG__ACCESS", "all"), ("LOG__LEVEL", "warn")]);
    let level = || get(service.admin, "/log/level").json()["level"].clone();
    assert_eq!(level(), "warn");
    get(service.http, "/ping");
    let put = |body: Value| request(service.admin, "PUT", "/log/level", &[], body.to_string().as_bytes());
    let refused = put(json!({ "level": "loud" }));
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.text().contains("loud") && refused.text().contains("expected off, error"), "{}", refused.text());
    assert_eq!(put(json!({ "levels": "info" })).status, 400);
    assert_eq!(level(), "warn");
    assert_eq!(
        put(json!({ "level": "INFO,lameduck_server=debug" })).json(),
        json!({ "level": "info,lameduck_server=debug" })
    );
    get(service.http, "/ping");
    let log = lines(&service.stop().log);
    assert_eq!(log.iter().filter(|line| line["route"] == "/ping").count(), 1, "only the second one");

    let off = start(&[("ADMIN__DRAIN", "off")]);
    let refused = request(off.admin, "PUT", "/log/level", &[], br#"{"level":"off"}"#);
    assert_eq!(refused.status, 403);
    off.stop();
}

#[test]
fn ecs_lines_have_its_fields() {
    let service = start(&[("LOG__ACCESS", "all"), ("LOG__FORMAT", "ecs")]);
    get(service.http, "/ping");
    let log = lines(&service.stop().log);
    for line in &log {
        assert!(line["@timestamp"].is_string() && line["ecs.version"].is_string() && line["service.name"].is_string());
    }
    let access = log.iter().find(|line| line["http.route"] == "/ping").expect("an access line");
    assert_eq!(access["http.response.status_code"], 200);
}
