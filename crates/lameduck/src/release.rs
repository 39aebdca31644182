//! Giving back what start-up acquired, in reverse order: workers, then dependencies. Each is bounded, and each leaves
//! time to those after it.

use crate::dependency::{Dependencies, Named};
use crate::workers::WorkerSet;
use lameduck_lifecycle::{Straggler, StragglerKind, WaitsFor};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime;
use tokio::time::{Instant, timeout_at};

/// What each part leaves at least to each part after it, as far as there is so much.
const RESERVE: Duration = Duration::from_millis(200);

/// What is being released now. A cheap handle.
#[derive(Clone, Debug, Default)]
pub(crate) struct Releasing(Arc<Mutex<Option<(String, Instant)>>>);

impl Releasing {
    fn set(&self, current: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = current.map(|name| (name, Instant::now()));
    }

    /// The dependency that is being released, by name.
    pub(crate) fn straggler(&self) -> Option<Straggler> {
        let current = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        current.map(|(name, since)| Straggler::new(StragglerKind::Release, name, since.elapsed(), WaitsFor::Release))
    }
}

enum Part {
    Worker(String),
    Dependency(Named),
}

/// Releases everything until `until`.
///
/// # Cancel safety
/// Dropped, nothing further is released; what was being released is dropped with it.
pub(crate) async fn release_all(
    workers: &WorkerSet,
    dependencies: &Dependencies,
    releasing: &Releasing,
    work: &runtime::Handle,
    until: Instant,
) {
    let names = workers.names_reversed().into_iter().map(Part::Worker);
    let parts: Vec<Part> = names.chain(dependencies.take_reversed().into_iter().map(Part::Dependency)).collect();
    let count = parts.len();
    for (index, part) in parts.into_iter().enumerate() {
        let bound = bound(Instant::now(), until, count - 1 - index);
        match part {
            Part::Worker(name) => {
                if timeout_at(bound, workers.release(&name)).await.is_err() {
                    tracing::warn!(worker = %name, "worker {name} did not end in its time");
                }
            }
            Part::Dependency(dependency) => {
                releasing.set(Some(dependency.name.clone()));
                release_dependency(dependency, work, bound).await;
                releasing.set(None);
            }
        }
    }
}

async fn release_dependency(dependency: Named, work: &runtime::Handle, bound: Instant) {
    let name = dependency.name.clone();
    let mut release = work.spawn(async move { dependency.release().await });
    match timeout_at(bound, &mut release).await {
        Ok(Ok(Ok(()))) => tracing::debug!(dependency = %name, "dependency {name} is released"),
        Ok(Ok(Err(error))) => tracing::warn!(dependency = %name, %error, "releasing dependency {name} failed: {error}"),
        Ok(Err(_)) => tracing::warn!(dependency = %name, "releasing dependency {name} panicked"),
        Err(_) => {
            release.abort();
            tracing::warn!(dependency = %name, "releasing dependency {name} did not return in its time");
        }
    }
}

/// When a part is cut that has `later` parts after it: each of them keeps its reserve, or an equal share of what is
/// left.
fn bound(now: Instant, until: Instant, later: usize) -> Instant {
    let left = until.saturating_duration_since(now);
    let later = u32::try_from(later).unwrap_or(u32::MAX);
    let reserve = RESERVE.min(left / later.saturating_add(1));
    now + left.saturating_sub(reserve.saturating_mul(later))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_leaves_time_to_the_later_ones() {
        let now = Instant::now();
        let ms = |ms| now + Duration::from_millis(ms);
        assert_eq!(bound(now, ms(3000), 0), ms(3000));
        assert_eq!(bound(now, ms(3000), 2), ms(2600));
        assert_eq!(bound(now, ms(300), 2), ms(100));
        assert_eq!(bound(ms(10), now, 2), ms(10));
    }
}
