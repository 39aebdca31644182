//! Thin clients that never retry.

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// The server will close the connection.
    pub(crate) closes: bool,
}

/// Why there was none.
#[derive(Debug)]
pub(crate) enum Lost {
    /// The connection was refused: nothing was sent.
    #[expect(dead_code, reason = "read by Debug, when a test fails")]
    Refused(std::io::Error),
    /// The request was sent, or may have been.
    #[expect(dead_code, reason = "read by Debug, when a test fails")]
    Cut(hyper::Error),
}

/// A kept-alive connection.
pub(crate) struct Connection {
    sender: SendRequest<Empty<Bytes>>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, Lost> {
        let stream = TcpStream::connect(address).await.map_err(Lost::Refused)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(Lost::Cut)?;
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<Answer, Lost> {
        let request = hyper::Request::get(path).header("host", "test").body(Empty::new()).unwrap();
        let answer = self.sender.send_request(request).await.map_err(Lost::Cut)?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(Lost::Cut)?.to_bytes();
        let closes = head.headers.get("connection").is_some_and(|value| value == "close");
        Ok(Answer { status: head.status.as_u16(), body: String::from_utf8_lossy(&body).into_owned(), closes })
    }
}

/// A request on a connection of its own.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Result<Answer, Lost> {
    Connection::open(address).await?.get(path).await
}

/// As [`get`], and it must be answered.
#[track_caller]
pub(crate) fn must(answer: Result<Answer, Lost>, status: u16) -> Answer {
    let answer = answer.unwrap_or_else(|lost| panic!("no answer: {lost:?}"));
    assert_eq!(answer.status, status, "{}", answer.body);
    answer
}
