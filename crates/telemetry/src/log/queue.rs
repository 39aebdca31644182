//! Lines on their way out: a bounded queue and the thread that writes.
//!
//! Writing to a pipe blocks when its reader does. A thread that serves requests must not wait for that, and neither may
//! the exit: [`Queue::push`] never waits, [`Queue::flush`] waits as long as its caller allows and no longer.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes that may wait to be written. What comes beyond is dropped and counted.
const BYTES_MAX: usize = 4 << 20;
/// Bytes that are written at once.
const BATCH_BYTES: usize = 64 << 10;

/// Lines of the log about itself, in the format of the log.
pub(super) trait Notices: Send + Sync + 'static {
    /// So many lines are missing at this place.
    fn dropped(&self, count: u64) -> Vec<u8>;

    /// Sums up lines that were held back, in seconds that have ended or in all; and says when the next such second
    /// ends.
    fn held(&self, now: Instant, all: bool) -> (Vec<Vec<u8>>, Option<Instant>);
}

/// Where lines wait. Clones are the same queue.
#[derive(Clone)]
pub(super) struct Queue {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Something waits, or a summary will be due.
    filled: Condvar,
    /// Everything that waited is written.
    emptied: Condvar,
    notices: Box<dyn Notices>,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Lines that did not fit, since the last one that did.
    dropped: u64,
    /// Lines that did not fit since the start.
    dropped_total: u64,
    /// The writer waits to be woken: else nobody needs to.
    asleep: bool,
    /// The writer has lines that it has not finished writing.
    writing: bool,
    /// Lines are held back: the writer sums them up when their second ends.
    held: bool,
}

impl Queue {
    /// Starts the thread that writes to `out`. It lives as long as the process.
    ///
    /// # Errors
    /// If the system refuses the thread.
    pub(super) fn start(out: impl Write + Send + 'static, notices: impl Notices) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            notices: Box::new(notices),
        });
        let writer = Arc::clone(&shared);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || writer.write_to(out))?;
        Ok(Self { shared })
    }

    /// Hands over a line, unless too many wait already. Never waits.
    pub(super) fn push(&self, line: Vec<u8>) {
        let mut state = self.shared.lock();
        if state.bytes + line.len() > BYTES_MAX {
            state.dropped += 1;
            state.dropped_total += 1;
            return;
        }
        if state.dropped > 0 {
            let notice = self.shared.notices.dropped(std::mem::take(&mut state.dropped));
            state.add(notice);
        }
        state.add(line);
        self.shared.wake(state);
    }

    /// Lines are held back from now on: they are summed up when their second ends.
    pub(super) fn expect_held(&self) {
        let mut state = self.shared.lock();
        state.held = true;
        self.shared.wake(state);
    }

    /// Waits until everything that was handed over or held back is written, at most `within`. Returns whether it is.
    pub(super) fn flush(&self, within: Duration) -> bool {
        let now = Instant::now();
        let until = now + within;
        for line in self.shared.notices.held(now, true).0 {
            self.push(line);
        }
        let mut state = self.shared.lock();
        if state.dropped > 0 {
            let notice = self.shared.notices.dropped(std::mem::take(&mut state.dropped));
            state.add(notice);
            self.shared.filled.notify_one();
        }
        while state.bytes > 0 || state.writing {
            let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
                return false;
            };
            (state, _) = self.shared.emptied.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    /// How many lines did not fit since the start.
    pub(super) fn dropped_total(&self) -> u64 {
        self.shared.lock().dropped_total
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("dropped_total", &self.dropped_total()).finish_non_exhaustive()
    }
}

impl State {
    fn add(&mut self, line: Vec<u8>) {
        self.bytes += line.len();
        self.lines.push_back(line);
    }
}

impl Shared {
    /// A panic while the lock was held cannot have left the state halfway: nothing in there runs foreign code.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waking costs a system call, so it is done only if the writer sleeps.
    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let asleep = std::mem::take(&mut state.asleep);
        drop(state);
        if asleep {
            self.filled.notify_one();
        }
    }

    fn write_to(&self, mut out: impl Write) {
        let mut batch = Vec::with_capacity(BATCH_BYTES);
        let mut summary_at = None;
        loop {
            let mut state = self.wait(summary_at);
            if std::mem::take(&mut state.held) || summary_at.is_some_and(|at| at <= Instant::now()) {
                // Not under the lock of the lines: the limiter has its own.
                drop(state);
                let (lines, next) = self.notices.held(Instant::now(), false);
                summary_at = next;
                state = self.lock();
                lines.into_iter().for_each(|line| state.add(line));
            }
            while batch.len() < BATCH_BYTES
                && let Some(line) = state.lines.pop_front()
            {
                state.bytes -= line.len();
                batch.extend_from_slice(&line);
            }
            drop(state);
            // A log that cannot be written has nowhere to complain.
            let _ = out.write_all(&batch).and_then(|()| out.flush());
            batch.clear();
        }
    }

    /// Waits for lines, for something held back, or for a summary to be due.
    fn wait(&self, summary_at: Option<Instant>) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        loop {
            let due = summary_at.is_some_and(|at| at <= Instant::now());
            if !state.lines.is_empty() || state.held || due {
                state.writing = true;
                state.asleep = false;
                return state;
            }
            state.writing = false;
            state.asleep = true;
            self.emptied.notify_all();
            state = match summary_at.map(|at| at.saturating_duration_since(Instant::now())) {
                Some(left) => self.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.filled.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

#[cfg(test)]
mod tests;
