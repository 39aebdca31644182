//! One log line for each change of phase: a sentence that reads alone, and fields for machines.

use lameduck_lifecycle::{Leaving, Phase, WaitEnd};
use std::time::Duration;

/// Says that a phase began.
pub(super) fn phase(phase: &Phase, wake_at: Option<Duration>, now: Duration) {
    let name = phase.name();
    let at_most = wake_at.map(|at| at.saturating_sub(now));
    let at_most_ms = at_most.map(|at_most| at_most.as_millis() as u64);
    let bound = at_most.map_or_else(|| "without a bound".to_owned(), |at_most| format!("at most {at_most:.1?}"));
    match phase {
        Phase::Starting(_) => {}
        Phase::Ready { since, .. } => {
            tracing::info!(phase = %name, startup_ms = since.as_millis() as u64, "ready after {since:.1?}");
        }
        Phase::LameDuck { leaving, .. } => tracing::info!(
            phase = %name, cause = %leaving.cause, at_most_ms, deadline_in_ms = deadline_in_ms(leaving, now),
            "leaving, {}: still serving and telling clients to leave, {bound}", leaving.cause,
        ),
        Phase::Draining(leaving) => tracing::info!(
            phase = %name, cause = %leaving.cause, at_most_ms, wait_end = leaving.wait_end.map(WaitEnd::as_str),
            "draining, {}: no new connections, finishing what is in flight, {bound}",
            leaving.wait_end.map_or("without a wait", why),
        ),
        Phase::Releasing(leaving) if leaving.was_ready => {
            tracing::info!(phase = %name, at_most_ms, cut = cut(leaving), "releasing workers and dependencies, {bound}");
        }
        Phase::Releasing(leaving) => tracing::info!(
            phase = %name, cause = %leaving.cause, at_most_ms, "stopping before ready, {}", leaving.cause,
        ),
        Phase::Flushing(leaving) => {
            tracing::debug!(phase = %name, at_most_ms, cut = cut(leaving), "flushing, {bound}");
        }
        Phase::Exited(leaving) => tracing::debug!(phase = %name, cut = cut(leaving), "exiting"),
    }
}

/// Says what a signal did that changed no phase.
pub(super) fn signal_again(phase: &Phase) {
    if let Some(leaving) = phase.leaving() {
        tracing::info!(
            phase = %phase.name(), terminates_again = leaving.terminates_again, interrupts = leaving.interrupts,
            "already leaving: this signal changes nothing",
        );
    }
}

/// Why the wait is over, in words.
fn why(end: WaitEnd) -> &'static str {
    match end {
        WaitEnd::Skipped => "without a wait",
        WaitEnd::Delay => "the delay has passed",
        WaitEnd::Quiet => "new connections have stopped coming",
        WaitEnd::Observed => "the endpoint slices have let go of this pod and new connections have stopped coming",
        WaitEnd::TooLittleTraffic => "too little traffic to detect when it stops, and the delay has passed",
        WaitEnd::NoAnswer => "without an answer of the cluster, the delay has passed",
        WaitEnd::Forbidden => "the cluster may not be asked and the delay has passed",
        WaitEnd::NoCluster => "there is no cluster to ask and the delay has passed",
        WaitEnd::Ceiling => "the longest wait has passed",
        WaitEnd::Deadline => "the deadline leaves no longer wait",
        WaitEnd::Interrupted => "interrupted",
    }
}

fn deadline_in_ms(leaving: &Leaving, now: Duration) -> Option<u64> {
    leaving.deadline.map(|deadline| deadline.saturating_sub(now).as_millis() as u64)
}

fn cut(leaving: &Leaving) -> bool {
    !leaving.cut.is_empty()
}
