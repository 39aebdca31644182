//! One request, as the sweep and the report see it: cells that its guard writes.

use super::orders::Told;
use super::wake::Wake;
use lameduck_lifecycle::Kind;
use std::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};

/// The request of an HTTP/1 connection, or of one stream.
#[derive(Debug, Default)]
pub(crate) struct RequestCell {
    /// When it must have been answered; 0 = it has been, or has no bound.
    pub(crate) due_ns: AtomicU64,
    /// Route in the low half, then method, then kind.
    what: AtomicU32,
    /// The response head is out.
    pub(crate) answered: AtomicBool,
}

/// One HTTP/2 stream: it has its own task, so its own word and waker.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) request: RequestCell,
    pub(crate) began_ns: u64,
    pub(crate) told: AtomicU32,
    pub(crate) waker: Wake,
}

impl RequestCell {
    #[inline]
    pub(crate) fn begin(&self, due_ns: u64, route: u16, method: u8, kind: Kind) {
        self.due_ns.store(due_ns, Relaxed);
        self.answered.store(false, Relaxed);
        self.what.store(u32::from(route) | u32::from(method) << 16 | (kind.index() as u32) << 24, Relaxed);
    }

    #[inline]
    pub(crate) fn answered(&self) {
        self.due_ns.store(0, Relaxed);
        self.answered.store(true, Relaxed);
    }

    pub(crate) fn set_kind(&self, kind: Kind) {
        let what = self.what.load(Relaxed) & 0x00ff_ffff;
        self.what.store(what | (kind.index() as u32) << 24, Relaxed);
    }

    /// Route, method, kind.
    pub(crate) fn what(&self) -> (u16, u8, Kind) {
        let what = self.what.load(Relaxed);
        let kind = Kind::ALL.get((what >> 24) as usize).copied().unwrap_or(Kind::Request);
        (what as u16, (what >> 16) as u8, kind)
    }
}

impl Stream {
    pub(crate) fn tell(&self, told: Told) {
        self.told.fetch_or(told.0, SeqCst);
        self.waker.wake();
    }
}
