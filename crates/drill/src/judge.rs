//! What the facts mean: whether each run is valid, whether what was promised held, and the one sentence at the end.
//! What a client loses is the same everywhere, so there is one judge. Pure.

use std::time::Duration;

use lameduck_load::{Kind, Period, ReplicaCounts, Verdict};

use crate::exit::Exit;
use crate::facts::{Kill, RunFacts, Setting};
use crate::plan::{Limits, Role};
use crate::reconcile::{Accounts, reconcile};
use crate::scenario::Scenario;
use crate::values::words;

/// A run and what it is worth.
#[derive(Debug)]
pub(crate) struct JudgedRun {
    pub(crate) facts: RunFacts,
    pub(crate) accounts: Accounts,
    /// Why the run proves nothing. Empty: it is valid.
    pub(crate) invalid: Vec<String>,
    /// What should have held and did not.
    pub(crate) broken: Vec<String>,
}

impl JudgedRun {
    /// Requests that the service itself expected to race its closes.
    pub(crate) fn raced_expected(&self) -> f64 {
        // From plus zero: a sum of nothing would be minus zero.
        let ledgers = self.accounts.replicas.iter().filter_map(|one| one.ledger);
        ledgers.fold(0.0, |sum, ledger| sum + ledger.raced_expected)
    }
}

/// The whole drill.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) runs: Vec<JudgedRun>,
    pub(crate) exit: Exit,
    pub(crate) sentence: String,
}

/// Judges one run by its role.
pub(crate) fn judge_run(facts: RunFacts, limits: &Limits, keeps_ledger: bool) -> JudgedRun {
    let accounts = reconcile(&facts, keeps_ledger);
    let invalid = invalid(&facts, limits);
    let broken = match facts.role {
        Role::Control => Vec::new(),
        Role::Subject => [lost(&facts), deaths(&facts), disagreements(&facts, &accounts)].concat(),
        Role::Scenario => [scenario(&facts), disagreements(&facts, &accounts)].concat(),
    };
    JudgedRun { facts, accounts, invalid, broken }
}

/// Judges all runs together.
pub(crate) fn judge(runs: Vec<JudgedRun>) -> Judged {
    let invalid: Vec<String> = named(&runs, |run| &run.invalid);
    let broken: Vec<String> = named(&runs, |run| &run.broken);
    let (exit, sentence) = if runs.is_empty() {
        (Exit::Invalid, "invalid: nothing was run".to_owned())
    } else if !invalid.is_empty() {
        (Exit::Invalid, format!("invalid: {}", invalid.join("; ")))
    } else if !broken.is_empty() {
        (Exit::Lost, broken.join("; "))
    } else {
        (Exit::Clean, clean_sentence(&runs))
    };
    Judged { runs, exit, sentence }
}

fn named(runs: &[JudgedRun], of: impl Fn(&JudgedRun) -> &Vec<String>) -> Vec<String> {
    let one = runs.len() == 1;
    let name = |run: &JudgedRun, what: &String| match one {
        true => what.clone(),
        false => format!("{}: {what}", run.facts.name),
    };
    runs.iter().flat_map(|run| of(run).iter().map(move |what| name(run, what))).collect()
}

fn clean_sentence(runs: &[JudgedRun]) -> String {
    let judged = || runs.iter().filter(|run| run.facts.role != Role::Control);
    if judged().all(|run| run.facts.role == Role::Scenario) {
        return format!("every promise held in {}", count(judged().count() as u64, "scenario"));
    }
    let total: u64 = judged().map(|run| run.facts.record.total()).sum();
    let restarts: u64 = judged().map(|run| u64::from(run.facts.restarts)).sum();
    let compared = judged().flat_map(|run| &run.accounts.replicas).filter(|one| one.ledger.is_some()).count();
    let ledgers = match judged().all(|run| run.accounts.complete) {
        _ if compared == 0 => String::new(),
        true => format!(", {} agree", count(compared as u64, "ledger")),
        false => format!(", {} read but not compared in sum, as some are missing", count(compared as u64, "ledger")),
    };
    let controls: Vec<String> = runs
        .iter()
        .filter(|run| run.facts.role == Role::Control)
        .map(|run| {
            format!("; the control {} lost {} of {}", run.facts.name, run.facts.record.lost(), run.facts.record.total())
        })
        .collect();
    let killed: usize = judged().map(|run| run.facts.killed_at_grace()).sum();
    let killed = match killed {
        0 => String::new(),
        killed => format!("; {} killed at the end of the grace period", count(killed as u64, "replica")),
    };
    format!("0 lost of {total} requests over {}{ledgers}{killed}{}", count(restarts, "restart"), controls.concat())
}

pub(crate) fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

fn invalid(facts: &RunFacts, limits: &Limits) -> Vec<String> {
    let mut invalid = Vec::new();
    let total = facts.record.total();
    if facts.interrupted {
        invalid.push("interrupted before its end".to_owned());
        return invalid;
    }
    let lag = facts.lag.quantile(0.99);
    if lag > limits.lag_max && facts.role != Role::Control {
        invalid.push(format!(
            "the machine was too busy: the clients ran {} late at the 99th percentile, {} is allowed",
            rounded(lag),
            words(limits.lag_max)
        ));
    }
    let expected = facts.offered * facts.seconds();
    if total < limits.requests_min || (total as f64) < limits.sent_share_min * expected && expected > 200.0 {
        invalid.push(format!("too little load: {total} requests, {expected:.0} were to be sent"));
    }
    let faults = facts.record.of(Verdict::ClientFault);
    if faults > 0 {
        invalid.push(format!("{faults} requests could not be sent: this machine has no sockets or ports left"));
    }
    if facts.role == Role::Control && facts.record.lost() == 0 && facts.restarts > 0 {
        invalid.push("the control lost nothing, so this drill would not see a loss".to_owned());
    }
    invalid.extend(facts.problem.clone());
    // A command line may ask for no restart; an action in a cluster that moves no pod has tried nothing.
    let moved_nobody = matches!(facts.setting, Setting::Cluster(_)) && facts.restarts == 0;
    if moved_nobody && facts.problem.is_none() {
        invalid.push("no pod left, so nothing was tried".to_owned());
    }
    invalid
}

fn lost(facts: &RunFacts) -> Vec<String> {
    let lost = facts.record.lost();
    if lost == 0 {
        return Vec::new();
    }
    vec![format!("{lost} lost of {} requests: {}", facts.record.total(), by_verdict(facts))]
}

/// `3 connection refused, 1 closed before the answer`, the most frequent first.
pub(crate) fn by_verdict(facts: &RunFacts) -> String {
    let mut verdicts: Vec<(u64, Verdict)> = Verdict::ALL
        .into_iter()
        .filter(|verdict| verdict.is_lost())
        .map(|verdict| (facts.record.of(verdict), verdict))
        .filter(|(count, _)| *count > 0)
        .collect();
    verdicts.sort_by_key(|(count, verdict)| (std::cmp::Reverse(*count), *verdict));
    verdicts.iter().map(|(count, verdict)| format!("{count} {}", verdict.words())).collect::<Vec<_>>().join(", ")
}

fn deaths(facts: &RunFacts) -> Vec<String> {
    let died = facts.replicas.iter().filter(|replica| replica.died());
    died.map(|replica| match replica.status {
        Some(status) => format!("{} ended by itself ({status})", replica.name()),
        None => format!("{} ended by itself", replica.name()),
    })
    .collect()
}

fn disagreements(facts: &RunFacts, accounts: &Accounts) -> Vec<String> {
    let named = facts.replicas.iter().zip(&accounts.replicas);
    let alone = named.flat_map(|(replica, one)| {
        one.differences.iter().map(|text| format!("the ledger of {} disagrees: {text}", replica.name()))
    });
    let in_sum = accounts.differences.iter().map(|text| format!("the ledgers disagree with the clients: {text}"));
    alone.chain(in_sum).collect()
}

fn scenario(facts: &RunFacts) -> Vec<String> {
    let Some(scenario) = facts.scenario() else { return Vec::new() };
    match scenario {
        Scenario::Kill => lost_elsewhere(facts, |kill| kill == Kill::Purpose),
        Scenario::ShortGrace => lost_elsewhere(facts, |kill| kill == Kill::Grace),
        Scenario::Freeze => [lost(facts), stall_hidden(facts, scenario.stall().unwrap_or_default())].concat(),
        Scenario::PropagationNone | Scenario::PropagationSlow | Scenario::SingleReplica | Scenario::DoubleSignal => {
            [lost(facts), deaths(facts), killed(facts)].concat()
        }
    }
}

fn killed(facts: &RunFacts) -> Vec<String> {
    match facts.killed_at_grace() {
        0 => Vec::new(),
        killed => vec![format!("{} killed at the end of the grace period", count(killed as u64, "replica"))],
    }
}

/// Losses on replicas that were not killed in the expected way.
fn lost_elsewhere(facts: &RunFacts, expected: impl Fn(Kill) -> bool) -> Vec<String> {
    let mut broken = Vec::new();
    let mut placed = 0;
    for replica in &facts.replicas {
        let lost = facts.record.replicas.get(usize::from(replica.id.0)).map_or(0, ReplicaCounts::lost);
        placed += lost;
        if lost > 0 && !replica.killed.is_some_and(|(_, kill)| expected(kill)) {
            broken.push(format!("{lost} lost on replica {}, which was not killed", replica.id.0));
        }
    }
    let unplaced = facts.record.lost() - placed.min(facts.record.lost());
    if unplaced > 0 {
        broken.push(format!("{unplaced} lost because no replica was left to choose"));
    }
    broken
}

/// A stall must show in the latency, or the load waits for the server and hides it.
fn stall_hidden(facts: &RunFacts, stall: Duration) -> Vec<String> {
    let slowest = Period::ALL
        .into_iter()
        .flat_map(|period| Kind::ALL.map(|kind| facts.record.latency(kind, period).max()))
        .max()
        .unwrap_or_default();
    // A tenth for the resolution of the histogram and for a request that fell due a little later.
    if Duration::from_micros(slowest) * 10 >= stall * 9 {
        return Vec::new();
    }
    vec![format!("a stall of {} does not show in the latency: the slowest answer took {slowest} us", words(stall))]
}

fn rounded(duration: Duration) -> String {
    words(Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests;
