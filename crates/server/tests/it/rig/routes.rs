//! The routes of the rig.

use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, any, get, post};
use bytes::Bytes;
use http::{StatusCode, header};
use lameduck_server::{App, Rejected, RouteOptions};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;

type Gate = Arc<Semaphore>;

pub(super) fn app(gate: &Gate) -> App {
    let wide = RouteOptions { body_bytes: Some(4 << 20), request_timeout: Some(Duration::from_secs(600)) };
    App::new()
        .json_errors()
        .request_ids()
        .request_limits()
        .route("/ping", any(|| async { Json(serde_json::json!({"message": "pong"})) }))
        .route("/gate", gated(gate))
        .route_with("/gate/unhurried", gated(gate), wide)
        .route("/user/{id}", get(|| async { "user" }))
        .route("/echo", post(|body: Bytes| async { body }))
        .route_with("/echo/wide", post(|body: Bytes| async move { body.len().to_string() }), wide)
        .route("/json", post(|Json(json): Json<serde_json::Value>| async { Json(json) }))
        .route("/ignore", post(|| async { "ignored" }))
        .route("/panic", get(panics))
        .route("/panic/late", get(panics_late))
        .route("/full", get(|| async { full() }))
        .route("/teapot", get(|| async { StatusCode::IM_A_TEAPOT }))
        .route("/none", get(|| async { StatusCode::NO_CONTENT }))
        .route("/leak", get(|| async { (StatusCode::INTERNAL_SERVER_ERROR, "password is hunter2") }))
        .route("/stream", streamed(gate, "text/plain"))
        .route("/events", streamed(gate, "text/event-stream"))
        .route("/broken", get(|| async { broken() }))
        .route("/upgrade", get(upgrade))
        .route("/call", gated(gate))
        .route(
            "/id",
            get(|request: Request| async move { request.headers()["x-request-id"].to_str().unwrap().to_owned() }),
        )
}

/// Waits for a permit.
fn gated(gate: &Gate) -> MethodRouter {
    let gate = gate.clone();
    any(move || {
        let gate = gate.clone();
        async move {
            gate.acquire().await.unwrap().forget();
            "passed"
        }
    })
}

/// A chunk for each permit, without end.
fn streamed(gate: &Gate, kind: &'static str) -> MethodRouter {
    let gate = gate.clone();
    get(move || {
        let chunks = futures_util::stream::unfold(gate.clone(), async |gate| {
            gate.acquire().await.unwrap().forget();
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b"chunk\n")), gate))
        });
        async move { ([(header::CONTENT_TYPE, kind)], Body::from_stream(chunks)) }
    })
}

/// One chunk, then an error.
fn broken() -> Body {
    let chunks = [Ok(Bytes::from_static(b"chunk\n")), Err(std::io::Error::other("the source is gone"))];
    Body::from_stream(futures_util::stream::iter(chunks))
}

fn full() -> Response {
    let mut response = (StatusCode::TOO_MANY_REQUESTS, "the queue is full").into_response();
    response.extensions_mut().insert(Rejected);
    response
}

async fn panics() -> Response {
    panic!("a handler that panics on purpose");
}

async fn panics_late() -> Response {
    tokio::task::yield_now().await;
    panic!("a handler that panics on purpose");
}

/// Switches to a protocol that echoes until the peer has finished.
async fn upgrade(mut request: Request) -> Response {
    let to = request.headers()[header::UPGRADE].clone();
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut io = hyper_util::rt::TokioIo::new(upgraded.await.unwrap());
        let mut bytes = [0; 64];
        while let Ok(read @ 1..) = io.read(&mut bytes).await {
            if io.write_all(&bytes[..read]).await.is_err() {
                return;
            }
        }
    });
    (StatusCode::SWITCHING_PROTOCOLS, [(header::CONNECTION, "upgrade".parse().unwrap()), (header::UPGRADE, to)])
        .into_response()
}
