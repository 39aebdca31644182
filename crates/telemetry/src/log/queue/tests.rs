//! The queue with a writer that waits for permission.

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

/// Notices that can be recognised.
#[derive(Clone, Default)]
struct Noted(Arc<Mutex<u64>>);

impl Notices for Noted {
    fn dropped(&self, count: u64) -> Vec<u8> {
        format!("dropped {count}\n").into_bytes()
    }

    fn held(&self, _: Instant, _: bool) -> (Vec<Vec<u8>>, Option<Instant>) {
        let held = std::mem::take(&mut *self.0.lock().unwrap());
        let lines = if held == 0 { Vec::new() } else { vec![format!("held {held}\n").into_bytes()] };
        (lines, None)
    }
}

fn gated(noted: Noted) -> (Queue, mpsc::Sender<()>, mpsc::Receiver<Vec<u8>>) {
    let (allow, allowed) = mpsc::channel();
    let (written, read) = mpsc::channel();
    (Queue::start(Gated { allowed, written }, noted).unwrap(), allow, read)
}

#[test]
fn flush_waits_for_what_was_handed_over() {
    let (queue, allow, read) = gated(Noted::default());
    queue.push(b"one\n".to_vec());
    assert!(!queue.flush(Duration::ZERO), "nothing was allowed to be written");
    allow.send(()).unwrap();
    assert!(queue.flush(Duration::from_secs(60)));
    assert_eq!(read.recv().unwrap(), b"one\n");
}

#[test]
fn a_log_that_is_not_read_stops_nothing_and_says_what_is_missing() {
    let (queue, allow, read) = gated(Noted::default());
    let line = vec![b'x'; 1 << 20];
    // Six lines of 1 MiB: one may be with the writer, at most four wait.
    for _ in 0..6 {
        queue.push(line.clone());
    }
    let dropped = queue.dropped_total();
    assert!((1..=2).contains(&dropped), "{dropped}");
    for _ in 0..16 {
        allow.send(()).unwrap();
    }
    assert!(queue.flush(Duration::from_secs(60)));
    queue.push(b"last\n".to_vec());
    assert!(queue.flush(Duration::from_secs(60)));
    let text: Vec<u8> = read.try_iter().flatten().collect();
    let text = String::from_utf8(text).unwrap();
    assert!(text.ends_with("last\n"), "{}", text.trim_start_matches('x'));
    assert!(text.contains(&format!("dropped {dropped}\n")), "{}", text.trim_start_matches('x'));
}

#[test]
fn what_was_held_back_is_summed_up_at_the_end() {
    let noted = Noted::default();
    let (queue, allow, read) = gated(noted.clone());
    *noted.0.lock().unwrap() = 7;
    for _ in 0..4 {
        allow.send(()).unwrap();
    }
    assert!(queue.flush(Duration::from_secs(60)));
    let text: Vec<u8> = read.try_iter().flatten().collect();
    assert_eq!(text, b"held 7\n");
}
