//! The admin port: probes, page, metrics, /drain and who may call it.

use crate::support::{ask, get, ready, start};
use lameduck::axum::{Router, routing::get as on_get};
use lameduck::prometheus::IntCounter;
use lameduck::{Engine, PhaseName, Service, Start, anyhow};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::future::pending;
use std::sync::Arc;
#[cfg(all(feature = "profile", target_os = "linux"))]
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;

async fn running(settings: &[(&str, &str)]) -> Engine {
    let engine = start(Service::new("test"), settings);
    ready(&engine).await;
    engine
}

#[tokio::test]
async fn probes_answer_in_the_manner_of_kubernetes() {
    let engine = running(&[]).await;
    let admin = engine.addresses().admin;
    for (probe, checks) in [
        ("livez", "[+]control ok\n[+]work ok\n"),
        ("readyz", "[+]startup ok\n[+]lifecycle ok\n"),
        ("startupz", "[+]startup ok\n"),
    ] {
        let short = get(admin, &format!("/{probe}")).await;
        assert!(short.starts_with("HTTP/1.1 200") && short.ends_with("\r\n\r\nok"), "{short}");
        let verbose = get(admin, &format!("/{probe}?verbose")).await;
        assert!(verbose.ends_with(&format!("\r\n\r\n{checks}{probe} check passed\n")), "{verbose}");
    }
    assert_eq!(body(&get(admin, "/healthz").await), "ok");
    assert!(get(admin, "/nothing").await.starts_with("HTTP/1.1 404"));
    assert!(ask(admin, "DELETE /drain", "").await.starts_with("HTTP/1.1 405"));
    assert!(get(admin, "/").await.contains("content-type: text/html"));
}

#[tokio::test]
async fn metrics_are_well_formed_and_without_duplicates() {
    let service = Service::new("test").routes(async |start: Start| {
        let own = IntCounter::new("test_own_total", "The service's own.")?;
        own.inc();
        start.registry().register(Box::new(own))?;
        let clash = IntCounter::new("lameduck_phase", "Not the service's.")?;
        anyhow::ensure!(start.registry().register(Box::new(clash)).is_err(), "a metric of the engine was taken over");
        anyhow::Ok(Router::new())
    });
    let engine = start(service, &[]);
    ready(&engine).await;
    let _ = get(engine.addresses().http, "/nothing").await;
    let text = get(engine.addresses().admin, "/metrics").await;
    let mut seen = HashSet::new();
    for line in body(&text).lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert!(seen.insert(series), "twice: {series}");
    }
    for series in [
        r#"lameduck_phase{phase="ready"}"#,
        r#"lameduck_requests_ended_total{protocol="http1",kind="request",outcome="completed"}"#,
        r#"http_server_request_duration_seconds_count{http_request_method="GET",http_route="",http_response_status_code="404"}"#,
        r#"lameduck_startup_stage_seconds{stage="dependencies"}"#,
        "process_start_time_seconds",
        "test_own_total",
    ] {
        assert!(seen.contains(series), "{series} is missing in {text}");
    }
    assert!(!text.contains("lameduck_drain_deadline_timestamp_seconds "), "there is no deadline yet");
}

#[tokio::test]
async fn a_drain_call_needs_what_the_configuration_says() {
    let off = running(&[("admin.drain", "off")]).await;
    let refused = ask(off.addresses().admin, "POST /drain", "").await;
    assert!(refused.starts_with("HTTP/1.1 403") && refused.contains("send SIGTERM"), "{refused}");
    assert_eq!(off.handle().phase(), PhaseName::Ready);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "s3cret\n").unwrap();
    let token = running(&[("admin.drain", "token"), ("admin.token_file", file.to_str().unwrap())]).await;
    let admin = token.addresses().admin;
    let refused = ask(admin, "POST /drain", "").await;
    assert!(refused.starts_with("HTTP/1.1 401") && refused.contains("www-authenticate: Bearer"), "{refused}");
    assert_eq!(token.handle().phase(), PhaseName::Ready);
    let accepted = ask(admin, "POST /drain", "authorization: Bearer s3cret\r\n").await;
    assert!(
        accepted.starts_with("HTTP/1.1 202") && accepted.contains("\"cause\":{\"kind\":\"requested\","),
        "{accepted}"
    );
    assert_eq!(token.ended().await.exit.code(), 0);
}

#[tokio::test]
async fn requests_in_flight_are_listed_for_who_may_order_a_drain() {
    let entered = Arc::new(Notify::new());
    let inside = entered.clone();
    let stuck = async move || {
        inside.notify_one();
        pending::<()>().await;
    };
    let routes = Router::new().route("/stuck/{id}", on_get(stuck));
    let engine = start(Service::new("test").routes(async |_| anyhow::Ok(routes)), &[]);
    ready(&engine).await;
    let (http, admin) = (engine.addresses().http, engine.addresses().admin);
    assert_eq!(json(&get(admin, "/requests").await), json!({ "requests": [], "more": 0 }));
    let traceparent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00\r\n";
    let headers = format!("x-request-id: r-1\r\n{traceparent}");
    let asking = tokio::spawn(async move { ask(http, "GET /stuck/secret?token=secret", &headers).await });
    entered.notified().await;
    let answer = get(admin, "/requests").await;
    assert!(!answer.contains("secret"), "patterns, never paths: {answer}");
    let listed = json(&answer);
    let one = &listed["requests"][0];
    for (key, expected) in [
        ("request_id", "r-1"),
        ("trace_id", "0af7651916cd43dd8448eb211c80319c"),
        ("method", "GET"),
        ("route", "/stuck/{id}"),
        ("waits_for", "handler"),
        ("text", "the handler has not answered"),
        ("listener", "http"),
        ("protocol", "http1"),
        ("kind", "request"),
    ] {
        assert_eq!(one[key], expected, "{listed:#}");
    }
    assert!(one["age_ms"].is_u64() && one["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{listed:#}");
    engine.close();
    drop((engine.ended().await, asking));

    let off = running(&[("admin.drain", "off")]).await;
    let refused = get(off.addresses().admin, "/requests").await;
    assert!(refused.starts_with("HTTP/1.1 403") && refused.contains("admin.drain is off"), "{refused}");
    let recent = json(&get(off.addresses().admin, "/recent").await);
    assert_eq!((&recent["step_seconds"], &recent["all"]["requests"]), (&json!(5), &json!(0)), "{recent:#}");
}

#[tokio::test]
async fn the_newest_connection_gets_in_however_many_are_held_open() {
    let engine = running(&[]).await;
    let admin = engine.addresses().admin;
    let mut held = Vec::new();
    for _ in 0..200 {
        held.push(tokio::net::TcpStream::connect(admin).await.unwrap());
    }
    assert_eq!(body(&get(admin, "/livez").await), "ok");
}

#[cfg(all(feature = "profile", target_os = "linux"))]
#[tokio::test]
async fn a_profile_is_for_who_may_order_a_drain_and_one_at_a_time() {
    let engine = running(&[]).await;
    let admin = engine.addresses().admin;
    let refused = get(admin, "/debug/profile?seconds=61").await;
    assert!(refused.starts_with("HTTP/1.1 400") && refused.contains("1 to 60"), "{refused}");
    let off = running(&[("admin.drain", "off")]).await;
    assert!(get(off.addresses().admin, "/debug/profile?seconds=1").await.starts_with("HTTP/1.1 403"));

    // Two at once: one of them is refused, whichever comes second.
    let (mut statuses, mut sizes) = (Vec::new(), Vec::new());
    let one = async || {
        let mut stream = tokio::net::TcpStream::connect(admin).await.unwrap();
        let request = b"GET /debug/profile?seconds=1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        answer
    };
    let answers: (Vec<u8>, Vec<u8>) = tokio::join!(one(), one());
    for answer in [answers.0, answers.1] {
        let head = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        statuses.push(String::from_utf8_lossy(&answer[9..12]).into_owned());
        sizes.extend((&answer[9..12] == b"200").then(|| answer[head..].starts_with(&[0x1f, 0x8b])));
    }
    statuses.sort();
    assert_eq!((statuses, sizes), (vec!["200".to_owned(), "409".to_owned()], vec![true]), "gzip, as pprof reads it");
}

fn json(answer: &str) -> Value {
    serde_json::from_str(body(answer)).unwrap()
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}
