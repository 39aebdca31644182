//! The ledgers of all pods behind a Service beside its clients. Which pod answered a request cannot be known from
//! outside, so sums are compared; within each ledger what must hold there must hold.

use lameduck_load::ReplicaCounts;

use super::{Account, Reconciled, account, compare_at_the_end, compare_metrics, compare_within, unsure};
use crate::facts::ReplicaFacts;
use crate::ledger::Ledger;

/// The comparison.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WorkloadReconciliation {
    pub(crate) pods: Vec<Reconciled>,
    /// What does not agree in sum, in words.
    pub(crate) differences: Vec<String>,
    /// Whether every account was there, so that sums could be compared.
    pub(crate) complete: bool,
    /// Losses on kept-alive connections that the pods counted as `raced`.
    pub(crate) admitted: u64,
}

/// Compares the pods' accounts with what all clients together saw. Unless they are `exclusive`, others may have sent
/// requests, too: then pods may have answered more than these clients got, never less.
pub(crate) fn reconcile(
    pods: &[ReplicaFacts],
    clients: &ReplicaCounts,
    keeps_ledger: bool,
    exclusive: bool,
) -> WorkloadReconciliation {
    let pods: Vec<Reconciled> = pods.iter().map(|pod| alone(pod, keeps_ledger, exclusive)).collect();
    let mut sum = Ledger::default();
    for ledger in pods.iter().filter_map(|pod| pod.ledger) {
        sum = sum.plus(&ledger);
    }
    // One account is missing: no sum is worth comparing. One that was never ready has none.
    let complete = keeps_ledger && pods.iter().all(|pod| pod.ledger.is_some() || pod.account == Account::NotKept);
    let differences = if complete { compare(&sum, clients, exclusive) } else { Vec::new() };
    WorkloadReconciliation { pods, differences, complete, admitted: sum.raced.min(clients.lost_on_kept_alive) }
}

/// One pod's account of the time since the load began. What was never ready answered nobody, and keeps none.
fn alone(pod: &ReplicaFacts, keeps_ledger: bool, exclusive: bool) -> Reconciled {
    let served = pod.ready.is_some();
    let account = account(pod, keeps_ledger && served);
    let is_final = matches!(account, Account::ReportFile | Account::DrainEndpoint);
    let whole = pod.ledger.map(|(_, ledger)| ledger).filter(|_| is_final);
    let mut differences = Vec::new();
    match (whole, account) {
        (Some(ledger), _) => {
            compare_within(&ledger, &mut |text| differences.push(text));
            // In one that stays, requests of others may be under way.
            if exclusive || account == Account::ReportFile {
                compare_at_the_end(&ledger, &mut |text| differences.push(text));
            }
            compare_metrics(pod, &ledger, &mut differences);
        }
        (None, Account::Missing) => {
            differences.push(pod.ledger_problem.clone().unwrap_or_else(|| "it left no report".to_owned()));
        }
        (None, _) => {}
    }
    let ledger = whole.map(|ledger| ledger.since(&pod.baseline.unwrap_or_default()));
    Reconciled { replica: pod.id, account, ledger, differences, admitted: 0 }
}

fn compare(sum: &Ledger, clients: &ReplicaCounts, exclusive: bool) -> Vec<String> {
    let mut differences = Vec::new();
    let (whole, unsure) = (clients.whole_answers(), unsure(clients));
    if exclusive && sum.answered() > whole + unsure {
        differences.push(format!(
            "the pods say they answered {}, the clients got {whole} whole answers; do others send requests, too?",
            sum.answered()
        ));
    }
    if whole > sum.answered() + sum.failed {
        differences.push(format!("the clients got {whole} whole answers, they say they answered {}", sum.answered()));
    }
    let (lost, known) = (clients.lost_on_kept_alive, sum.raced + sum.aborted + sum.failed);
    if lost > known {
        differences.push(format!("{lost} requests were lost on kept-alive connections, the pods know of {known}"));
    }
    if exclusive && sum.raced > lost + unsure {
        differences.push(format!(
            "the pods say that {} requests raced their close, the clients lost {lost} on kept-alive connections",
            sum.raced
        ));
    }
    differences
}
