//! What became of the calls of a dependency.

use lameduck::DependencyUsage;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The counts of one dependency. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Calls(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    succeeded: AtomicU64,
    failed: AtomicU64,
    timed_out: AtomicU64,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Succeeded,
    /// Refused, lost, or not made at all.
    Failed,
    TimedOut,
}

impl Calls {
    /// Of the dependency with this name.
    pub(crate) fn new(name: &str) -> Self {
        let zero = AtomicU64::default;
        Self(Arc::new(Inner { name: name.to_owned(), succeeded: zero(), failed: zero(), timed_out: zero() }))
    }

    /// What the operator calls the dependency.
    #[cfg_attr(
        not(any(feature = "sql", feature = "redis", feature = "kafka")),
        expect(dead_code, reason = "for spans")
    )]
    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    /// A call has ended.
    pub(crate) fn ended(&self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Succeeded => &self.0.succeeded,
            Outcome::Failed => &self.0.failed,
            Outcome::TimedOut => &self.0.timed_out,
        };
        // A count that nobody orders anything by.
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// For /metrics.
    pub(crate) fn usage(&self) -> DependencyUsage {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        DependencyUsage {
            calls_succeeded: count(&self.0.succeeded),
            calls_failed: count(&self.0.failed),
            calls_timed_out: count(&self.0.timed_out),
            ..DependencyUsage::default()
        }
    }
}
