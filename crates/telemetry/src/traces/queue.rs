//! Finished spans on their way to the exporter: a bounded queue that never makes a request wait, and the count of what
//! was lost.

use opentelemetry_sdk::trace::SpanData;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Spans that may wait. What comes beyond is dropped and counted.
pub(super) const SPANS_MAX: usize = 4096;
/// Spans of one export.
pub(super) const BATCH_MAX: usize = 512;
/// How long a span waits for others to travel with.
pub(super) const GATHER: Duration = Duration::from_secs(1);

/// Why a span was not exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// Too many waited.
    QueueFull,
    /// The collector did not take it, several times.
    ExportFailed,
    /// The process ended first.
    Exit,
}

impl DropReason {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::QueueFull, Self::ExportFailed, Self::Exit];

    /// The value of the label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::ExportFailed => "export_failed",
            Self::Exit => "exit",
        }
    }
}

/// How a flush ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flushed {
    /// Spans that were exported during the flush.
    pub exported: u64,
    /// Spans that the process takes with it.
    pub lost: u64,
}

/// Where finished spans wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// For the exporter: a whole batch waits, or everything is to go out now.
    work: Notify,
    /// For the flush: everything went out.
    idle: Notify,
}

#[derive(Debug, Default)]
struct State {
    spans: VecDeque<SpanData>,
    /// Spans that the exporter has taken and not reported on.
    travelling: u64,
    exported: u64,
    dropped: [u64; DropReason::ALL.len()],
    /// The flush's bound, once it has begun.
    flush_until: Option<Instant>,
    /// The flush is over: nothing is taken or given any more.
    closed: bool,
}

/// What the exporter does next.
#[derive(Debug)]
pub(super) enum Next {
    /// Export these, by then if there is a bound.
    Export(Vec<SpanData>, Option<Instant>),
    /// Nothing waits.
    Wait,
    /// The process ends.
    Stop,
}

impl Queue {
    /// Adds a finished span, or counts it. Never waits.
    pub(super) fn push(&self, span: SpanData) {
        let mut state = self.lock();
        if state.closed {
            return state.lose(DropReason::Exit, 1);
        }
        if state.spans.len() >= SPANS_MAX {
            return state.lose(DropReason::QueueFull, 1);
        }
        state.spans.push_back(span);
        let whole_batch = state.spans.len() == BATCH_MAX;
        drop(state);
        if whole_batch {
            self.work.notify_one();
        }
    }

    /// Takes a batch. All that waits goes out, whether it is a whole batch or not.
    pub(super) fn next(&self) -> Next {
        let mut state = self.lock();
        if state.closed {
            return Next::Stop;
        }
        let count = state.spans.len().min(BATCH_MAX);
        if count == 0 {
            self.idle.notify_waiters();
            return Next::Wait;
        }
        state.travelling = count as u64;
        Next::Export(state.spans.drain(..count).collect(), state.flush_until)
    }

    /// The batch that was taken arrived.
    pub(super) fn exported(&self) {
        let mut state = self.lock();
        if !state.closed {
            state.exported += std::mem::take(&mut state.travelling);
        }
    }

    /// The batch that was taken did not arrive, and is given up.
    pub(super) fn failed(&self) {
        let mut state = self.lock();
        if !state.closed {
            let travelling = std::mem::take(&mut state.travelling);
            state.lose(DropReason::ExportFailed, travelling);
        }
    }

    /// Waits for a whole batch, for a flush, or for `at_most`.
    pub(super) async fn work(&self, at_most: Duration) {
        let _ = tokio::time::timeout(at_most, self.work.notified()).await;
    }

    /// Whether a flush has begun, and its bound.
    pub(super) fn flush_until(&self) -> Option<Instant> {
        self.lock().flush_until
    }

    /// Has everything exported, at most until `until`, and closes.
    pub(super) async fn flush(&self, until: Instant) -> Flushed {
        let before = {
            let mut state = self.lock();
            state.flush_until = Some(state.flush_until.map_or(until, |earlier| earlier.min(until)));
            state.exported
        };
        self.work.notify_one();
        let _ = tokio::time::timeout_at(until.into(), self.emptied()).await;
        let mut state = self.lock();
        let lost = state.spans.len() as u64 + std::mem::take(&mut state.travelling);
        state.spans.clear();
        state.closed = true;
        state.lose(DropReason::Exit, lost);
        let flushed = Flushed { exported: state.exported - before, lost };
        drop(state);
        self.work.notify_one();
        flushed
    }

    async fn emptied(&self) {
        loop {
            let mut idle = std::pin::pin!(self.idle.notified());
            // Listen first, look second: an end in between is not missed.
            idle.as_mut().enable();
            {
                let state = self.lock();
                if state.spans.is_empty() && state.travelling == 0 {
                    return;
                }
            }
            idle.await;
        }
    }

    /// Spans that were not exported, by reason.
    pub(super) fn dropped(&self) -> [(DropReason, u64); DropReason::ALL.len()] {
        let dropped = self.lock().dropped;
        std::array::from_fn(|index| (DropReason::ALL[index], dropped[index]))
    }

    /// A panic while the lock was held cannot have left the state halfway.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn lose(&mut self, reason: DropReason, count: u64) {
        self.dropped[reason as usize] += count;
    }
}
