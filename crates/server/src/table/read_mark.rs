//! How far the reading of an HTTP/1 connection has come: is a head under way, or is the connection between requests?
//!
//! The server does not parse. It compares two counts: bytes read, and bytes read when the last request ended. Equal
//! means that the connection is between requests. One task writes, the one that owns the socket; others only compare.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

/// The counts of one connection.
#[derive(Debug, Default)]
pub(crate) struct ReadMark {
    bytes_in: AtomicU64,
    /// `bytes_in` when the last request ended.
    mark: AtomicU64,
    /// A part of something has come that cannot be read yet (a record of TLS).
    part: AtomicBool,
    /// The last four bytes read: whether they end a head.
    tail: AtomicU32,
    /// The current request has a body that has not come to its end, or that nobody has read to its end.
    body_open: AtomicBool,
}

impl ReadMark {
    /// Bytes were read from the peer.
    #[inline]
    pub(crate) fn read(&self, bytes: &[u8]) {
        self.bytes_in.store(self.bytes_in.load(Relaxed) + bytes.len() as u64, Relaxed);
        let tail = match bytes.last_chunk() {
            Some(last) => u32::from_be_bytes(*last),
            None => bytes.iter().fold(self.tail.load(Relaxed), |tail, &byte| tail << 8 | u32::from(byte)),
        };
        self.tail.store(tail, Relaxed);
    }

    /// Whether the peer has ever sent a byte.
    pub(crate) fn any(&self) -> bool {
        self.bytes_in.load(Relaxed) > 0
    }

    /// Part of a head has come and no request yet, or a request is under way.
    #[inline]
    pub(crate) fn begun(&self) -> bool {
        self.mark.load(Relaxed) != self.bytes_in.load(Relaxed) || self.part.load(Relaxed)
    }

    /// A part of something has come that cannot be read yet, or not.
    pub(crate) fn hold_part(&self, part: bool) {
        self.part.store(part, Relaxed);
    }

    /// A request has ended. What was read behind its head is the next one's: if that is not whole, a head has begun.
    #[inline]
    pub(super) fn end_request(&self, has_body: bool) {
        let bytes_in = self.bytes_in.load(Relaxed);
        let tail = self.tail.load(Relaxed);
        // An empty line ends a head, with or without carriage returns.
        let ends_head = tail & 0x00ff_ffff == 0x000a_0d0a || tail & 0xffff == 0x0a0a;
        // Behind a body the tail says nothing; the next head, as a rule, comes by itself.
        self.mark.store(if ends_head || has_body { bytes_in } else { bytes_in.wrapping_sub(1) }, Relaxed);
    }

    /// The last `unparsed` bytes are the beginning of a head.
    pub(crate) fn rewind(&self, unparsed: usize) {
        self.mark.store(self.bytes_in.load(Relaxed).saturating_sub(unparsed as u64), Relaxed);
    }

    /// The request has a body, and its handler begins to run.
    pub(crate) fn open_body(&self) {
        self.body_open.store(true, Relaxed);
    }

    /// The handler has read the body to its end: no byte that comes from here on belongs to it.
    pub(crate) fn close_body(&self) {
        self.body_open.store(false, Relaxed);
    }

    /// Whether bytes of the current body may still come.
    #[inline]
    pub(crate) fn has_open_body(&self) -> bool {
        self.body_open.load(Relaxed)
    }

    /// hyper reads the rest of a body that its handler left, after the end of the request: those bytes begin no head.
    pub(super) fn settle_body(&self) {
        if self.begun() {
            self.mark.store(self.bytes_in.load(Relaxed), Relaxed);
            self.close_body();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(reads: &[&[u8]], has_body: bool, begun: bool) {
        let mark = ReadMark::default();
        reads.iter().for_each(|bytes| mark.read(bytes));
        assert!(mark.begun(), "a request is under way");
        mark.end_request(has_body);
        assert_eq!(mark.begun(), begun, "{reads:?}");
    }

    #[test]
    fn what_is_read_behind_a_head_is_the_beginning_of_the_next() {
        check(&[b"GET / HTTP/1.1\r\n\r\n"], false, false);
        check(&[b"GET / HTTP/1.1\n\n"], false, false);
        check(&[b"GET / HTTP/1.1\r\n", b"\r", b"\n"], false, false);
        check(&[b"GET / HTTP/1.1\r\n\r\nG"], false, true);
        check(&[b"POST / HTTP/1.1\r\ncontent-length: 1\r\n\r\nx"], true, false);
    }

    #[test]
    fn bytes_that_hyper_did_not_parse_are_taken_back() {
        let mark = ReadMark::default();
        assert!(!mark.any());
        mark.read(b"GET / HTTP/1.1\r\n\r\n");
        mark.end_request(false);
        mark.rewind(2);
        assert!(mark.any() && mark.begun());
    }

    #[test]
    fn the_rest_of_an_unread_body_begins_no_head() {
        let mark = ReadMark::default();
        mark.read(b"POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nx");
        mark.open_body();
        mark.end_request(true);
        mark.settle_body();
        assert!(mark.has_open_body(), "nothing has come: the rest is still awaited");
        mark.read(b"yz");
        mark.settle_body();
        assert!(!mark.begun() && !mark.has_open_body());
    }
}
