//! TLS at a listener: certificates, ALPN, client certificates, and their renewal while the server runs.
//!
//! ```no_run
//! use lameduck_server::tls::{Identity, Tls};
//! # fn main_() -> Result<(), Box<dyn std::error::Error>> {
//! let read = || Ok::<_, std::io::Error>((std::fs::read("tls.crt")?, std::fs::read("tls.key")?));
//! let (certificates, key) = read()?;
//! let tls = Tls::new(Identity { certificates: &certificates, key: &key, client_ca: None })?;
//! let bound = lameduck_server::Bound::bind("127.0.0.1:8443".parse()?)?.with_tls(tls.clone());
//! // Later: new connections get the new certificate, open ones stay as they are.
//! let (certificates, key) = read()?;
//! tls.replace(Identity { certificates: &certificates, key: &key, client_ca: None })?;
//! # drop(bound);
//! # Ok(())
//! # }
//! ```

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConnection};
use std::sync::{Arc, PoisonError, RwLock};

/// What a listener proves itself by. A cheap handle: clones are the same.
#[derive(Clone, Debug)]
pub struct Tls(Arc<RwLock<Arc<ServerConfig>>>);

/// Texts in PEM form, as files have them.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// The certificate of the server first, then those that lead to its root.
    pub certificates: &'a [u8],
    /// The private key of the first certificate.
    pub key: &'a [u8],
    /// The roots of client certificates. `None`: clients need none; else each must have one.
    pub client_ca: Option<&'a [u8]>,
}

impl Tls {
    /// TLS 1.2 and 1.3 with `identity`; ALPN offers HTTP/2 and HTTP/1.1; TLS 1.3 sessions are resumed by tickets.
    ///
    /// # Errors
    /// [`TlsError`]: what of `identity` cannot be used.
    pub fn new(identity: Identity<'_>) -> Result<Self, TlsError> {
        config(identity).map(|config| Self(Arc::new(RwLock::new(config))))
    }

    /// From now on new connections get `identity`; open ones stay as they are. Tickets of before lead to a full
    /// handshake.
    ///
    /// # Errors
    /// As [`new`](Self::new); then nothing has changed.
    pub fn replace(&self, identity: Identity<'_>) -> Result<(), TlsError> {
        let config = config(identity)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn config(identity: Identity<'_>) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let chain = certificates(identity.certificates, TlsError::Certificates)?;
    let key = PrivateKeyDer::from_pem_slice(identity.key).map_err(TlsError::Key)?;
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Unusable)?;
    let builder = match identity.client_ca {
        None => builder.with_no_client_auth(),
        Some(roots) => builder.with_client_cert_verifier(client_verifier(roots, provider)?),
    };
    let mut config = builder.with_single_cert(chain, key).map_err(TlsError::Unusable)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.ticketer = ring::Ticketer::new().map_err(TlsError::Unusable)?;
    Ok(Arc::new(config))
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
        store.add(root).map_err(TlsError::Unusable)?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider)
        .build()
        .map_err(|error| TlsError::Unusable(rustls::Error::General(error.to_string())))
}

/// What of an [`Identity`] cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificates cannot be read.
    Certificates(pem::Error),
    /// The key cannot be read.
    Key(pem::Error),
    /// The roots of client certificates cannot be read.
    ClientCa(pem::Error),
    /// They can be read, and do not serve: the key is of another certificate, for example.
    Unusable(rustls::Error),
}

impl std::fmt::Display for TlsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Certificates(_) => "the file of certificates has none in PEM form",
            Self::Key(_) => "the file of the key has none in PEM form",
            Self::ClientCa(_) => "the file of client roots has no certificate in PEM form",
            Self::Unusable(_) => "certificates and key cannot be used together",
        })
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Certificates(error) | Self::Key(error) | Self::ClientCa(error) => Some(error),
            Self::Unusable(error) => Some(error),
        }
    }
}

/// The certificate that a client has proved itself by, in the extensions of its requests. It was verified against the
/// roots of the listener; whether this client may do what it asks for is the handler's to decide.
#[derive(Clone, Debug)]
pub struct ClientCertificate(Arc<[CertificateDer<'static>]>);

impl ClientCertificate {
    pub(crate) fn of(session: &ServerConnection) -> Option<Self> {
        session.peer_certificates().filter(|chain| !chain.is_empty()).map(|chain| Self(chain.into()))
    }

    /// The certificate in DER form.
    pub fn der(&self) -> &[u8] {
        self.0.first().map_or(&[], |certificate| certificate.as_ref())
    }

    /// Its subject alternative names: DNS names, then URIs (such as SPIFFE ids).
    pub fn names(&self) -> Vec<String> {
        let Some(certificate) = self.0.first().and_then(|der| webpki::EndEntityCert::try_from(der).ok()) else {
            return Vec::new();
        };
        certificate.valid_dns_names().chain(certificate.valid_uri_names()).map(str::to_owned).collect()
    }
}
