//! https, with certificates of our own.

use crate::server::{Does, OK, Seen, connection};
use bytes::Bytes;
use http::Request;
use lameduck_client::{CallError, Client, Options, Roots};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// A server with a certificate of its own for `localhost`, and that certificate.
async fn serve() -> (SocketAddr, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let pem = certificate.pem();
    let private = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                tokio::spawn(connection(stream, Does::Answers(OK), Seen::default()));
            }
        }
    });
    (address, pem)
}

#[tokio::test]
async fn only_whom_the_roots_name_is_trusted() {
    let (address, pem) = serve().await;
    let request = || Request::get(format!("https://localhost:{}/", address.port())).body(Bytes::new()).unwrap();
    let trusting = Client::new(Options { roots: Roots::Pem(pem.into_bytes()), ..Options::default() }).unwrap();
    assert_eq!(trusting.call(request(), None).await.unwrap().status().as_u16(), 200);

    let (_, other) = serve().await;
    let wary = Client::new(Options { roots: Roots::Pem(other.into_bytes()), ..Options::default() }).unwrap();
    let error = wary.call(request(), None).await.unwrap_err();
    assert!(matches!(error, CallError::Connect(_)) && error.to_string().contains("certificate"), "{error}");
}

#[test]
fn certificates_that_are_none_are_an_error() {
    for pem in [&b"no certificate"[..], b""] {
        let error = Client::new(Options { roots: Roots::Pem(pem.to_vec()), ..Options::default() }).unwrap_err();
        assert!(error.to_string().contains("cannot use the certificates"), "{error}");
    }
}
