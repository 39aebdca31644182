//! One GET on a new connection: what a client sees that has never been here before.

use bytes::Bytes;
use http::header::{CONNECTION, HOST, USER_AGENT};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// For connecting and the whole answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// More than any /drain document.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer(Result<(StatusCode, Bytes), String>);

impl Answer {
    /// # Errors
    /// Why it was not served: no whole answer, or a status of 400 and above.
    pub(super) fn served(self) -> Result<(), String> {
        match self.0 {
            Ok((status, _)) if status.as_u16() < 400 => Ok(()),
            Ok((status, _)) => Err(status.to_string()),
            Err(error) => Err(error),
        }
    }

    /// The phase, if this is a /drain document.
    pub(super) fn phase(self) -> Option<String> {
        let (_, body) = self.0.ok()?;
        let document: serde_json::Value = serde_json::from_slice(&body).ok()?;
        Some(document.get("phase")?.as_str()?.to_owned())
    }
}

/// Never longer than [`ANSWER_WITHIN`].
pub(super) async fn get(url: &Uri) -> Answer {
    match timeout(ANSWER_WITHIN, request(url)).await {
        Ok(answer) => Answer(answer.map_err(|error| error.to_string())),
        Err(_) => Answer(Err(format!("no answer within {} s", ANSWER_WITHIN.as_secs()))),
    }
}

async fn request(url: &Uri) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
    let host = url.host().unwrap_or_default();
    let name = host.trim_matches(['[', ']']);
    let https = url.scheme_str() == Some("https");
    let stream = TcpStream::connect((name, url.port_u16().unwrap_or(if https { 443 } else { 80 }))).await?;
    #[cfg(feature = "tls")]
    if https {
        return exchange(super::tls::connect(name, stream).await?, url, host).await;
    }
    exchange(stream, url, host).await
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    url: &Uri,
    host: &str,
) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(url.path_and_query().map_or("/", |target| target.as_str()))
        .header(HOST, url.authority().map_or(host, |authority| authority.as_str()))
        .header(USER_AGENT, concat!("lameduck/", env!("CARGO_PKG_VERSION")))
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    // The sender goes with it, and so the connection ends.
    let answer = async move {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), BODY_BYTES_MAX).collect().await?.to_bytes();
        Ok((status, body))
    };
    // How the connection ends is not of interest once there is an answer.
    let (answer, _) = tokio::join!(answer, connection);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    /// Answers one request with these bytes, in one write, then closes.
    async fn answered_with(bytes: &'static str) -> Answer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/ping?x=1", listener.local_addr().unwrap()).parse().unwrap();
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"GET /ping?x=1 HTTP/1.1\r\n"));
            stream.write_all(bytes.as_bytes()).await.unwrap();
        };
        tokio::join!(get(&url), server).0
    }

    #[tokio::test]
    async fn served_or_not() {
        assert_eq!(answered_with("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npong").await.served(), Ok(()));
        assert_eq!(answered_with("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n").await.served(), Ok(()));
        let refused = answered_with("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(refused.served(), Err("503 Service Unavailable".to_owned()));
        assert!(
            answered_with("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npong").await.served().is_err(),
            "a cut answer"
        );
        assert!(answered_with("").await.served().is_err(), "no answer");
    }

    #[tokio::test]
    async fn the_phase_of_a_document() {
        let answer = answered_with("HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{\"phase\":\"lame_duck\"}").await;
        assert_eq!(answer.phase(), Some("lame_duck".to_owned()));
        let other = answered_with("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npong").await;
        assert_eq!(other.phase(), None);
    }

    #[tokio::test]
    async fn a_port_where_no_process_listens() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let answer = get(&format!("http://{free}/").parse().unwrap()).await;
        assert!(answer.served().unwrap_err().to_lowercase().contains("refused"));
    }

    #[cfg(feature = "tls")]
    #[tokio::test]
    async fn by_tls_whatever_the_certificate_is() {
        use std::sync::Arc;
        let signed = lameduck_testing::tls::Authority::new().server();
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![signed.der()], signed.key_der())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/ping", listener.local_addr().unwrap()).parse().unwrap();
        let server = async {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = tokio_rustls::TlsAcceptor::from(Arc::new(config)).accept(stream).await.unwrap();
            assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npong").await.unwrap();
            stream.shutdown().await.unwrap();
        };
        assert_eq!(tokio::join!(get(&url), server).0.served(), Ok(()));
    }
}
