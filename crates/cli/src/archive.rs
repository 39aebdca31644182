//! A tree as one file, `.tar.gz`: the same bytes for the same files.

use crate::tree::Tree;
use anyhow::{Context, ensure};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::io::Read;

/// More than this is no archive of a project.
const BYTES_MAX: u64 = 16 << 20;

/// Packs files below `folder`.
///
/// # Errors
/// A path is too long for the format.
pub(crate) fn pack(folder: &str, tree: &Tree) -> anyhow::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
    for (path, bytes) in tree {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        let path = if folder.is_empty() { path.clone() } else { format!("{folder}/{path}") };
        archive
            .append_data(&mut header, &path, bytes.as_slice())
            .with_context(|| format!("{path} cannot be packed"))?;
    }
    Ok(archive.into_inner()?.finish()?)
}

/// Unpacks what [`pack`] made, into memory.
///
/// # Errors
/// It is not such an archive, or too large.
pub(crate) fn unpack(bytes: &[u8]) -> anyhow::Result<Tree> {
    let mut archive = tar::Archive::new(GzDecoder::new(bytes).take(BYTES_MAX));
    let mut tree = Tree::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.to_str().context("a path is not text")?.to_owned();
        ensure!(!path.starts_with('/') && !path.split('/').any(|part| part == ".."), "{path} leads out of the archive");
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        tree.insert(path, bytes);
    }
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked_and_the_bytes_are_always_the_same() {
        let tree = Tree::from([("a/b".to_owned(), b"1".to_vec()), ("c".to_owned(), Vec::new())]);
        let packed = pack("", &tree).unwrap();
        assert_eq!(packed, pack("", &tree).unwrap());
        assert_eq!(unpack(&packed).unwrap(), tree);
        assert!(unpack(&pack("x", &tree).unwrap()).unwrap().contains_key("x/a/b"));
        assert!(unpack(b"no archive").is_err());
    }
}
