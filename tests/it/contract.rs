//! Every route, status and error that the contract names.

use crate::process::{Service, eventually};
use lameduck_testing::{Client, Response, request};
use serde_json::{Value, json};

const JSON: (&str, &str) = ("content-type", "application/json");
const KEY: &str = "0123456789abcdef-key";

fn post(service: &Service, target: &str, body: &str) -> Response {
    request(service.http, "POST", target, &[JSON], body.as_bytes())
}

fn put(service: &Service, target: &str, body: &str) -> Response {
    request(service.http, "PUT", target, &[JSON], body.as_bytes())
}

/// An error is JSON with a sentence and the id that the header has; it tells nothing of our inside.
#[track_caller]
fn assert_error(answer: &Response, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
    let body = answer.json();
    let keys: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["error", "request_id"]);
    assert_eq!(body["request_id"], answer.header("x-request-id").unwrap());
    let sentence = body["error"].as_str().unwrap();
    assert!(sentence.len() > 8, "{sentence}");
    for inside in ["serde", "axum", "panicked", "src/", ".rs", "::"] {
        assert!(!sentence.contains(inside), "{sentence}");
    }
}

#[test]
fn each_route_does_what_it_says() {
    let service = crate::process::start(&[]);
    let ping = service.get("/ping");
    assert_eq!((ping.status, ping.text().as_str()), (200, r#"{"message":"pong"}"#));
    assert_eq!(ping.header("content-type"), Some("application/json"));

    let submitted = post(&service, "/submit", r#"{"order":1}"#);
    assert_eq!(submitted.status, 202);
    let again = post(&service, "/submit", r#"{"order":1}"#);
    assert_ne!(submitted.json()["id"].as_str().unwrap(), again.json()["id"].as_str().unwrap());

    let created = put(&service, "/update/a%20b", r#"{"n":1}"#);
    assert_eq!((created.status, created.json()), (200, json!({ "id": "a b", "created": true })));
    assert_eq!(put(&service, "/update/a%20b", r#"{"n":2}"#).json(), json!({ "id": "a b", "created": false }));

    for (target, greeting) in [
        ("/user?name=Ann&id=7", "Hello Ann (ID: 7)"),
        ("/user?id=7", "Hello anonymous (ID: 7)"),
        ("/user?id=7&name=", "Hello anonymous (ID: 7)"),
        ("/user?name=J%C3%B6rg+M&id=a%2Fb", "Hello Jörg M (ID: a/b)"),
    ] {
        let answer = service.get(target);
        assert_eq!((answer.status, answer.text().as_str()), (200, greeting));
        assert!(answer.header("content-type").unwrap().starts_with("text/plain"));
    }
    eventually("both jobs are finished", || (service.drain()["jobs"]["finished"] == 2).then_some(()));
}

#[test]
fn wrong_requests_get_the_right_error() {
    let service = crate::process::start(&[]);
    let long = "x".repeat(129);
    for (answer, status) in [
        (post(&service, "/submit", "{"), 400),
        (post(&service, "/submit", ""), 400),
        (put(&service, "/update/a", "{} x"), 400),
        (put(&service, &format!("/update/{long}"), "{}"), 400),
        (put(&service, "/update/%FF", "{}"), 400),
        (service.get("/user"), 400),
        (service.get("/user?id="), 400),
        (service.get("/user?name=Ann"), 400),
        (service.get("/user?id=1&id=2"), 400),
        (service.get(&format!("/user?id={long}")), 400),
        (service.get("/nowhere"), 404),
        (service.get("/ping/"), 404),
        (service.get("/update/"), 404),
        (service.get("/bench/slow?ms=1"), 404),
        (post(&service, "/ping", "{}"), 405),
        (service.get("/submit"), 405),
        (post(&service, "/update/a", "{}"), 405),
        (request(service.http, "POST", "/submit", &[("content-type", "text/plain")], b"{}"), 415),
        (request(service.http, "POST", "/submit", &[], b"{}"), 415),
        (post(&service, "/submit", "[1]"), 422),
        (post(&service, "/submit", "null"), 422),
        (put(&service, "/update/a", "\"text\""), 422),
    ] {
        assert_error(&answer, status);
        if status == 405 {
            assert!(answer.header("allow").is_some(), "405 says what is allowed: {answer:?}");
        }
    }
    assert_eq!(service.drain()["ledger"]["failed"], 0);
}

#[test]
fn a_body_above_the_limit_is_413_whether_announced_or_not() {
    let service = crate::process::start(&[("LIMITS__BODY_BYTES", "1KiB")]);
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(2000));
    assert_error(&post(&service, "/submit", &large), 413);
    let mut client = Client::connect(service.http).unwrap();
    let head =
        "POST /submit HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    client.write(format!("{head}{:x}\r\n{large}\r\n0\r\n\r\n", large.len()).as_bytes()).unwrap();
    assert_error(&client.read(false).unwrap(), 413);
    assert_eq!(post(&service, "/submit", r#"{"small":true}"#).status, 202);
}

#[test]
fn only_a_known_key_opens_the_account() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    std::fs::write(&file, format!("# test\nann {KEY}\n")).unwrap();
    let service = crate::process::start(&[("AUTH__KEYS_FILE", file.to_str().unwrap())]);
    let account = |authorization: Option<&str>| {
        let headers: Vec<_> = authorization.iter().map(|value| ("authorization", *value)).collect();
        request(service.http, "GET", "/account", &headers, b"")
    };
    for right in [format!("Bearer {KEY}"), format!("bearer   {KEY} ")] {
        let answer = account(Some(&right));
        assert_eq!((answer.status, answer.json()), (200, json!({ "name": "ann" })));
    }
    for wrong in [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer "),
        Some(KEY),
        Some("Basic YTpi"),
        Some("Bearer 0123456789abcdef-kez"),
    ] {
        let answer = account(wrong);
        assert_error(&answer, 401);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    assert!(!service.log().contains(KEY), "keys are never logged");
}

#[test]
fn without_keys_nobody_gets_in() {
    let service = crate::process::start(&[]);
    assert_error(&request(service.http, "GET", "/account", &[("authorization", "Bearer ")], b""), 401);
}

#[test]
fn a_full_queue_is_429_and_what_was_accepted_is_done_before_the_end() {
    let service = crate::process::start(&[("JOBS__QUEUE_MAX", "1"), ("BENCH__ENABLED", "true")]);
    // One is worked on, one waits; the third at the latest finds no place.
    let refused = (0..3).map(|_| post(&service, "/submit", r#"{"work_ms":700}"#)).find(|answer| answer.status != 202);
    let refused = refused.expect("a queue of one refuses the third");
    assert_error(&refused, 429);
    assert_eq!(refused.header("retry-after"), Some("1"));
    let ended = service.stop();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    let jobs = &ended.report["jobs"];
    assert_eq!((&jobs["lost_total"], &jobs["accepted"]), (&json!(0), &jobs["finished"]));
    assert_eq!(ended.report["ledger"]["rejected"], 1);
}

#[test]
fn a_job_that_is_not_done_in_time_is_named_and_the_exit_code_says_so() {
    let keys = [("BENCH__ENABLED", "true"), ("DRAIN__RELEASE", "100ms")];
    let service = crate::process::start(&keys);
    let id = post(&service, "/submit", r#"{"work_ms":60000}"#).json()["id"].clone();
    let ended = service.stop();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.log);
    assert_eq!(ended.report["jobs"]["lost"], json!([id]));
}

#[test]
fn a_panic_a_time_out_and_shedding_have_their_errors() {
    let service = crate::process::start(&[("BENCH__ENABLED", "true"), ("LIMITS__REQUESTS_IN_FLIGHT", "1")]);
    let panicked = service.get("/bench/panic");
    assert_error(&panicked, 500);
    assert_eq!(service.get("/ping").status, 200, "the process goes on");

    let mut slow = Client::connect(service.http).unwrap();
    slow.write(b"GET /bench/slow?ms=60000 HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    eventually("the slow request is in flight", || (service.drain()["ledger"]["in_flight"] == 1).then_some(()));
    let shed = service.get("/ping");
    assert_error(&shed, 503);
    assert!(shed.header("retry-after").is_some());
    slow.reset().unwrap();
    eventually("the client's leaving is noticed", || (service.drain()["ledger"]["client_gone"] == 1).then_some(()));
    assert_eq!(service.drain()["ledger"]["failed"], 1);
}

#[test]
fn a_client_that_does_not_send_its_body_gets_503() {
    let service = crate::process::start(&[("LIMITS__REQUEST_TIMEOUT", "300ms")]);
    let mut client = Client::connect(service.http).unwrap();
    client
        .write(b"POST /submit HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{")
        .unwrap();
    assert_error(&client.read(false).unwrap(), 503);
    eventually("it is counted", || (service.drain()["ledger"]["timed_out"] == 1).then_some(()));
}

#[test]
fn the_request_id_is_the_clients_if_it_is_valid() {
    let service = crate::process::start(&[]);
    let id = |given: &str| {
        let answer = request(service.http, "GET", "/ping", &[("x-request-id", given)], b"");
        answer.header("x-request-id").unwrap().to_owned()
    };
    assert_eq!(id("order-4711.a"), "order-4711.a");
    for invalid in ["a b", "\"", &"x".repeat(200)] {
        assert_ne!(id(invalid), invalid);
    }
    assert_ne!(service.get("/ping").header("x-request-id"), service.get("/ping").header("x-request-id"));
}

#[test]
fn the_bench_does_what_it_says() {
    let service = crate::process::start(&[("BENCH__ENABLED", "true")]);
    assert_eq!(service.get("/bench/slow?ms=20").json(), json!({ "ms": 20 }));
    assert_eq!(service.get("/bench/block?ms=20").json(), json!({ "ms": 20 }));
    let stream = service.get("/bench/stream?chunks=5&interval_ms=1&bytes=100");
    assert_eq!((stream.status, stream.body.len()), (200, 500));
    let upload = request(service.http, "POST", "/bench/upload", &[], &vec![b'x'; 3 << 20]);
    assert_eq!(upload.json(), json!({ "bytes": 3 << 20 }));
    for status in [200, 204, 304, 404, 418, 503, 599] {
        assert_eq!(service.get(&format!("/bench/status/{status}")).status, status);
    }
    assert_error(&service.get("/bench/status/404"), 404);
    for (target, expected) in [
        ("/bench/slow?ms=60001", 400),
        ("/bench/slow", 400),
        ("/bench/block?ms=-1", 400),
        ("/bench/status/600", 400),
        ("/bench/status/abc", 400),
        ("/bench/stream?bytes=2000000", 400),
    ] {
        assert_error(&service.get(target), expected);
    }
}

#[test]
fn an_upload_of_more_than_64_mib_is_413() {
    let service = crate::process::start(&[("BENCH__ENABLED", "true")]);
    let mut client = Client::connect(service.http).unwrap();
    let head = format!("POST /bench/upload HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", (64 << 20) + 1);
    client.write(head.as_bytes()).unwrap();
    assert_error(&client.read(false).unwrap(), 413);
}

#[test]
fn admin_answers_what_the_contract_lists() {
    let service = crate::process::start(&[]);
    let get = |target: &str| lameduck_testing::get(service.admin, target);
    for probe in ["/livez", "/readyz", "/startupz", "/healthz"] {
        assert_eq!(get(probe).status, 200, "{probe}");
        assert!(get(&format!("{probe}?verbose")).text().len() > 2, "{probe}?verbose says something");
    }
    assert!(get("/metrics").text().contains("lameduck_phase{phase=\"ready\"} 1"));
    let document = get("/drain").json();
    let object = document.as_object().unwrap();
    for key in [
        "version",
        "phase",
        "since_ms",
        "cause",
        "deadline_in_ms",
        "waits",
        "ledger",
        "jobs",
        "connections",
        "stragglers",
    ] {
        assert!(object.contains_key(key), "{key}");
    }
    assert_eq!(document["phase"], "ready");
    assert_eq!(document["ledger"]["raced_expected"].as_f64(), Some(0.0));
    let page = get("/");
    assert!(page.header("content-type").unwrap().starts_with("text/html") && page.text().contains("lameduck"));
    assert_eq!(get("/nowhere").status, 404);
    // Admin is not counted.
    assert_eq!(document["ledger"]["started"], Value::from(0));
}
