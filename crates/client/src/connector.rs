//! How connections are made: TCP, and TLS on it where that is built in.

use crate::error::CertificateError;
use crate::options::Options;
use hyper_util::client::legacy::connect::HttpConnector;

#[cfg(feature = "tls")]
pub(crate) type Connector = hyper_rustls::HttpsConnector<HttpConnector>;
#[cfg(not(feature = "tls"))]
pub(crate) type Connector = HttpConnector;

fn tcp(options: &Options) -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(options.connect_timeout));
    tcp
}

#[cfg(not(feature = "tls"))]
#[expect(clippy::unnecessary_wraps, reason = "with TLS there are certificates that may be wrong")]
pub(crate) fn build(options: &Options) -> Result<Connector, CertificateError> {
    Ok(tcp(options))
}

#[cfg(feature = "tls")]
pub(crate) fn build(options: &Options) -> Result<Connector, CertificateError> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| CertificateError(error.to_string()))?
        .with_root_certificates(roots(&options.roots)?)
        .with_no_client_auth();
    let mut tcp = tcp(options);
    tcp.enforce_http(false);
    Ok(hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp))
}

#[cfg(feature = "tls")]
fn roots(roots: &crate::Roots) -> Result<rustls::RootCertStore, CertificateError> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;
    let mut store = rustls::RootCertStore::empty();
    match roots {
        crate::Roots::None => {}
        // Finding none is not an error: everything that is asked may be asked without encryption.
        crate::Roots::System => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        crate::Roots::Pem(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let added = certificate.map_err(|error| CertificateError(error.to_string()));
                store.add(added?).map_err(|error| CertificateError(error.to_string()))?;
            }
            if store.is_empty() {
                return Err(CertificateError("there is none".to_owned()));
            }
        }
    }
    Ok(store)
}
