//! When to close an idle HTTP/1 connection. Pure: no clock, no socket.
//!
//! A request that crosses our FIN on the wire is lost, whatever we do. How likely that is, is rate x window: how often
//! a connection that has been silent for so long speaks next, times how long our FIN and its request can miss each
//! other. The rate is learned from the silences of all connections ([`Silences`], frozen into [`Rates`] when the notice
//! begins), the window from each connection's round-trip time ([`window`]).
//!
//! [`Hold`] spends a small budget on the connections that are least likely to speak and keeps the others until they
//! have spoken, until keeping them gains next to nothing, or until a cap.

mod budget;
mod rates;
mod silence_histogram;
mod silences;

use std::time::Duration;

pub use budget::{Closing, Hold, Idle, Verdict};
pub use rates::Rates;
pub use silence_histogram::{BUCKETS, Histogram};
pub use silences::Silences;

/// What a drain may lose on purpose, in requests: the sum of the values of the connections it closes early.
pub const BUDGET: f64 = 0.001;

/// Holding on is worth it while it lowers the expected loss by more than this many requests each second.
pub const LEAST_GAIN_PER_SECOND: f64 = 0.0001;

/// The longest that [`IdleHold::Auto`] holds, from the start of Draining.
pub const AUTO_CAP: Duration = Duration::from_secs(10);

/// How often a drain asks [`Hold::tick`].
pub const TICK: Duration = Duration::from_millis(20);

/// What a request needs beside the wire: the peer looks at its socket, decides, writes; we look, decide, close.
const PROCESSING: Duration = Duration::from_millis(1);

/// The window where the system does not tell a round-trip time.
const WINDOW_UNKNOWN: Duration = Duration::from_millis(2);

/// How long idle HTTP/1 connections are held once the drain has begun (`drain.idle_hold`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdleHold {
    /// Until closing them is expected to lose next to nothing, at most [`AUTO_CAP`].
    #[default]
    Auto,
    /// Exactly so long from the start of Draining, then all at once. Zero: none is held.
    For(Duration),
}

/// The time in which a request and our FIN can cross: the least round-trip time seen, plus what both ends take to act.
///
/// The *least* one, because a smoothed round-trip time contains the peer's delayed acknowledgements.
pub fn window(least_round_trip: Option<Duration>) -> Duration {
    least_round_trip.map_or(WINDOW_UNKNOWN, |round_trip| round_trip.saturating_add(PROCESSING))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_the_wire_and_the_two_ends_or_a_guess() {
        assert_eq!(window(Some(Duration::from_micros(300))), Duration::from_micros(1300));
        assert_eq!(window(Some(Duration::MAX)), Duration::MAX);
        assert_eq!(window(None), Duration::from_millis(2));
    }
}
