//! TLS of the clients: whom they trust, and how they offer HTTP/2.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use serde::{Deserialize, Serialize};

/// Which certificates clients accept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trust {
    /// Those of these CAs, in PEM form, for the name in `Host`, or else the address.
    Ca(String),
    /// Any.
    Any,
}

/// How the clients of a thread connect. They share a store of sessions, so that later connections resume.
#[derive(Debug)]
pub(crate) struct Tls {
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
    name: Option<ServerName<'static>>,
}

impl Trust {
    /// Whether clients could connect with it, to a service that is called `host`.
    ///
    /// # Errors
    /// What is wrong, as a fragment.
    pub fn check(&self, host: Option<&str>) -> Result<(), String> {
        Tls::new(self, host).map(drop).map_err(|error| error.to_string())
    }
}

impl Tls {
    pub(crate) fn new(trust: &Trust, host: Option<&str>) -> io::Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let config = match trust {
            Trust::Ca(pem) => builder.with_root_certificates(roots(pem)?).with_no_client_auth(),
            Trust::Any => {
                let any = Arc::new(AnyCertificate(provider));
                builder.dangerous().with_custom_certificate_verifier(any).with_no_client_auth()
            }
        };
        let offering = |protocol: &[u8]| {
            let mut config = config.clone();
            config.alpn_protocols = vec![protocol.to_vec()];
            Arc::new(config)
        };
        let name = host.map(|host| ServerName::try_from(without_port(host).to_owned())).transpose();
        Ok(Self { http1: offering(b"http/1.1"), http2: offering(b"h2"), name: name.map_err(io::Error::other)? })
    }

    /// A session of HTTP/1.1 with this address.
    pub(crate) fn http1(&self, address: SocketAddr) -> io::Result<ClientConnection> {
        ClientConnection::new(Arc::clone(&self.http1), self.name(address)).map_err(io::Error::other)
    }

    /// How to connect for HTTP/2.
    pub(crate) fn http2(&self) -> tokio_rustls::TlsConnector {
        Arc::clone(&self.http2).into()
    }

    /// What the certificate of this address must be for.
    pub(crate) fn name(&self, address: SocketAddr) -> ServerName<'static> {
        self.name.clone().unwrap_or_else(|| ServerName::IpAddress(address.ip().into()))
    }
}

fn roots(pem: &str) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
    }
    if roots.is_empty() { Err(io::Error::other("it contains no certificate in PEM form")) } else { Ok(roots) }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name.trim_matches(['[', ']']),
        _ => host,
    }
}

/// Who has the key of a certificate is checked, not whose certificate it is.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_with_or_without_a_port() {
        for (host, name) in [("shop", "shop"), ("shop:443", "shop"), ("[::1]:443", "::1"), ("10.0.0.1", "10.0.0.1")] {
            assert_eq!(without_port(host), name);
        }
        assert!(Trust::Any.check(Some("shop.example:8443")).is_ok());
        assert!(Trust::Any.check(Some("no name")).is_err());
        assert!(Trust::Ca("text".to_owned()).check(None).is_err_and(|problem| problem.contains("no certificate")));
    }
}
