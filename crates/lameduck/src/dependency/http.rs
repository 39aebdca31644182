//! `http: URL`: a GET answers with 2xx or 3xx.

use super::{Dependency, DependencyError};
use bytes::Bytes;
use http::header::{CONNECTION, HOST, USER_AGENT};
use http::{Request, StatusCode, Uri};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A dependency that answers when a GET of its URL says 2xx or 3xx. Redirects are not followed.
///
/// One connection for each check and no TLS: the URL of a health endpoint inside the cluster.
#[derive(Clone, Debug)]
pub struct Http {
    url: Uri,
}

/// The URL cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpUrlError {
    /// It is not one.
    Malformed(String),
    /// It is `https`.
    Tls,
    /// Neither `http` nor `https`.
    Scheme(String),
}

impl std::fmt::Display for HttpUrlError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "not a URL: {why}"),
            Self::Tls => f.write_str("https is not spoken here: use the http health endpoint, or `tcp: HOST:PORT`"),
            Self::Scheme(scheme) => write!(f, "`{scheme}` is not spoken here: the URL must begin with http://"),
        }
    }
}

impl std::error::Error for HttpUrlError {}

impl Http {
    /// Checks the URL; asks nothing yet.
    ///
    /// # Errors
    /// [`HttpUrlError`], if it is not an `http` URL with a host.
    pub fn new(url: &str) -> Result<Self, HttpUrlError> {
        let url: Uri =
            url.parse().map_err(|error: http::uri::InvalidUri| HttpUrlError::Malformed(error.to_string()))?;
        match url.scheme_str() {
            Some("http") if url.host().is_some_and(|host| !host.is_empty()) => Ok(Self { url }),
            Some("https") => Err(HttpUrlError::Tls),
            Some(other) => Err(HttpUrlError::Scheme(other.to_owned())),
            None => Err(HttpUrlError::Malformed("it must begin with http:// and name a host".to_owned())),
        }
    }

    async fn status(&self) -> Result<StatusCode, Box<dyn std::error::Error + Send + Sync>> {
        let host = self.url.host().unwrap_or_default();
        let stream = TcpStream::connect((host.trim_matches(['[', ']']), self.url.port_u16().unwrap_or(80))).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let target = self.url.path_and_query().map_or("/", |target| target.as_str());
        let request = Request::get(target)
            .header(HOST, self.url.authority().map_or(host, |authority| authority.as_str()))
            .header(USER_AGENT, concat!("lameduck/", env!("CARGO_PKG_VERSION")))
            .header(CONNECTION, "close")
            .body(Empty::<Bytes>::new())?;
        // The answer's head is all we want; the connection goes with this future.
        tokio::select! {
            answer = sender.send_request(request) => Ok(answer?.status()),
            ended = connection => Err(ended.err().map_or("the connection closed without an answer".into(), Into::into)),
        }
    }
}

impl Dependency for Http {
    async fn connect(&self) -> Result<(), DependencyError> {
        match self.status().await {
            Ok(status) if status.is_success() || status.is_redirection() => Ok(()),
            Ok(status) => Err(DependencyError::Transient(format!("GET {} answered {status}", self.url))),
            Err(error) => Err(DependencyError::Transient(format!("GET {}: {error}", self.url))),
        }
    }

    async fn check(&self) -> Result<(), DependencyError> {
        self.connect().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_urls_with_a_host() {
        assert!(Http::new("http://db.internal:8080/health").is_ok());
        assert!(Http::new("http://[::1]:8080/").is_ok());
        assert_eq!(Http::new("https://db").unwrap_err(), HttpUrlError::Tls);
        assert!(matches!(Http::new("ftp://db"), Err(HttpUrlError::Scheme(_))));
        assert!(matches!(Http::new("/health"), Err(HttpUrlError::Malformed(_))));
        assert!(matches!(Http::new("db:5432"), Err(HttpUrlError::Scheme(_) | HttpUrlError::Malformed(_))));
    }
}
