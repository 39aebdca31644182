//! TLS in tests: certificates made for one test, and clients that trust them.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair, SanType,
    date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

/// An authority that signs for servers and clients.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
#[derive(Debug)]
pub struct Signed {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

/// When a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// Now.
    Now,
    /// Until long ago.
    Expired,
    /// From a day on that none of us will see.
    NotYet,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// An authority that nobody else knows.
    ///
    /// # Panics
    /// If no key can be made.
    pub fn new() -> Self {
        let mut params = params(Vec::new());
        params.distinguished_name.push(DnType::CommonName, "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    /// Its certificate in PEM form.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Its certificate in DER form.
    pub fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// A certificate for `localhost` and 127.0.0.1.
    pub fn server(&self) -> Signed {
        self.server_valid(Validity::Now)
    }

    /// A certificate for `localhost` that is valid at another time.
    pub fn server_valid(&self, validity: Validity) -> Signed {
        let mut params = params(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]);
        match validity {
            Validity::Now => {}
            Validity::Expired => params.not_after = date_time_ymd(2001, 2, 3),
            Validity::NotYet => params.not_before = date_time_ymd(4000, 1, 1),
        }
        self.sign(&params)
    }

    /// A certificate of a client: its common name, its DNS name and its URI.
    ///
    /// # Panics
    /// If `uri` is none.
    pub fn client(&self, common_name: &str, dns: &str, uri: &str) -> Signed {
        let mut params = params(vec![dns.to_owned()]);
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.subject_alt_names.push(SanType::URI(uri.try_into().expect("a URI")));
        self.sign(&params)
    }

    /// How a client connects that trusts this authority, offers `alpn`, and has a certificate if there is one.
    ///
    /// # Panics
    /// If rustls refuses the certificates, which were made here.
    pub fn trusting(&self, alpn: &[&str], client: Option<&Signed>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der()).expect("a certificate");
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the versions of the provider")
            .with_root_certificates(roots);
        let mut config = match client {
            None => builder.with_no_client_auth(),
            Some(signed) => {
                builder.with_client_auth_cert(vec![signed.der()], signed.key_der()).expect("a certificate and its key")
            }
        };
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    fn sign(&self, params: &CertificateParams) -> Signed {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Signed { certificate, key }
    }
}

impl Signed {
    /// The certificate in DER form.
    pub fn der(&self) -> CertificateDer<'static> {
        self.certificate.der().clone()
    }

    /// The certificate in PEM form.
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// The key in PEM form.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// The key in DER form.
    ///
    /// # Panics
    /// Never: it was made here.
    pub fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).expect("a key")
    }
}

/// The name that [`Authority::server`] vouches for.
///
/// # Panics
/// Never: it is one.
pub fn server_name() -> ServerName<'static> {
    "localhost".try_into().expect("a name")
}

/// Without the name that rcgen gives to all.
fn params(names: Vec<String>) -> CertificateParams {
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name = DistinguishedName::new();
    params
}
