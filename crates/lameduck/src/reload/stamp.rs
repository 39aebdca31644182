//! What is compared to see that files have changed.

use anyhow::{Context, ensure};
use std::fs::{self, Metadata};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Where each path leads, and the attributes of the file there. Two that are equal mean the same contents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp(Vec<Option<Target>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    path: PathBuf,
    modified: Option<SystemTime>,
    length: u64,
    identity: (u64, i64, i64),
}

impl Stamp {
    pub(super) fn of(paths: &[PathBuf]) -> Self {
        Self(paths.iter().map(|path| target(path).ok()).collect())
    }
}

fn target(path: &Path) -> std::io::Result<Target> {
    // By its target: Kubernetes swaps a symlink on the way.
    let path = fs::canonicalize(path)?;
    let metadata = fs::metadata(&path)?;
    let (modified, length) = (metadata.modified().ok(), metadata.len());
    Ok(Target { path, modified, length, identity: identity(&metadata) })
}

/// Another file in the same place, and a change that leaves time and length as they were.
#[cfg(unix)]
fn identity(metadata: &Metadata) -> (u64, i64, i64) {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> (u64, i64, i64) {
    (0, 0, 0)
}

/// The whole file.
pub(super) fn read(path: &Path, bytes_max: u64) -> anyhow::Result<Vec<u8>> {
    let file = fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(bytes.len() as u64 <= bytes_max, "{} has more than {bytes_max} bytes", path.display());
    Ok(bytes)
}
