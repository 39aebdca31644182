use super::*;
use crate::facts::{LedgerSource, sample};
use crate::ledger::Ledger;

const LIMITS: Limits = Limits { lag_max: Duration::from_millis(100), sent_share_min: 0.8, requests_min: 50 };

fn judged(runs: Vec<RunFacts>) -> Judged {
    judge(runs.into_iter().map(|facts| judge_run(facts, &LIMITS, false)).collect())
}

fn check(runs: Vec<RunFacts>, exit: Exit, sentence: &str) {
    let judged = judged(runs);
    assert_eq!((judged.exit, judged.sentence.as_str()), (exit, sentence));
}

fn subject(lost: u64) -> RunFacts {
    sample::run("as-given", Role::Subject, &[(Verdict::Answered, 500), (Verdict::Refused, lost)])
}

fn control(lost: u64) -> RunFacts {
    sample::run("sigkill", Role::Control, &[(Verdict::Answered, 300), (Verdict::Reset, lost)])
}

#[test]
fn nothing_lost_beside_a_control_that_lost() {
    let sentence = "0 lost of 500 requests over 1 restart; the control sigkill lost 7 of 307";
    check(vec![subject(0), control(7)], Exit::Clean, sentence);
}

#[test]
fn one_lost_request_is_a_loss() {
    check(vec![subject(1), control(7)], Exit::Lost, "as-given: 1 lost of 501 requests: 1 connection refused");
}

#[test]
fn a_control_that_loses_nothing_makes_the_drill_invalid() {
    let sentence = "invalid: sigkill: the control lost nothing, so this drill would not see a loss";
    check(vec![subject(1), control(0)], Exit::Invalid, sentence);
}

#[test]
fn too_little_load_is_no_proof() {
    let few = sample::run("as-given", Role::Subject, &[(Verdict::Answered, 20)]);
    check(vec![few], Exit::Invalid, "invalid: too little load: 20 requests, 20 were to be sent");
    let mut slow = subject(0);
    slow.offered = 1_000.0;
    check(vec![slow], Exit::Invalid, "invalid: too little load: 500 requests, 6000 were to be sent");
}

#[test]
fn a_machine_that_is_too_busy_is_no_place_for_a_proof() {
    let mut busy = subject(0);
    busy.lag = lameduck_load::Lag::from_counts(&[(250_000, 1)], Duration::ZERO);
    let judged = judged(vec![busy, control(7)]);
    assert_eq!(judged.exit, Exit::Invalid);
    assert!(
        judged.sentence.starts_with("invalid: as-given: the machine was too busy: the clients ran 25"),
        "{}",
        judged.sentence
    );
    assert!(judged.sentence.ends_with("late at the 99th percentile, 100ms is allowed"));
}

#[test]
fn an_interrupted_run_and_one_without_sockets_are_invalid() {
    let mut interrupted = subject(3);
    interrupted.interrupted = true;
    check(vec![interrupted], Exit::Invalid, "invalid: interrupted before its end");
    let faulty = sample::run("as-given", Role::Subject, &[(Verdict::Answered, 90), (Verdict::ClientFault, 2)]);
    let sentence = "invalid: 2 requests could not be sent: this machine has no sockets or ports left";
    check(vec![faulty], Exit::Invalid, sentence);
}

#[test]
fn a_replica_that_dies_by_itself_breaks_the_promise_even_without_loss() {
    let mut facts = subject(0);
    facts.replicas[0].signalled = None;
    check(vec![facts], Exit::Lost, "replica 0 ended by itself (exit code 0)");
}

#[test]
fn scenarios_say_themselves_what_must_hold() {
    let of = |scenario, lost, killed| {
        let mut facts = subject(lost);
        if let Setting::Local(way) = &mut facts.setting {
            way.scenario = Some(scenario);
        }
        facts.role = Role::Scenario;
        facts.replicas[0].killed = killed;
        judged(vec![facts])
    };
    let killed = Some((4_000_000, Kill::Purpose));
    assert_eq!(of(Scenario::Kill, 5, killed).exit, Exit::Clean);
    assert_eq!(of(Scenario::Kill, 5, None).sentence, "5 lost on replica 0, which was not killed");
    assert_eq!(of(Scenario::ShortGrace, 5, killed).exit, Exit::Lost);
    assert_eq!(
        of(Scenario::ShortGrace, 5, Some((4_000_000, Kill::Grace))).sentence,
        "every promise held in 1 scenario"
    );
    let late = of(Scenario::DoubleSignal, 0, Some((4_000_000, Kill::Grace)));
    assert_eq!(late.sentence, "1 replica killed at the end of the grace period");
    // The slowest answer of the sample took 2 ms: the stall was hidden.
    assert!(of(Scenario::Freeze, 0, None).sentence.starts_with("a stall of 2s does not show in the latency"));
}

/// In a cluster sums are compared, however few requests there were.
const LENIENT: Limits = Limits { lag_max: Duration::from_secs(1), sent_share_min: 0.5, requests_min: 1 };

fn in_cluster(verdicts: &[(Verdict, u64)], ledger: Ledger, exclusive: bool) -> JudgedRun {
    let mut facts = sample::cluster(verdicts, exclusive);
    facts.replicas[0].ledger = Some((LedgerSource::ReportFile, ledger));
    judge_run(facts, &LENIENT, true)
}

#[test]
fn sums_agree_or_say_how_they_do_not() {
    let ledger = Ledger { started: 100, completed: 90, late: 10, ..Ledger::default() };
    assert_eq!(in_cluster(&[(Verdict::Answered, 100)], ledger, true).broken, [""; 0]);
    let more = in_cluster(&[(Verdict::Answered, 101)], ledger, true).broken;
    assert!(more[0].contains("clients got 101 whole answers, the pods say 100 were answered"), "{more:?}");
    let fewer = in_cluster(&[(Verdict::Answered, 99)], ledger, true).broken;
    assert!(fewer[0].contains("say 100 were answered"), "{fewer:?}");
    assert_eq!(in_cluster(&[(Verdict::Answered, 99)], ledger, false).broken, [""; 0], "others may send, too");
}

#[test]
fn a_loss_that_the_pods_counted_is_still_a_loss_and_is_told_as_admitted() {
    let ledger = Ledger { started: 100, completed: 100, raced: 1, ..Ledger::default() };
    let run = in_cluster(&[(Verdict::Answered, 100), (Verdict::Closed, 1)], ledger, true);
    assert_eq!(run.accounts.admitted, 1);
    assert_eq!(run.broken, ["1 lost of 101 requests: 1 closed before the answer"]);
}

#[test]
fn an_action_that_moved_nobody_proves_nothing() {
    let mut facts = sample::cluster(&[(Verdict::Answered, 100)], false);
    facts.restarts = 0;
    assert_eq!(judge_run(facts, &LENIENT, false).invalid, ["no pod left, so nothing was tried"]);
}

#[test]
fn what_did_not_come_to_its_end_proves_nothing() {
    let mut facts = subject(0);
    facts.problem = Some("replica 3 was not ready within 30s".to_owned());
    check(vec![facts], Exit::Invalid, "invalid: replica 3 was not ready within 30s");
}
