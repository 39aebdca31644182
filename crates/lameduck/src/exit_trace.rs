//! The exit as a trace: told while it happens, so that a process that is killed has exported what came before.

use lameduck_lifecycle::{Exit, PhaseName, Report, Snapshot};
use lameduck_telemetry::Trace;
use lameduck_telemetry::traces::{DrainTrace, PhaseSpan, Traces};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// The trace of this exit. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExitTrace(Arc<Mutex<Option<UnderWay>>>);

#[derive(Debug)]
struct UnderWay {
    trace: DrainTrace,
    /// When leaving began.
    began: SystemTime,
    /// Phases that have their span.
    phases: usize,
}

impl ExitTrace {
    /// Tells of the phases that have ended by `snapshot`, and of `progress` in the one that runs.
    pub(crate) fn tell(&self, traces: &Traces, snapshot: &Snapshot, progress: Option<&str>) {
        let Some(leaving) = snapshot.phase.leaving() else { return };
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = under_way.get_or_insert_with(|| {
            let began = SystemTime::now() - snapshot.at.saturating_sub(leaving.began);
            let trace = DrainTrace::begin(traces.clone(), began);
            tracing::info!(trace_id = trace.trace_id(), "the exit is a trace");
            UnderWay { trace, began, phases: 0 }
        });
        let left: Vec<_> = leaving.took.iter().filter(|took| took.phase > PhaseName::Ready).collect();
        let seconds = |took: &[&lameduck_lifecycle::PhaseSeconds]| took.iter().map(|took| took.seconds).sum::<f64>();
        for (index, took) in left.iter().enumerate().skip(under_way.phases) {
            let at = |count: usize| under_way.began + Duration::from_secs_f64(seconds(&left[..count]));
            let mut evidence = vec![("lameduck.seconds", took.seconds.into())];
            if took.phase == PhaseName::LameDuck
                && let Some(end) = leaving.wait_end
            {
                evidence.push(("lameduck.wait_end", end.as_str().into()));
            }
            let (began, ended) = (at(index), at(index + 1));
            let cut = leaving.cut.contains(&took.phase);
            under_way.trace.phase(PhaseSpan { name: took.phase.as_str(), began, ended, evidence, cut });
        }
        under_way.phases = left.len();
        if let Some(progress) = progress {
            let in_flight = i64::try_from(snapshot.ledger.in_flight()).unwrap_or(i64::MAX);
            under_way.trace.progress(progress.to_owned(), vec![("lameduck.in_flight", in_flight.into())]);
        }
    }

    /// The exit is over as far as spans can tell. `cut`: the traces of the requests that were cut.
    pub(crate) fn end(&self, report: &Report, cut: &[Trace]) {
        let Some(under_way) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let ledger = &report.document.ledger;
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX).into();
        let mut evidence = vec![
            ("lameduck.exit_code", i64::from(report.exit.code()).into()),
            ("lameduck.requests", count(ledger.started())),
            ("lameduck.lost", count(ledger.lost())),
            ("lameduck.sentence", report.sentence().into()),
        ];
        if let Some(advice) = &report.document.advice {
            evidence.extend(advice.delay_seconds.map(|delay| ("lameduck.advised_delay_seconds", delay.into())));
            evidence.push(("lameduck.advice", advice.change.as_str().into()));
        }
        let failed = (report.exit != Exit::Clean).then(|| report.sentence());
        under_way.trace.end(evidence, cut, failed);
    }
}
