//! How a connection ends: whether it has been announced, whether our side is closed, and why.

use crate::cells::AtomicF64;
use lameduck_lifecycle::CloseReason;
use std::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU32, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};
use std::time::Duration;

/// The end of one connection.
#[derive(Debug)]
pub(crate) struct Closing {
    /// Our side is closed.
    begun: AtomicBool,
    /// The last response said `Connection: close` (or GOAWAY) as the notice.
    noticed: AtomicBool,
    /// When GOAWAY was ordered; 0 = it was not.
    go_away_ns: AtomicU64,
    /// Why it ends, plus one; 0 = not known yet.
    reason: AtomicU8,
    /// Why it is to be closed if it is idle.
    idle_reason: AtomicU8,
    /// What closing it while idle is expected to lose.
    idle_value: AtomicF64,
    /// How long a request and our FIN can cross; 0 = not measured.
    window_us: AtomicU32,
    /// Bytes that the peer has not acknowledged, while we wait for that.
    unsent_bytes: AtomicU32,
}

impl Default for Closing {
    fn default() -> Self {
        Self {
            begun: AtomicBool::new(false),
            noticed: AtomicBool::new(false),
            go_away_ns: AtomicU64::new(0),
            reason: AtomicU8::new(0),
            idle_reason: AtomicU8::new(CloseReason::IdleDrained.index() as u8),
            idle_value: AtomicF64::default(),
            window_us: AtomicU32::new(0),
            unsent_bytes: AtomicU32::new(0),
        }
    }
}

impl Closing {
    /// Our side is closed, or is about to be.
    pub(crate) fn begin(&self) {
        self.begun.store(true, Relaxed);
    }

    /// Our side stays open after all.
    pub(crate) fn take_back(&self) {
        self.begun.store(false, Relaxed);
    }

    /// Whether our side is closed.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Relaxed)
    }

    /// The client has been notified that it should leave.
    pub(crate) fn notice(&self) {
        self.noticed.store(true, Relaxed);
    }

    /// Whether the client has been notified.
    pub(crate) fn noticed(&self) -> bool {
        self.noticed.load(Relaxed)
    }

    /// GOAWAY is ordered; false if it had been.
    pub(super) fn go_away(&self, now_ns: u64) -> bool {
        self.go_away_ns.compare_exchange(0, now_ns, SeqCst, SeqCst).is_ok()
    }

    /// When GOAWAY was ordered; 0 = it was not.
    pub(crate) fn go_away_ns(&self) -> u64 {
        self.go_away_ns.load(Relaxed)
    }

    /// It ends for `reason`, unless there is a reason already.
    pub(crate) fn set_reason(&self, reason: CloseReason) {
        // An error means that another was first, which is right.
        self.reason.compare_exchange(0, reason.index() as u8 + 1, SeqCst, SeqCst).ok();
    }

    /// It ends for `reason`, which explains better than what was known before.
    pub(crate) fn override_reason(&self, reason: CloseReason) {
        self.reason.store(reason.index() as u8 + 1, SeqCst);
    }

    /// Why it ends; `None` while that is not known.
    pub(crate) fn reason(&self) -> Option<CloseReason> {
        let index = usize::from(self.reason.load(SeqCst)).checked_sub(1)?;
        CloseReason::ALL.get(index).copied()
    }

    /// If it is closed while idle, then for `reason`, at an expected loss of `value`.
    pub(super) fn plan_idle(&self, reason: CloseReason, value: f64) {
        self.idle_reason.store(reason.index() as u8, Relaxed);
        self.idle_value.store(value);
    }

    /// It was found idle and closes: for the reason that was planned.
    pub(crate) fn set_idle_reason(&self) {
        let planned = CloseReason::ALL.get(usize::from(self.idle_reason.load(Relaxed))).copied();
        self.set_reason(planned.unwrap_or(CloseReason::IdleDrained));
    }

    /// The expected loss of an idle close that does not happen.
    pub(super) fn take_idle_value(&self) -> f64 {
        self.idle_value.take()
    }

    /// How long a request and our FIN can cross.
    pub(crate) fn set_window(&self, window: Duration) {
        self.window_us.store(u32::try_from(window.as_micros()).unwrap_or(u32::MAX).max(1), Relaxed);
    }

    /// How long a request and our FIN can cross; `None` = not measured.
    pub(crate) fn window(&self) -> Option<Duration> {
        let us = self.window_us.load(Relaxed);
        (us != 0).then(|| Duration::from_micros(us.into()))
    }

    /// Bytes that the peer has not acknowledged.
    pub(crate) fn set_unsent_bytes(&self, bytes: usize) {
        self.unsent_bytes.store(u32::try_from(bytes).unwrap_or(u32::MAX), Relaxed);
    }

    /// Bytes that the peer had not acknowledged at the last look.
    pub(crate) fn unsent_bytes(&self) -> u32 {
        self.unsent_bytes.load(Relaxed)
    }
}
