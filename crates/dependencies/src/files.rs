//! Files that a dependency reads when it connects.

use std::io::Read as _;
use std::path::PathBuf;

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
