//! TLS of the work listeners: its files, read at the start and whenever they change.

use crate::config::Tls as Files;
use crate::reload::{self, Reloaded};
use anyhow::anyhow;
use lameduck_server::Listen;
use lameduck_server::tls::{Certificate, Credentials, Identity, Tls, TlsError};
use lameduck_support::date::rfc3339;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The key that names the files in messages and metrics.
const KEY: &str = "tls.cert_file";

/// Reads the files of `config`, follows them, and puts TLS on those of `work` that the configuration names. The value
/// is what is in use.
///
/// # Errors
/// Which file cannot be used, why, and what to do.
pub(crate) fn wrap(
    config: &Files,
    files: &reload::Files,
    work: &mut [Listen],
) -> Result<Reloaded<Credentials>, String> {
    let parsed = config.clone();
    let parse = move |contents: &[Vec<u8>]| {
        let credentials = credentials(&parsed, contents)?;
        if let Some(doubt) = doubt(credentials.certificate(), SystemTime::now()) {
            tracing::warn!(key = KEY, "{KEY}: {}: {doubt}", parsed.cert_file.display());
        }
        Ok(credentials)
    };
    let read = files.open(KEY, paths(config), parse).map_err(|error| with_remedy(&error))?;
    let tls = Tls::new((*read.get()).clone());
    for listen in work {
        if config.listeners.iter().any(|listed| listed == listen.name()) {
            listen.set_tls(tls.clone());
        }
    }
    tokio::spawn(follow(read.clone(), tls));
    Ok(read)
}

/// New connections get the version that was read last. To the end of the process.
async fn follow(mut read: Reloaded<Credentials>, tls: Tls) {
    loop {
        let credentials = read.changed().await;
        tls.replace((*credentials).clone());
    }
}

/// For `check`: what would be served, as it is on this machine, or why not.
pub(crate) fn describe(config: &Files) -> Result<String, String> {
    let read = paths(config).iter().map(|path| reload::read(path)).collect::<anyhow::Result<Vec<_>>>();
    let credentials = read.and_then(|contents| credentials(config, &contents));
    let credentials = credentials.map_err(|error| format!("{KEY}: {}", with_remedy(&error)))?;
    let certificate = credentials.certificate();
    let mut text = format!("TLS at {}: {}", config.listeners.join(", "), shown(certificate));
    if let Some(doubt) = doubt(certificate, SystemTime::now()) {
        return Err(format!("{KEY}: {}: {doubt}", config.cert_file.display()));
    }
    if config.client_ca_file.is_some() {
        text.push_str("\nclients need a certificate of tls.client_ca_file");
    }
    Ok(text)
}

fn paths(config: &Files) -> Vec<PathBuf> {
    let Files { cert_file, key_file, client_ca_file, .. } = config;
    [cert_file, key_file].into_iter().chain(client_ca_file).cloned().collect()
}

fn credentials(config: &Files, contents: &[Vec<u8>]) -> anyhow::Result<Credentials> {
    let content = |index: usize| contents.get(index).map(Vec::as_slice);
    let identity = Identity {
        certificates: content(0).unwrap_or_default(),
        key: content(1).unwrap_or_default(),
        client_ca: content(2),
    };
    Credentials::new(identity).map_err(|error| explained(config, &error))
}

/// Names the file that is to blame, and what to do.
fn explained(config: &Files, error: &TlsError) -> anyhow::Error {
    let (key, path, remedy): (_, &Path, _) = match error {
        TlsError::Key(_) => ("tls.key_file", &config.key_file, "name the file with the key of the certificate"),
        TlsError::KeyMismatch => (
            "tls.key_file",
            &config.key_file,
            "use certificate and key of one Secret, the certificate of the server first",
        ),
        TlsError::ClientCa(_) | TlsError::ClientRoot(_) => {
            let path = config.client_ca_file.as_deref().unwrap_or(Path::new(""));
            ("tls.client_ca_file", path, "name a file with the certificates of the CAs that issue those of clients")
        }
        TlsError::Certificates(_) | TlsError::NotX509 | TlsError::Unusable(_) => {
            ("tls.cert_file", &config.cert_file, "name the file with the certificate of the server")
        }
    };
    let path = path.display().to_string();
    anyhow!("{key}: {path}: {}; {remedy}", lameduck_support::error::chain(error))
}

/// What a file that cannot be read needs.
fn with_remedy(error: &anyhow::Error) -> String {
    let kind = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    let remedy = if kind == Some(io::ErrorKind::NotFound) {
        "; mount the Secret there, or correct tls.cert_file, tls.key_file or tls.client_ca_file"
    } else if kind == Some(io::ErrorKind::PermissionDenied) {
        "; make it readable for the user of this process (in a pod: securityContext.fsGroup)"
    } else {
        ""
    };
    format!("{error:#}{remedy}")
}

/// What a client will not like about its time.
fn doubt(certificate: &Certificate, now: SystemTime) -> Option<String> {
    let (from, until) = (certificate.not_before(), certificate.not_after());
    if now > until {
        let until = rfc3339(until);
        Some(format!(
            "the certificate has expired at {until}: clients will refuse it; renew it, a new file is used without a restart"
        ))
    } else if now < from {
        let from = rfc3339(from);
        Some(format!(
            "the certificate is not valid before {from}: clients will refuse it; check the clock of this machine"
        ))
    } else {
        None
    }
}

fn shown(certificate: &Certificate) -> String {
    let mut text = certificate.names().join(", ");
    if text.is_empty() {
        text.push_str(certificate.subject());
    }
    let _ = write!(text, ", valid until {}", rfc3339(certificate.not_after()));
    text
}
