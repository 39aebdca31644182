//! The routes that every candidate serves, so that nothing but what is around them differs.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Query;
use axum::routing::{MethodRouter, get};
use axum::{Json, Router};
use bytes::Bytes;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

#[derive(Serialize)]
struct Message {
    message: &'static str,
}

#[derive(Deserialize)]
struct Slow {
    ms: u64,
}

/// What `/big` answers with.
static BIG: [u8; 64 << 10] = [b'x'; 64 << 10];

/// All routes, each with its path. `leaving` turns true at SIGTERM and ends the streams of `/until-term`.
pub(crate) fn routes(leaving: watch::Receiver<bool>) -> [(&'static str, MethodRouter); 4] {
    [
        ("/ping", get(async || Json(Message { message: "pong" }))),
        ("/big", get(async || &BIG[..])),
        ("/slow", get(async |Query(slow): Query<Slow>| tokio::time::sleep(Duration::from_millis(slow.ms)).await)),
        ("/until-term", get(async move || until_term(leaving.clone()))),
    ]
}

/// The same as one router.
pub(crate) fn router(leaving: watch::Receiver<bool>) -> Router {
    routes(leaving).into_iter().fold(Router::new(), |router, (path, method)| router.route(path, method))
}

/// A body with one piece at once and one at SIGTERM: whoever has read the first is in flight.
fn until_term(leaving: watch::Receiver<bool>) -> Body {
    let first = async { Ok::<_, Infallible>(Bytes::from_static(b"one")) };
    let second = async move {
        let mut leaving = leaving;
        // The sender ends with the process only.
        let _ = leaving.wait_for(|leaving| *leaving).await;
        Ok(Bytes::from_static(b"two"))
    };
    let pieces: [futures_util::future::BoxFuture<'static, _>; 2] = [Box::pin(first), Box::pin(second)];
    Body::from_stream(futures_util::StreamExt::then(stream::iter(pieces), |piece| piece))
}
