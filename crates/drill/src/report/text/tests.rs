use super::*;
use crate::facts::sample;
use crate::judge::{judge, judge_run};
use crate::plan::Limits;

fn text(lost: u64) -> String {
    let limits = Limits { lag_max: std::time::Duration::from_secs(1), sent_share_min: 0.5, requests_min: 1 };
    let subject = sample::run("as-given", Role::Subject, &[(Verdict::Answered, 500), (Verdict::Closed, lost)]);
    let control = sample::run("sigkill", Role::Control, &[(Verdict::Answered, 300), (Verdict::Reset, 7)]);
    let runs = [subject, control].into_iter().map(|facts| judge_run(facts, &limits, false));
    render(&judge(runs.collect()), 42)
}

#[test]
fn nothing_lost() {
    let expected = "\
run                 requests    lost       p50       p99       max  killed  ledgers
as-given                 500       0     2.0ms     2.0ms     2.0ms       0  no ledger
sigkill (control)        307       7     2.0ms     2.0ms     2.0ms       0  no ledger

as-given: latency of responses (p50 / p99 / max)
  kind        requests                      before                      during                       after
  hot              500                           -       2.0ms / 2.0ms / 2.0ms                           -
  0 connections opened, 0 found closed before a request was sent; the clients ran at most 0us late (p99 0us)
  1 restart in 6.0s

held: 0 lost of 500 requests over 1 restart; the control sigkill lost 7 of 307
seed 42
";
    assert_eq!(text(0), expected);
}

#[test]
fn what_was_lost_is_told_with_kind_verdict_replica_and_phase() {
    let text = text(2);
    let losses = "
as-given: 2 lost
        2  hot        closed before the answer
  2 of them on kept-alive connections, before an answer began
  at 4.000s  hot, closed before the answer, replica 0 (signalled), kept-alive connection
  at 4.000s  hot, closed before the answer, replica 0 (signalled), kept-alive connection
";
    assert!(text.contains(losses), "{text}");
    assert!(text.contains("LOST: as-given: 2 lost of 502 requests: 2 closed before the answer\n"), "{text}");
}

#[test]
fn the_table_of_scenarios_names_all_of_them() {
    let table = scenarios();
    assert!(Scenario::ALL.into_iter().all(|scenario| table.contains(scenario.name())), "{table}");
    assert!(table.starts_with("kill\n  what happens  a replica is killed (SIGKILL) without notice, and replaced\n"));
}
