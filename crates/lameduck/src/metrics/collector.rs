//! From the snapshot and the server's numbers to families, when somebody scrapes.

use super::declared::*;
use super::family::{Family, descriptions};
use super::process;
use crate::cluster::Contradictions;
use crate::dependency::{CHECK_BOUNDS, Condition, Named};
use crate::liveness::Heartbeat;
use crate::observer::Observer;
use crate::reload::Counts;
use lameduck_lifecycle::{
    CloseReason, ConnectionState, Kind, Outcome, PhaseName, Protocol, Readiness, Snapshot, WaitEnd,
};
use lameduck_server::{CallHistogram, Numbers, RouteHistogram};
use prometheus::core::Desc;
use prometheus::proto::MetricFamily;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::RuntimeMetrics;

/// What the collector reads.
pub(crate) struct Sources {
    pub(crate) observer: Observer,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) contradictions: Contradictions,
    pub(crate) work: RuntimeMetrics,
    pub(crate) service: String,
    pub(crate) service_version: &'static str,
    /// What TLS listeners prove themselves by; `None`: all are plain.
    #[cfg(feature = "tls")]
    pub(crate) credentials: Option<crate::reload::Reloaded<lameduck_server::tls::Credentials>>,
}

/// Computes every metric of the engine at scrape time.
pub(crate) struct Collector {
    sources: Sources,
    descriptions: Vec<Desc>,
    started: SystemTime,
}

impl Collector {
    /// A collector of a process that started just now.
    ///
    /// # Errors
    /// If a declaration is malformed.
    pub(crate) fn new(sources: Sources) -> prometheus::Result<Self> {
        let started = SystemTime::now() - sources.observer.shared.clock.now();
        Ok(Self { sources, descriptions: descriptions(METRICS)?, started })
    }

    fn unix_seconds(&self, at: Duration) -> f64 {
        (self.started + at).duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
    }

    fn families(&self) -> Vec<Family> {
        let numbers = self.sources.observer.numbers();
        let snapshot = self.sources.observer.complete(&self.sources.observer.shared.view.borrow(), numbers.clone());
        let mut families = lifecycle(&snapshot);
        families.extend(requests(&snapshot, &numbers, &self.sources.observer.server.histograms()));
        families.push(calls(&self.sources.observer.server.call_histograms()));
        families.extend(connections(&snapshot, &numbers));
        #[cfg(feature = "tls")]
        if let Some(credentials) = &self.sources.credentials {
            families.extend(tls(&numbers.handshakes, credentials.get().certificate()));
        }
        families.extend(jobs(&snapshot));
        families.extend(dependencies(self.sources.observer.dependencies.all()));
        families.extend(files(&self.sources.observer.files.counts()));
        families.push(self.deadline(&snapshot));
        families.push(advised_delay(&snapshot, &numbers));
        families.push(self.previous_exit());
        families.push(Family::single(&POD_CONTRADICTIONS, self.sources.contradictions.count().into()));
        families.extend(self.telemetry());
        families.extend(self.work());
        families.extend(process::families());
        families.push(Family::single(&PROCESS_START, self.unix_seconds(Duration::ZERO)));
        families
    }

    fn deadline(&self, snapshot: &Snapshot) -> Family {
        let mut family = Family::new(&DRAIN_DEADLINE);
        if let Some(deadline) = snapshot.phase.leaving().and_then(|leaving| leaving.deadline) {
            family.push(&[], self.unix_seconds(deadline));
        }
        family
    }

    fn previous_exit(&self) -> Family {
        let mut family = Family::new(&PREVIOUS_EXIT);
        if let Some((reason, code)) = self.sources.contradictions.previous_exit() {
            family.push(&[reason, &code.to_string()], 1.0);
        }
        family
    }

    fn telemetry(&self) -> Vec<Family> {
        let telemetry = &self.sources.observer.telemetry;
        #[cfg_attr(not(feature = "traces"), expect(unused_mut, reason = "without traces there are no spans"))]
        let mut families = vec![Family::single(&LOG_LINES_DROPPED, telemetry.lines_dropped() as f64)];
        #[cfg(feature = "traces")]
        if let Some(traces) = &telemetry.traces {
            let mut dropped = Family::new(&SPANS_DROPPED);
            for (reason, count) in traces.dropped() {
                dropped.push(&[reason.as_str()], count as f64);
            }
            families.push(dropped);
        }
        families
    }

    fn work(&self) -> Vec<Family> {
        let Sources { work, heartbeat, service, service_version, .. } = &self.sources;
        let mut build = Family::new(&BUILD_INFO);
        build.push(&[service, service_version, env!("CARGO_PKG_VERSION")], 1.0);
        vec![
            Family::single(&WORK_THREADS, work.num_workers() as f64),
            Family::single(&WORK_TASKS, work.num_alive_tasks() as f64),
            Family::single(&WORK_QUEUE, work.global_queue_depth() as f64),
            Family::single(&WORK_BUSY, busy(work).as_secs_f64()),
            Family::single(&HEARTBEAT_AGE, heartbeat.age().as_secs_f64()),
            build,
        ]
    }
}

impl prometheus::core::Collector for Collector {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.families().into_iter().map(Family::build).collect()
    }
}

#[cfg(target_has_atomic = "64")]
fn busy(work: &RuntimeMetrics) -> Duration {
    (0..work.num_workers()).map(|worker| work.worker_total_busy_duration(worker)).sum()
}

#[cfg(not(target_has_atomic = "64"))]
fn busy(_work: &RuntimeMetrics) -> Duration {
    Duration::ZERO
}

fn lifecycle(snapshot: &Snapshot) -> Vec<Family> {
    let current = snapshot.phase.name();
    let mut phase = Family::new(&PHASE);
    for name in PhaseName::ALL {
        phase.push(&[name.as_str()], f64::from(u8::from(name == current)));
    }
    let ready = Family::single(&READY, f64::from(u8::from(snapshot.readiness == Readiness::Ready)));
    let mut took = Family::new(&DRAIN_PHASE);
    if let Some(leaving) = snapshot.phase.leaving() {
        for finished in leaving.took.iter().filter(|finished| finished.phase > PhaseName::Ready) {
            took.push(&[finished.phase.as_str()], finished.seconds);
        }
        took.push(&[current.as_str()], snapshot.at.saturating_sub(snapshot.phase.since()).as_secs_f64());
    }
    let mut wait = Family::new(&DRAIN_WAIT_END);
    if let Some(ended) = snapshot.phase.leaving().and_then(|leaving| leaving.wait_end) {
        for end in WaitEnd::ALL {
            wait.push(&[end.as_str()], f64::from(u8::from(end == ended)));
        }
    }
    let mut stages = Family::new(&STARTUP_STAGE);
    for (stage, duration) in &snapshot.phase.startup().finished {
        stages.push(&[stage.as_str()], duration.as_secs_f64());
    }
    vec![phase, ready, took, wait, stages]
}

/// Protocols that a request can have: by the time there is one, the protocol is known.
const SPOKEN: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

fn requests(snapshot: &Snapshot, numbers: &Numbers, histograms: &[RouteHistogram]) -> Vec<Family> {
    let ledger = &snapshot.ledger;
    let mut started = Family::new(&REQUESTS_STARTED);
    let mut in_flight = Family::new(&REQUESTS_IN_FLIGHT);
    let mut ended = Family::new(&REQUESTS_ENDED);
    for protocol in SPOKEN {
        started.push(&[protocol.as_str()], ledger.started_by(protocol) as f64);
        for kind in Kind::ALL {
            let labels = [protocol.as_str(), kind.as_str()];
            in_flight.push(&labels, ledger.in_flight_by(protocol, kind) as f64);
            for outcome in Outcome::ALL {
                let count = ledger.ended_by(protocol, kind, outcome);
                ended.push(&[labels[0], labels[1], outcome.as_str()], count as f64);
            }
        }
    }
    let mut durations = Family::new(&REQUEST_DURATION);
    for RouteHistogram { method, route, status, durations: snapshot } in histograms {
        let status = status.map_or_else(|| "other".to_owned(), |status| status.to_string());
        durations.push_histogram(&[method, route, &status], snapshot);
    }
    let mut late = Family::new(&LATE_ARRIVAL);
    late.push_histogram(&[], &numbers.late_arrivals);
    vec![
        durations,
        Family::single(&REQUESTS_ACTIVE, ledger.in_flight() as f64),
        started,
        in_flight,
        ended,
        Family::single(&CONNECTIONS_UNSERVED, ledger.unserved as f64),
        Family::single(&REQUESTS_RACED, ledger.raced as f64),
        Family::single(&REQUESTS_RACED_EXPECTED, ledger.raced_expected),
        late,
    ]
}

fn calls(histograms: &[CallHistogram]) -> Family {
    let mut family = Family::new(&CALL_DURATION);
    for CallHistogram { route, status, durations } in histograms {
        let method = route.trim_start_matches('/');
        family.push_histogram(&["grpc", method, lameduck_telemetry::grpc_status(*status)], durations);
    }
    family
}

fn connections(snapshot: &Snapshot, numbers: &Numbers) -> Vec<Family> {
    let mut open = Family::new(&CONNECTIONS);
    let mut closed = Family::new(&CONNECTIONS_CLOSED);
    for protocol in Protocol::ALL {
        for state in ConnectionState::ALL {
            open.push(&[protocol.as_str(), state.as_str()], snapshot.connections.open_by(protocol, state) as f64);
        }
        for reason in CloseReason::ALL {
            let count = snapshot.connections.closed_by(protocol, reason);
            closed.push(&[protocol.as_str(), reason.as_str()], count as f64);
        }
    }
    let mut errors = Family::new(&ACCEPT_ERRORS);
    let classes = numbers.accept_errors;
    for (class, count) in [("peer", classes.peer), ("resource", classes.resource), ("other", classes.other)] {
        errors.push(&[class], count as f64);
    }
    vec![open, closed, errors]
}

#[cfg(feature = "tls")]
fn tls(handshakes: &lameduck_server::tls::Handshakes, certificate: &lameduck_server::tls::Certificate) -> [Family; 3] {
    use lameduck_server::tls::{HandshakeFailure, TlsVersion};
    let (mut completed, mut failed) = (Family::new(&TLS_HANDSHAKES), Family::new(&TLS_HANDSHAKE_FAILURES));
    for version in TlsVersion::ALL {
        for (text, resumed) in [("false", false), ("true", true)] {
            completed.push(&[version.as_str(), text], handshakes.completed(version, resumed) as f64);
        }
    }
    for failure in HandshakeFailure::ALL {
        failed.push(&[failure.as_str()], handshakes.failed(failure) as f64);
    }
    let expiry = certificate.not_after().duration_since(UNIX_EPOCH).unwrap_or_default();
    [completed, failed, Family::single(&TLS_CERTIFICATE_EXPIRY, expiry.as_secs_f64())]
}

fn dependencies(all: &[Named]) -> Vec<Family> {
    let mut up = Family::new(&DEPENDENCY_UP);
    let mut attempts = Family::new(&DEPENDENCY_ATTEMPTS);
    let mut checks = Family::new(&DEPENDENCY_CHECK);
    let mut connections = Family::new(&DEPENDENCY_CONNECTIONS);
    let mut calls = Family::new(&DEPENDENCY_CALLS);
    for dependency in all {
        let Named { name, status, .. } = dependency;
        if let Some(usage) = dependency.usage() {
            let in_use = usage.connections_open.saturating_sub(usage.connections_idle);
            let states = [("in_use", in_use), ("idle", usage.connections_idle), ("max", usage.connections_max)];
            states.into_iter().for_each(|(state, count)| connections.push(&[name, state], count as f64));
            let ended = [usage.calls_succeeded, usage.calls_failed, usage.calls_timed_out];
            let ended = ["succeeded", "failed", "timed_out"].into_iter().zip(ended);
            ended.for_each(|(outcome, count)| calls.push(&[name, outcome], count as f64));
        }
        let seen = status.seen();
        up.push(&[name], f64::from(u8::from(seen.condition == Condition::Up)));
        attempts.push(&[name], seen.attempts as f64);
        checks.push_buckets(&[name], &CHECK_BOUNDS, &seen.checks, seen.checks_took.as_secs_f64());
    }
    vec![up, attempts, checks, connections, calls]
}

fn files(all: &[Counts]) -> Vec<Family> {
    let (mut reloads, mut stale) = (Family::new(&FILE_RELOADS), Family::new(&FILE_STALE));
    for Counts { key, loaded, failed, stale: is_stale } in all {
        reloads.push(&[key, "loaded"], *loaded as f64);
        reloads.push(&[key, "failed"], *failed as f64);
        stale.push(&[key], f64::from(u8::from(*is_stale)));
    }
    vec![reloads, stale]
}

fn jobs(snapshot: &Snapshot) -> Vec<Family> {
    let jobs = &snapshot.jobs;
    let mut ended = Family::new(&JOBS_ENDED);
    for (end, count) in [("finished", jobs.finished), ("returned", jobs.returned), ("lost", jobs.lost_total)] {
        ended.push(&[end], count as f64);
    }
    vec![Family::single(&JOBS_ACCEPTED, jobs.accepted as f64), ended]
}

fn advised_delay(snapshot: &Snapshot, numbers: &Numbers) -> Family {
    let mut family = Family::new(&ADVISED_DELAY);
    let advice = crate::advisor::advice(snapshot, &numbers.late_arrivals, false);
    if let Some(delay) = advice.and_then(|advice| advice.delay_seconds) {
        family.push(&[], delay);
    }
    family
}
