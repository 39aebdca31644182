//! The label of a ready-made router's route: only axum knows it, so a layer inside the router brings it out.

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;

/// The pattern that matched, on the response.
#[derive(Clone, Debug)]
pub(crate) struct Label(MatchedPath);

impl Label {
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// The router, telling its labels.
pub(super) fn labelled(router: Router) -> Router {
    router.layer(from_fn(tell))
}

async fn tell(request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(matched) = matched {
        response.extensions_mut().insert(Label(matched));
    }
    response
}
