//! What would have helped: one sentence for each kind of loss of a run, the most frequent first. Pure.

use lameduck_load::{Ended, Micros, Verdict};

use crate::facts::{Kill, ReplicaFacts, RunFacts};

/// A wait is advised in steps of this.
const STEP: Micros = 500_000;

/// What is to be done about the losses of a run. Empty: nothing was lost, or nothing general can be said.
pub(crate) fn advice(facts: &RunFacts) -> Vec<String> {
    let record = &facts.record;
    let mut advice = Vec::new();
    advice.extend(before_any_restart(facts));
    advice.extend(deaf(facts));
    advice.extend(unreachable(facts));
    if record.lost_on_kept_alive > 0 {
        advice.push(format!(
            "{} requests were on their way when the server closed a kept-alive connection; no preStop sleep covers that: the \
             server has to say `Connection: close` (HTTP/2: GOAWAY) in a response first, and close when the client had time to see it",
            record.lost_on_kept_alive
        ));
    }
    let cut = record.of(Verdict::Truncated) + record.of(Verdict::TimedOut);
    if cut > 0 && advice.is_empty() {
        advice.push(format!(
            "{cut} responses did not come to their end: the server has to finish requests in flight before it exits, and the \
             grace period has to be longer than the slowest of them"
        ));
    }
    advice
}

/// A service that fails without any restart has another problem.
fn before_any_restart(facts: &RunFacts) -> Option<String> {
    let first = facts.replicas.iter().filter_map(leaves).min()?;
    let early = facts.record.losses.iter().filter(|loss| loss.ended < first).count();
    (early > 0).then(|| {
        format!(
            "{early} requests failed before anything was restarted: check --path, --method, --header and whether the service \
             can take this load"
        )
    })
}

/// Process 1 that has no handler for SIGTERM.
fn deaf(facts: &RunFacts) -> Option<String> {
    let deaf = |replica: &&ReplicaFacts| {
        replica.is_init && replica.signalled.is_some() && matches!(replica.killed, Some((_, Kill::Grace)))
    };
    let count = facts.replicas.iter().filter(deaf).count();
    (count > 0).then(|| {
        format!(
            "{count} replicas were process 1, as in a container, and did not leave after SIGTERM: the kernel drops a signal that \
             process 1 has no handler for. A shell in front of the server has to start it with `exec`"
        )
    })
}

/// New connections that found no listener: how long it would have had to go on.
fn unreachable(facts: &RunFacts) -> Option<String> {
    let new = |loss: &&Ended| !loss.kept_alive && matches!(loss.verdict, Verdict::Refused | Verdict::ConnectTimedOut);
    let late = facts.record.losses.iter().filter(new).filter_map(|loss| after_the_signal(facts, loss)).max()?;
    let wait = (late / STEP + 1) * STEP;
    Some(format!(
        "new connections came up to {:.2} s after the signal: a replica that accepts them for {:.1} s more (by `drain.delay`, or \
         a preStop sleep) would have lost none of them",
        late as f64 / 1e6,
        wait as f64 / 1e6
    ))
}

/// How long after its replica began to leave a request was lost. Through a Service nobody knows which replica that was:
/// the one that began last counts.
fn after_the_signal(facts: &RunFacts, loss: &Ended) -> Option<Micros> {
    let began = |replica: &ReplicaFacts| {
        let signalled = replica.signalled.or(replica.marked).filter(|_| replica.killed.is_none())?;
        loss.ended.checked_sub(signalled)
    };
    match loss.replica.filter(|_| facts.cluster().is_none()) {
        Some(id) => began(facts.replicas.get(usize::from(id.0))?),
        None => facts.replicas.iter().filter_map(began).min(),
    }
}

fn leaves(replica: &ReplicaFacts) -> Option<Micros> {
    let first = replica.marked.into_iter().chain(replica.signalled).chain(replica.frozen.map(|(from, _)| from));
    first.chain(replica.killed.map(|(at, _)| at)).chain(replica.exited).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::sample;
    use crate::plan::Role;

    fn advised(verdicts: &[(Verdict, u64)], change: impl FnOnce(&mut RunFacts)) -> String {
        let mut facts = sample::run("as-given", Role::Subject, verdicts);
        change(&mut facts);
        advice(&facts).join("; ")
    }

    #[test]
    fn nothing_lost_needs_no_advice() {
        assert_eq!(advised(&[(Verdict::Answered, 10)], |_| {}), "");
    }

    #[test]
    fn the_wait_that_would_have_covered_the_refused_is_named() {
        // The sample replica is signalled at 3 s, and requests end at 4 s.
        let refused = |facts: &mut RunFacts| {
            facts.record.lost_on_kept_alive = 0;
            facts.record.losses.iter_mut().for_each(|loss| loss.kept_alive = false);
        };
        let text = advised(&[(Verdict::Answered, 10), (Verdict::Refused, 2)], refused);
        assert!(text.starts_with("new connections came up to 1.00 s after the signal"), "{text}");
        assert!(text.contains("for 1.5 s more"), "{text}");
    }

    #[test]
    fn a_race_on_a_kept_alive_connection_is_no_matter_of_waiting() {
        let text = advised(&[(Verdict::Answered, 10), (Verdict::Closed, 2)], |_| {});
        assert!(text.starts_with("2 requests were on their way") && text.contains("Connection: close"), "{text}");
        assert!(!text.contains("more (by"), "{text}");
    }

    #[test]
    fn a_process_1_without_a_handler_is_told_from_a_slow_one() {
        let killed = |is_init| {
            move |facts: &mut RunFacts| {
                facts.replicas[0].killed = Some((5_000_000, Kill::Grace));
                facts.replicas[0].is_init = is_init;
            }
        };
        assert!(advised(&[(Verdict::Answered, 10)], killed(true)).contains("`exec`"));
        assert_eq!(advised(&[(Verdict::Answered, 10)], killed(false)), "");
    }

    #[test]
    fn what_fails_before_any_restart_is_another_problem() {
        let early = |facts: &mut RunFacts| facts.record.losses.iter_mut().for_each(|loss| loss.ended = 1_000);
        let text = advised(&[(Verdict::WrongStatus, 3)], early);
        assert!(text.starts_with("3 requests failed before anything was restarted: check --path"), "{text}");
    }
}
