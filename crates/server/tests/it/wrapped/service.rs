//! An ordinary axum service, as people have them, and requests to all of it.

use axum::body::Body;
use axum::extract::{ConnectInfo, DefaultBodyLimit, FromRequestParts, Multipart, Path, Query, State};
use axum::http::request::Parts;
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{Any, CorsLayer};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

struct Greeting(&'static str);

/// An extractor of the service's own, with a rejection of its own.
struct Tenant(String);

impl<S: Sync> FromRequestParts<S> for Tenant {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let tenant = parts.headers.get("x-tenant").and_then(|tenant| tenant.to_str().ok());
        tenant.map(|tenant| Self(tenant.to_owned())).ok_or((StatusCode::FORBIDDEN, "which tenant?"))
    }
}

#[derive(Deserialize)]
struct Page {
    number: u32,
}

#[derive(Deserialize, Serialize)]
struct Order {
    item: String,
}

/// The commonest error type of all.
struct Failure(std::io::Error);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.0.to_string()).into_response()
    }
}

pub(super) fn router() -> Router {
    let nested = Router::new()
        .route("/{id}", get(async |Path(id): Path<u32>| format!("nested {id}")))
        .fallback(async || (StatusCode::NOT_FOUND, "nothing nested here"));
    let limited = Router::new()
        .route("/limited", post(async |body: Bytes| body.len().to_string()))
        .layer(RequestBodyLimitLayer::new(100));
    let slow = Router::new()
        .route("/slow", get(async || std::future::pending::<()>().await))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, Duration::from_millis(20)));
    let open = Router::new()
        .route("/any/size", post(async |body: Bytes| body.len().to_string()))
        .layer(DefaultBodyLimit::disable());
    Router::new()
        .route("/", get(async |State(greeting): State<Arc<Greeting>>| greeting.0))
        .route("/html", get(async || Html("<p>hello</p>")))
        .route("/me", get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.ip().to_string()))
        .route("/tenant", get(async |Tenant(tenant): Tenant| tenant))
        .route("/page", get(async |Query(page): Query<Page>| page.number.to_string()))
        .route("/order", post(async |Json(order): Json<Order>| (StatusCode::CREATED, Json(order))))
        .route("/form", post(async |Form(order): Form<Order>| order.item))
        .route("/upload", post(async |body: Bytes| body.len().to_string()))
        .route("/parts", post(parts))
        .route("/headers", get(headers))
        .route("/fail", get(async || Failure(std::io::Error::other("the disk is full"))))
        .route("/unavailable", get(async || StatusCode::SERVICE_UNAVAILABLE))
        .route("/conflict", get(async || (StatusCode::CONFLICT, "it exists")))
        .route("/moved", get(async || Redirect::permanent("/")))
        .route("/none", get(async || StatusCode::NO_CONTENT))
        .route("/big", get(async || "big ".repeat(2000)))
        .route("/stream", get(stream))
        .nest("/nested", nested)
        .merge(limited)
        .merge(slow)
        .merge(open)
        .fallback(async |method: Method| (StatusCode::NOT_FOUND, format!("no such page for {method}\n")))
        .layer(from_fn(async |request: axum::extract::Request, next: Next| next.run(request).await))
        .layer(CompressionLayer::new())
        .layer(CorsLayer::new().allow_origin(Any).allow_methods([Method::GET]))
        .layer(TraceLayer::new_for_http())
        .with_state(Arc::new(Greeting("hello")))
}

async fn parts(mut parts: Multipart) -> Result<String, axum::extract::multipart::MultipartError> {
    let mut seen = String::new();
    while let Some(part) = parts.next_field().await? {
        seen += &format!("{}={};", part.name().unwrap_or("?").to_owned(), part.text().await?);
    }
    Ok(seen)
}

/// What the service sees of the request: nothing must have been added.
async fn headers(headers: HeaderMap) -> String {
    headers.iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap())).collect()
}

async fn stream() -> Body {
    let chunks = ["one ", "two ", "three"].map(|chunk| Ok::<_, std::io::Error>(Bytes::from_static(chunk.as_bytes())));
    Body::from_stream(futures_util::stream::iter(chunks))
}

fn get_of(path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}\r\n").into_bytes()
}

fn post_of(path: &str, kind: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: {kind}\r\n");
    format!("{head}content-length: {length}\r\n\r\n{body}").into_bytes()
}

/// A request for everything, by name.
pub(super) fn requests() -> Vec<(&'static str, Vec<u8>)> {
    let part = "--x\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\n";
    let chunked = "POST /upload HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let text = "text/plain";
    vec![
        ("state", get_of("/", "")),
        ("html", get_of("/html", "")),
        ("peer address", get_of("/me", "")),
        ("own extractor", get_of("/tenant", "x-tenant: t\r\n")),
        ("own rejection", get_of("/tenant", "")),
        ("query", get_of("/page?number=7", "")),
        ("a rejected query", get_of("/page?number=x", "")),
        ("json", post_of("/order", "application/json", r#"{"item":"duck"}"#)),
        ("json that is none", post_of("/order", "application/json", "{")),
        ("json of another shape", post_of("/order", "application/json", "{}")),
        ("json not said to be", post_of("/order", text, "{}")),
        ("form", post_of("/form", "application/x-www-form-urlencoded", "item=duck")),
        ("multipart", post_of("/parts", "multipart/form-data; boundary=x", part)),
        ("multipart that breaks off", post_of("/parts", "multipart/form-data; boundary=x", &part[..20])),
        ("headers of the request", get_of("/headers", "x-request-id: mine\r\n")),
        ("text of a 500", get_of("/fail", "")),
        ("a bare 503", get_of("/unavailable", "")),
        ("text of a 409", get_of("/conflict", "")),
        ("redirect", get_of("/moved", "")),
        ("no content", get_of("/none", "")),
        ("compressed", get_of("/big", "accept-encoding: gzip\r\n")),
        ("not compressed", get_of("/big", "")),
        ("streamed", get_of("/stream", "")),
        ("nested", get_of("/nested/7", "")),
        ("nested, rejected path", get_of("/nested/x", "")),
        ("nested fallback", get_of("/nested/7/8", "")),
        ("no route", get_of("/nowhere", "")),
        ("no such method", post_of("/html", text, "")),
        ("head", b"HEAD /html HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".to_vec()),
        ("preflight", {
            let asks = "origin: http://b\r\naccess-control-request-method: GET\r\n";
            format!("OPTIONS / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{asks}\r\n").into_bytes()
        }),
        ("cross origin", get_of("/", "origin: http://b\r\n")),
        ("the layer's time-out", get_of("/slow", "")),
        ("the layer's body limit", post_of("/limited", text, &"x".repeat(101))),
        ("within the layer's body limit", post_of("/limited", text, &"x".repeat(100))),
        ("a body above our default", post_of("/upload", text, &"x".repeat(1_500_000))),
        ("a body above axum's default", post_of("/upload", text, &"x".repeat(2_100_000))),
        ("a body without any limit", post_of("/any/size", text, &"x".repeat(3_000_000))),
        ("chunked", chunked.as_bytes().to_vec()),
        ("HTTP/1.0", b"GET / HTTP/1.0\r\n\r\n".to_vec()),
        ("not HTTP", b"NOT HTTP\r\n\r\n".to_vec()),
    ]
}
