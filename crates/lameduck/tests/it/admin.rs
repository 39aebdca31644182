//! The admin port: probes, page, metrics, /drain and who may call it.

use crate::support::{ask, get, ready, start};
use lameduck::prometheus::IntCounter;
use lameduck::{Engine, PhaseName, Service, Start, anyhow, axum::Router};
use std::collections::HashSet;

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
async fn the_newest_connection_gets_in_however_many_are_held_open() {
    let engine = running(&[]).await;
    let admin = engine.addresses().admin;
    let mut held = Vec::new();
    for _ in 0..200 {
        held.push(tokio::net::TcpStream::connect(admin).await.unwrap());
    }
    assert_eq!(body(&get(admin, "/livez").await), "ok");
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}
