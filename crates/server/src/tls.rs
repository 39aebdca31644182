//! TLS at a listener: certificates, ALPN, client certificates, and their renewal while the server runs.
//!
//! ```no_run
//! use lameduck_server::tls::{Credentials, Identity, Tls};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let read = || -> Result<Credentials, Box<dyn std::error::Error>> {
//!     let (certificates, key) = (std::fs::read("tls.crt")?, std::fs::read("tls.key")?);
//!     Ok(Credentials::new(Identity { certificates: &certificates, key: &key, client_ca: None })?)
//! };
//! let tls = Tls::new(read()?);
//! let bound = lameduck_server::Bound::bind("127.0.0.1:8443".parse()?)?.with_tls(tls.clone());
//! // Later: new connections get the new certificate, open ones stay as they are.
//! tls.replace(read()?);
//! # drop(bound);
//! # Ok(())
//! # }
//! ```

mod certificate;
mod handshakes;

pub use certificate::{Certificate, ClientCertificate};
pub(crate) use handshakes::HandshakeCells;
pub use handshakes::{HandshakeFailure, Handshakes, TlsVersion};

use crate::protocols::Protocols;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use rustls::{InconsistentKeys, RootCertStore};
use std::sync::{Arc, PoisonError, RwLock};

/// What listeners prove themselves by, and may be given anew. A cheap handle: clones are the same.
#[derive(Clone, Debug)]
pub struct Tls(Arc<RwLock<Credentials>>);

/// Texts in PEM form, as files have them.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// The certificate of the server first, then those that lead to its root.
    pub certificates: &'a [u8],
    /// The private key of the first certificate, not encrypted.
    pub key: &'a [u8],
    /// The roots of client certificates. `None`: clients need none; else each must have one.
    pub client_ca: Option<&'a [u8]>,
}

/// An [`Identity`] that was read and fits together. A cheap handle.
#[derive(Clone, Debug)]
pub struct Credentials {
    certificate: Arc<Certificate>,
    /// The same but for ALPN.
    all: Arc<ServerConfig>,
    http1: Arc<ServerConfig>,
    http2: Arc<ServerConfig>,
}

impl Tls {
    /// TLS 1.2 and 1.3 by `credentials`. ALPN offers what the listener speaks; TLS 1.3 sessions are resumed by tickets.
    pub fn new(credentials: Credentials) -> Self {
        Self(Arc::new(RwLock::new(credentials)))
    }

    /// From now on new connections get `credentials`; open ones stay as they are. Tickets of before lead to a full
    /// handshake.
    pub fn replace(&self, credentials: Credentials) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = credentials;
    }

    pub(crate) fn current(&self, protocols: Protocols) -> Arc<ServerConfig> {
        let credentials = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match protocols {
            Protocols::All => &credentials.all,
            Protocols::Http1 => &credentials.http1,
            Protocols::Http2 => &credentials.http2,
        }
        .clone()
    }
}

impl Credentials {
    /// Reads and checks `identity`: certificate and key belong together. Whether the certificate is valid at this time
    /// is for the caller to judge, and for clients.
    ///
    /// # Errors
    /// [`TlsError`]: what of `identity` cannot be used.
    pub fn new(identity: Identity<'_>) -> Result<Self, TlsError> {
        let chain = certificates(identity.certificates, TlsError::Certificates)?;
        let certificate = chain.first().and_then(|der| Certificate::read(der)).ok_or(TlsError::NotX509)?;
        let config = config(identity, chain)?;
        let speaking = |protocols: &[&str]| {
            let mut config = config.clone();
            config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
            Arc::new(config)
        };
        Ok(Self {
            certificate: Arc::new(certificate),
            all: speaking(&["h2", "http/1.1"]),
            http1: speaking(&["http/1.1"]),
            http2: speaking(&["h2"]),
        })
    }

    /// The certificate of the server.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

fn config(identity: Identity<'_>, chain: Vec<CertificateDer<'static>>) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let key = PrivateKeyDer::from_pem_slice(identity.key).map_err(TlsError::Key)?;
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Unusable)?;
    let builder = match identity.client_ca {
        None => builder.with_no_client_auth(),
        Some(roots) => builder.with_client_cert_verifier(client_verifier(roots, provider)?),
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| {
        let mismatch = matches!(error, rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch));
        if mismatch { TlsError::KeyMismatch } else { TlsError::Unusable(error) }
    })?;
    config.ticketer = ring::Ticketer::new().map_err(TlsError::Unusable)?;
    Ok(config)
}

fn certificates(pem: &[u8], error: fn(pem::Error) -> TlsError) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(error)?;
    if chain.is_empty() { Err(error(pem::Error::NoItemsFound)) } else { Ok(chain) }
}

fn client_verifier(
    roots: &[u8],
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, TlsError> {
    let mut store = RootCertStore::empty();
    for root in certificates(roots, TlsError::ClientCa)? {
        store.add(root).map_err(TlsError::ClientRoot)?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider)
        .build()
        .map_err(|error| TlsError::Unusable(rustls::Error::General(error.to_string())))
}

/// What of an [`Identity`] cannot be used.
#[derive(Debug)]
pub enum TlsError {
    /// The certificates cannot be read.
    Certificates(pem::Error),
    /// The first certificate is PEM around something else.
    NotX509,
    /// The key cannot be read.
    Key(pem::Error),
    /// The key is not that of the first certificate.
    KeyMismatch,
    /// The roots of client certificates cannot be read.
    ClientCa(pem::Error),
    /// A root of client certificates is PEM around something else.
    ClientRoot(rustls::Error),
    /// They can be read, and do not serve: the key is of a kind that is not supported, for example.
    Unusable(rustls::Error),
}

impl std::fmt::Display for TlsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Certificates(_) => "it contains no certificate in PEM form (-----BEGIN CERTIFICATE-----)",
            Self::NotX509 => "its first certificate is not an X.509 certificate",
            Self::Key(_) => "it contains no unencrypted private key in PEM form (-----BEGIN PRIVATE KEY-----)",
            Self::KeyMismatch => "the private key does not belong to the first certificate",
            Self::ClientCa(_) => "it contains no CA certificate in PEM form (-----BEGIN CERTIFICATE-----)",
            Self::ClientRoot(_) => "a CA certificate in it is not an X.509 certificate",
            Self::Unusable(_) => "the certificate and the private key cannot be used",
        })
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Certificates(pem::Error::NoItemsFound)
            | Self::Key(pem::Error::NoItemsFound)
            | Self::ClientCa(pem::Error::NoItemsFound)
            | Self::NotX509
            | Self::KeyMismatch => None,
            Self::Certificates(error) | Self::Key(error) | Self::ClientCa(error) => Some(error),
            Self::ClientRoot(error) | Self::Unusable(error) => Some(error),
        }
    }
}
