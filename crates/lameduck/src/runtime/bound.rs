//! The bound of the phase that runs. It may move earlier while something waits for it.

use std::future::Future;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Sets the bound.
#[derive(Debug)]
pub(super) struct BoundSetter(watch::Sender<Instant>);

/// Reads the bound. A cheap handle.
#[derive(Clone, Debug)]
pub(super) struct Bound(watch::Receiver<Instant>);

impl BoundSetter {
    /// A bound that nothing waits for yet.
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(Instant::now()))
    }

    /// Sets it.
    pub(super) fn set(&self, until: Instant) {
        self.0.send_replace(until);
    }

    /// A reader of it.
    pub(super) fn reader(&self) -> Bound {
        Bound(self.0.subscribe())
    }
}

impl Bound {
    /// The time that is left.
    pub(super) fn left(&self) -> Duration {
        self.0.borrow().saturating_duration_since(Instant::now())
    }

    /// Waits for `work` until `reserve` before the bound. `None`: it took longer, and was dropped.
    pub(super) async fn limit<T>(&self, reserve: Duration, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.reached(reserve) => None,
        }
    }

    /// Waits until `reserve` before the bound, wherever it moves meanwhile.
    async fn reached(&self, reserve: Duration) {
        let mut bound = self.0.clone();
        loop {
            let now = Instant::now();
            let left = bound.borrow_and_update().saturating_duration_since(now).saturating_sub(reserve);
            tokio::select! {
                () = sleep_until(now + left) => return,
                Ok(()) = bound.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    const S: fn(u64) -> Duration = Duration::from_secs;

    #[tokio::test(start_paused = true)]
    async fn what_takes_longer_is_dropped_at_the_bound_less_the_reserve() {
        let (setter, began) = (BoundSetter::new(), Instant::now());
        setter.set(began + S(4));
        let bound = setter.reader();
        assert_eq!(bound.limit(S(1), pending::<()>()).await, None);
        assert_eq!((began.elapsed(), bound.left()), (S(3), S(1)));
        assert_eq!(bound.limit(S(0), async { 7 }).await, Some(7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_bound_that_moves_is_followed() {
        let (setter, began) = (BoundSetter::new(), Instant::now());
        setter.set(began + S(60));
        let bound = setter.reader();
        let waiting = tokio::spawn(async move { bound.limit(S(0), pending::<()>()).await });
        tokio::time::sleep(S(1)).await;
        setter.set(began + S(2));
        assert_eq!(waiting.await.unwrap(), None);
        assert_eq!(began.elapsed(), S(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_bound_that_has_passed_lets_only_what_is_ready_through() {
        let bound = BoundSetter::new().reader();
        assert_eq!(bound.limit(S(1), async { 7 }).await, Some(7));
        assert_eq!(bound.limit(S(1), pending::<()>()).await, None);
    }
}
