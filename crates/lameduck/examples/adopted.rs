//! An axum service of ordinary complexity that was moved to the engine. `docs/adopt.md` shows what changed, a test
//! holds it. `cargo run -p lameduck --example adopted`

use lameduck::axum::extract::{ConnectInfo, Path, State};
use lameduck::axum::http::{HeaderValue, Request, StatusCode};
use lameduck::axum::middleware::{Next, from_fn};
use lameduck::axum::response::{IntoResponse, Response, Sse, sse};
use lameduck::axum::routing::get;
use lameduck::axum::{Json, Router, body::Body};
use lameduck::{Service, Worker};
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What the handlers share.
#[derive(Clone, Default)]
pub(crate) struct Shop {
    stock: Arc<Mutex<HashMap<String, u32>>>,
}

/// An error of a handler: an item that is not there, or one that nobody may see.
pub(crate) enum Failure {
    /// 404.
    NotFound,
    /// 500, with its cause.
    Internal(&'static str),
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "no such item").into_response(),
            Self::Internal(cause) => (StatusCode::INTERNAL_SERVER_ERROR, cause).into_response(),
        }
    }
}

async fn item(State(shop): State<Shop>, Path(name): Path<String>) -> Result<Json<u32>, Failure> {
    if name == "broken" {
        return Err(Failure::Internal("the shelf fell down"));
    }
    let stock = shop.stock.lock().unwrap_or_else(PoisonError::into_inner);
    stock.get(&name).copied().map(Json).ok_or(Failure::NotFound)
}

async fn put(State(shop): State<Shop>, Path(name): Path<String>, Json(count): Json<u32>) -> StatusCode {
    shop.stock.lock().unwrap_or_else(PoisonError::into_inner).insert(name, count);
    StatusCode::NO_CONTENT
}

async fn who(ConnectInfo(peer): ConnectInfo<SocketAddr>) -> String {
    peer.ip().to_string()
}

async fn prices() -> Sse<impl futures_util::Stream<Item = Result<sse::Event, Infallible>>> {
    let ticks = tokio::time::interval(Duration::from_millis(100));
    Sse::new(futures_util::stream::unfold((ticks, 0_u64), |(mut ticks, price)| async move {
        ticks.tick().await;
        Some((Ok(sse::Event::default().data(price.to_string())), (ticks, price + 1)))
    }))
}

async fn powered_by(request: Request<Body>, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert("x-powered-by", HeaderValue::from_static("coffee"));
    response
}

/// The routes, as they were.
pub(crate) fn router(shop: Shop) -> Router {
    let items =
        Router::new().route("/{name}", get(item).put(put)).fallback(async || (StatusCode::NOT_FOUND, "items: no"));
    Router::new()
        .nest("/items", items)
        .route("/who", get(who))
        .route("/prices", get(prices))
        .fallback(async || (StatusCode::NOT_FOUND, "nothing here"))
        .layer(from_fn(powered_by))
        .with_state(shop)
}

/// Counts the stock once a minute.
async fn count(shop: Shop, worker: Worker) -> anyhow::Result<()> {
    let mut ticks = tokio::time::interval(Duration::from_secs(60));
    loop {
        tokio::select! {
            _ = ticks.tick() => tracing::info!(items = shop.stock.lock().unwrap_or_else(PoisonError::into_inner).len(), "stock"),
            () = worker.leaving() => return Ok(()),
        }
    }
}

/// The service, to be passed to [`lameduck::run`].
pub(crate) fn service() -> Service {
    let shop = Shop::default();
    let counted = shop.clone();
    Service::new("shop")
        .version(env!("CARGO_PKG_VERSION"))
        .worker("stock", |worker| count(counted, worker))
        .routes(|_| async { Ok(router(shop)) })
}

fn main() -> ExitCode {
    lameduck::run(service())
}
