//! Lines on their way out: a bounded queue and the thread that writes.
//!
//! Writing to a pipe blocks when its reader does. A thread that serves requests must not wait for that, and neither may the
//! exit: [`Queue::push`] never waits, [`Queue::flush`] waits as long as it is told and no longer.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The most bytes that wait to be written. What comes beyond is dropped and counted.
const BYTES_MOST: usize = 4 << 20;
/// Bytes that are written at once.
const BATCH_BYTES: usize = 64 << 10;

/// Where lines wait. Clones are the same queue.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Something waits, or the end has come.
    filled: Condvar,
    /// Everything that waited is written.
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Lines that did not fit, since the last one that did.
    dropped: u64,
    /// Lines that did not fit, ever.
    dropped_ever: u64,
    writing: bool,
}

impl Queue {
    /// Starts the thread that writes to `out`. It lives as long as the process: there is nobody left to hear that it ended.
    ///
    /// # Errors
    /// If the system has no thread to give.
    pub(crate) fn start(out: impl Write + Send + 'static) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let writer = Arc::clone(&shared);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || writer.write_to(out))?;
        Ok(Self { shared })
    }

    /// Hands over a line, unless too many wait already. Never waits.
    pub(crate) fn push(&self, line: Vec<u8>) {
        let mut state = self.shared.lock();
        if state.bytes + line.len() > BYTES_MOST {
            state.dropped += 1;
            state.dropped_ever += 1;
            return;
        }
        if state.dropped > 0 {
            let confession =
                format!("(log: {} lines were dropped here, nobody read them fast enough)\n", state.dropped);
            state.dropped = 0;
            state.bytes += confession.len();
            state.lines.push_back(confession.into_bytes());
        }
        state.bytes += line.len();
        state.lines.push_back(line);
        drop(state);
        self.shared.filled.notify_one();
    }

    /// Waits until everything that was handed over is written, at most `within`. Says whether it is.
    pub(crate) fn flush(&self, within: Duration) -> bool {
        let until = Instant::now() + within;
        let mut state = self.shared.lock();
        while state.bytes > 0 || state.writing {
            let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
                return false;
            };
            (state, _) = self.shared.emptied.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    /// How many lines did not fit, ever.
    pub(crate) fn dropped_ever(&self) -> u64 {
        self.shared.lock().dropped_ever
    }
}

impl Shared {
    /// A panic while the lock was held cannot have left the state halfway: nothing in there runs foreign code.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_to(&self, mut out: impl Write) {
        let mut batch = Vec::with_capacity(BATCH_BYTES);
        loop {
            let mut state = self.lock();
            while state.lines.is_empty() {
                state.writing = false;
                self.emptied.notify_all();
                state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            state.writing = true;
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// Writes only what it is allowed to, and passes it on.
    struct Gated {
        allowed: mpsc::Receiver<()>,
        written: mpsc::Sender<Vec<u8>>,
    }

    impl Write for Gated {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.allowed.recv().map_err(|_| std::io::ErrorKind::BrokenPipe)?;
            let _ = self.written.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn gated() -> (Queue, mpsc::Sender<()>, mpsc::Receiver<Vec<u8>>) {
        let (allow, allowed) = mpsc::channel();
        let (written, read) = mpsc::channel();
        (Queue::start(Gated { allowed, written }).unwrap(), allow, read)
    }

    #[test]
    fn flush_waits_for_what_was_handed_over() {
        let (queue, allow, read) = gated();
        queue.push(b"one\n".to_vec());
        assert!(!queue.flush(Duration::ZERO), "nobody was allowed to write");
        allow.send(()).unwrap();
        assert!(queue.flush(Duration::from_secs(60)));
        assert_eq!(read.recv().unwrap(), b"one\n");
    }

    #[test]
    fn a_log_that_nobody_reads_stops_nobody_and_says_what_is_missing() {
        let (queue, allow, read) = gated();
        let line = vec![b'x'; 1 << 20];
        // Six lines of 1 MiB: one may be with the writer, at most four wait.
        for _ in 0..6 {
            queue.push(line.clone());
        }
        let dropped = queue.dropped_ever();
        assert!((1..=2).contains(&dropped), "{dropped}");
        drop(allow);
        assert!(queue.flush(Duration::from_secs(60)), "a broken pipe is no reason to wait");
        drop(read);

        let (queue, allow, read) = gated();
        for _ in 0..6 {
            queue.push(line.clone());
        }
        for _ in 0..6 {
            allow.send(()).unwrap();
        }
        assert!(queue.flush(Duration::from_secs(60)));
        queue.push(b"later\n".to_vec());
        allow.send(()).unwrap();
        assert!(queue.flush(Duration::from_secs(60)));
        let text: Vec<u8> = read.try_iter().flatten().collect();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("lines were dropped here"), "no confession");
        assert!(text.ends_with("later\n"));
    }
}
