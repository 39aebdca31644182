//! What a certificate says, and the one that a client has proved itself by.

use rustls::ServerConnection;
use rustls::pki_types::CertificateDer;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Name;

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    subject: String,
    common_name: Option<String>,
    names: Vec<String>,
    not_before: SystemTime,
    not_after: SystemTime,
}

impl Certificate {
    /// `None`: it is none.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let common_name = certificate.subject().iter_common_name().last().and_then(|name| name.as_str().ok());
        let validity = certificate.validity();
        Some(Self {
            subject: rfc4514(certificate.subject()),
            common_name: common_name.map(str::to_owned),
            names: names(&certificate),
            not_before: moment(validity.not_before),
            not_after: moment(validity.not_after),
        })
    }

    /// Its subject in the form of RFC 4514: `CN=orders,O=shop`. Special characters are escaped.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The most specific common name of its subject, as it is.
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// Its subject alternative names, in their order: DNS names, URIs (such as SPIFFE ids) and mail addresses.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Since when it is valid.
    pub fn not_before(&self) -> SystemTime {
        self.not_before
    }

    /// Until when it is valid.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }
}

/// The certificate that a client has proved itself by, in the extensions of its requests. It was verified against the
/// roots of the listener; whether this client may do what it asks for is the handler's to decide.
///
/// ```
/// use axum::Extension;
/// use lameduck_server::tls::ClientCertificate;
///
/// async fn handler(Extension(client): Extension<ClientCertificate>) -> String {
///     format!("{} is {}", client.names().join(" "), client.subject())
/// }
/// # drop(handler);
/// ```
#[derive(Clone, Debug)]
pub struct ClientCertificate(Arc<Client>);

#[derive(Debug)]
struct Client {
    der: CertificateDer<'static>,
    /// Read when somebody asks: most handlers do not.
    read: OnceLock<Option<Certificate>>,
}

impl ClientCertificate {
    pub(crate) fn of(session: &ServerConnection) -> Option<Self> {
        let der = session.peer_certificates()?.first()?.clone();
        Some(Self(Arc::new(Client { der, read: OnceLock::new() })))
    }

    /// The certificate in DER form.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// [`Certificate::subject`]; empty if it has none.
    pub fn subject(&self) -> &str {
        self.read().map_or("", Certificate::subject)
    }

    /// [`Certificate::common_name`].
    pub fn common_name(&self) -> Option<&str> {
        self.read().and_then(Certificate::common_name)
    }

    /// [`Certificate::names`].
    pub fn names(&self) -> &[String] {
        self.read().map_or(&[], Certificate::names)
    }

    fn read(&self) -> Option<&Certificate> {
        self.0.read.get_or_init(|| Certificate::read(&self.0.der)).as_ref()
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let names = extension.value.general_names.iter();
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are no names of a service or a user")]
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) | GeneralName::URI(name) | GeneralName::RFC822Name(name) => Some((*name).to_owned()),
        _ => None,
    };
    names.filter_map(name).collect()
}

/// The most specific part first, each with what would end it escaped: two subjects that differ never look the same.
fn rfc4514(subject: &X509Name<'_>) -> String {
    let mut text = String::new();
    let parts: Vec<_> = subject.iter_rdn().collect();
    for part in parts.into_iter().rev() {
        for (index, attribute) in part.iter().enumerate() {
            let separator = if index > 0 {
                "+"
            } else if text.is_empty() {
                ""
            } else {
                ","
            };
            text.push_str(separator);
            match (oid2abbrev(attribute.attr_type(), oid_registry()), attribute.as_str()) {
                (Ok(name), Ok(value)) => {
                    text.push_str(name);
                    text.push('=');
                    escape(value, &mut text);
                }
                _ => {
                    let _ = write!(text, "{}=#", attribute.attr_type());
                    for byte in attribute.as_slice() {
                        let _ = write!(text, "{byte:02x}");
                    }
                }
            }
        }
    }
    text
}

fn escape(value: &str, text: &mut String) {
    let last = value.chars().count().saturating_sub(1);
    for (index, char) in value.chars().enumerate() {
        let special = matches!(char, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=')
            || (index == 0 && matches!(char, ' ' | '#'))
            || (index == last && char == ' ');
        if char.is_control() {
            let mut bytes = [0; 4];
            for byte in char.encode_utf8(&mut bytes).bytes() {
                let _ = write!(text, "\\{byte:02x}");
            }
        } else {
            if special {
                text.push('\\');
            }
            text.push(char);
        }
    }
}

fn moment(time: ASN1Time) -> SystemTime {
    let seconds = time.timestamp();
    let away = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { UNIX_EPOCH - away } else { UNIX_EPOCH + away }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType, date_time_ymd};

    fn certificate(of: impl FnOnce(&mut CertificateParams)) -> Certificate {
        let mut params = CertificateParams::new(vec!["orders.shop.svc".to_owned()]).unwrap();
        params.distinguished_name = DistinguishedName::new();
        of(&mut params);
        let signed = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        Certificate::read(signed.der()).unwrap()
    }

    #[test]
    fn a_certificate_is_read() {
        let read = certificate(|params| {
            params.distinguished_name.push(DnType::OrganizationName, "shop");
            params.distinguished_name.push(DnType::CommonName, "orders");
            params.subject_alt_names.push(SanType::URI("spiffe://shop/orders".try_into().unwrap()));
            params.subject_alt_names.push(SanType::Rfc822Name("orders@shop".try_into().unwrap()));
            params.subject_alt_names.push(SanType::IpAddress([10, 0, 0, 1].into()));
            params.not_before = date_time_ymd(1960, 1, 1);
            params.not_after = date_time_ymd(2100, 1, 1);
        });
        assert_eq!((read.subject(), read.common_name()), ("CN=orders,O=shop", Some("orders")));
        assert_eq!(read.names(), ["orders.shop.svc", "spiffe://shop/orders", "orders@shop"]);
        assert!(read.not_before() < UNIX_EPOCH);
        assert_eq!(read.not_after(), UNIX_EPOCH + Duration::from_secs(4_102_444_800));
    }

    #[test]
    fn what_a_subject_contains_cannot_look_like_another_subject() {
        let read = certificate(|params| params.distinguished_name.push(DnType::CommonName, "a,O=shop\n# "));
        assert_eq!(read.subject(), "CN=a\\,O\\=shop\\0a#\\ ");
        assert_eq!(read.common_name(), Some("a,O=shop\n# "));
        assert_eq!(certificate(|_| {}).subject(), "");
        assert_eq!(Certificate::read(b"0123"), None);
    }
}
