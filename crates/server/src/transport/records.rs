//! Where the records of TLS begin and end: rustls does not tell whether it holds a part of one.

const HEADER_BYTES: usize = 5;

/// Follows the bytes of the peer from the first.
#[derive(Debug, Default)]
pub(super) struct Records {
    header: [u8; HEADER_BYTES],
    header_read: usize,
    /// Bytes until the record ends.
    left: usize,
    any: bool,
}

impl Records {
    /// More bytes came.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) {
        self.any |= !bytes.is_empty();
        while !bytes.is_empty() {
            let payload = self.left.min(bytes.len());
            self.left -= payload;
            bytes = &bytes[payload..];
            if self.left > 0 {
                return;
            }
            let header = (HEADER_BYTES - self.header_read).min(bytes.len());
            self.header[self.header_read..][..header].copy_from_slice(&bytes[..header]);
            self.header_read += header;
            bytes = &bytes[header..];
            if self.header_read == HEADER_BYTES {
                self.left = usize::from(self.header[3]) << 8 | usize::from(self.header[4]);
                self.header_read = 0;
            }
        }
    }

    /// Whether a record has begun and not ended.
    pub(super) fn inside(&self) -> bool {
        self.left > 0 || self.header_read > 0
    }

    /// Whether any byte has come.
    pub(super) fn any(&self) -> bool {
        self.any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(length: usize) -> Vec<u8> {
        [&[23, 3, 3, (length >> 8) as u8, length as u8][..], &vec![b'x'; length]].concat()
    }

    proptest! {
        #[test]
        fn a_record_is_open_exactly_between_its_first_and_its_last_byte(
            lengths in prop::collection::vec(0..700_usize, 1..8),
            cuts in prop::collection::vec(1..50_usize, 1..40),
        ) {
            let all: Vec<u8> = lengths.iter().flat_map(|&length| record(length)).collect();
            let mut ends = vec![0];
            ends.extend(lengths.iter().scan(0, |end, length| { *end += length + HEADER_BYTES; Some(*end) }));
            let (mut records, mut at, mut cuts) = (Records::default(), 0, cuts.into_iter().cycle());
            while at < all.len() {
                let to = (at + cuts.next().unwrap()).min(all.len());
                records.follow(&all[at..to]);
                at = to;
                prop_assert_eq!(records.inside(), !ends.contains(&at), "at {} of {:?}", at, &ends);
            }
            prop_assert!(records.any());
        }
    }
}
