//! A run in a cluster, judged: what a client loses is the same everywhere, but nobody outside knows which pod answered,
//! so the pods' ledgers are compared with the clients in sum.

use lameduck_load::ReplicaCounts;

use super::{JudgedRun, deaths, disagreements, invalid, lost};
use crate::facts::{ClusterSetting, RunFacts};
use crate::plan::{Limits, Role};
use crate::reconcile::workload;

pub(super) fn judge_run(facts: RunFacts, limits: &Limits, keeps_ledger: bool) -> JudgedRun {
    let mut clients = ReplicaCounts::default();
    for counts in &facts.record.replicas {
        clients.add(counts);
    }
    let exclusive = facts.cluster().is_some_and(|setting| setting.exclusive);
    let together = workload::reconcile(&facts.replicas, &clients, keeps_ledger, exclusive);
    let invalid = [invalid(&facts, limits), unfinished(&facts)].concat();
    let broken = match facts.role() {
        Role::Control => Vec::new(),
        Role::Subject | Role::Scenario => {
            let sums = together.differences.iter().map(|text| format!("the ledgers disagree with the clients: {text}"));
            [lost(&facts), deaths(&facts), disagreements(&facts, &together.pods), sums.collect()].concat()
        }
    };
    let sums_compared = together.complete;
    JudgedRun { facts, reconciled: together.pods, sums_compared, admitted: together.admitted, invalid, broken }
}

/// What was to happen and did not come to its end, or happened to nobody.
fn unfinished(facts: &RunFacts) -> Vec<String> {
    let problem = facts.cluster().and_then(|setting: &ClusterSetting| setting.problem.clone());
    let nobody_left = problem.is_none() && facts.restarts == 0 && !facts.interrupted;
    problem.into_iter().chain(nobody_left.then(|| "no pod left, so nothing was tried".to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use lameduck_load::Verdict;

    use super::*;
    use crate::facts::{LedgerSource, sample};
    use crate::ledger::Ledger;

    const LIMITS: Limits = Limits { lag_max: std::time::Duration::from_secs(1), sent_share_min: 0.5, requests_min: 1 };

    fn judged(verdicts: &[(Verdict, u64)], ledger: Ledger, exclusive: bool) -> JudgedRun {
        let mut facts = sample::cluster(verdicts, exclusive);
        facts.replicas[0].ledger = Some((LedgerSource::ReportFile, ledger));
        judge_run(facts, &LIMITS, true)
    }

    #[test]
    fn sums_agree_or_say_how_they_do_not() {
        let ledger = Ledger { started: 100, completed: 90, late: 10, ..Ledger::default() };
        assert_eq!(judged(&[(Verdict::Answered, 100)], ledger, true).broken, [""; 0]);
        let more = judged(&[(Verdict::Answered, 101)], ledger, true).broken;
        assert!(more[0].contains("clients got 101 whole answers, they say they answered 100"), "{more:?}");
        let fewer = judged(&[(Verdict::Answered, 99)], ledger, true).broken;
        assert!(fewer[0].contains("say they answered 100"), "{fewer:?}");
        assert_eq!(judged(&[(Verdict::Answered, 99)], ledger, false).broken, [""; 0], "others may send, too");
    }

    #[test]
    fn a_loss_that_the_pods_counted_is_still_a_loss_and_is_told_as_admitted() {
        let ledger = Ledger { started: 100, completed: 100, raced: 1, ..Ledger::default() };
        let run = judged(&[(Verdict::Answered, 100), (Verdict::Closed, 1)], ledger, true);
        assert_eq!(run.admitted, 1);
        assert_eq!(run.broken, ["1 lost of 101 requests: 1 closed before the answer"]);
    }

    #[test]
    fn an_action_that_moved_nobody_proves_nothing() {
        let mut facts = sample::cluster(&[(Verdict::Answered, 100)], false);
        facts.restarts = 0;
        assert_eq!(judge_run(facts, &LIMITS, false).invalid, ["no pod left, so nothing was tried"]);
    }
}
