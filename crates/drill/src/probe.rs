//! Requests of the drill itself: readiness, health and documents. HTTP/1.1, one connection each as a kubelet makes it,
//! with a bound on time and bytes.

use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Request, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpStream;

/// Most bytes of a response; a metrics page of a large service fits.
const BYTES_MAX: usize = 8 * 1024 * 1024;

/// A whole response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Reply {
    /// Whether a readiness probe takes this for a yes.
    pub(crate) fn ready(&self) -> Result<(), String> {
        if self.status < 400 { Ok(()) } else { Err(format!("{} {}", self.status, self.body.trim())) }
    }
}

/// Gets a path; the error is a fragment for "it said …".
pub(crate) async fn get(address: SocketAddr, path: &str, timeout: Duration) -> Result<Reply, String> {
    get_with(address, path, &[], timeout).await
}

/// Gets a path with further headers.
pub(crate) async fn get_with(
    address: SocketAddr,
    path: &str,
    headers: &[(String, String)],
    timeout: Duration,
) -> Result<Reply, String> {
    let mut request = Request::builder().uri(format!("http://{address}{path}"));
    if let Some(known) = request.headers_mut() {
        known.insert(header::USER_AGENT, HeaderValue::from_static("lameduck-drill"));
        for (name, value) in headers {
            let name = HeaderName::try_from(name).map_err(|error| error.to_string())?;
            known.insert(name, HeaderValue::try_from(value).map_err(|error| error.to_string())?);
        }
    }
    let request = request.body(Empty::<&[u8]>::new()).map_err(|error| error.to_string())?;
    // A connection that is kept would be one that a server has to close when it leaves.
    let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
    let exchange = async {
        let response = client.request(request).await.map_err(|error| chain(&error))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), BYTES_MAX).collect().await.map_err(|error| chain(&*error))?;
        Ok(Reply { status, body: String::from_utf8_lossy(&body.to_bytes()).into_owned() })
    };
    match tokio::time::timeout(timeout, exchange).await {
        Ok(reply) => reply,
        Err(_) => Err(format!("no response within {timeout:?}")),
    }
}

/// The error with its causes: the outermost of an HTTP client says nothing.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}

/// Whether a port accepts.
pub(crate) async fn accepts(address: SocketAddr, timeout: Duration) -> Result<(), String> {
    match tokio::time::timeout(timeout, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no connection within {timeout:?}")),
    }
}

/// Takes `http://ADDRESS:PORT/PATH` apart.
///
/// # Errors
/// Anything else.
pub(crate) fn split_url(url: &str) -> anyhow::Result<(SocketAddr, String)> {
    let rest = url.strip_prefix("http://");
    let parts = rest.map(|rest| rest.split_at(rest.find('/').unwrap_or(rest.len())));
    let parsed = parts.and_then(|(authority, path)| Some((authority.parse().ok()?, path)));
    let (address, path) = parsed
        .ok_or_else(|| anyhow::anyhow!("--ready {url}: expected http://HOST:PORT/PATH with a numeric host, or tcp"))?;
    Ok((address, if path.is_empty() { "/".to_owned() } else { path.to_owned() }))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(20);

    /// What a probe makes of a server that reads a request and answers with these bytes, and the request it sent.
    async fn asked(answer: &'static [u8]) -> (Result<Reply, String>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let server = async move {
            let (mut stream, _) = listener.accept().await.expect("a probe");
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                assert!(stream.read_buf(&mut request).await.expect("bytes") > 0, "the probe is gone");
            }
            // Envoy's default: it does not serve HTTP/1.0.
            let old = request.windows(8).any(|window| window == b"HTTP/1.0");
            let answer = if old { b"HTTP/1.1 426 Upgrade Required\r\ncontent-length: 0\r\n\r\n" } else { answer };
            stream.write_all(answer).await.expect("written");
            String::from_utf8_lossy(&request).into_owned()
        };
        let headers = [("authorization".to_owned(), "Bearer x".to_owned())];
        tokio::join!(get_with(address, "/ready?x=1", &headers, TIMEOUT), server)
    }

    #[tokio::test]
    async fn a_server_that_refuses_http_1_0_is_ready() {
        let (reply, request) = asked(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        assert_eq!(reply, Ok(Reply { status: 200, body: "ok".into() }));
        assert!(request.starts_with("GET /ready?x=1 HTTP/1.1\r\n") && request.contains("authorization: Bearer x"));
    }

    #[tokio::test]
    async fn every_framing_is_read_and_the_rest_is_an_error_with_words() {
        let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
        assert_eq!(asked(chunked).await.0.map(|reply| reply.body), Ok("ok".to_owned()));
        assert_eq!(asked(b"HTTP/1.0 204 \r\n\r\n").await.0.map(|reply| reply.status), Ok(204));
        assert_eq!(
            asked(b"HTTP/1.1 200 OK\r\n\r\nto the end").await.0.map(|reply| reply.body),
            Ok("to the end".into())
        );
        let problem = asked(b"hello\r\n\r\n").await.0.expect_err("not HTTP");
        assert!(problem.contains("invalid HTTP"), "{problem}");
        let refused = Reply { status: 503, body: "leaving\n".into() }.ready();
        assert_eq!(refused, Err("503 leaving".to_owned()));
    }

    #[test]
    fn urls_are_taken_apart() {
        assert_eq!(split_url("http://127.0.0.1:80").unwrap(), (SocketAddr::from(([127, 0, 0, 1], 80)), "/".into()));
        assert_eq!(split_url("http://127.0.0.1:80/a?b").unwrap().1, "/a?b");
        for wrong in ["https://127.0.0.1:80/", "http://example:80/", "http://127.0.0.1/", "127.0.0.1:80"] {
            assert!(split_url(wrong).is_err(), "{wrong}");
        }
    }
}
