//! Which keys have changed: a load that began before a change must not be kept.

use lameduck_support::hash;
use std::sync::atomic::{AtomicU64, Ordering};

/// Keys share a stamp: a change of one makes a load of another be thrown away, which costs a load.
const STAMPS: usize = 1024;

/// Counts of changes.
#[derive(Debug)]
pub(super) struct Stamps(Box<[AtomicU64]>);

impl Default for Stamps {
    fn default() -> Self {
        Self((0..STAMPS).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Stamps {
    fn cell(&self, key: &str) -> &AtomicU64 {
        let spread = key.bytes().fold(0, |sum, byte| hash::mix(sum ^ u64::from(byte)));
        &self.0[usize::try_from(spread % STAMPS as u64).unwrap_or(0)]
    }

    /// The stamp now.
    pub(super) fn of(&self, key: &str) -> u64 {
        self.cell(key).load(Ordering::Acquire)
    }

    /// The key has changed.
    pub(super) fn touch(&self, key: &str) {
        self.cell(key).fetch_add(1, Ordering::AcqRel);
    }
}
