//! Certificates as a listener takes them.

use lameduck_server::tls::{Credentials, Identity, Tls};
use lameduck_testing::tls::{Authority, Signed};

/// What a listener presents.
pub(crate) fn tls(server: &Signed, client_ca: Option<&Authority>) -> Tls {
    Tls::new(credentials(server, client_ca))
}

pub(crate) fn credentials(server: &Signed, client_ca: Option<&Authority>) -> Credentials {
    let (certificates, key, client_ca) = (server.pem(), server.key_pem(), client_ca.map(Authority::pem));
    let client_ca = client_ca.as_ref().map(String::as_bytes);
    Credentials::new(Identity { certificates: certificates.as_bytes(), key: key.as_bytes(), client_ca }).unwrap()
}
