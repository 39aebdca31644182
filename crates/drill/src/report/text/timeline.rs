//! The cluster's own timeline: when each pod was told to leave, when its endpoint was taken out, when it got its last
//! new connection, when it ended.

use std::fmt::Write;

use lameduck_load::Micros;

use super::{line, time};
use crate::facts::{ClusterSetting, ReplicaFacts, RunFacts};

/// Most pods shown one by one; all are in the JSON.
const PODS_SHOWN: usize = 40;

pub(super) fn timeline(text: &mut String, facts: &RunFacts, setting: &ClusterSetting) {
    line(text, format_args!("\n{}: {} through service {}", facts.name, setting.workload, setting.service));
    line(text, format_args!("  Kubernetes {}, load from {}", setting.version, setting.source));
    let left: Vec<_> = facts.replicas.iter().filter(|pod| pod.marked.or(pod.signalled).is_some()).collect();
    if !left.is_empty() {
        let width = left.iter().map(|pod| pod.name().len()).max().unwrap_or_default().max(3);
        line(
            text,
            format_args!(
                "  {:<width$}  {:>10}  {:>9}  {:>9}  {:>9}  {:>5}  wait ended by",
                "pod", "left at", "endpoint", "last conn", "exit", "code"
            ),
        );
        for pod in left.iter().take(PODS_SHOWN) {
            row(text, pod, width);
        }
        if left.len() > PODS_SHOWN {
            line(text, format_args!("  and {} more", left.len() - PODS_SHOWN));
        }
        took(text, &left);
    }
    for clock in &setting.clocks {
        let (ahead, error) = (clock.offset.us as f64 / 1e3, clock.offset.error_us as f64 / 1e3);
        line(
            text,
            format_args!("  clock of {}: {ahead:+.1}ms ahead of this machine, to within {error:.1}ms", clock.of),
        );
    }
    line(
        text,
        format_args!(
            "  pods and endpoints by the clock of this machine, when the watch reported them; the last connection by the pod's report"
        ),
    );
    if setting.evictions_refused > 0 {
        line(
            text,
            format_args!("  {} evictions were refused for now by a PodDisruptionBudget", setting.evictions_refused),
        );
    }
    for note in &setting.notes {
        line(text, format_args!("  note: {note}"));
    }
}

/// All but the first time count from when the pod was told to leave.
fn row(text: &mut String, pod: &ReplicaFacts, width: usize) {
    let told = pod.marked.or(pod.signalled).unwrap_or_default();
    let after = |at: Option<Micros>| match at {
        // An endpoint may be seen to go before the pod is seen to be deleted.
        Some(at) => format!("+{}", time(at.saturating_sub(told))),
        None => "-".to_owned(),
    };
    let end = pod.pod.as_ref().and_then(|pod| pod.end.as_ref());
    let last = end.and_then(|end| Some(pod.signalled? + end.last_connection_after_ms? * 1_000));
    let code = pod.status.and_then(|status| status.code).map_or("-".to_owned(), |code| code.to_string());
    let mut how = end.and_then(|end| end.wait_end.clone()).unwrap_or_else(|| "-".to_owned());
    if pod.marked.is_none() {
        // A String takes everything.
        let _ = write!(how, ", not deleted");
    }
    line(
        text,
        format_args!(
            "  {:<width$}  {:>10}  {:>9}  {:>9}  {:>9}  {code:>5}  {how}",
            pod.name(),
            time(told),
            after(pod.removed.map(|(_, last)| last)),
            after(last),
            after(pod.exited),
        ),
    );
}

fn took(text: &mut String, left: &[&ReplicaFacts]) {
    let mut took: Vec<Micros> = left.iter().filter_map(|pod| pod.took()).collect();
    took.sort_unstable();
    if let (Some(least), Some(most)) = (took.first(), took.last()) {
        let median = took[took.len() / 2];
        line(
            text,
            format_args!(
                "  from deletion to exit: {} / {} / {} (least, median, most); {} in sum",
                time(*least),
                time(median),
                time(*most),
                time(took.iter().sum())
            ),
        );
    }
}
