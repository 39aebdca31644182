//! `http: URL`: a GET is answered with 2xx or 3xx.

use super::{Dependency, DependencyConfig, DependencyError, DependencyKind};
use crate::config::{HTTP, HttpUrl, HttpUrlError, Key};
use bytes::Bytes;
use http::header::USER_AGENT;
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lameduck_support::error;

/// A dependency that answers when a GET of its URL says 2xx or 3xx. Redirects are not followed.
///
/// One connection for each check, so that a moved service is found, and no TLS: the URL of a health endpoint inside the
/// cluster.
#[derive(Clone, Debug)]
pub struct Http {
    url: HttpUrl,
    client: Client<HttpConnector, Empty<Bytes>>,
}

impl Http {
    /// Checks the URL; asks nothing yet.
    ///
    /// # Errors
    /// [`HttpUrlError`], if it is not an `http` URL with a host.
    pub fn new(url: &str) -> Result<Self, HttpUrlError> {
        url.parse().map(Self::of)
    }

    fn of(url: HttpUrl) -> Self {
        // Without a pool a connection ends with its response. (Asking for that by `Connection: close` makes hyper drop
        // responses that come in one piece with the close: hyperium/hyper#4110.)
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(HttpConnector::new());
        Self { url, client }
    }

    async fn status(&self) -> Result<StatusCode, DependencyError> {
        let request = Request::get(self.url.to_string())
            .header(USER_AGENT, concat!("lameduck/", env!("CARGO_PKG_VERSION")))
            .body(Empty::<Bytes>::new())
            .map_err(DependencyError::permanent)?;
        let response = self.client.request(request).await;
        // The status is all that is wanted: the body is not read.
        response.map(|response| response.status()).map_err(|error| DependencyError::transient(error::chain(&error)))
    }
}

impl Dependency for Http {
    type Handle = ();

    async fn connect(&self) -> Result<(), DependencyError> {
        let url = &self.url;
        match self.status().await {
            Ok(status) if status.is_success() || status.is_redirection() => Ok(()),
            Ok(status) => Err(DependencyError::Transient(format!("GET {url} returned {status}"))),
            Err(error) => Err(DependencyError::Transient(format!("GET {url}: {error}"))),
        }
    }

    async fn check(&self, (): &()) -> Result<(), DependencyError> {
        self.connect().await
    }
}

impl DependencyKind for Http {
    const KIND: &'static str = HTTP.kind;
    const DOC: &'static str = HTTP.doc;
    const KEYS: &'static [Key] = HTTP.keys;
    const REQUIRED: bool = HTTP.required;

    fn from_config(config: &DependencyConfig<'_>) -> Result<Self, String> {
        Ok(Self::of(config.get(HTTP.kind)))
    }
}

#[cfg(test)]
mod tests;
