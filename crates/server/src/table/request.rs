//! One request, as the sweep and the report see it: cells that its guard writes.

use super::orders::Orders;
use super::text::TextCell;
use crate::clock;
use lameduck_lifecycle::Kind;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The request of an HTTP/1 connection, or of one stream.
#[derive(Debug, Default)]
pub(crate) struct RequestCell {
    /// When it must have been answered; 0 = it has been, or has no bound.
    due_ns: AtomicU64,
    /// The client's own deadline for all of it; 0 = it has none.
    deadline_ns: AtomicU64,
    /// Route in the low half, then method, then kind.
    what: AtomicU32,
    /// The response head is out.
    answered: AtomicBool,
    /// Its ids, if anything observes requests. A request id has at most 128 bytes, a trace id 32 digits.
    request_id: TextCell<16>,
    trace_id: TextCell<4>,
}

/// One HTTP/2 stream: it has its own task, so its own orders.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) request: RequestCell,
    pub(crate) began_ns: u64,
    pub(crate) orders: Orders,
    /// Since when its response waits for the peer to take it; 0 = it waits for the handler, or for nothing.
    sending_ns: AtomicU64,
}

thread_local! { static CURRENT: Cell<Option<Arc<Stream>>> = const { Cell::new(None) } }

impl RequestCell {
    /// A request begins: `due_ns` is when it must have been answered.
    #[inline]
    pub(crate) fn begin(&self, due_ns: u64, route: u16, method: u8, kind: Kind) {
        self.due_ns.store(due_ns, Relaxed);
        self.deadline_ns.store(0, Relaxed);
        self.answered.store(false, Relaxed);
        self.what.store(u32::from(route) | u32::from(method) << 16 | (kind.index() as u32) << 24, Relaxed);
    }

    /// Its route is known now, and with it the time that it has.
    #[inline]
    pub(crate) fn routed(&self, route: u16, due_ns: u64) {
        let what = self.what.load(Relaxed) & 0xffff_0000;
        self.what.store(what | u32::from(route), Relaxed);
        self.due_ns.store(due_ns, Relaxed);
    }

    /// The response head goes out.
    #[inline]
    pub(crate) fn answer(&self) {
        self.due_ns.store(0, Relaxed);
        self.answered.store(true, Relaxed);
    }

    /// Whether the response head is out.
    pub(crate) fn is_answered(&self) -> bool {
        self.answered.load(Relaxed)
    }

    /// It has a deadline, which does not end with the response head.
    pub(crate) fn set_deadline(&self, deadline_ns: u64) {
        self.deadline_ns.store(deadline_ns, Relaxed);
    }

    /// The client's own deadline.
    pub(crate) fn deadline_ns(&self) -> Option<u64> {
        Some(self.deadline_ns.load(Relaxed)).filter(|&deadline_ns| deadline_ns != 0)
    }

    /// Whether it should have been answered, or have ended, by now.
    pub(crate) fn is_late(&self, now_ns: u64) -> bool {
        let passed = |at_ns: u64| at_ns != 0 && now_ns >= at_ns;
        passed(self.due_ns.load(Relaxed)) || passed(self.deadline_ns.load(Relaxed))
    }

    /// Time until it should have been answered, or have ended; `None`: it has no bound.
    pub(crate) fn time_left(&self, now_ns: u64) -> Option<Duration> {
        let bounds = [self.due_ns.load(Relaxed), self.deadline_ns.load(Relaxed)];
        let bounds = bounds.into_iter().filter(|&at_ns| at_ns != 0 && at_ns != u64::MAX);
        bounds.min().map(|at_ns| Duration::from_nanos(at_ns.saturating_sub(now_ns)))
    }

    /// Under which ids logs and traces know it.
    #[inline]
    pub(crate) fn set_ids(&self, request_id: &[u8], trace_id: Option<&str>) {
        self.request_id.set(request_id);
        match trace_id {
            Some(trace_id) => self.trace_id.set(trace_id.as_bytes()),
            None => self.trace_id.clear(),
        }
    }

    /// Request id and trace id, as far as it has them.
    pub(crate) fn ids(&self) -> (Option<String>, Option<String>) {
        (self.request_id.get(), self.trace_id.get())
    }

    /// It has turned out to be of another kind.
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
    pub(crate) fn new(began_ns: u64) -> Self {
        Self { began_ns, ..Self::default() }
    }

    /// hyper has got a part of the response, and asks for more once the peer lets it.
    #[inline]
    pub(crate) fn send(&self) {
        self.sending_ns.store(clock::now_ns(), Relaxed);
    }

    /// hyper asks for more.
    #[inline]
    pub(crate) fn sent(&self) {
        self.sending_ns.store(0, Relaxed);
    }

    /// Whether the peer has taken nothing of the response for `bound`; one of zero is none.
    pub(crate) fn is_stalled(&self, now_ns: u64, bound: Duration) -> bool {
        let since_ns = self.sending_ns.load(Relaxed);
        since_ns != 0 && !bound.is_zero() && now_ns.saturating_sub(since_ns) >= clock::ns(bound)
    }

    /// The task that is being polled on this thread is this stream's: hyper's tasks do not say so themselves.
    pub(crate) fn claim_task(self: &Arc<Self>) {
        CURRENT.set(Some(self.clone()));
    }

    /// The stream that has claimed the task which was just polled on this thread.
    pub(crate) fn claimed() -> Option<Arc<Self>> {
        CURRENT.take()
    }
}
