//! What is served, and by which certificate.

use crate::certificates::{credentials, tls};
use crate::rig::{Client, Rig, body, connect};
use lameduck_lifecycle::Protocol;
use lameduck_server::tls::{Credentials, HandshakeFailure, Identity, TlsVersion};
use lameduck_server::{App, Bound, Listen, Options, Protocols};
use lameduck_testing::tls::Authority;
use rustls::HandshakeKind;

#[tokio::test(flavor = "multi_thread")]
async fn both_protocols_are_served_as_agreed() {
    let rig = Rig::new(Options::default());
    let mut http1 = rig.http1().await;
    assert_eq!(http1.get("/ping").await.1, b"pong");
    assert_eq!(http1.get("/large").await.1.len(), crate::rig::LARGE_BYTES);
    let mut silent = Client::connect(rig.address, rig.client(&[])).await.unwrap();
    assert_eq!(silent.get("/ping").await.1, b"pong", "no ALPN: the first bytes decide");
    let mut http2 = rig.http2().await;
    let answer = http2.ask("/ping").await;
    assert_eq!(body(answer).await, b"pong");
    let answer = http2.ask("/large").await;
    assert_eq!(body(answer).await.len(), crate::rig::LARGE_BYTES);
    drop((http1, silent, http2));
    let ledger = rig.finish().await;
    assert_eq!((ledger.started_by(Protocol::Http1), ledger.started_by(Protocol::Http2)), (3, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_was_asked_for_has_its_close_notify() {
    let rig = Rig::new(Options::default());
    let mut client = rig.http1().await;
    use tokio::io::AsyncWriteExt as _;
    client.stream.write_all(b"GET /ping HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    assert_eq!(client.answer().await.unwrap().1, b"pong");
    client.closed_in_order().await;
    drop(client);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_resumed() {
    let rig = Rig::new(Options::default());
    let config = rig.client(&["http/1.1"]);
    for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let mut client = Client::connect(rig.address, config.clone()).await.unwrap();
        assert_eq!(client.get("/ping").await.1, b"pong", "the ticket has come with it");
        assert_eq!(client.stream.get_ref().1.handshake_kind(), Some(kind));
    }
    let handshakes = rig.server.snapshot().handshakes;
    let count = |resumed| handshakes.completed(TlsVersion::Tls13, resumed);
    assert_eq!((count(false), count(true), handshakes.completed(TlsVersion::Tls12, false)), (1, 1, 0));
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_for_new_connections() {
    let rig = Rig::new(Options::default());
    let mut old = rig.http1().await;
    let presented = |client: &Client| client.stream.get_ref().1.peer_certificates().unwrap()[0].clone();
    let renewed = rig.authority.server();
    rig.tls.replace(credentials(&renewed, None));
    let mut new = rig.http1().await;
    assert_eq!(presented(&new), renewed.der());
    assert_ne!(presented(&old), renewed.der());
    assert_eq!((old.get("/ping").await.1, new.get("/ping").await.1), (b"pong".to_vec(), b"pong".to_vec()));

    let other = rig.authority.server();
    let (certificates, key) = (renewed.pem(), other.key_pem());
    let mixed = Identity { certificates: certificates.as_bytes(), key: key.as_bytes(), client_ca: None };
    let refused = Credentials::new(mixed);
    assert_eq!(refused.unwrap_err().to_string(), "the private key does not belong to the first certificate");
    drop((old, new));
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_is_verified_and_its_names_reach_the_handler() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let tls = tls(&authority.server(), Some(&clients));
    let rig = Rig::with(Options::default(), authority, tls);
    let names = ["orders.shop.svc", "spiffe://shop/orders"];
    let signed = clients.client("orders", names[0], names[1]);
    let mut known = Client::connect(rig.address, rig.authority.trusting(&["http/1.1"], Some(&signed))).await.unwrap();
    assert_eq!(known.get("/names").await.1, format!("CN=orders {}", names.join(" ")).as_bytes());

    let stranger = Authority::new().client("orders", names[0], names[1]);
    for identity in [None, Some(&stranger)] {
        let config = rig.authority.trusting(&["http/1.1"], identity);
        // TLS 1.3: the client has done with the handshake before the server says no.
        let refused = async {
            let mut client = Client::connect(rig.address, config).await?;
            client.ask("/names").await;
            client.answer().await
        };
        assert!(refused.await.unwrap_err().to_string().contains("alert"), "the client learns why");
    }
    drop(known);
    assert_eq!(rig.server.snapshot().handshakes.failed(HandshakeFailure::ClientCertificate), 2);
    assert_eq!(rig.finish().await.started(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn alpn_offers_what_the_listener_speaks() {
    let rig = Rig::new(Options::default());
    let both = ["http/1.1", "h2"];
    for (protocols, agreed, other) in [(Protocols::Http1, "http/1.1", "h2"), (Protocols::Http2, "h2", "http/1.1")] {
        let bound = Bound::bind(([127, 0, 0, 1], 0).into()).unwrap().with_tls(rig.tls.clone());
        let address = rig.server.serve(Listen::new("other", bound).protocols(protocols), App::new()).unwrap();
        let stream = connect(address, rig.client(&both)).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(agreed.as_bytes()));
        let refused = connect(address, rig.client(&[other])).await.unwrap_err().to_string();
        assert!(refused.contains("NoApplicationProtocol"), "{refused}");
    }
    assert_eq!(rig.server.snapshot().handshakes.failed(HandshakeFailure::NothingInCommon), 2);
    rig.finish().await;
}
