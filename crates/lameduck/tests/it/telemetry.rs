//! What a request carries, what /metrics says and in which format, and what a client cannot make it say.

use crate::support::{ask, get, ready, start};
use lameduck::axum::{http::StatusCode, routing::get as on_get};
use lameduck::{App, Engine, RequestContext, Service, anyhow};
use std::collections::HashSet;

const TRACEPARENT: &str = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00\r\n";
const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";

async fn shows() -> String {
    let ids = || {
        let context = RequestContext::current().unwrap_or_default();
        let trace = context.trace.as_ref().map_or_else(String::new, lameduck::Trace::trace_id);
        format!("{} {trace}", context.request_id())
    };
    let before = ids();
    // Another poll, perhaps on another thread.
    tokio::task::yield_now().await;
    let after = ids();
    let alone = tokio::spawn(async move { RequestContext::current().is_some() }).await.unwrap_or(true);
    let given = tokio::spawn(RequestContext::current().unwrap_or_default().scope(async move { ids() })).await;
    format!("{before}|{after}|{}|{alone}", given.unwrap_or_default())
}

async fn running(settings: &[(&str, &str)]) -> Engine {
    let service = Service::new("test").routes(async |_| {
        let fails = on_get(|| async { StatusCode::INTERNAL_SERVER_ERROR });
        anyhow::Ok(
            App::new()
                .json_errors()
                .request_ids()
                .route("/shows", on_get(shows))
                .route("/fails", fails)
                .route("/users/{id}", on_get(|| async { "" })),
        )
    });
    let engine = start(service, settings);
    ready(&engine).await;
    engine
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

#[tokio::test]
async fn a_handler_knows_the_ids_of_its_request_at_every_poll() {
    let engine = running(&[]).await;
    let http = engine.addresses().http;
    let answer = ask(http, "GET /shows", &format!("x-request-id: r-1\r\n{TRACEPARENT}")).await;
    let ids = format!("r-1 {TRACE_ID}");
    assert_eq!(body(&answer), format!("{ids}|{ids}|{ids}|false"));
    assert!(answer.contains(&format!("x-trace-id: {TRACE_ID}\r\n")), "{answer}");
    let answer = get(http, "/shows").await;
    assert!(!answer.contains("x-trace-id"), "there is no trace: {answer}");
}

#[tokio::test]
async fn an_error_names_the_trace() {
    let engine = running(&[]).await;
    for path in ["/fails", "/nothing"] {
        let answer = ask(engine.addresses().http, &format!("GET {path}"), TRACEPARENT).await;
        assert!(body(&answer).contains(&format!("\"trace_id\":\"{TRACE_ID}\"")), "{answer}");
        assert!(answer.contains(&format!("x-trace-id: {TRACE_ID}\r\n")), "{answer}");
    }
}

#[tokio::test]
async fn metrics_come_in_the_format_and_encoding_that_is_asked_for() {
    let engine = running(&[]).await;
    let admin = engine.addresses().admin;
    let _ = get(engine.addresses().http, "/shows").await;
    let plain = get(admin, "/metrics").await;
    assert!(plain.contains("content-type: text/plain; version=0.0.4"), "{plain}");
    let open = ask(admin, "GET /metrics", "accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1\r\n").await;
    assert!(open.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"), "{open}");
    assert!(open.ends_with("# EOF\n") && body(&open).contains("# TYPE lameduck_requests_started counter\n"), "{open}");
    let names = |text: &str| -> HashSet<String> {
        let lines = body(text).lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.split(['{', ' ']).next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(names(&plain), names(&open), "the same metrics in both");

    let stream = tokio::net::TcpStream::connect(admin).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let request = b"GET /metrics HTTP/1.1\r\nhost: test\r\naccept-encoding: gzip\r\nconnection: close\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut write, request).await.unwrap();
    let mut compressed = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut read, &mut compressed).await.unwrap();
    let head = compressed.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    assert!(String::from_utf8_lossy(&compressed[..head]).contains("content-encoding: gzip"));
    assert_eq!(compressed[head..head + 2], [0x1f, 0x8b], "the mark of gzip");
    assert!(compressed.len() * 3 < plain.len(), "{} of {}", compressed.len(), plain.len());
}

#[tokio::test]
async fn no_client_can_add_series_without_bound() {
    let engine = running(&[("log.access", "off")]).await;
    let (http, admin) = (engine.addresses().http, engine.addresses().admin);
    let series = async || {
        let text = get(admin, "/metrics").await;
        body(&text).lines().filter(|line| !line.starts_with('#')).count()
    };
    let attack = async |round: usize| {
        for number in 0..40 {
            let number = round * 1000 + number;
            let headers = format!(
                "x-request-id: {number}\r\nuser-agent: {number}\r\nx-{number}: 1\r\nx-forwarded-host: h{number}\r\n"
            );
            let _ = ask(http, &format!("GET /paths/{number}"), &headers).await;
            let _ = ask(http, &format!("GET /users/{number}?q={number}"), &headers).await;
            let _ = ask(http, &format!("METHOD{number} /users/{number}"), &headers).await;
            let _ = ask(http, &format!("GET http://host{number}.example/users/{number}"), &headers).await;
        }
    };
    attack(0).await;
    let after_one = series().await;
    attack(1).await;
    assert_eq!(series().await, after_one, "the second round found every series there");
    let text = get(admin, "/metrics").await;
    // Labels only: a value or a time stamp may hold any digits.
    for labels in body(&text).lines().filter_map(|line| line.rsplit_once('}').map(|(labels, _)| labels)) {
        assert!(["1039", "METHOD", "example"].iter().all(|theirs| !labels.contains(theirs)), "{labels}");
    }
}

#[tokio::test]
async fn the_level_of_a_log_that_is_not_the_engines_is_not_changed() {
    let engine = running(&[]).await;
    let answer = get(engine.addresses().admin, "/log/level").await;
    assert!(answer.starts_with("HTTP/1.1 404") && answer.contains("has set up its own log"), "{answer}");
}
