//! TLS of the real process: by clients of rustls, and by whatever else is on the machine.

mod foreign;
mod leaving;
mod rotation;

use crate::process::{self, Service, metric};
use crate::volume::Volume;
use lameduck_testing::tls::{Authority, Signed, Validity};
use lameduck_testing::{Client, Response, eventually};
use rustls::HandshakeKind;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

/// A service with TLS, and who trusts it.
struct Rig {
    service: Service,
    authority: Authority,
    volume: Volume,
}

impl Rig {
    /// `keys` beside those of TLS.
    fn start(keys: &[(&str, &str)]) -> Self {
        let authority = Authority::new();
        let volume = secret(&authority.server());
        let service = start(&volume, keys);
        Self { service, authority, volume }
    }

    fn trusting(&self) -> Arc<rustls::ClientConfig> {
        self.authority.trusting(&["http/1.1"], None)
    }

    fn client(&self) -> Client {
        Client::connect_tls(self.service.http, self.trusting()).unwrap()
    }
}

/// The volume of a Secret of the type `kubernetes.io/tls`.
fn secret(server: &Signed) -> Volume {
    Volume::new(&[("tls.crt", &server.pem()), ("tls.key", &server.key_pem())])
}

fn start(volume: &Volume, keys: &[(&str, &str)]) -> Service {
    let (cert, key) = (volume.text("tls.crt"), volume.text("tls.key"));
    process::start(&[&[("tls.cert_file", &*cert), ("tls.key_file", &*key)], keys].concat())
}

fn ping(client: &mut Client) -> io::Result<Response> {
    client.send("GET", "/ping", &[], b"")
}

#[test]
fn requests_are_served_and_sessions_resumed_while_the_admin_port_stays_plain() {
    let rig = Rig::start(&[]);
    let trusting = rig.trusting();
    for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let mut client = Client::connect_tls(rig.service.http, trusting.clone()).unwrap();
        assert_eq!(ping(&mut client).unwrap().status, 200);
        assert_eq!(client.session().unwrap().handshake_kind(), Some(kind));
    }
    metric(&rig.service, "lameduck_tls_handshakes_total{version=\"1.3\",resumed=\"true\"} 1").unwrap();
    let mut plain = Client::connect(rig.service.http).unwrap();
    assert!(ping(&mut plain).is_err(), "no plain request is served");
    eventually("it is counted", || metric(&rig.service, "lameduck_tls_handshake_failures_total{reason=\"not_tls\"} 1"));
    let log = rig.service.log();
    assert!(log.contains("serving http by TLS"), "{log}");
    rig.service.stop().assert_code(0);
}

#[test]
fn http2_is_agreed_on_by_alpn() {
    let rig = Rig::start(&[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let status = runtime.block_on(async {
        let socket = tokio::net::TcpStream::connect(rig.service.http).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(rig.authority.trusting(&["h2", "http/1.1"], None));
        let stream = connector.connect(lameduck_testing::tls::server_name(), socket).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (mut send, connection) = h2::client::handshake(stream).await.unwrap();
        let driver = tokio::spawn(connection);
        let request = http::Request::get("https://localhost/ping").body(()).unwrap();
        let status = send.send_request(request, true).unwrap().0.await.unwrap().status();
        drop(send);
        driver.await.unwrap().unwrap();
        status
    });
    assert_eq!(status, 200);
    let ended = rig.service.stop();
    ended.assert_code(0);
    assert_eq!(ended.report["ledger"]["completed"], 1);
}

#[cfg(feature = "grpc")]
#[test]
fn the_grpc_port_offers_what_it_speaks() {
    let [grpc] = process::free_addresses();
    let rig = Rig::start(&[("listen.grpc", &grpc.to_string())]);
    let connect = |alpn: &[&str]| Client::connect_tls(grpc, rig.authority.trusting(alpn, None));
    let client = connect(&["http/1.1", "h2"]).unwrap();
    assert_eq!(client.session().unwrap().alpn_protocol(), Some(&b"h2"[..]));
    drop(client);
    let refused = connect(&["http/1.1"]).unwrap_err().to_string();
    assert!(refused.contains("NoApplicationProtocol"), "{refused}");
    rig.service.stop().assert_code(0);
}

#[test]
fn a_client_needs_a_certificate_of_the_client_ca() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let server = authority.server();
    let (pem, key, ca) = (server.pem(), server.key_pem(), clients.pem());
    let volume = Volume::new(&[("tls.crt", &pem), ("tls.key", &key), ("ca.crt", &ca)]);
    let service = start(&volume, &[("tls.client_ca_file", &volume.text("ca.crt"))]);
    let names = ["orders.shop.svc", "spiffe://shop/orders"];
    let known = clients.client("orders", names[0], names[1]);
    let mut client = Client::connect_tls(service.http, authority.trusting(&[], Some(&known))).unwrap();
    assert_eq!(ping(&mut client).unwrap().status, 200);
    let stranger = Authority::new().client("orders", names[0], names[1]);
    for certificate in [None, Some(&stranger)] {
        // TLS 1.3: the client has done with the handshake before the server says no.
        let refused = Client::connect_tls(service.http, authority.trusting(&[], certificate))
            .and_then(|mut client| ping(&mut client))
            .unwrap_err()
            .to_string();
        assert!(refused.contains("alert"), "the client learns why: {refused}");
    }
    metric(&service, "lameduck_tls_handshake_failures_total{reason=\"client_certificate\"} 2").unwrap();
    let ended = service.stop();
    ended.assert_code(0);
    assert_eq!(ended.report["ledger"]["started"], 1, "no request of the others was taken");
}

#[test]
fn a_certificate_that_is_not_valid_now_is_served_with_a_warning() {
    for (validity, warning, expiry) in [
        (Validity::Expired, "the certificate has expired at 2001-02-03T00:00:00Z", Some("981158400")),
        (Validity::NotYet, "the certificate is not valid before 4000-01-01T00:00:00Z", None),
    ] {
        let authority = Authority::new();
        let service = start(&secret(&authority.server_valid(validity)), &[]);
        let refused = Client::connect_tls(service.http, authority.trusting(&[], None)).unwrap_err().to_string();
        assert!(refused.contains("certificate"), "{refused}");
        if let Some(expiry) = expiry {
            metric(&service, &format!("lameduck_tls_certificate_expiry_timestamp_seconds {expiry}")).unwrap();
        }
        eventually("the alert of the client has come", || {
            metric(&service, "lameduck_tls_handshake_failures_total{reason=\"refused_by_client\"} 1")
        });
        let ended = service.stop();
        ended.assert_code(0);
        assert!(ended.log.contains(warning), "{}", ended.log);
    }
}

/// The first line of the log that says why the start failed.
fn failed_start(keys: &[(&str, &str)]) -> String {
    let ended = process::start_unready(keys).wait();
    ended.assert_code(1);
    ended.log
}

#[test]
fn files_that_cannot_be_used_end_the_start_with_what_to_do() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (mine, theirs) = (authority.server(), other.server());
    let (pem, key, their_key) = (mine.pem(), mine.key_pem(), theirs.key_pem());
    let volume =
        Volume::new(&[("tls.crt", &pem), ("tls.key", &key), ("other.key", &their_key), ("text", "not what you think")]);
    let path = |name: &str| volume.text(name);
    for (cert, key, ca, expected) in [
        ("none", "tls.key", "", "mount the Secret there, or correct tls.cert_file"),
        ("text", "tls.key", "", "it contains no certificate in PEM form (-----BEGIN CERTIFICATE-----)"),
        ("tls.crt", "text", "", "it contains no unencrypted private key in PEM form"),
        (
            "tls.crt",
            "other.key",
            "",
            "the private key does not belong to the first certificate; use certificate and key of one",
        ),
        ("tls.crt", "tls.key", "text", "it contains no CA certificate in PEM form"),
    ] {
        let (cert, key) = (path(cert), path(key));
        let ca = if ca.is_empty() { String::new() } else { path(ca) };
        let log = failed_start(&[("tls.cert_file", &*cert), ("tls.key_file", &*key), ("tls.client_ca_file", &*ca)]);
        assert!(log.contains("start-up failed at tls") && log.contains(expected), "{expected}\nis not in\n{log}");
    }
}

#[test]
fn check_shows_what_would_be_served() {
    let authority = Authority::new();
    let volume = secret(&authority.server());
    let check = |cert: &str| {
        let output = process::command()
            .arg("check")
            .env("LAMEDUCK_TLS__CERT_FILE", volume.text(cert))
            .env("LAMEDUCK_TLS__KEY_FILE", volume.text("tls.key"))
            .output()
            .unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let text = check("tls.crt");
    assert!(text.contains("# TLS at http, grpc: localhost, valid until 4096-01-01T00:00:00Z"), "{text}");
    let text = check("not-mounted");
    assert!(text.contains("# warning: tls.cert_file: cannot open"), "{text}");
}

/// Bytes that the server must not wait for.
fn raw(address: SocketAddr, bytes: &[u8]) -> std::net::TcpStream {
    use std::io::Write as _;
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(bytes).unwrap();
    stream
}
