//! `tls`: TLS at the work ports, from files that are read again when they change.

use crate::config::ServiceKeys;
use crate::config::sections::PATH_OR_NONE;
use lameduck_config::{Check, Form, Key, Kind, Section, Values};
use std::path::PathBuf;

const LISTENER: Form = Form { expected: "the name of a listener, such as http", valid: lameduck_config::is_name };

/// Names that the list may have although the service has no such listener: one list then fits all services.
const STANDARD: [&str; 2] = ["http", "grpc"];

pub(super) const TLS: Section = Section {
    name: "tls",
    doc: "TLS at the work ports. The admin port stays without it, for probes and scrapers inside the cluster.",
    keys: &[
        Key::new(
            "tls.cert_file",
            Kind::Text(PATH_OR_NONE),
            "",
            "The certificate of the server in PEM form, followed by its intermediates (`tls.crt` of a Secret). Empty: no TLS.",
        )
        .why("The three files are read again, together, when one of them changes; open connections go on."),
        Key::new(
            "tls.key_file",
            Kind::Text(PATH_OR_NONE),
            "",
            "The unencrypted private key of that certificate in PEM form (`tls.key` of a Secret).",
        ),
        Key::new(
            "tls.client_ca_file",
            Kind::Text(PATH_OR_NONE),
            "",
            "CA certificates in PEM form. If set, each client must present a certificate that one of them has issued (mutual TLS).",
        )
        .why("Handlers find it in the extensions of the request, as `ClientCertificate`; what it may do is theirs to decide."),
        Key::new(
            "tls.listeners",
            Kind::List(LISTENER),
            "http, grpc",
            "The listeners with TLS, by their name below `listen`. `grpc` has no effect where the service has none.",
        ),
    ],
};

/// TLS at the work ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate of the server, and its intermediates.
    pub cert_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
    /// The CA certificates for clients; `None`: clients need no certificate.
    pub client_ca_file: Option<PathBuf>,
    /// The names of the listeners with TLS.
    pub listeners: Vec<String>,
}

impl Tls {
    /// `None`: off.
    pub(super) fn read(values: &Values, schema: &ServiceKeys) -> Option<Self> {
        let path = |key: &str| -> Option<PathBuf> { values.get(key) };
        let (cert_file, key_file) = (path("tls.cert_file"), path("tls.key_file"));
        let client_ca_file = path("tls.client_ca_file");
        if cert_file.is_none() && key_file.is_none() && client_ca_file.is_none() {
            return None;
        }
        let mut listeners: Vec<String> = values.get("tls.listeners");
        let known = schema.work_listeners();
        listeners.retain(|name| known.contains(&name.as_str()) || !STANDARD.contains(&name.as_str()));
        // Without a certificate or a key `check` refuses the load: these values then go nowhere.
        let (cert_file, key_file) = (cert_file.unwrap_or_default(), key_file.unwrap_or_default());
        Some(Self { cert_file, key_file, client_ca_file, listeners })
    }

    pub(super) fn check(&self, check: &mut Check<'_>, schema: &ServiceKeys) {
        let (cert, key) = (self.cert_file.as_os_str(), self.key_file.as_os_str());
        match (cert.is_empty(), key.is_empty()) {
            (false, false) => {}
            (true, false) => {
                let problem = "expected tls.cert_file as well: the certificate of this key";
                check.refuse(&["tls.key_file"], problem);
            }
            (false, true) => {
                let problem = "expected tls.key_file as well: the private key of this certificate";
                check.refuse(&["tls.cert_file"], problem);
            }
            (true, true) => {
                check.refuse(
                    &["tls.client_ca_file"],
                    "expected tls.cert_file and tls.key_file as well: without them there is no TLS",
                );
            }
        }
        let known = schema.work_listeners();
        for name in &self.listeners {
            if name == "admin" {
                check.refuse(&["tls.listeners"], "the admin port has no TLS; remove admin from the list");
            } else if !known.contains(&name.as_str()) {
                check.refuse(
                    &["tls.listeners"],
                    format!("this service has no listener called {name}; its listeners are {}", known.join(", ")),
                );
            }
        }
        if self.listeners.is_empty() {
            check.refuse(&["tls.listeners"], format!("expected at least one of {}", known.join(", ")));
        }
    }
}
