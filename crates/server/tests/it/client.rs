//! A thin client: it writes what it is told and reads one answer, so that a test sees every byte and every close.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Nothing here takes so long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// One HTTP/1 connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    read: Vec<u8>,
}

/// One response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn says_close(&self) -> bool {
        self.header("connection") == "close"
    }

    /// The contract's error body: its sentence, after checking that its id is the header's.
    #[track_caller]
    pub(crate) fn error(&self) -> String {
        let json: serde_json::Value = serde_json::from_str(&self.body).expect(&self.body);
        assert_eq!(self.header("content-type"), "application/json");
        assert_eq!(json["request_id"], self.header("x-request-id"), "{self:?}");
        assert!(!self.header("x-request-id").is_empty());
        json["error"].as_str().expect("a sentence").to_owned()
    }
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.expect("connect"), read: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.expect("send");
    }

    /// Asks for `path` and reads the answer.
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.ask(path).await;
        self.answer().await
    }

    pub(crate) async fn ask(&mut self, path: &str) {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")).await;
    }

    /// Reads one answer.
    pub(crate) async fn answer(&mut self) -> Answer {
        self.try_answer(true).await.expect("an answer")
    }

    /// Reads the head of one answer; its body is for [`Client::more`].
    pub(crate) async fn head(&mut self) -> Answer {
        self.try_answer(false).await.expect("a head")
    }

    async fn try_answer(&mut self, with_body: bool) -> io::Result<Answer> {
        let head = self.until(b"\r\n\r\n").await?;
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.get(9..12)).and_then(|code| code.parse().ok()).expect(&head);
        let headers: HashMap<String, String> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let body = if with_body { self.exactly(length).await? } else { Vec::new() };
        Ok(Answer { status, headers, body: String::from_utf8_lossy(&body).into_owned() })
    }

    /// Reads up to and with `mark`.
    pub(crate) async fn until(&mut self, mark: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.read.windows(mark.len()).position(|window| window == mark) {
                return Ok(self.read.drain(..at + mark.len()).collect());
            }
            if self.more().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Reads so many bytes of no interest.
    pub(crate) async fn skip(&mut self, length: usize) {
        self.exactly(length).await.expect("the rest of the answer");
    }

    pub(crate) async fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.read.len() < length {
            if self.more().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.read.drain(..length).collect())
    }

    /// Reads whatever comes next: 0 = the server closed.
    pub(crate) async fn more(&mut self) -> io::Result<usize> {
        let mut bytes = [0; 4096];
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut bytes)).await.expect("the server is silent")?;
        self.read.extend_from_slice(&bytes[..read]);
        Ok(read)
    }

    /// Closes by a reset: the one way to leave that cannot be a client that still waits.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).expect("linger");
    }

    /// Waits for the server's close; bytes before it are a failure, a reset is a close.
    pub(crate) async fn closed(&mut self) {
        assert_eq!(self.more().await.unwrap_or(0), 0, "{}", String::from_utf8_lossy(&self.read));
        assert_eq!(self.read.len(), 0, "{}", String::from_utf8_lossy(&self.read));
    }
}

/// One HTTP/2 connection; its task ends with it.
pub(crate) struct Http2 {
    pub(crate) send: h2::client::SendRequest<bytes::Bytes>,
    pub(crate) driver: tokio::task::JoinHandle<Result<(), h2::Error>>,
}

impl Http2 {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("connect");
        let (send, connection) = h2::client::handshake(stream).await.expect("handshake");
        Self { send: send.ready().await.expect("ready"), driver: tokio::spawn(connection) }
    }

    /// Sends a request without a body; the response is for the caller.
    pub(crate) async fn ask(&mut self, request: http::request::Builder) -> h2::client::ResponseFuture {
        self.try_ask(request).await.expect("sent")
    }

    async fn try_ask(&mut self, request: http::request::Builder) -> Result<h2::client::ResponseFuture, h2::Error> {
        let mut send = self.send.clone().ready().await?;
        Ok(send.send_request(request.body(()).expect("a request"), true)?.0)
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<u16, h2::Error> {
        let response = self.try_ask(http::Request::get(format!("http://test{path}"))).await?.await?;
        let status = response.status().as_u16();
        let mut body = response.into_body();
        while let Some(data) = body.data().await {
            body.flow_control().release_capacity(data?.len())?;
        }
        Ok(status)
    }

    /// Waits until the connection has ended.
    pub(crate) async fn ended(self) {
        drop(self.send);
        let ended = tokio::time::timeout(PATIENCE, self.driver).await.expect("the connection does not end");
        drop(ended.expect("the driver panicked"));
    }
}
