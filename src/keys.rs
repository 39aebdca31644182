//! The keys of `auth.keys_file`: who may use /account.
//!
//! One `NAME KEY` per line, `#` begins a comment. The file is read again when it changes.

use anyhow::{Context, ensure};
use subtle::{ConditionallySelectable, ConstantTimeEq};

/// Shorter keys could be guessed.
const KEY_BYTES_LEAST: usize = 16;
const KEY_BYTES_MAX: usize = 128;
const KEYS_MAX: usize = 1024;

/// Known keys, each with the name of its owner.
#[derive(Default)]
pub struct Keys {
    owners: Vec<String>,
    keys: Vec<Padded>,
}

impl Keys {
    /// Reads the keys of the file.
    ///
    /// # Errors
    /// If a line is not `NAME KEY` with a key of 16 to 128 bytes. Keys are never in the message.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let mut keys = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let (owner, key) =
                line.split_once(char::is_whitespace).with_context(|| format!("line {number}: expected NAME KEY"))?;
            let key = key.trim();
            ensure!(
                (KEY_BYTES_LEAST..=KEY_BYTES_MAX).contains(&key.len()),
                "line {number}: the key of {owner} has {} bytes, expected {KEY_BYTES_LEAST} to {KEY_BYTES_MAX}",
                key.len()
            );
            ensure!(keys.keys.len() < KEYS_MAX, "line {number}: more than {KEYS_MAX} keys");
            keys.owners.push(owner.to_owned());
            keys.keys.push(Padded::new(key.as_bytes()));
        }
        Ok(keys)
    }

    /// The owner of a key. Takes the same time for every key of up to 128 bytes, known or not: all keys are compared,
    /// whole.
    pub fn owner(&self, key: &[u8]) -> Option<&str> {
        if key.len() > KEY_BYTES_MAX {
            return None;
        }
        let asked = Padded::new(key);
        let mut found = u32::MAX;
        for (index, known) in (0..).zip(&self.keys) {
            found.conditional_assign(&index, known.bytes.ct_eq(&asked.bytes));
        }
        self.owners.get(found as usize).map(String::as_str)
    }
}

/// A key with its length in front, filled up, so that comparing does not tell how long it is.
struct Padded {
    bytes: [u8; KEY_BYTES_MAX + 1],
}

impl Padded {
    fn new(key: &[u8]) -> Self {
        let mut bytes = [0; KEY_BYTES_MAX + 1];
        bytes[0] = u8::try_from(key.len()).unwrap_or(u8::MAX);
        bytes[1..=key.len()].copy_from_slice(key);
        Self { bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_owner_and_no_other_key_has_one() {
        let keys = Keys::parse("# who may\nann 0123456789abcdef\n\nbob  fedcba9876543210 # on call\n").unwrap();
        assert_eq!(keys.owner(b"0123456789abcdef"), Some("ann"));
        assert_eq!(keys.owner(b"fedcba9876543210"), Some("bob"));
        for wrong in [&b"0123456789abcde"[..], b"0123456789abcdef\0", b"", &[0; 128], &[b'a'; 1000]] {
            assert_eq!(keys.owner(wrong), None, "{wrong:?}");
        }
        assert_eq!(Keys::default().owner(b""), None);
    }

    #[test]
    fn a_wrong_file_is_explained_without_its_keys() {
        for (text, expected) in
            [("ann", "line 1: expected NAME KEY"), ("\nann short", "line 2: the key of ann has 5 bytes")]
        {
            let error = format!("{:#}", Keys::parse(text).err().unwrap());
            assert!(error.contains(expected) && !error.contains("short"), "{error}");
        }
    }
}
