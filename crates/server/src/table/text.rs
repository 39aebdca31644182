//! A short text that one thread writes and any thread may read, without a lock and without an allocation.

use std::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};

/// How often a reader looks again before it gives up: the writer does not wait for readers.
const LOOKS: usize = 16;

/// A text of at most `8 * WORDS` bytes. Written by the task of one request at a time.
#[derive(Debug)]
pub(crate) struct TextCell<const WORDS: usize> {
    /// Odd while it is being written.
    version: AtomicU32,
    length: AtomicU32,
    words: [AtomicU64; WORDS],
}

impl<const WORDS: usize> Default for TextCell<WORDS> {
    fn default() -> Self {
        Self { version: AtomicU32::new(0), length: AtomicU32::new(0), words: [const { AtomicU64::new(0) }; WORDS] }
    }
}

impl<const WORDS: usize> TextCell<WORDS> {
    /// Writes `text`; what does not fit is cut off.
    #[inline]
    pub(crate) fn set(&self, text: &[u8]) {
        let text = &text[..text.len().min(8 * WORDS)];
        let version = self.version.load(Relaxed);
        self.version.store(version.wrapping_add(1), Relaxed);
        fence(Release);
        self.length.store(text.len() as u32, Relaxed);
        for (word, bytes) in self.words.iter().zip(text.chunks(8)) {
            let mut padded = [0; 8];
            padded[..bytes.len()].copy_from_slice(bytes);
            word.store(u64::from_le_bytes(padded), Relaxed);
        }
        self.version.store(version.wrapping_add(2), Release);
    }

    /// Empties it.
    #[inline]
    pub(crate) fn clear(&self) {
        if self.length.load(Relaxed) > 0 {
            self.set(b"");
        }
    }

    /// The text; `None`: it is empty, no text, or was written again at every look.
    pub(crate) fn get(&self) -> Option<String> {
        let bytes = (0..LOOKS).find_map(|_| self.look())?;
        String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
    }

    fn look(&self) -> Option<Vec<u8>> {
        let version = self.version.load(Acquire);
        let length = self.length.load(Relaxed) as usize;
        let words: [u64; WORDS] = std::array::from_fn(|index| self.words[index].load(Relaxed));
        fence(Acquire);
        let whole = version.is_multiple_of(2) && self.version.load(Relaxed) == version;
        let bytes = words.into_iter().flat_map(u64::to_le_bytes);
        whole.then(|| bytes.take(length).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let cell = TextCell::<2>::default();
        assert_eq!(cell.get(), None);
        cell.set(b"abc");
        assert_eq!(cell.get().as_deref(), Some("abc"));
        cell.set(b"0123456789abcdef and more");
        assert_eq!(cell.get().as_deref(), Some("0123456789abcdef"));
        cell.set(b"x");
        assert_eq!(cell.get().as_deref(), Some("x"));
        cell.clear();
        assert_eq!(cell.get(), None);
    }

    /// Texts of one letter and of different lengths: a mixture would show.
    #[test]
    fn a_reader_never_sees_half_of_two_texts() {
        let cell = TextCell::<4>::default();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..200_000_usize {
                    let letter = b'a' + (round % 26) as u8;
                    cell.set(&vec![letter; 1 + (round % 26)]);
                }
                done.store(true, Relaxed);
            });
            while !done.load(Relaxed) {
                let Some(text) = cell.get() else { continue };
                let first = text.as_bytes()[0];
                assert!(text.bytes().all(|byte| byte == first), "{text}");
                assert_eq!(text.len(), 1 + usize::from(first - b'a'), "{text}");
            }
        });
    }
}
