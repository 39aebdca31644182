//! `http: URL`: a GET is answered with 2xx or 3xx.

use super::{Dependency, DependencyConfig, DependencyError, DependencyKind};
use crate::config::{HTTP, HttpUrl, HttpUrlError, Key};
use bytes::Bytes;
use http::header::USER_AGENT;
use http::{Request, StatusCode};
use lameduck_client::{Client, Options, Roots};
use std::time::Duration;

/// A dependency that answers when a GET of its URL says 2xx or 3xx. Redirects are not followed.
///
/// One connection for each check, so that a moved service is found, and no TLS: the URL of a health endpoint inside the
/// cluster.
#[derive(Clone, Debug)]
pub struct Http {
    url: HttpUrl,
}

impl Http {
    /// Checks the URL; asks nothing yet.
    ///
    /// # Errors
    /// [`HttpUrlError`], if it is not an `http` URL with a host.
    pub fn new(url: &str) -> Result<Self, HttpUrlError> {
        url.parse().map(|url| Self { url })
    }

    /// One that keeps no connection: see above.
    fn client() -> Result<Client, DependencyError> {
        let options = Options {
            // The engine bounds each attempt, and has its own pace.
            timeout: Duration::MAX,
            connect_timeout: Duration::MAX,
            retries_max: 0,
            roots: Roots::None,
            // Without a pool a connection ends with its response. (Asking for that by `Connection: close` makes hyper
            // drop responses that come in one piece with the close: hyperium/hyper#4110.)
            idle_per_host: 0,
            ..Options::default()
        };
        Client::new(options).map_err(DependencyError::permanent)
    }

    async fn status(&self) -> Result<StatusCode, DependencyError> {
        let request = Request::get(self.url.to_string())
            .header(USER_AGENT, concat!("lameduck/", env!("CARGO_PKG_VERSION")))
            .body(Bytes::new())
            .map_err(DependencyError::permanent)?;
        // The status is all that is wanted: the body is not read.
        let response = Self::client()?.head_of(request, None).await;
        response.map(|response| response.status()).map_err(DependencyError::transient)
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
        Ok(Self { url: config.get(HTTP.kind) })
    }
}

#[cfg(test)]
mod tests;
