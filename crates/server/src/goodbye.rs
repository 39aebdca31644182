//! The goodbye of long-lived streams: WebSockets, server-sent events and gRPC subscriptions are ended in order once
//! Draining has begun, spread over a time, so that their clients resume elsewhere and do not all come at once.
//!
//! Not during LameDuck: the endpoint may still point here then, and a client that reconnects at once would come back.

use crate::admission::{DRAINING, FORCED};
use crate::clock;
use crate::shared::Shared;
use crate::table::{Order, Row, Stream};
use lameduck_lifecycle::{CloseReason, Kind};
use std::sync::Arc;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// How long a client that got its goodbye may take to answer it.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// How a long-lived stream ends when the process leaves: an extension of its response. Without it a WebSocket and
/// server-sent events are subscriptions ([`Restart`](Self::Restart)), and a gRPC call is work
/// ([`Finish`](Self::Finish)).
///
/// ```
/// use axum::response::IntoResponse;
/// use lameduck_server::Goodbye;
///
/// async fn export() -> impl IntoResponse {
///     let body = "an answer that is being computed";
///     // It is work: it finishes, within the drain's bound.
///     (axum::Extension(Goodbye::Finish), body)
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Goodbye {
    /// A subscription: ended soon after Draining has begun; the client is asked to reconnect. A WebSocket is closed
    /// with 1012 (service restart), a gRPC stream with UNAVAILABLE.
    #[default]
    Restart,
    /// The same, and a WebSocket is closed with 1001 (going away): for clients that do not know 1012.
    GoingAway,
    /// Work: it is left to finish, and cut at the deadline if it does not.
    Finish,
}

impl Goodbye {
    /// The close code of a WebSocket (RFC 6455, 7.4.1; 1012 by the IANA registry); 0 = none is sent.
    pub(crate) fn code(self) -> u16 {
        match self {
            Self::Restart => 1012,
            Self::GoingAway => 1001,
            Self::Finish => 0,
        }
    }
}

/// When clients should come back: spread over a second, by `seed`.
pub(crate) fn reconnect_ms(seed: u64) -> u64 {
    // The golden ratio spreads consecutive numbers evenly.
    100 + (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) * 900 / (1 << 32)
}

/// A stream to be ended.
enum Target {
    Connection(Arc<Row>),
    Stream(Arc<Stream>),
}

/// Gives each stream its goodbye, evenly over `options.goodbye`, and cuts those whose client does not answer it.
pub(crate) async fn run(shared: Arc<Shared>) {
    let began = tokio::time::Instant::now();
    let window = window(&shared);
    let targets = targets(&shared);
    let count = targets.len();
    for (index, target) in targets.into_iter().enumerate() {
        tokio::time::sleep_until(began + at(index, count, window)).await;
        match target {
            Target::Connection(row) => row.orders.give(Order::GOODBYE),
            Target::Stream(stream) => stream.orders.give(Order::GOODBYE),
        }
    }
    tokio::time::sleep(ANSWER_WITHIN).await;
    if shared.admission.now() & FORCED == 0 {
        shared.table.each(|row| {
            if row.is_websocket() {
                row.kill(CloseReason::Finished);
            }
        });
    }
}

/// When the goodbye number `index` of `count` is said, from the beginning of the `window`.
fn at(index: usize, count: usize, window: Duration) -> Duration {
    window.mul_f64(index as f64 / count.max(1) as f64)
}

/// The spread: at most half of the time that is left, so that answers still fit.
fn window(shared: &Shared) -> Duration {
    let deadline = *shared.deadline.lock().unwrap_or_else(PoisonError::into_inner);
    let left = deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()) / 2);
    shared.options.goodbye.min(left)
}

fn targets(shared: &Shared) -> Vec<Target> {
    let mut targets = Vec::new();
    shared.table.each(|row| {
        if row.is_websocket() || row.activity.in_flight() > 0 && is_sse(row.request.what().2) {
            targets.push(Target::Connection(row.clone()));
        }
        row.each_stream(|stream| {
            if is_sse(stream.request.what().2) || stream.orders.read().has(Order::SUBSCRIPTION) {
                targets.push(Target::Stream(stream.clone()));
            }
        });
    });
    targets
}

fn is_sse(kind: Kind) -> bool {
    kind == Kind::Sse
}

/// A stream begins: while Draining it is ended at once.
pub(crate) fn begins(shared: &Shared, orders: &crate::table::Orders) {
    if shared.admission.after_registering() & DRAINING != 0 {
        orders.give(Order::GOODBYE);
    }
}

/// A seed that differs from stream to stream.
pub(crate) fn seed(row: &Row) -> u64 {
    row.id ^ clock::now_ns()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goodbyes_are_spread_evenly() {
        let window = Duration::from_secs(5);
        let times: Vec<_> = (0..10_000).map(|index| at(index, 10_000, window)).collect();
        assert!(times.is_sorted());
        for slice in 0..50 {
            let from = Duration::from_millis(slice * 100);
            let said = times.iter().filter(|time| (from..from + Duration::from_millis(100)).contains(*time)).count();
            assert!((199..=201).contains(&said), "{said} in the 100 ms from {from:?}");
        }
    }

    #[test]
    fn clients_come_back_within_a_second_and_not_together() {
        let all: std::collections::HashSet<_> = (0..1000).map(reconnect_ms).collect();
        assert!(all.iter().all(|ms| (100..1000).contains(ms)));
        assert!(all.len() > 500, "{} different of 1000", all.len());
    }
}
