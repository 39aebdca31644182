//! The client: one call is a permit, at most a few attempts, and a whole answer, all within one bound.

use crate::connector::{self, Connector};
use crate::error::{CallError, CertificateError};
use crate::options::{Options, Roots};
use bytes::Bytes;
use http::uri::Scheme;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use lameduck_support::{Backoff, hash};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Between two attempts to connect: a peer that is being replaced has a successor at once, or not soon.
const PAUSE: Duration = Duration::from_millis(25);
const PAUSE_MAX: Duration = Duration::from_millis(250);

/// Asks other services. Clones share one pool.
#[derive(Clone, Debug)]
pub struct Client {
    pool: Pool<Connector, Full<Bytes>>,
    permits: Arc<Semaphore>,
    options: Arc<Options>,
}

/// How often a call was tried again; in the extensions of its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries(pub u32);

impl Client {
    /// A client that has no connection yet.
    ///
    /// # Errors
    /// If certificates were given that cannot be used.
    pub fn new(options: Options) -> Result<Self, CertificateError> {
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(options.idle_timeout)
            .pool_max_idle_per_host(options.idle_per_host)
            .build(connector::build(&options)?);
        let permits = Arc::new(Semaphore::new(options.calls_max.clamp(1, Semaphore::MAX_PERMITS)));
        Ok(Self { pool, permits, options: Arc::new(options) })
    }

    /// Sends a request and reads the whole answer, within [`Options::timeout`], or less if less time is left.
    ///
    /// What was certainly never sent is tried again if the method may be repeated: a connect that failed. (A pooled
    /// connection that turns out to be closed before anything was written gives way to another one, whatever the
    /// method.) Everything else is the caller's decision: see [`CallError::is_unsent`].
    ///
    /// # Errors
    /// [`CallError`]. A response is none, whatever its status.
    ///
    /// # Cancel safety
    /// Dropped, the call is given up and its connection closed. The peer may have the request.
    pub async fn call(&self, request: Request<Bytes>, left: Option<Duration>) -> Result<Response<Bytes>, CallError> {
        self.within(left, async {
            let (parts, body) = self.attempts(request).await?.into_parts();
            let bytes_max = self.options.response_bytes_max;
            match Limited::new(body, bytes_max).collect().await {
                Ok(body) => Ok(Response::from_parts(parts, body.to_bytes())),
                Err(error) if error.is::<LengthLimitError>() => Err(CallError::TooLarge { bytes_max }),
                Err(error) => Err(CallError::Broken(lameduck_support::error::chain(&*error))),
            }
        })
        .await
    }

    /// As [`call`](Self::call), for who wants the head alone: the body is neither read nor bounded, and the call counts
    /// as over.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    ///
    /// # Cancel safety
    /// As [`call`](Self::call).
    pub async fn head_of(
        &self,
        request: Request<Bytes>,
        left: Option<Duration>,
    ) -> Result<Response<Incoming>, CallError> {
        self.within(left, self.attempts(request)).await
    }

    async fn within<T>(
        &self,
        left: Option<Duration>,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let bound = left.map_or(self.options.timeout, |left| left.min(self.options.timeout));
        // A timer may be a moment late, and a server here quick.
        if bound.is_zero() {
            return Err(CallError::TimedOut(bound));
        }
        let bounded = tokio::time::timeout(bound, async {
            // The semaphore is never closed.
            let _permit = self.permits.acquire().await;
            call.await
        });
        bounded.await.unwrap_or(Err(CallError::TimedOut(bound)))
    }

    async fn attempts(&self, request: Request<Bytes>) -> Result<Response<Incoming>, CallError> {
        self.check(&request)?;
        let repeatable = is_idempotent(request.method());
        let request = request.map(Full::new);
        let mut backoff = Backoff::new(PAUSE, PAUSE_MAX).jitter(50, hash::random_seed());
        loop {
            let error = match self.pool.request(request.clone()).await {
                Ok(mut response) => {
                    response.extensions_mut().insert(Retries(backoff.failures()));
                    return Ok(response);
                }
                Err(error) => CallError::of(&error),
            };
            if !repeatable || !error.is_unsent() || backoff.failures() >= self.options.retries_max {
                return Err(error);
            }
            tokio::time::sleep(backoff.pause()).await;
        }
    }

    fn check(&self, request: &Request<Bytes>) -> Result<(), CallError> {
        let uri = request.uri();
        let https = cfg!(feature = "tls") && self.options.roots != Roots::None;
        match (uri.scheme(), uri.authority()) {
            (Some(scheme), Some(_)) if *scheme == Scheme::HTTP || https && *scheme == Scheme::HTTPS => Ok(()),
            (Some(scheme), Some(_)) if *scheme == Scheme::HTTPS => {
                Err(CallError::Target("https is not built in (feature `client-tls`)".to_owned()))
            }
            (Some(scheme), Some(_)) => Err(CallError::Target(format!("unsupported scheme {scheme}"))),
            _ => Err(CallError::Target("expected http://HOST[:PORT]/PATH".to_owned())),
        }
    }
}

/// RFC 9110, 9.2.2.
fn is_idempotent(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE].contains(method)
}
