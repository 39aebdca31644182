//! What a dependency needs for TLS: files that it reads when it connects, and the provider.

use std::io::Read as _;
use std::path::PathBuf;

/// Clients that bring their own TLS ask for the process's provider. Another one that is set already is as good.
#[cfg(any(feature = "redis", feature = "s3"))]
pub(crate) fn install_tls_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The largest file.
const BYTES_MAX: u64 = 1 << 20;

/// Certificates of authorities, in PEM. Read at each attempt to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificates(PathBuf);

impl Certificates {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// # Errors
    /// A sentence that names the file.
    pub(crate) fn read(&self) -> Result<Vec<u8>, String> {
        let shown = self.0.display();
        let file = std::fs::File::open(&self.0).map_err(|error| format!("cannot open ca_file {shown}: {error}"))?;
        let mut bytes = Vec::new();
        let read = file.take(BYTES_MAX + 1).read_to_end(&mut bytes);
        read.map_err(|error| format!("cannot read ca_file {shown}: {error}"))?;
        if bytes.len() as u64 > BYTES_MAX { Err(format!("ca_file {shown} is too large")) } else { Ok(bytes) }
    }
}
