//! Whether the ledgers of a service and its clients tell the same story. Pure.
//!
//! On one machine each replica is compared with its own clients. Behind a Service nobody outside knows which pod
//! answered: there sums are compared, and within each ledger what must hold there must hold.
//!
//! A request that a client gave up on (timed out, cut off) may stand anywhere in the ledger: it makes a sum unsure by
//! one, never wrong. Everything else must agree exactly.

use lameduck_load::{ReplicaCounts, ReplicaId, Verdict};
use serde::Serialize;

use crate::facts::{LedgerSource, ReplicaFacts, RunFacts};
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

/// What all accounts of a run are worth.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Accounts {
    pub(crate) replicas: Vec<Reconciled>,
    /// What does not agree in sum, in words.
    pub(crate) differences: Vec<String>,
    /// Whether everything could be compared: where only sums can, no account was missing.
    pub(crate) complete: bool,
    /// Losses on kept-alive connections that the service itself counted as `raced`.
    pub(crate) admitted: u64,
}

/// Compares what replicas say of themselves with what their clients saw: replica by replica where it is known which one
/// answered, in sum behind a Service.
pub(crate) fn reconcile(facts: &RunFacts, keeps_ledger: bool) -> Accounts {
    match facts.cluster() {
        None => one_by_one(facts, keeps_ledger),
        Some(setting) => in_sum(facts, keeps_ledger, setting.exclusive),
    }
}

fn one_by_one(facts: &RunFacts, keeps_ledger: bool) -> Accounts {
    let nobody = ReplicaCounts::default();
    let replicas: Vec<_> = facts
        .replicas
        .iter()
        .map(|replica| {
            let clients = facts.record.replicas.get(usize::from(replica.id.0)).unwrap_or(&nobody);
            let mut one = alone(replica, keeps_ledger, true);
            if let Some(ledger) = &one.ledger {
                let sides = Sides { own_requests: replica.own_requests, exclusive: true, words: &OF_ONE };
                one.differences.extend(compare(ledger, clients, &sides));
                one.admitted = ledger.raced.min(clients.lost_on_kept_alive);
            }
            one
        })
        .collect();
    let admitted = replicas.iter().map(|one| one.admitted).sum();
    Accounts { replicas, differences: Vec::new(), complete: true, admitted }
}

/// Unless the clients are `exclusive`, others may have sent requests, too: then pods may have answered more than these
/// clients got, never less.
fn in_sum(facts: &RunFacts, keeps_ledger: bool, exclusive: bool) -> Accounts {
    let mut clients = ReplicaCounts::default();
    facts.record.replicas.iter().for_each(|counts| clients.add(counts));
    let replicas: Vec<_> = facts.replicas.iter().map(|pod| alone(pod, keeps_ledger, exclusive)).collect();
    let mut sum = Ledger::default();
    for ledger in replicas.iter().filter_map(|pod| pod.ledger) {
        sum = sum.plus(&ledger);
    }
    // One account is missing: no sum is worth comparing. One that was never ready has none.
    let complete = keeps_ledger && replicas.iter().all(|pod| pod.ledger.is_some() || pod.account == Account::NotKept);
    let sides = Sides { own_requests: 0, exclusive, words: &OF_ALL };
    let differences = if complete { compare(&sum, &clients, &sides) } else { Vec::new() };
    Accounts { replicas, differences, complete, admitted: sum.raced.min(clients.lost_on_kept_alive) }
}

/// One replica's account of the time since the load began, without its clients. A pod that was never ready answered
/// nobody, and keeps none.
fn alone(replica: &ReplicaFacts, keeps_ledger: bool, exclusive: bool) -> Reconciled {
    let served = replica.pod.is_none() || replica.ready.is_some();
    let account = account(replica, keeps_ledger && served);
    // What a replica said before it was killed is not its last word.
    let is_final = matches!(account, Account::ReportFile | Account::DrainEndpoint);
    let whole = replica.ledger.map(|(_, ledger)| ledger).filter(|_| is_final);
    let mut differences = Vec::new();
    match (whole, account) {
        (Some(ledger), _) => {
            compare_within(&ledger, &mut |text| differences.push(text));
            // In one that stays, requests of others may be under way.
            if exclusive || account == Account::ReportFile {
                compare_at_the_end(&ledger, &mut |text| differences.push(text));
            }
            compare_metrics(replica, &ledger, &mut differences);
        }
        (None, Account::Missing) => {
            differences.push(replica.ledger_problem.clone().unwrap_or_else(|| "it left no report".to_owned()));
        }
        (None, _) => {}
    }
    let ledger = whole.map(|ledger| ledger.since(&replica.baseline.unwrap_or_default()));
    Reconciled { replica: replica.id, account, ledger, differences, admitted: 0 }
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

/// Whose account it is, and whose requests.
struct Sides {
    /// Of the drill itself, which no client counted.
    own_requests: u64,
    /// Nobody else sent requests.
    exclusive: bool,
    words: &'static Words,
}

/// How the two sides are called in a sentence.
struct Words {
    says: &'static str,
    knows: &'static str,
    closes: &'static str,
    clients: &'static str,
    others: &'static str,
}

const OF_ONE: Words =
    Words { says: "it says", knows: "it knows", closes: "its close", clients: "its clients", others: "" };

const OF_ALL: Words = Words {
    says: "the pods say",
    knows: "the pods know",
    closes: "their close",
    clients: "the clients",
    others: "; do others send requests, too?",
};

fn compare(ledger: &Ledger, clients: &ReplicaCounts, sides: &Sides) -> Vec<String> {
    let Sides { own_requests, exclusive, words: Words { says, knows, closes, clients: they, others } } = sides;
    let mut differences = Vec::new();
    let (whole, unsure) = (clients.whole_answers() + own_requests, unsure(clients));
    let answered = ledger.answered();
    if *exclusive && answered > whole + unsure {
        differences.push(format!("{says} {answered} were answered, {they} got {whole} whole answers{others}"));
    }
    if whole > answered + ledger.failed {
        differences.push(format!("{they} got {whole} whole answers, {says} {answered} were answered"));
    }
    let (lost, known) = (clients.lost_on_kept_alive, ledger.raced + ledger.aborted + ledger.failed);
    if lost > known {
        differences.push(format!("{lost} requests were lost on kept-alive connections, {knows} of {known}"));
    }
    let raced = ledger.raced;
    if *exclusive && raced > lost + unsure {
        differences
            .push(format!("{says} that {raced} requests raced {closes}, {they} lost {lost} on kept-alive connections"));
    }
    differences
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
    use crate::facts::sample;
    use crate::ledger::Metrics;
    use crate::plan::Role;

    fn facts(ledger: Ledger) -> ReplicaFacts {
        let mut facts = ReplicaFacts::new(ReplicaId(0), 0, ([127, 0, 1, 1], 80).into(), 0);
        facts.ledger = Some((LedgerSource::ReportFile, ledger));
        facts
    }

    /// A run of this one replica with these clients.
    fn reconciled(replica: ReplicaFacts, clients: &ReplicaCounts, keeps_ledger: bool) -> Reconciled {
        let mut run = sample::run("as-given", Role::Subject, &[]);
        run.replicas = vec![replica];
        run.record.replicas = vec![clients.clone()];
        reconcile(&run, keeps_ledger).replicas.remove(0)
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
        reconciled(facts(ledger), clients, true).differences
    }

    #[test]
    fn what_agrees_agrees() {
        assert_eq!(differences(ledger(), &clients(&[(Verdict::Answered, 10)], 0)), [""; 0]);
        let raced = Ledger { raced: 1, ..ledger() };
        let one = reconciled(facts(raced), &clients(&[(Verdict::Answered, 10), (Verdict::Closed, 1)], 1), true);
        assert_eq!((one.differences.len(), one.admitted), (0, 1));
    }

    #[test]
    fn each_lie_is_found() {
        let ten = clients(&[(Verdict::Answered, 10)], 0);
        let said = |ledger, clients: &ReplicaCounts| differences(ledger, clients).join("; ");
        assert!(said(Ledger { started: 11, ..ledger() }, &ten).contains("does not add up"));
        assert!(said(Ledger { started: 11, in_flight: 1, ..ledger() }, &ten).contains("1 requests in flight"));
        assert!(said(Ledger { started: 11, late: 3, ..ledger() }, &ten).contains("says 11 were answered"));
        assert!(said(Ledger { started: 9, late: 1, ..ledger() }, &ten).contains("got 10 whole answers, it says 9"));
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
        let one = reconciled(facts, &clients(&[(Verdict::Answered, 10)], 0), true);
        assert_eq!(one.differences, ["/metrics says 9 ended, its ledger 10"]);
    }

    #[test]
    fn the_dead_write_no_reports_and_the_living_must() {
        let mut facts = facts(ledger());
        facts.ledger = None;
        assert_eq!(reconciled(facts.clone(), &clients(&[], 0), true).differences, ["it left no report"]);
        facts.killed = Some((1, crate::facts::Kill::Purpose));
        assert_eq!(reconciled(facts.clone(), &clients(&[], 0), true).account, Account::KilledWithout);
        assert_eq!(reconciled(facts, &clients(&[], 0), false).account, Account::NotKept);
    }
}
