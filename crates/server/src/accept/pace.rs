//! How long the accept queue of a closing listener is still looked at. Pure: no clock, no socket.

use std::time::Duration;
use tokio::time::Instant;

/// What a handshake takes besides the wire: the two kernels, on a busy machine.
const HANDSHAKE_SLACK: Duration = Duration::from_millis(5);

/// How long nothing must have come, where clients connected a moment ago: bounds.
const QUIET_MIN: Duration = Duration::from_millis(10);
const QUIET_MAX: Duration = Duration::from_millis(100);

/// The same where none did.
const QUIET_IDLE: Duration = Duration::from_millis(2);

/// How long ago "a moment ago" may be.
const RECENT: Duration = Duration::from_secs(1);

/// The end of it, whatever comes: by then every handshake that the filter let through has completed, or its client is
/// further away than a request is worth.
const TOTAL_MAX: Duration = Duration::from_millis(200);

/// The same while the kernel lists a handshake that is under way. Its client may be gone, or never have been: a kernel
/// that gets no answer tries again after a second, and this does not wait for that.
const HANDSHAKE_MAX: Duration = Duration::from_millis(900);

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// When to look again, and when to stop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// New handshakes are turned away: what is still to come is bounded.
    sealed: bool,
    began: Instant,
    last: Instant,
    recent: bool,
}

impl Pace {
    /// `last_accept`: before `now`, if any.
    pub(super) fn new(sealed: bool, now: Instant, last_accept: Option<Instant>) -> Self {
        let recent = last_accept.is_some_and(|last| now.saturating_duration_since(last) < RECENT);
        Self { sealed, began: now, last: now, recent }
    }

    /// A connection came out of the queue.
    pub(super) fn accepted(&mut self, now: Instant) {
        self.last = now;
        self.recent = true;
    }

    /// After a look that found the queue empty: how long to wait before the next; `None` = close. `round_trip` is the
    /// slowest known.
    pub(super) fn next(&self, now: Instant, round_trip: Duration) -> Option<Duration> {
        if !self.sealed {
            // Whoever waits here only lets in more.
            return None;
        }
        let quiet = if self.recent { (round_trip + HANDSHAKE_SLACK).clamp(QUIET_MIN, QUIET_MAX) } else { QUIET_IDLE };
        let until = (self.last + quiet).min(self.began + TOTAL_MAX);
        (now < until).then(|| (until - now).min(LOOK_EVERY))
    }

    /// After [`next`](Self::next) has said that nothing is to come: how long to wait all the same, because a handshake
    /// is under way. Asks only while the answer matters.
    pub(super) fn last_look(&self, now: Instant, under_way: impl FnOnce() -> bool) -> Option<Duration> {
        (self.recent && now < self.began + HANDSHAKE_MAX && under_way()).then_some(LOOK_EVERY)
    }
}

/// Round-trip times of the newest clients.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RoundTrips {
    newest: [Duration; 16],
    next: usize,
}

impl RoundTrips {
    pub(super) fn add(&mut self, round_trip: Option<Duration>) {
        self.newest[self.next] = round_trip.unwrap_or_default();
        self.next = (self.next + 1) % self.newest.len();
    }

    /// The slowest.
    pub(super) fn max(&self) -> Duration {
        self.newest.iter().copied().max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// How long the looks go on, if a connection comes out at each of `accepts` (milliseconds after the start).
    fn lasts(pace: Pace, round_trip: Duration, accepts: &[u32]) -> Duration {
        let mut pace = pace;
        let mut now = pace.began;
        let mut accepts = accepts.iter().peekable();
        loop {
            while accepts.next_if(|&&at| pace.began + MS * at <= now).is_some() {
                pace.accepted(now);
            }
            match pace.next(now, round_trip) {
                Some(wait) => now += wait,
                None => return now - pace.began,
            }
        }
    }

    #[test]
    fn an_idle_server_does_not_wait_longer_than_a_local_handshake() {
        let now = Instant::now();
        assert_eq!(lasts(Pace::new(true, now, None), Duration::ZERO, &[]), QUIET_IDLE);
        assert_eq!(lasts(Pace::new(true, now, now.checked_sub(RECENT)), Duration::ZERO, &[]), QUIET_IDLE);
    }

    #[test]
    fn where_clients_connect_it_waits_for_their_round_trip_within_bounds() {
        let now = Instant::now();
        let recent = || Pace::new(true, now, Some(now));
        assert_eq!(lasts(recent(), Duration::ZERO, &[]), QUIET_MIN);
        assert_eq!(lasts(recent(), 40 * MS, &[]), 45 * MS);
        assert_eq!(lasts(recent(), Duration::from_secs(9), &[]), QUIET_MAX);
    }

    #[test]
    fn each_arrival_prolongs_it_up_to_the_end() {
        let now = Instant::now();
        assert_eq!(lasts(Pace::new(true, now, None), Duration::ZERO, &[0]), QUIET_MIN);
        assert_eq!(lasts(Pace::new(true, now, None), Duration::ZERO, &[0, 8]), 8 * MS + QUIET_MIN);
        let always: Vec<u32> = (0..1000).collect();
        assert_eq!(lasts(Pace::new(true, now, None), Duration::ZERO, &always), TOTAL_MAX);
    }

    #[test]
    fn a_handshake_under_way_is_waited_for_within_bounds() {
        let now = Instant::now();
        let recent = Pace::new(true, now, Some(now));
        assert_eq!(recent.last_look(now, || true), Some(LOOK_EVERY));
        assert_eq!(recent.last_look(now, || false), None);
        assert_eq!(recent.last_look(now + HANDSHAKE_MAX, || panic!("does not matter any more")), None);
        assert_eq!(Pace::new(true, now, None).last_look(now, || panic!("nobody connects here")), None);
    }

    #[test]
    fn without_the_filter_waiting_gains_nothing() {
        assert_eq!(lasts(Pace::new(false, Instant::now(), None), 50 * MS, &[0]), Duration::ZERO);
    }

    #[test]
    fn the_slowest_of_the_newest_counts() {
        let mut round_trips = RoundTrips::default();
        round_trips.add(Some(90 * MS));
        (0..15).for_each(|_| round_trips.add(Some(MS)));
        assert_eq!(round_trips.max(), 90 * MS);
        round_trips.add(None);
        assert_eq!(round_trips.max(), MS);
    }
}
