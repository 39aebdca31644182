//! What a cache is worth: lookups by result, and bytes.

use lameduck::prometheus::core::{Collector, Desc};
use lameduck::prometheus::proto::MetricFamily;
use lameduck::prometheus::{IntCounter, IntGauge, Opts};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How a lookup ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    Fresh,
    Stale,
    /// It was not there: loaded, or found in the store.
    Loaded,
    /// There is no such thing.
    Absent,
    Failed,
}

const RESULTS: [&str; 5] = ["fresh", "stale", "loaded", "absent", "failed"];

/// The metrics of a [`Cache`](super::Cache), as it returns them under a name.
#[derive(Clone, Default)]
pub struct CacheMetrics {
    counts: Arc<[AtomicU64; RESULTS.len()]>,
    shown: Option<Shown>,
}

#[derive(Clone)]
struct Shown {
    lookups: [IntCounter; RESULTS.len()],
    bytes: IntGauge,
    weigh: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl CacheMetrics {
    pub(super) fn count(&self, lookup: Lookup) {
        self.counts[lookup as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn named(&self, name: &str, weigh: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        let known = "the names of the metrics are constants";
        let lookups = RESULTS.map(|result| {
            let options = Opts::new("lameduck_cache_lookups_total", "Lookups in the cache, by result.");
            IntCounter::with_opts(options.const_label("name", name).const_label("result", result)).expect(known)
        });
        let options = Opts::new("lameduck_cache_bytes", "Bytes that the cache keeps in this process.");
        let bytes = IntGauge::with_opts(options.const_label("name", name)).expect(known);
        Self { counts: Arc::clone(&self.counts), shown: Some(Shown { lookups, bytes, weigh: Arc::new(weigh) }) }
    }
}

impl Collector for CacheMetrics {
    fn desc(&self) -> Vec<&Desc> {
        let shown = self.shown.iter();
        shown.flat_map(|shown| shown.lookups.iter().flat_map(Collector::desc).chain(shown.bytes.desc())).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Some(shown) = &self.shown else { return Vec::new() };
        for (counter, count) in shown.lookups.iter().zip(self.counts.iter()) {
            counter.inc_by(count.load(Ordering::Relaxed).saturating_sub(counter.get()));
        }
        shown.bytes.set(i64::try_from((shown.weigh)()).unwrap_or(i64::MAX));
        shown.lookups.iter().flat_map(Collector::collect).chain(shown.bytes.collect()).collect()
    }
}

impl fmt::Debug for CacheMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheMetrics").field("counts", &self.counts).finish_non_exhaustive()
    }
}
