//! Closing a listener without losing a connection. To a client a connection exists as soon as the kernel has completed
//! the handshake; closing the listener resets those that nothing has accepted, and the client may have sent a request
//! by then.
//!
//! So: (1) where the kernel can (Linux), new handshakes are turned away, while those under way may complete; (2) the
//! accept queue is served until nothing has come for as long as a handshake takes ([`Pace`]); (3) the listener closes.
//! What is in the queue even then (no descriptor could be had for it) is counted as unserved.

use super::Listener;
use super::failures::{AcceptFailures, Class};
use super::pace::Pace;
use crate::admission::FORCED;
use crate::{backlog, kernel};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;

/// Connections that a close accepts at most: the backlog, and as many again that come meanwhile. No client may hold the
/// drain by connecting.
const ACCEPTED_MAX: usize = 8192;

/// The test's seam: not a pause of this task, the whole thread is off the processor, as on a busy machine.
#[expect(clippy::disallowed_methods, reason = "blocking is what is simulated")]
fn off_the_processor(gap: Duration) {
    if !gap.is_zero() {
        std::thread::sleep(gap);
    }
}

/// One pass over the accept queue.
#[derive(Clone, Copy, Debug)]
struct Round {
    accepted: usize,
    /// It ended for want of a descriptor, or of memory: how long to wait for one.
    short: Option<Duration>,
}

impl Listener {
    pub(super) async fn close(mut self, listener: TcpListener) {
        if self.shared.options.closings.flush {
            self.serve_queue(&listener).await;
        }
        // The last look. Where the filter is on, nothing can come between this and the close.
        let unserved = backlog::waiting(&listener).unwrap_or(0);
        if unserved > 0 {
            self.shared.unserved.fetch_add(unserved.into(), Relaxed);
            tracing::warn!(unserved, "{unserved} connections could not be accepted before the listener closed");
        }
        off_the_processor(self.shared.options.seams.accept_gap);
        drop(listener);
        self.closed();
    }

    async fn serve_queue(&mut self, listener: &TcpListener) {
        let sealed = self.shared.options.seams.syn_filter && backlog::turn_away_new(listener);
        let mut pace = Pace::new(sealed, Instant::now(), self.last_accept);
        let mut failures = AcceptFailures::none();
        let mut phase = self.shared.phase.subscribe();
        let mut left = ACCEPTED_MAX;
        while self.state() & FORCED == 0 && left > 0 {
            let shared = self.shared.clone();
            let mut ended = std::pin::pin!(shared.left.notified());
            // Listen first, look second: a connection that ends in between is not missed.
            ended.as_mut().enable();
            let round = self.round(listener, left, &mut failures);
            left -= round.accepted;
            let now = Instant::now();
            if round.accepted > 0 {
                pace.accepted(now);
            }
            if let Some(wait) = round.short.filter(|_| backlog::waiting(listener) != Some(0)) {
                // A connection that ends gives its descriptor back. The deadline of the drain bounds this.
                tokio::select! {
                    () = &mut ended => {}
                    () = tokio::time::sleep(wait) => {}
                    _ = phase.changed() => {}
                }
                continue;
            }
            match pace.next(now, self.round_trips.max()) {
                Some(wait) => tokio::time::sleep(wait).await,
                // Without the filter there may be new ones in the queue already.
                None if backlog::waiting(listener).unwrap_or(0) > 0 => {}
                None => match pace.last_look(now, || sealed && backlog::shaking_hands(listener)) {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => return,
                },
            }
        }
    }

    /// Serves what waits in the queue now.
    fn round(&mut self, listener: &TcpListener, most: usize, failures: &mut AcceptFailures) -> Round {
        let mut accepted = 0;
        while accepted < most {
            match kernel::accept_queued(listener) {
                Ok(Some((stream, peer))) => {
                    self.serve(stream, peer);
                    accepted += 1;
                }
                Ok(None) => break,
                Err(error) if Class::of(&error) == Class::Peer => {}
                Err(_) if self.reserve.give_back_one() => {}
                Err(error) => {
                    let wait = failures.with(&error, &self.shared);
                    return Round { accepted, short: Some(wait) };
                }
            }
        }
        Round { accepted, short: None }
    }
}
