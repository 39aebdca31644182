//! What goes on on a connection: requests in flight, how far it was read, when something last happened. The hot path
//! only stores here; sweep, drain and report read.

use super::read_mark::ReadMark;
use std::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};
use std::time::Duration;

/// The activity of one connection.
#[derive(Debug)]
pub(crate) struct Activity {
    /// Requests that have not ended.
    in_flight: AtomicU32,
    /// Requests so far.
    requests: AtomicU32,
    /// The last edge: first byte, a request began, a response ended.
    since_ns: AtomicU64,
    /// When the sweep first saw the beginning of a head; 0 = it has not.
    head_seen_ns: AtomicU64,
    /// A TLS handshake is under way.
    handshake: AtomicBool,
    /// The transport did not take all of the last write.
    unsent: AtomicBool,
    reading: ReadMark,
}

impl Activity {
    pub(super) fn new(now_ns: u64) -> Self {
        Self {
            in_flight: AtomicU32::new(0),
            requests: AtomicU32::new(0),
            since_ns: AtomicU64::new(now_ns),
            head_seen_ns: AtomicU64::new(0),
            handshake: AtomicBool::new(false),
            unsent: AtomicBool::new(false),
            reading: ReadMark::default(),
        }
    }

    /// How far it was read.
    #[inline]
    pub(crate) fn reading(&self) -> &ReadMark {
        &self.reading
    }

    /// An edge that is neither the beginning nor the end of a request.
    pub(crate) fn touch(&self, now_ns: u64) {
        self.since_ns.store(now_ns, Relaxed);
    }

    /// The first bytes of a handshake came, or it has ended.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "plain connections shake no hands"))]
    pub(crate) fn shake_hands(&self, under_way: bool, now_ns: u64) {
        self.handshake.store(under_way, Relaxed);
        self.touch(now_ns);
    }

    /// Whether a handshake is under way.
    pub(crate) fn shakes_hands(&self) -> bool {
        self.handshake.load(Relaxed)
    }

    /// A request begins. Gives the nanoseconds since the last edge, if there was a request before.
    #[inline]
    pub(crate) fn begin_request(&self, now_ns: u64) -> Option<u64> {
        let earlier = self.requests.load(Relaxed);
        let silence_ns = (earlier > 0).then(|| now_ns.saturating_sub(self.since_ns.load(Relaxed)));
        self.in_flight.fetch_add(1, SeqCst);
        self.requests.store(earlier.wrapping_add(1).max(1), Relaxed);
        self.since_ns.store(now_ns, Relaxed);
        silence_ns
    }

    /// A request has ended.
    #[inline]
    pub(crate) fn end_request(&self, now_ns: u64, has_body: bool) {
        self.since_ns.store(now_ns, Relaxed);
        self.reading.end_request(has_body);
        // Last: a reader that sees nothing in flight must see the rest.
        self.in_flight.fetch_sub(1, SeqCst);
    }

    /// The transport took all of a write, or not.
    #[inline]
    pub(crate) fn wrote(&self, all: bool) {
        self.unsent.store(!all, Relaxed);
    }

    /// hyper has been polled: bytes of a body that its handler left unread begin no head.
    #[inline]
    pub(crate) fn settle_body(&self) {
        if self.reading.has_open_body() && self.in_flight() == 0 {
            self.reading.settle_body();
        }
    }

    /// The sweep sees the beginning of a head.
    pub(crate) fn see_head(&self, now_ns: u64) {
        self.head_seen_ns.store(now_ns, Relaxed);
    }

    /// The head that the sweep saw has become a request.
    pub(crate) fn forget_head(&self) {
        self.head_seen_ns.store(0, Relaxed);
    }

    /// Requests that have not ended.
    #[inline]
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(SeqCst)
    }

    /// Requests so far.
    pub(crate) fn requests(&self) -> u32 {
        self.requests.load(Relaxed)
    }

    /// The last edge.
    pub(crate) fn since_ns(&self) -> u64 {
        self.since_ns.load(Relaxed)
    }

    /// Since the last edge.
    pub(crate) fn silence(&self, now_ns: u64) -> Duration {
        Duration::from_nanos(now_ns.saturating_sub(self.since_ns()))
    }

    /// When the sweep first saw the beginning of a head; 0 = it has not.
    pub(crate) fn head_seen_ns(&self) -> u64 {
        self.head_seen_ns.load(Relaxed)
    }

    /// Whether the transport did not take all of the last write.
    pub(crate) fn unsent(&self) -> bool {
        self.unsent.load(Relaxed)
    }

    /// Between requests: nothing in flight, nothing begun, nothing left to send.
    pub(crate) fn is_idle(&self) -> bool {
        // The count first: the end of a request stores everything else before it.
        self.in_flight() == 0 && !self.unsent() && !self.reading.begun()
    }
}
