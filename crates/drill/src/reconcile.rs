//! Whether a service's ledger and its clients tell the same story, replica by replica. Pure.
//!
//! A request that a client gave up on (timed out, cut off) may stand anywhere in the ledger: it makes a sum unsure by
//! one, never wrong. Everything else must agree exactly.

pub(crate) mod workload;

use lameduck_load::{ReplicaCounts, ReplicaId, Verdict};
use serde::Serialize;

use crate::facts::{LedgerSource, ReplicaFacts};
use crate::ledger::Ledger;

/// The comparison for one replica.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Reconciled {
    pub(crate) replica: ReplicaId,
    pub(crate) account: Account,
    /// Its final ledger, if there is one to compare with.
    pub(crate) ledger: Option<Ledger>,
    /// What does not agree, in words. Empty: everything that could be compared agrees.
    pub(crate) differences: Vec<String>,
    /// Losses on kept-alive connections that the service itself counted as `raced`.
    pub(crate) admitted: u64,
}

/// What there was to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Account {
    /// The final document of the process.
    ReportFile,
    /// The document of a running process that nobody talked to any more.
    DrainEndpoint,
    /// It was killed, and the dead write no reports.
    KilledWithout,
    /// It is not a service that keeps one.
    NotKept,
    /// A pod whose end nobody told the drill of, or what it had counted before.
    Unheard,
    /// It should have left one and did not.
    Missing,
}

/// Compares one replica's account with what its clients saw.
pub(crate) fn reconcile(replica: &ReplicaFacts, clients: &ReplicaCounts, keeps_ledger: bool) -> Reconciled {
    let account = account(replica, keeps_ledger);
    // What a replica said before it was killed is not its last word.
    let is_final = matches!(account, Account::ReportFile | Account::DrainEndpoint);
    let ledger = replica.ledger.map(|(_, ledger)| ledger).filter(|_| is_final);
    let mut differences = Vec::new();
    match (ledger, account) {
        (Some(ledger), _) => {
            compare(&ledger, clients, replica.own_requests, &mut differences);
            compare_metrics(replica, &ledger, &mut differences);
        }
        (None, Account::Missing) => {
            let problem = replica.ledger_problem.as_deref().unwrap_or("it left no report");
            differences.push(problem.to_owned());
        }
        (None, _) => {}
    }
    let admitted = ledger.map_or(0, |ledger| ledger.raced.min(clients.lost_on_kept_alive));
    Reconciled { replica: replica.id, account, ledger, differences, admitted }
}

fn account(replica: &ReplicaFacts, keeps_ledger: bool) -> Account {
    // A pod without an end that anybody heard of, or of which nobody knows what it had counted before.
    let unheard = replica.exited.is_some() && replica.status.is_none() || replica.baseline.is_none();
    if keeps_ledger && replica.pod.is_some() && replica.killed.is_none() && unheard {
        return Account::Unheard;
    }
    match (keeps_ledger, replica.ledger, replica.killed) {
        (false, _, _) => Account::NotKept,
        (true, Some((LedgerSource::ReportFile, _)), _) => Account::ReportFile,
        // A document read while the process was still leaving is not its last word; one read after the load is.
        (true, Some((LedgerSource::DrainEndpoint, _)), _) if replica.marked.is_none() && !replica.died() => {
            Account::DrainEndpoint
        }
        (true, _, Some(_)) => Account::KilledWithout,
        (true, _, None) => Account::Missing,
    }
}

fn compare(ledger: &Ledger, clients: &ReplicaCounts, own_requests: u64, differences: &mut Vec<String>) {
    let mut differs = |text: String| differences.push(text);
    compare_within(ledger, &mut differs);
    compare_at_the_end(ledger, &mut differs);
    let whole = clients.whole_answers() + own_requests;
    let unsure = unsure(clients);
    if ledger.answered() > whole + unsure {
        differs(format!("it says it answered {}, its clients got {whole} whole answers", ledger.answered()));
    }
    if whole > ledger.answered() + ledger.failed {
        differs(format!("its clients got {whole} whole answers, it says it answered {}", ledger.answered()));
    }
    let known = ledger.raced + ledger.aborted + ledger.failed;
    let lost = clients.lost_on_kept_alive;
    if lost > known {
        differs(format!("{lost} requests were lost on kept-alive connections, it knows of {known}"));
    }
    let raced = ledger.raced;
    if raced > lost + unsure {
        differs(format!(
            "it says that {raced} requests raced its close, its clients lost {lost} on kept-alive connections"
        ));
    }
}

/// What must hold within one ledger.
fn compare_within(ledger: &Ledger, differs: &mut impl FnMut(String)) {
    let Ledger { started, in_flight, .. } = *ledger;
    if started != ledger.ended() + in_flight {
        differs(format!(
            "its ledger does not add up: {started} started, {} ended, {in_flight} in flight",
            ledger.ended()
        ));
    }
}

/// What must hold in the last word of one that left.
fn compare_at_the_end(ledger: &Ledger, differs: &mut impl FnMut(String)) {
    if ledger.in_flight > 0 {
        differs(format!("it left with {} requests in flight", ledger.in_flight));
    }
}

/// Requests of which nobody outside can say whether the service answered them.
fn unsure(clients: &ReplicaCounts) -> u64 {
    [Verdict::TimedOut, Verdict::CutOff, Verdict::Misdirected, Verdict::Malformed]
        .map(|verdict| clients.of(verdict))
        .iter()
        .sum()
}

fn compare_metrics(replica: &ReplicaFacts, ledger: &Ledger, differences: &mut Vec<String>) {
    let Some(metrics) = replica.metrics else { return };
    for (name, metric, counted) in [
        ("started", metrics.started, ledger.started),
        ("ended", metrics.ended, ledger.ended()),
        ("raced", metrics.raced, ledger.raced),
    ] {
        if metric != counted {
            differences.push(format!("/metrics says {metric} {name}, its ledger {counted}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Metrics;

    fn facts(ledger: Ledger) -> ReplicaFacts {
        let mut facts = ReplicaFacts::new(ReplicaId(0), 0, ([127, 0, 1, 1], 80).into(), 0);
        facts.ledger = Some((LedgerSource::ReportFile, ledger));
        facts
    }

    fn clients(verdicts: &[(Verdict, u64)], lost_on_kept_alive: u64) -> ReplicaCounts {
        let mut counts = ReplicaCounts { lost_on_kept_alive, ..ReplicaCounts::default() };
        for &(verdict, count) in verdicts {
            counts.verdicts[verdict.index()] = count;
            counts.sent += count;
        }
        counts
    }

    fn ledger() -> Ledger {
        Ledger { started: 10, completed: 7, drained: 1, late: 2, ..Ledger::default() }
    }

    fn differences(ledger: Ledger, clients: &ReplicaCounts) -> Vec<String> {
        reconcile(&facts(ledger), clients, true).differences
    }

    #[test]
    fn what_agrees_agrees() {
        assert_eq!(differences(ledger(), &clients(&[(Verdict::Answered, 10)], 0)), [""; 0]);
        let raced = Ledger { raced: 1, ..ledger() };
        let reconciled = reconcile(&facts(raced), &clients(&[(Verdict::Answered, 10), (Verdict::Closed, 1)], 1), true);
        assert_eq!((reconciled.differences.len(), reconciled.admitted), (0, 1));
    }

    #[test]
    fn each_lie_is_found() {
        let ten = clients(&[(Verdict::Answered, 10)], 0);
        let said = |ledger, clients: &ReplicaCounts| differences(ledger, clients).join("; ");
        assert!(said(Ledger { started: 11, ..ledger() }, &ten).contains("does not add up"));
        assert!(said(Ledger { started: 11, in_flight: 1, ..ledger() }, &ten).contains("1 requests in flight"));
        assert!(said(Ledger { started: 11, late: 3, ..ledger() }, &ten).contains("says it answered 11"));
        assert!(said(Ledger { started: 9, late: 1, ..ledger() }, &ten).contains("got 10 whole answers, it says"));
        assert!(said(Ledger { raced: 1, ..ledger() }, &ten).contains("1 requests raced"));
        let lost = clients(&[(Verdict::Answered, 10), (Verdict::Reset, 2)], 2);
        assert!(said(Ledger { raced: 1, ..ledger() }, &lost).contains("it knows of 1"));
    }

    #[test]
    fn a_client_that_gave_up_makes_it_unsure_not_wrong() {
        let gave_up = clients(&[(Verdict::Answered, 9), (Verdict::TimedOut, 1)], 0);
        assert_eq!(differences(ledger(), &gave_up), [""; 0]);
        let gone = Ledger { completed: 6, client_gone: 1, ..ledger() };
        assert_eq!(differences(gone, &gave_up), [""; 0]);
    }

    #[test]
    fn metrics_must_say_the_same() {
        let mut facts = facts(ledger());
        facts.metrics = Some(Metrics { started: 10, ended: 9, in_flight: 1, raced: 0 });
        let reconciled = reconcile(&facts, &clients(&[(Verdict::Answered, 10)], 0), true);
        assert_eq!(reconciled.differences, ["/metrics says 9 ended, its ledger 10"]);
    }

    #[test]
    fn the_dead_write_no_reports_and_the_living_must() {
        let mut facts = facts(ledger());
        facts.ledger = None;
        assert_eq!(reconcile(&facts, &clients(&[], 0), true).differences, ["it left no report"]);
        facts.killed = Some((1, crate::facts::Kill::Purpose));
        assert_eq!(reconcile(&facts, &clients(&[], 0), true).account, Account::KilledWithout);
        assert_eq!(reconcile(&facts, &clients(&[], 0), false).account, Account::NotKept);
    }
}
