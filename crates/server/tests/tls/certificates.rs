//! Certificates made for one test.

use lameduck_server::tls::{Identity, Tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// An authority that signs for servers and clients.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM form.
pub(crate) struct Signed {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// A certificate for `localhost`.
    pub(crate) fn server(&self) -> Signed {
        self.sign(&CertificateParams::new(vec!["localhost".to_owned()]).unwrap())
    }

    /// A certificate with a DNS name and a URI.
    pub(crate) fn client(&self, name: &str, uri: &str) -> Signed {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.subject_alt_names.push(SanType::URI(uri.try_into().unwrap()));
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Signed {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Signed { certificate, key }
    }
}

impl Signed {
    pub(crate) fn der(&self) -> CertificateDer<'static> {
        self.certificate.der().clone()
    }

    pub(crate) fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }

    /// What a listener presents.
    pub(crate) fn tls(&self, client_ca: Option<&Authority>) -> Tls {
        self.with_identity(client_ca, |identity| Tls::new(identity).unwrap())
    }

    pub(crate) fn with_identity<T>(&self, client_ca: Option<&Authority>, then: impl FnOnce(Identity<'_>) -> T) -> T {
        let (certificates, key) = (self.certificate.pem(), self.key.serialize_pem());
        let client_ca = client_ca.map(Authority::pem);
        let client_ca = client_ca.as_ref().map(String::as_bytes);
        then(Identity { certificates: certificates.as_bytes(), key: key.as_bytes(), client_ca })
    }
}
