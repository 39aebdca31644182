//! Calls of handlers: they carry what their request carries, and take no longer than it has.

use crate::support::{ask, ready, start};
use lameduck::axum::routing::get as on_get;
use lameduck::{App, CallError, Client, ClientOptions, Engine, RequestContext, RouteOptions, Service, anyhow};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// Another service: keeps the heads of its requests; answers, or is silent.
async fn upstream(answers: bool) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (heads, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await.unwrap() > 0 {}
            let _ = heads.send(String::from_utf8(head).unwrap().to_lowercase());
            if answers {
                let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nup";
                stream.write_all(answer).await.unwrap();
            } else {
                // Until the client has gone.
                let _ = stream.read(&mut [0]).await;
            }
        }
    });
    (address, received)
}

/// A service whose one route calls `other` from a task that outlives the request, and how those calls ended.
async fn calling(
    other: SocketAddr,
    limit: Duration,
    settings: &[(&str, &str)],
) -> (Engine, mpsc::UnboundedReceiver<Result<u16, CallError>>) {
    let (ends, ended) = mpsc::unbounded_channel();
    let service = Service::new("test").routes(async move |_| {
        let client = Client::new(ClientOptions { timeout: Duration::from_secs(3600), ..ClientOptions::default() })?;
        let handler = on_get(async move || {
            let context = RequestContext::current().unwrap_or_default();
            let call = async move {
                let answer = client.get(&format!("http://{other}/items?key=secret")).await;
                let _ = ends.send(answer.map(|answer| answer.status().as_u16()));
            };
            drop(tokio::spawn(context.scope(call)).await);
        });
        let limits = RouteOptions { request_timeout: Some(limit), ..RouteOptions::default() };
        anyhow::Ok(App::new().request_ids().request_limits().route_with("/call", handler, limits))
    });
    let engine = start(service, settings);
    ready(&engine).await;
    (engine, ended)
}

#[tokio::test]
async fn a_call_carries_trace_and_id_of_its_request() {
    let (other, mut heads) = upstream(true).await;
    let (engine, mut ends) = calling(other, Duration::from_secs(60), &[]).await;
    let headers = "x-request-id: r-1\r\ntracestate: vendor=1\r\n\
                   traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00\r\n";
    let answer = ask(engine.addresses().http, "GET /call", headers).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(ends.recv().await, Some(Ok(200)));
    let head = heads.recv().await.unwrap();
    for expected in [
        "get /items?key=secret http/1.1\r\n",
        "x-request-id: r-1\r\n",
        "tracestate: vendor=1\r\n",
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00\r\n",
    ] {
        assert!(head.contains(expected), "{expected} is missing in {head}");
    }
}

#[tokio::test]
async fn a_call_ends_when_the_time_of_its_request_is_over() {
    let (other, _heads) = upstream(false).await;
    let (engine, mut ends) = calling(other, Duration::from_millis(50), &[]).await;
    let _ = ask(engine.addresses().http, "GET /call", "").await;
    // Not after the hour that the client would wait, though the task has lost its handler.
    let end = tokio::time::timeout(Duration::from_secs(30), ends.recv()).await.expect("the call does not end");
    assert!(matches!(end, Some(Err(CallError::TimedOut(_)))), "{end:?}");
}

/// A collector that takes spans by HTTP, and keeps their bytes.
#[cfg(feature = "traces")]
async fn collector() -> (SocketAddr, mpsc::UnboundedReceiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (bodies, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut read = Vec::new();
            while let Ok(1..) = stream.read_buf(&mut read).await {
                let text = String::from_utf8_lossy(&read).to_lowercase();
                let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
                let head = read.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
                if let (Some(length), Some(head)) = (length.and_then(|length| length.parse::<usize>().ok()), head)
                    && read.len() >= head + length
                {
                    let _ = bodies.send(read.split_off(head));
                    read.clear();
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                }
            }
        }
    });
    (address, received)
}

#[cfg(feature = "traces")]
#[tokio::test]
async fn a_call_of_a_recorded_request_is_a_span_and_the_parent_of_what_follows() {
    let (other, mut heads) = upstream(true).await;
    let (collector, mut spans) = collector().await;
    let endpoint = format!("http://{collector}");
    let settings = [("traces.endpoint", &*endpoint), ("traces.protocol", "http/protobuf")];
    let (engine, mut ends) = calling(other, Duration::from_secs(60), &settings).await;
    let headers = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
    ask(engine.addresses().http, "GET /call", headers).await;
    assert_eq!(ends.recv().await, Some(Ok(200)));
    let head = heads.recv().await.unwrap();
    let parent = head.split("traceparent: 00-0af7651916cd43dd8448eb211c80319c-").nth(1).unwrap();
    assert!(!parent.starts_with("b7ad6b7169203331") && parent[16..].starts_with("-01\r\n"), "a span of ours: {head}");
    let span_id: Vec<u8> = (0..8).map(|at| u8::from_str_radix(&parent[2 * at..2 * at + 2], 16).unwrap()).collect();

    engine.shutdown();
    engine.ended().await;
    let mut all = Vec::new();
    while let Ok(body) = spans.try_recv() {
        all.extend(body);
    }
    let count = |bytes: &[u8]| all.windows(bytes.len()).filter(|window| *window == bytes).count();
    let has = |bytes: &[u8]| count(bytes) > 0;
    let url = format!("http://{other}/items?key=REDACTED");
    // The request's span is named twice, by itself and as the parent of the call's.
    assert_eq!(count(&span_id), 1, "what follows is below the span of the call");
    for expected in [&b"url.full"[..], url.as_bytes(), b"http.response.status_code", b"server.address"] {
        assert!(has(expected), "{} is missing", String::from_utf8_lossy(expected));
    }
    assert!(!has(b"secret"), "values of queries are not exported");
}
