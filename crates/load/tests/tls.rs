//! All kinds of clients over TLS, against a server by other libraries.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use lameduck_load::{Endpoint, Group, Kind, Load, LoadPlan, Record, ReplicaId, RequestShape, Stage, Trust, Verdict};
use lameduck_testing::tls::Authority;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

const PATIENCE: Duration = Duration::from_secs(30);

async fn serve(authority: &Authority) -> SocketAddr {
    let server = authority.server();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![server.der()], server.key_der())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(socket).await else { return };
                if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                    http2(stream).await;
                } else {
                    http1(stream).await;
                }
            });
        }
    });
    address
}

/// Answers each head, and drops what is behind it.
async fn http1(mut stream: TlsStream<TcpStream>) {
    let mut got = Vec::new();
    let mut bytes = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut bytes).await {
        got.extend_from_slice(&bytes[..read]);
        while let Some(end) = got.windows(4).position(|window| window == b"\r\n\r\n") {
            got.drain(..end + 4);
            if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\npong").await.is_err() {
                return;
            }
        }
    }
}

async fn http2(stream: TlsStream<TcpStream>) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        assert_eq!(request.uri().scheme_str(), Some("https"));
        respond.send_response(http::Response::new(()), true).unwrap();
    }
}

/// What clients of all kinds saw of `address`.
async fn load(address: SocketAddr, trust: Trust, host: Option<&str>) -> Record {
    let kinds = [Kind::Hot, Kind::Cold, Kind::Connect, Kind::Pipelined, Kind::H2c];
    let plan = LoadPlan {
        groups: kinds.map(|kind| Group { kind, clients: 2, rate: 20.0 }).to_vec(),
        shape: RequestShape {
            path: "/ping".to_owned(),
            slow_path: String::new(),
            stream_path: String::new(),
            upload_path: String::new(),
            grpc_path: String::new(),
            upload_chunks: 1,
            upload_chunk_bytes: 1,
            upload_interval: Duration::ZERO,
            pipeline_depth: 3,
            host: host.map(str::to_owned),
            method: "GET".to_owned(),
            headers: Vec::new(),
            body: String::new(),
        },
        tls: Some(trust),
        timeout: PATIENCE,
        connect_timeout: PATIENCE,
        look_to_write: Duration::ZERO,
        threads: 1,
        seed: 1,
    };
    let stage = Arc::new(Stage::new(1));
    stage.table.enter(Endpoint { replica: ReplicaId(0), address });
    let load = Load::start(&Arc::new(plan), &stage, 0..1).unwrap();
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    while stage.live.ended.load(Relaxed) < 150 {
        looks.tick().await;
    }
    load.stop(Instant::now() + PATIENCE).await.unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_is_answered_over_tls() {
    let authority = Authority::new();
    let address = serve(&authority).await;
    for (trust, host) in
        [(Trust::Ca(authority.pem()), Some("localhost:8443")), (Trust::Ca(authority.pem()), None), (Trust::Any, None)]
    {
        let record = load(address, trust, host).await;
        assert_eq!((record.lost(), record.of(Verdict::CutOff)), (0, 0), "{host:?}");
        assert!(record.of(Verdict::Answered) >= 150);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_trusted_has_its_own_verdict() {
    let authority = Authority::new();
    let address = serve(&authority).await;
    for (trust, host) in
        [(Trust::Ca(Authority::new().pem()), None), (Trust::Ca(authority.pem()), Some("other.example"))]
    {
        let record = load(address, trust, host).await;
        assert_eq!(record.of(Verdict::HandshakeFailed), record.total(), "{host:?}");
    }
}
