//! The label of a ready-made router's route: only axum knows it, so a layer of the router brings it out, as soon as it
//! has routed.

use super::RouteOptions;
use crate::request_info::Connection;
use axum::extract::{MatchedPath, Request};
use std::task::{Context, Poll};
use tower::{Layer, Service};

/// Notes the pattern that matched. Adds no future to the request's, and allocates nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Labels {
    /// What the routes of this router have.
    pub(super) options: RouteOptions,
}

/// A route that notes its pattern.
#[derive(Clone, Copy, Debug)]
pub(super) struct Labelled<S> {
    options: RouteOptions,
    inner: S,
}

impl<S> Layer<S> for Labels {
    type Service = Labelled<S>;

    fn layer(&self, inner: S) -> Labelled<S> {
        Labelled { options: self.options, inner }
    }
}

impl<S: Service<Request>> Service<Request> for Labelled<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request) -> S::Future {
        let extensions = request.extensions();
        if let (Some(connection), Some(matched)) = (extensions.get::<Connection>(), extensions.get::<MatchedPath>()) {
            connection.label(matched.as_str(), self.options);
        }
        self.inner.call(request)
    }
}
