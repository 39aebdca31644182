//! What this exit says about the settings of the next: see [`Advice`].

use lameduck_lifecycle::{Advice, Evidence, PhaseName, Snapshot};
use lameduck_server::{BOUNDS_SECONDS, HistogramSnapshot};
use std::time::Duration;

/// Advice from what is known now; `None` before leaving. `fixed`: the length of the wait is a setting.
pub(crate) fn advice(snapshot: &Snapshot, late: &HistogramSnapshot, fixed: bool) -> Option<Advice> {
    let leaving = snapshot.phase.leaving()?;
    let bounds = BOUNDS_SECONDS.into_iter().chain([f64::INFINITY]);
    let late: Vec<(f64, u64)> = bounds.zip(late.buckets).collect();
    let took = snapshot.at.saturating_sub(leaving.began);
    let waited = leaving.took.iter().find(|took| took.phase == PhaseName::LameDuck);
    let since = |at: Duration| at.saturating_sub(leaving.began);
    Some(Advice::of(&Evidence {
        late: &late,
        waited: waited.map_or(took, |waited| Duration::from_secs_f64(waited.seconds)),
        last_arrival: leaving.last_arrival_at.map(since),
        took,
        grace: leaving.deadline.map(since),
        fixed,
    }))
}
