//! Around a tonic service: the body as tonic takes it, with the limit of its messages; what a handler can know; and the
//! marks that the server reads in a response.

use crate::messages::Messages;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::TryFutureExt as _;
use futures_util::future::{Either, MapOk, Ready, ready};
use http::{StatusCode, header};
use lameduck::{Goodbye, Handle};
use std::convert::Infallible;
use std::task::{Context, Poll};
use tonic::body::Body;
use tower::Service;

/// What every call is given.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    /// For handlers: an extension of their requests.
    pub(crate) handle: Handle,
    /// Bytes of a message.
    pub(crate) message_max: usize,
    /// Its streams are subscriptions, whether they say so or not.
    pub(crate) subscription: bool,
}

/// A tonic service as one of axum.
#[derive(Clone, Debug)]
pub(crate) struct Call<T> {
    inner: T,
    given: Given,
}

impl<T> Call<T> {
    pub(crate) fn new(inner: T, given: Given) -> Self {
        Self { inner, given }
    }
}

impl<T> Service<Request> for Call<T>
where
    T: Service<http::Request<Body>, Error = Infallible>,
    T::Response: IntoResponse,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<MapOk<T::Future, fn(T::Response) -> Response>, Ready<Result<Response, Infallible>>>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut request: Request) -> Self::Future {
        let kind = request.headers().get(header::CONTENT_TYPE);
        if !kind.is_some_and(|kind| is_grpc(kind.as_bytes())) {
            return Either::Right(ready(Ok(StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response())));
        }
        request.extensions_mut().insert(self.given.handle.clone());
        let request = request.map(|body| Body::new(Messages::new(body, self.given.message_max)));
        let finish: fn(T::Response) -> Response =
            if self.given.subscription { subscription } else { IntoResponse::into_response };
        Either::Left(self.inner.call(request).map_ok(finish))
    }
}

/// `application/grpc`, also with `+proto` and the like; not `application/grpc-web`, whose messages look different.
fn is_grpc(kind: &[u8]) -> bool {
    kind.strip_prefix(b"application/grpc").is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

fn subscription<R: IntoResponse>(response: R) -> Response {
    let mut response = response.into_response();
    response.extensions_mut().insert(Goodbye::Restart);
    response
}
