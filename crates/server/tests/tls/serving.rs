//! What is served, and by which certificate.

use crate::certificates::Authority;
use crate::rig::{Client, Rig, body, client};
use lameduck_lifecycle::Protocol;
use lameduck_server::Options;
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
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_for_new_connections() {
    let rig = Rig::new(Options::default());
    let mut old = rig.http1().await;
    let presented = |client: &Client| client.stream.get_ref().1.peer_certificates().unwrap()[0].clone();
    let renewed = rig.authority.server();
    renewed.with_identity(None, |identity| rig.tls.replace(identity)).unwrap();
    let mut new = rig.http1().await;
    assert_eq!(presented(&new), renewed.der());
    assert_ne!(presented(&old), renewed.der());
    assert_eq!((old.get("/ping").await.1, new.get("/ping").await.1), (b"pong".to_vec(), b"pong".to_vec()));

    // One that does not fit changes nothing.
    let other = rig.authority.server();
    let refused = renewed.with_identity(None, |mine| {
        other.with_identity(None, |theirs| rig.tls.replace(lameduck_server::tls::Identity { key: theirs.key, ..mine }))
    });
    assert_eq!(refused.unwrap_err().to_string(), "certificates and key cannot be used together");
    assert_eq!(presented(&rig.http1().await), renewed.der());
    drop((old, new));
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_is_verified_and_its_names_reach_the_handler() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let tls = authority.server().tls(Some(&clients));
    let rig = Rig::with(Options::default(), authority, tls);
    let names = ["orders.shop.svc", "spiffe://shop/orders"];
    let signed = clients.client(names[0], names[1]);
    let mut known = Client::connect(rig.address, client(&rig.authority, &["http/1.1"], Some(&signed))).await.unwrap();
    assert_eq!(known.get("/names").await.1, names.join(" ").as_bytes());

    let stranger = Authority::new().client(names[0], names[1]);
    for identity in [None, Some(&stranger)] {
        let config = client(&rig.authority, &["http/1.1"], identity);
        // TLS 1.3: the client has done with the handshake before the server says no.
        let refused = async {
            let mut client = Client::connect(rig.address, config).await?;
            client.ask("/names").await;
            client.answer().await
        };
        assert!(refused.await.unwrap_err().to_string().contains("alert"), "the client learns why");
    }
    drop(known);
    assert_eq!(rig.finish().await.started(), 1);
}
