//! Cells written on the hot path: one shard for each worker thread, summed when somebody looks.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// How many threads count without sharing a line; more share, which is slower, never wrong.
pub(crate) const SHARDS: usize = 16;

thread_local! { static SHARD: Cell<usize> = const { Cell::new(usize::MAX) } }
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// This thread's shard.
#[inline]
pub(crate) fn shard() -> usize {
    let shard = SHARD.get();
    if shard < SHARDS { shard } else { new_shard() }
}

#[cold]
fn new_shard() -> usize {
    let shard = NEXT.fetch_add(1, Relaxed) % SHARDS;
    SHARD.set(shard);
    shard
}

/// A value alone on its cache lines (two: the neighbour is prefetched with it).
#[repr(align(128))]
#[derive(Debug, Default)]
pub(crate) struct Padded<T>(pub(crate) T);

/// One value for each shard.
#[derive(Debug)]
pub(crate) struct Sharded<T>(Box<[Padded<T>]>);

impl<T: Default> Default for Sharded<T> {
    fn default() -> Self {
        Self((0..SHARDS).map(|_| Padded::default()).collect())
    }
}

impl<T> Sharded<T> {
    /// This thread's.
    #[inline]
    pub(crate) fn local(&self) -> &T {
        &self.0[shard()].0
    }

    /// The one of `shard`, a value that [`shard`] gave.
    #[inline]
    pub(crate) fn of(&self, shard: usize) -> &T {
        &self.0[shard].0
    }

    /// All.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|padded| &padded.0)
    }
}

/// A number with a fraction, in one word.
#[derive(Debug, Default)]
pub(crate) struct AtomicF64(AtomicU64);

impl AtomicF64 {
    pub(crate) fn load(&self) -> f64 {
        f64::from_bits(self.0.load(Relaxed))
    }

    pub(crate) fn store(&self, value: f64) {
        self.0.store(value.to_bits(), Relaxed);
    }

    /// The value; what stays is zero.
    pub(crate) fn take(&self) -> f64 {
        f64::from_bits(self.0.swap(0, Relaxed))
    }
}
