//! A server with TLS, and clients by tokio-rustls.

use crate::certificates::tls;
use axum::Extension;
use axum::routing::get;
use bytes::Bytes;
use lameduck_lifecycle::{CloseReason, Ledger};
use lameduck_server::tls::{ClientCertificate, Tls};
use lameduck_server::{App, Bound, Options, Server};
use lameduck_testing::tls::{Authority, server_name};
use rustls::ClientConfig;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// More than all buffers on the way.
pub(crate) const LARGE_BYTES: usize = 8 << 20;

/// Nothing here takes so long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Rig {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
    pub(crate) authority: Authority,
    pub(crate) tls: Tls,
    gate: Arc<Semaphore>,
}

impl Rig {
    pub(crate) fn new(options: Options) -> Self {
        let authority = Authority::new();
        let tls = tls(&authority.server(), None);
        Self::with(options, authority, tls)
    }

    pub(crate) fn with(options: Options, authority: Authority, tls: Tls) -> Self {
        let gate = Arc::new(Semaphore::new(0));
        let waiting = gate.clone();
        let large = Bytes::from(vec![b'x'; LARGE_BYTES]);
        let gated = move || {
            let gate = waiting.clone();
            async move {
                gate.acquire().await.unwrap().forget();
                "passed"
            }
        };
        let app = App::new()
            .route("/ping", get(|| async { "pong" }))
            .route("/gate", get(gated))
            .route("/large", get(move || std::future::ready(large.clone())))
            .route(
                "/names",
                get(|Extension(client): Extension<ClientCertificate>| async move {
                    format!("{} {}", client.subject(), client.names().join(" "))
                }),
            );
        let server = Server::new(options);
        let bound = Bound::bind(([127, 0, 0, 1], 0).into()).unwrap().with_tls(tls.clone());
        let address = server.serve(bound, app).unwrap();
        Self { server, address, authority, tls, gate }
    }

    pub(crate) fn open(&self) {
        self.gate.add_permits(1);
    }

    /// A client that trusts the authority and offers `alpn`.
    pub(crate) fn client(&self, alpn: &[&str]) -> Arc<ClientConfig> {
        self.authority.trusting(alpn, None)
    }

    /// An HTTP/1 connection.
    pub(crate) async fn http1(&self) -> Client {
        Client::connect(self.address, self.client(&["http/1.1"])).await.unwrap()
    }

    /// An HTTP/2 connection, and the task that drives it.
    pub(crate) async fn http2(&self) -> Http2 {
        let stream = connect(self.address, self.client(&["h2"])).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (send, connection) = h2::client::handshake(stream).await.unwrap();
        Http2 { send: send.ready().await.unwrap(), driver: tokio::spawn(connection) }
    }

    pub(crate) async fn in_flight(&self, count: u64) {
        eventually("in flight", || self.server.snapshot().ledger.in_flight() == count).await;
    }

    pub(crate) async fn closed_for(&self, reason: CloseReason) {
        eventually(reason.as_str(), || self.server.snapshot().connections.closed_for(reason) == 1).await;
    }

    pub(crate) async fn finish(self) -> Ledger {
        self.server.drain(None);
        let drained = tokio::time::timeout(PATIENCE, self.server.drained()).await;
        drained.unwrap_or_else(|_| panic!("not drained; left: {:#?}", self.server.stragglers(10)));
        let ledger = self.server.snapshot().ledger;
        ledger.check().unwrap();
        ledger
    }
}

pub(crate) async fn connect(address: SocketAddr, config: Arc<ClientConfig>) -> io::Result<TlsStream<TcpStream>> {
    TlsConnector::from(config).connect(server_name(), TcpStream::connect(address).await?).await
}

/// One HTTP/1 connection.
pub(crate) struct Client {
    pub(crate) stream: TlsStream<TcpStream>,
    read: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr, config: Arc<ClientConfig>) -> io::Result<Self> {
        Ok(Self { stream: connect(address, config).await?, read: Vec::new() })
    }

    pub(crate) async fn ask(&mut self, path: &str) {
        self.stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).await.unwrap();
    }

    /// Reads one answer: its head, and its body by the length that the head says.
    pub(crate) async fn answer(&mut self) -> io::Result<(String, Vec<u8>)> {
        loop {
            if let Some(end) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8(self.read[..end].to_vec()).unwrap();
                let length: usize = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "))
                    .and_then(|length| length.parse().ok())
                    .unwrap();
                if self.read.len() >= end + 4 + length {
                    let body = self.read[end + 4..][..length].to_vec();
                    self.read.drain(..end + 4 + length);
                    return Ok((head, body));
                }
            }
            if self.more().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> (String, Vec<u8>) {
        self.ask(path).await;
        self.answer().await.unwrap()
    }

    /// 0 = `close_notify` came; an end without it is an error.
    pub(crate) async fn more(&mut self) -> io::Result<usize> {
        let mut bytes = [0; 16 << 10];
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut bytes)).await.expect("the server is silent")?;
        self.read.extend_from_slice(&bytes[..read]);
        Ok(read)
    }

    /// The server ends the connection in order.
    pub(crate) async fn closed_in_order(&mut self) {
        assert_eq!(self.more().await.expect("close_notify"), 0);
    }
}

/// One HTTP/2 connection.
pub(crate) struct Http2 {
    pub(crate) send: h2::client::SendRequest<Bytes>,
    driver: tokio::task::JoinHandle<Result<(), h2::Error>>,
}

impl Http2 {
    pub(crate) async fn ask(&mut self, path: &str) -> h2::client::ResponseFuture {
        let request = http::Request::get(format!("https://localhost{path}")).body(()).unwrap();
        self.send.clone().ready().await.unwrap().send_request(request, true).unwrap().0
    }

    /// The connection ends without an error.
    pub(crate) async fn ended_in_order(self) {
        drop(self.send);
        tokio::time::timeout(PATIENCE, self.driver).await.expect("it does not end").unwrap().expect("in order");
    }
}

pub(crate) async fn body(answer: h2::client::ResponseFuture) -> Vec<u8> {
    let mut stream = answer.await.unwrap().into_body();
    let mut body = Vec::new();
    while let Some(piece) = stream.data().await {
        let piece = piece.unwrap();
        stream.flow_control().release_capacity(piece.len()).unwrap();
        body.extend_from_slice(&piece);
    }
    body
}

/// Waits for a condition that another thread brings about.
pub(crate) async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let mut asks = tokio::time::interval(Duration::from_millis(2));
    for _ in 0..10_000 {
        if condition() {
            return;
        }
        asks.tick().await;
    }
    panic!("never: {what}");
}
