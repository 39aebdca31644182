//! One result and how old it is: pure.

use super::CacheOptions;
use bytes::{BufMut, Bytes, BytesMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// After a load in the background that failed, the next one is tried so much later.
const AGAIN: Duration = Duration::from_secs(1);
/// Bytes before the value in the store: when it was loaded, in milliseconds of Unix time.
const HEADER: usize = 8;

/// A result. Clones share who loads it again.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) value: Bytes,
    loaded: Instant,
    /// When the next load in the background may begin; `None`: one is under way.
    next: Arc<Mutex<Option<Instant>>>,
}

/// What may be done with a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    Fresh,
    Stale,
    Gone,
}

impl Entry {
    pub(super) fn new(value: Bytes, now: Instant) -> Self {
        Self { value, loaded: now, next: Arc::new(Mutex::new(Some(now))) }
    }

    /// The same, as if it had been loaded earlier.
    pub(super) fn aged(self, by: Duration) -> Self {
        let loaded = self.loaded.checked_sub(by).unwrap_or(self.loaded);
        Self { loaded, ..self }
    }

    pub(super) fn age(&self, options: &CacheOptions, now: Instant) -> Age {
        let age = now.saturating_duration_since(self.loaded);
        if age < options.fresh {
            Age::Fresh
        } else if age < options.lifetime() {
            Age::Stale
        } else {
            Age::Gone
        }
    }

    /// Whether the caller is the one to load it again.
    pub(super) fn claim(&self, now: Instant) -> bool {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let due = next.is_some_and(|next| next <= now);
        if due {
            *next = None;
        }
        due
    }

    /// The load failed: another one may begin after a pause.
    pub(super) fn give_up(&self, now: Instant) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(now + AGAIN);
    }

    /// As the store keeps it.
    pub(super) fn encode(&self) -> Bytes {
        let loaded = SystemTime::now().checked_sub(self.loaded.elapsed()).unwrap_or(UNIX_EPOCH);
        let millis = loaded.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let mut record = BytesMut::with_capacity(HEADER + self.value.len());
        record.put_u64(u64::try_from(millis).unwrap_or(u64::MAX));
        record.put(self.value.as_ref());
        record.freeze()
    }

    /// From what the store has. The clocks of two machines may differ: what comes from the future is new.
    pub(super) fn decode(mut record: Bytes, now: Instant) -> Option<Self> {
        if record.len() < HEADER {
            return None;
        }
        let value = record.split_off(HEADER);
        let millis = u64::from_be_bytes(record.as_ref().try_into().ok()?);
        let loaded = UNIX_EPOCH.checked_add(Duration::from_millis(millis))?;
        let age = SystemTime::now().duration_since(loaded).unwrap_or_default();
        // A machine that has just started cannot say what was before.
        now.checked_sub(age).map(|loaded| Self::new(value, loaded))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn options(fresh: u64, stale: u64) -> CacheOptions {
        let (fresh, stale) = (Duration::from_millis(fresh), Duration::from_millis(stale));
        CacheOptions { prefix: String::new(), fresh, stale, bytes_max: 1 }
    }

    proptest! {
        #[test]
        fn a_result_only_ages(fresh in 0..1000_u64, stale in 0..1000_u64, mut at in prop::collection::vec(0..3000_u64, 2..20)) {
            let options = options(fresh, stale);
            let now = Instant::now();
            let entry = Entry::new(Bytes::new(), now);
            at.sort_unstable();
            let ages = at.iter().map(|at| entry.age(&options, now + Duration::from_millis(*at)) as u8);
            prop_assert!(ages.is_sorted());
            let age = |at: u64| entry.age(&options, now + Duration::from_millis(at));
            prop_assert_eq!(age(fresh + stale), Age::Gone);
            prop_assert_eq!(age(fresh) == Age::Stale, stale > 0);
        }

        #[test]
        fn one_claims_it_until_it_is_given_up(steps in prop::collection::vec((any::<bool>(), 0..700_u64), 0..50)) {
            let mut now = Instant::now();
            let entry = Entry::new(Bytes::new(), now);
            let mut claimed = false;
            let mut not_before = now;
            for (give_up, millis) in steps {
                now += Duration::from_millis(millis);
                if give_up && claimed {
                    entry.give_up(now);
                    (claimed, not_before) = (false, now + AGAIN);
                }
                let got = entry.clone().claim(now);
                prop_assert_eq!(got, !claimed && not_before <= now);
                claimed |= got;
            }
        }

        #[test]
        fn what_the_store_has_is_read_or_refused(record in prop::collection::vec(any::<u8>(), 0..32)) {
            let length = record.len();
            if let Some(entry) = Entry::decode(record.into(), Instant::now()) {
                prop_assert_eq!(entry.value.len(), length - HEADER);
            }
        }
    }

    #[test]
    fn its_age_travels_with_it() {
        let options = options(60_000, 60_000);
        let now = Instant::now();
        let Some(before) = now.checked_sub(Duration::from_secs(90)) else { return };
        let read = Entry::decode(Entry::new("value".into(), before).encode(), now).unwrap();
        assert_eq!((read.value.as_ref(), read.age(&options, now)), (&b"value"[..], Age::Stale));
    }
}
