//! One run as the document tells it: what was lost, by whom, when, and what the service said of itself.

use std::collections::BTreeMap;

use lameduck_load::{Kind, Micros, Period, Record, ReplicaCounts, Verdict};
use serde::Serialize;

use super::cluster;
use crate::advice::advice;
use crate::facts::{ExitStatus, Kill, PhaseSeen, ReplicaFacts, Setting};
use crate::judge::JudgedRun;
use crate::plan::Role;
use crate::plan::local::Rollouts;
use crate::reconcile::Reconciled;
use crate::values::words;

/// A run.
#[derive(Debug, Serialize)]
pub(super) struct Run {
    name: String,
    role: Role,
    env: BTreeMap<String, String>,
    scenario: Option<ScenarioTold>,
    /// How the Service was modelled, in a local run.
    service: Option<ServiceTold>,
    /// What the cluster said, in a run there.
    cluster: Option<cluster::ClusterTold>,
    invalid: Vec<String>,
    broken: Vec<String>,
    /// What would have helped.
    advice: Vec<String>,
    interrupted: bool,
    load_from_us: Micros,
    load_to_us: Micros,
    restarts: u32,
    killed_at_grace: usize,
    requests: u64,
    lost: u64,
    verdicts: BTreeMap<&'static str, u64>,
    kinds: BTreeMap<&'static str, KindTold>,
    lost_on_kept_alive: u64,
    admitted_as_raced: u64,
    raced_expected: f64,
    connections_opened: u64,
    connections_left_in_time: u64,
    lag_p99_us: u64,
    lag_max_us: u64,
    load_processor_us: u64,
    replicas: Vec<ReplicaTold>,
    series: SeriesTold,
    /// The first losses; `lost` counts all.
    losses: Vec<LossTold>,
}

#[derive(Debug, Serialize)]
struct ScenarioTold {
    name: &'static str,
    what_happens: &'static str,
    must_hold: &'static str,
}

#[derive(Debug, Serialize)]
struct ServiceTold {
    replicas: u16,
    rollouts: u32,
    nodes: usize,
    propagation: [String; 2],
    pre_stop: String,
    grace: String,
    wait_for_exit: bool,
}

#[derive(Debug, Serialize)]
struct KindTold {
    requests: u64,
    lost: u64,
    verdicts: BTreeMap<&'static str, u64>,
    latency: BTreeMap<&'static str, LatencyTold>,
}

#[derive(Debug, Serialize)]
struct LatencyTold {
    answered: u64,
    p50_us: u64,
    p90_us: u64,
    p99_us: u64,
    p999_us: u64,
    max_us: u64,
}

#[derive(Debug, Serialize)]
struct ReplicaTold {
    id: u16,
    slot: u16,
    address: String,
    started_us: Micros,
    ready_us: Option<Micros>,
    marked_us: Option<Micros>,
    signalled_us: Option<Micros>,
    removed_first_us: Option<Micros>,
    removed_last_us: Option<Micros>,
    killed_us: Option<Micros>,
    killed_why: Option<Kill>,
    exited_us: Option<Micros>,
    /// Whether it ran as process 1 of a PID namespace.
    process_1: bool,
    exit: Option<ExitStatus>,
    phases: Vec<PhaseSeen>,
    sent: u64,
    lost: u64,
    verdicts: BTreeMap<&'static str, u64>,
    own_requests: u64,
    account: Reconciled,
    #[serde(flatten)]
    pod: Option<cluster::PodTold>,
}

#[derive(Debug, Serialize)]
struct SeriesTold {
    width_us: Micros,
    ended: Vec<u32>,
    lost: Vec<u32>,
    p50_us: Vec<Option<Micros>>,
    p99_us: Vec<Option<Micros>>,
    max_us: Vec<Option<Micros>>,
}

#[derive(Debug, Serialize)]
struct LossTold {
    id: String,
    kind: Kind,
    verdict: Verdict,
    status: u16,
    replica: Option<u16>,
    kept_alive: bool,
    due_us: Micros,
    sent_us: Option<Micros>,
    ended_us: Micros,
}

impl Run {
    pub(super) fn new(run: &JudgedRun, series: u32) -> Self {
        let facts = &run.facts;
        let record = &facts.record;
        let nobody = ReplicaCounts::default();
        let replicas = facts.replicas.iter().zip(&run.accounts.replicas).map(|(replica, account)| {
            // Through a Service nobody knows whose requests they were.
            let counts = record.replicas.get(usize::from(replica.id.0)).filter(|_| facts.cluster().is_none());
            let counts = counts.unwrap_or(&nobody);
            replica_told(replica, counts, account)
        });
        Self {
            name: facts.name.clone(),
            role: facts.role,
            env: match &facts.setting {
                Setting::Local(plan) => plan.env.iter().cloned().collect(),
                Setting::Cluster(_) => BTreeMap::new(),
            },
            scenario: facts.scenario().map(|scenario| ScenarioTold {
                name: scenario.name(),
                what_happens: scenario.what_happens(),
                must_hold: scenario.must_hold(),
            }),
            service: match &facts.setting {
                Setting::Local(plan) => Some(service_told(plan)),
                Setting::Cluster(_) => None,
            },
            cluster: facts.cluster().map(cluster::ClusterTold::new),
            invalid: run.invalid.clone(),
            broken: run.broken.clone(),
            advice: if facts.role == Role::Control { Vec::new() } else { advice(facts) },
            interrupted: facts.interrupted,
            load_from_us: facts.load.0,
            load_to_us: facts.load.1,
            restarts: facts.restarts,
            killed_at_grace: facts.killed_at_grace(),
            requests: record.total(),
            lost: record.lost(),
            verdicts: verdicts(|verdict| record.of(verdict)),
            kinds: kinds(record),
            lost_on_kept_alive: record.lost_on_kept_alive,
            admitted_as_raced: run.accounts.admitted,
            raced_expected: run.raced_expected(),
            connections_opened: record.connections_opened,
            connections_left_in_time: record.connections_left_in_time,
            lag_p99_us: facts.lag.quantile(0.99).as_micros() as u64,
            lag_max_us: facts.lag.max().as_micros() as u64,
            load_processor_us: facts.lag.processor().as_micros() as u64,
            replicas: replicas.collect(),
            series: series_told(record),
            losses: record.losses.iter().map(|loss| loss_told(loss, series)).collect(),
        }
    }
}

fn service_told(plan: &Rollouts) -> ServiceTold {
    ServiceTold {
        replicas: plan.replicas,
        rollouts: plan.rollouts,
        nodes: plan.service.views,
        propagation: [words(plan.service.propagation.least), words(plan.service.propagation.most)],
        pre_stop: words(plan.service.pre_stop),
        grace: words(plan.service.grace),
        wait_for_exit: plan.wait_for_exit,
    }
}

fn replica_told(replica: &ReplicaFacts, counts: &ReplicaCounts, account: &Reconciled) -> ReplicaTold {
    ReplicaTold {
        id: replica.id.0,
        slot: replica.slot,
        address: replica.address.to_string(),
        started_us: replica.started,
        ready_us: replica.ready,
        marked_us: replica.marked,
        signalled_us: replica.signalled,
        removed_first_us: replica.removed.map(|(first, _)| first),
        removed_last_us: replica.removed.map(|(_, last)| last),
        killed_us: replica.killed.map(|(at, _)| at),
        killed_why: replica.killed.map(|(_, why)| why),
        exited_us: replica.exited,
        process_1: replica.is_init,
        exit: replica.status,
        phases: replica.phases.clone(),
        sent: counts.sent,
        lost: counts.lost(),
        verdicts: verdicts(|verdict| counts.of(verdict)),
        own_requests: replica.own_requests,
        account: account.clone(),
        pod: replica.pod.as_ref().map(|pod| cluster::PodTold::new(pod, replica.took())),
    }
}

fn kinds(record: &Record) -> BTreeMap<&'static str, KindTold> {
    let mut kinds = BTreeMap::new();
    for kind in Kind::ALL {
        let counts = &record.by_kind[kind.index()];
        let requests = counts.iter().sum();
        if requests == 0 {
            continue;
        }
        let latency = Period::ALL.into_iter().filter_map(|period| {
            let latency = record.latency(kind, period);
            let at = |share| latency.value_at_quantile(share);
            (!latency.is_empty()).then(|| {
                let told = LatencyTold {
                    answered: latency.len(),
                    p50_us: at(0.5),
                    p90_us: at(0.9),
                    p99_us: at(0.99),
                    p999_us: at(0.999),
                    max_us: latency.max(),
                };
                (period.as_str(), told)
            })
        });
        let of = |verdict: Verdict| counts[verdict.index()];
        let lost = Verdict::ALL.into_iter().filter(|verdict| verdict.is_lost()).map(of).sum();
        kinds.insert(kind.as_str(), KindTold { requests, lost, verdicts: verdicts(of), latency: latency.collect() });
    }
    kinds
}

fn verdicts(of: impl Fn(Verdict) -> u64) -> BTreeMap<&'static str, u64> {
    Verdict::ALL.into_iter().map(|verdict| (verdict.as_str(), of(verdict))).filter(|(_, count)| *count > 0).collect()
}

fn series_told(record: &Record) -> SeriesTold {
    let buckets = record.series.buckets();
    let quantile = |share| buckets.iter().map(|bucket| bucket.quantile(share)).collect();
    SeriesTold {
        width_us: record.series.width(),
        ended: buckets.iter().map(|bucket| bucket.ended).collect(),
        lost: buckets.iter().map(|bucket| bucket.lost).collect(),
        p50_us: quantile(0.5),
        p99_us: quantile(0.99),
        max_us: quantile(1.0),
    }
}

fn loss_told(loss: &lameduck_load::Ended, series: u32) -> LossTold {
    LossTold {
        id: lameduck_load::request_id(series, loss.id),
        kind: loss.kind,
        verdict: loss.verdict,
        status: loss.status,
        replica: loss.replica.map(|replica| replica.0),
        kept_alive: loss.kept_alive,
        due_us: loss.due,
        sent_us: loss.sent,
        ended_us: loss.ended,
    }
}
