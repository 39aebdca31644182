//! Lives told event by event.

use super::*;
use crate::plan::{ReadinessPolicy, Timeout};
use crate::vocabulary::PhaseName;

const S: fn(u64) -> Duration = Duration::from_secs;
const MS: fn(u64) -> Duration = Duration::from_millis;

fn ready(plan: Plan) -> Machine {
    let mut machine = Machine::new(plan);
    let step = machine.on(S(1), Event::Started);
    assert_eq!(step.effects, [Effect::Serve]);
    machine
}

fn delay(seconds: u64) -> Plan {
    Plan { strategy: Strategy::Delay, delay: S(seconds), ..Plan::default() }
}

fn endpoints(registered: bool) -> Event {
    Event::Cluster(ClusterFact::Endpoints { registered, last_serving: false })
}

/// The phase and how LameDuck ended, after a tick.
#[track_caller]
fn tick(machine: &mut Machine, now: Duration) -> (PhaseName, Option<WaitEnd>) {
    let _ = machine.on(now, Event::Tick);
    (machine.phase().name(), machine.phase().leaving().and_then(|leaving| leaving.wait_end))
}

#[test]
fn a_whole_life_gives_each_order_once_and_in_order() {
    let mut machine = ready(delay(5));
    let mut effects = machine.on(S(10), Event::Signal(Signal::Terminate)).effects;
    for (now, event) in
        [(S(15), Event::Tick), (S(16), Event::Drained), (S(17), Event::Released), (S(18), Event::Flushed)]
    {
        effects.extend(machine.on(now, event).effects);
    }
    assert_eq!(
        effects,
        [
            Effect::Leave { cause: Cause::Terminate },
            Effect::WatchCluster,
            Effect::GiveNotice,
            Effect::Drain { until: Some(S(34)) },
            Effect::Release { until: S(19) },
            Effect::Flush { until: S(19) },
            Effect::Exit,
        ]
    );
    let leaving = machine.phase().leaving().unwrap();
    let took: Vec<_> = leaving.took.iter().map(|took| (took.phase.as_str(), took.seconds)).collect();
    assert_eq!(took, [("ready", 9.0), ("lame_duck", 5.0), ("draining", 1.0), ("releasing", 1.0), ("flushing", 1.0)]);
    assert!(leaving.cut.is_empty());
}

#[test]
fn a_further_terminate_changes_nothing_and_is_counted() {
    let mut machine = ready(delay(5));
    let _ = machine.on(S(10), Event::Signal(Signal::Terminate));
    let wake = machine.wake_at();
    assert!(machine.on(S(12), Event::Signal(Signal::Terminate)).effects.is_empty());
    assert_eq!(machine.wake_at(), wake);
    assert_eq!(machine.phase().leaving().unwrap().terminates_again, 1);
}

#[test]
fn interrupts_go_one_step_further_each_time() {
    let mut machine = ready(delay(5));
    let step = machine.on(S(10), Event::Signal(Signal::Interrupt));
    assert!(!step.effects.contains(&Effect::GiveNotice), "no wait for a person");
    assert_eq!(machine.phase().name(), PhaseName::Draining);
    let step = machine.on(S(11), Event::Signal(Signal::Interrupt));
    assert_eq!(step.effects[0], Effect::Cut);
    assert_eq!(machine.phase().name(), PhaseName::Releasing);
    let step = machine.on(S(11), Event::Signal(Signal::Interrupt));
    assert_eq!(step.effects, [Effect::Flush { until: S(13) }], "the report is still written");
    let step = machine.on(S(11), Event::Signal(Signal::Interrupt));
    assert_eq!(step.effects, [Effect::Exit]);
    assert!(machine.phase().leaving().unwrap().cut.contains(&PhaseName::Flushing));
}

#[test]
fn an_interrupt_after_terminate_ends_the_wait() {
    let mut machine = ready(delay(5));
    let _ = machine.on(S(10), Event::Signal(Signal::Terminate));
    let _ = machine.on(S(11), Event::Signal(Signal::Interrupt));
    assert_eq!(machine.phase().leaving().unwrap().wait_end, Some(WaitEnd::Interrupted));
    assert_eq!(machine.phase().name(), PhaseName::Draining);
}

#[test]
fn immediate_has_no_lame_duck() {
    let mut machine = ready(Plan { strategy: Strategy::Immediate, ..Plan::default() });
    let step = machine.on(S(10), Event::Signal(Signal::Terminate));
    assert!(matches!(step.effects[..], [Effect::Leave { .. }, Effect::WatchCluster, Effect::Drain { .. }]));
}

#[test]
fn terminate_while_starting_releases_and_is_no_failure() {
    let mut machine = Machine::new(Plan::default());
    let _ = machine.on(S(1), Event::GateShut("database".to_owned()));
    let step = machine.on(S(2), Event::Signal(Signal::Terminate));
    assert_eq!(step.effects, [Effect::Leave { cause: Cause::Terminate }, Effect::Release { until: S(5) }]);
    assert!(machine.on(S(2), Event::Started).effects.is_empty(), "nothing half-started ever serves");
    let leaving = machine.phase().leaving().unwrap();
    assert!(leaving.failures.is_empty() && !leaving.was_ready);
}

#[test]
fn a_late_start_names_the_gates() {
    let mut machine = Machine::new(Plan::default());
    for gate in ["database", "redis", "queue"] {
        let _ = machine.on(S(1), Event::GateShut(gate.to_owned()));
    }
    let _ = machine.on(S(2), Event::GateOpened("redis".to_owned()));
    assert_eq!(machine.readiness(), Readiness::NotReady("starting: waiting for database, queue".to_owned()));
    assert_eq!(machine.wake_at(), Some(S(30)));
    let _ = machine.on(S(30), Event::Tick);
    let cause = machine.phase().leaving().unwrap().cause.to_string();
    assert_eq!(cause, "start-up failed at `database, queue`: not open within 30s (stages.readiness_timeout)");
}

#[test]
fn a_late_start_says_why_gates_did_not_open() {
    let mut machine = Machine::new(Plan::default());
    let refused = |gate: &str, error: &str| Event::GateRefused { gate: gate.to_owned(), error: error.to_owned() };
    let _ = machine.on(S(1), Event::GateShut("database".to_owned()));
    let _ = machine.on(S(2), refused("database", "refused"));
    let _ = machine.on(S(3), refused("database", "no route"));
    let _ = machine.on(S(3), refused("unknown", "no such gate"));
    assert_eq!(machine.readiness(), Readiness::NotReady("starting: waiting for database (no route)".to_owned()));
    let _ = machine.on(S(30), Event::Tick);
    let cause = machine.phase().leaving().unwrap().cause.to_string();
    assert!(cause.ends_with("(stages.readiness_timeout): database (no route)"), "{cause}");
}

#[test]
fn close_cuts_all_but_the_last_word_from_anywhere() {
    let mut machine = ready(delay(5));
    let effects = machine.on(S(10), Event::CloseAsked).effects;
    assert_eq!(effects[effects.len() - 2..], [Effect::Cut, Effect::Flush { until: S(12) }]);
    assert_eq!(machine.phase().leaving().unwrap().cut, [PhaseName::LameDuck]);
    assert_eq!(machine.on(S(11), Event::CloseAsked).effects, [Effect::Exit], "again: the last word as well");
    assert!(machine.on(S(11), Event::CloseAsked).effects.is_empty());

    let mut starting = Machine::new(Plan::default());
    let _ = starting.on(S(1), Event::CloseAsked);
    assert_eq!(starting.phase().name(), PhaseName::Flushing);
}

#[test]
fn a_shorter_grace_shortens_flushing_as_well() {
    let mut machine = ready(delay(5));
    let deletion = |seconds| Event::Cluster(ClusterFact::Deletion { grace_period: S(seconds) });
    let _ = machine.on(S(10), Event::Signal(Signal::Interrupt));
    let _ = machine.on(S(11), Event::Drained);
    assert_eq!(machine.on(S(12), Event::Released).effects, [Effect::Flush { until: S(14) }]);
    assert_eq!(machine.on(MS(12_500), deletion(4)).effects, [Effect::BoundMoved { until: S(13) }]);
    assert_eq!(machine.wake_at(), Some(S(13)));
    assert_eq!(machine.on(S(13), Event::Tick).effects, [Effect::Exit]);
    assert_eq!(machine.phase().leaving().unwrap().cut, [PhaseName::Flushing]);
}

#[test]
fn a_grace_that_is_over_already_leaves_time_for_the_report() {
    let mut machine = ready(delay(5));
    let _ = machine.on(S(10), Event::Signal(Signal::Terminate));
    let _ = machine.on(S(15), Event::Tick);
    let over = Event::Cluster(ClusterFact::Deletion { grace_period: S(2) });
    let effects = machine.on(S(16), over).effects;
    assert_eq!(effects.last(), Some(&Effect::Flush { until: MS(16_200) }), "{effects:?}");
    assert!(effects.contains(&Effect::Cut));
    assert_eq!(machine.phase().name(), PhaseName::Flushing);
}

#[test]
fn a_failed_part_leaves_gracefully_and_is_remembered() {
    let mut machine = ready(delay(1));
    let step = machine.on(S(10), Event::PartFailed { part: "mailer".to_owned(), error: "panicked".to_owned() });
    assert!(step.effects.contains(&Effect::GiveNotice));
    assert_eq!(machine.phase().leaving().unwrap().failures, ["part `mailer` failed: panicked"]);
}

#[test]
fn observe_waits_for_the_slices_then_the_floor_then_for_quiet() {
    let mut machine = ready(Plan::default());
    let _ = machine.on(S(10), Event::Signal(Signal::Terminate));
    let _ = machine.on(S(10), endpoints(true));
    assert_eq!(machine.wake_at(), Some(S(20)), "registered: up to delay_max");
    let _ = machine.on(S(13), endpoints(false));
    assert_eq!(machine.wake_at(), Some(S(15)), "floor from that moment");
    let _ = machine.on(MS(14_900), Event::ConnectionArrived);
    assert_eq!(tick(&mut machine, S(15)), (PhaseName::LameDuck, None));
    assert_eq!(tick(&mut machine, MS(15_400)), (PhaseName::Draining, Some(WaitEnd::Observed)));
    assert_eq!(machine.phase().leaving().unwrap().deregistered_at, Some(S(13)));
    assert_eq!(machine.phase().leaving().unwrap().last_arrival_at, Some(MS(14_900)));
}

#[test]
fn observe_falls_back_to_the_delay_and_says_why() {
    for (fact, end) in [
        (None, WaitEnd::NoAnswer),
        (Some(ClusterFact::Unreachable), WaitEnd::NoAnswer),
        (Some(ClusterFact::Forbidden), WaitEnd::Forbidden),
        (Some(ClusterFact::Absent), WaitEnd::NoCluster),
    ] {
        let mut machine = ready(Plan::default());
        let _ = machine.on(S(10), Event::Signal(Signal::Terminate));
        if let Some(fact) = fact {
            let _ = machine.on(S(11), Event::Cluster(fact));
        }
        assert_eq!(tick(&mut machine, MS(14_999)).0, PhaseName::LameDuck);
        assert_eq!(tick(&mut machine, S(15)), (PhaseName::Draining, Some(end)));
        assert!(end.is_fallback());
    }
}

#[test]
fn an_error_after_an_answer_never_means_gone() {
    let mut machine = ready(Plan::default());
    let _ = machine.on(S(10), Event::Signal(Signal::Terminate));
    let _ = machine.on(S(11), endpoints(true));
    for fact in [ClusterFact::Unreachable, ClusterFact::Forbidden, ClusterFact::Absent] {
        let _ = machine.on(S(12), Event::Cluster(fact));
    }
    assert_eq!(tick(&mut machine, S(19)).0, PhaseName::LameDuck);
    assert_eq!(tick(&mut machine, S(20)), (PhaseName::Draining, Some(WaitEnd::Ceiling)));
}

#[test]
fn quiet_derives_its_silence_from_the_arrivals_before() {
    let quiet = Plan { strategy: Strategy::Quiet, ..Plan::default() };
    for (rate, expected) in [
        (Some(10.0), (Duration::from_secs_f64(10.0 + 1e6_f64.ln() / 10.0).max(S(12)), WaitEnd::Quiet)),
        (Some(2.0), (Duration::from_secs_f64(10.0 + 1e6_f64.ln() / 2.0), WaitEnd::Quiet)),
        (Some(0.6), (S(15), WaitEnd::TooLittleTraffic)),
        (Some(f64::NAN), (S(15), WaitEnd::TooLittleTraffic)),
        (None, (S(15), WaitEnd::TooLittleTraffic)),
    ] {
        let mut machine = ready(quiet.clone());
        if let Some(rate) = rate {
            let _ = machine.on(S(9), Event::ArrivalRate(rate));
        }
        let _ = machine.on(S(10), Event::Signal(Signal::Terminate));
        assert_eq!(machine.wake_at(), Some(expected.0), "{rate:?}");
        assert_eq!(tick(&mut machine, expected.0).1, Some(expected.1), "{rate:?}");
    }
    let mut machine = ready(quiet);
    let _ = machine.on(S(9), Event::ArrivalRate(100.0));
    let _ = machine.on(S(10), Event::Signal(Signal::Terminate));
    for quarter in 40..=80 {
        let _ = machine.on(MS(quarter * 250), Event::ConnectionArrived);
    }
    assert_eq!(machine.phase().leaving().unwrap().wait_end, Some(WaitEnd::Ceiling), "traffic that never stops");
}

#[test]
fn readiness_follows_its_policy() {
    let last = |last_serving| Event::Cluster(ClusterFact::Endpoints { registered: true, last_serving });
    let after = |readiness, events: Vec<(Duration, Event)>| {
        let mut machine = ready(Plan { readiness, ..Plan::default() });
        let _ = machine.on(S(10), Event::Signal(Signal::Terminate));
        for (now, event) in events {
            let _ = machine.on(now, event);
        }
        machine.readiness() == Readiness::Ready
    };
    use ReadinessPolicy::{Auto, Fail, Hold};
    assert!(!after(Fail, vec![]));
    assert!(after(Hold, vec![(S(13), endpoints(true))]));
    assert!(after(Auto, vec![]), "held until facts are there");
    assert!(!after(Auto, vec![(S(11), Event::Tick)]), "at most a second");
    assert!(after(Auto, vec![(MS(10_300), last(true)), (S(13), Event::Tick)]));
    assert!(!after(Auto, vec![(MS(10_300), last(false)), (S(11), last(true))]), "never back");
    assert!(!after(Auto, vec![(S(10), Event::Cluster(ClusterFact::Absent))]));
}

#[test]
fn a_shorter_grace_moves_the_deadline_and_a_longer_one_does_not() {
    let mut machine = ready(delay(5));
    let _ = machine.on(S(10), Event::Signal(Signal::Terminate));
    let deletion = |seconds| Event::Cluster(ClusterFact::Deletion { grace_period: S(seconds) });
    let _ = machine.on(S(10), deletion(60));
    assert_eq!(machine.phase().leaving().unwrap().deadline, Some(S(39)));
    let _ = machine.on(S(15), Event::Tick);
    let step = machine.on(S(16), deletion(12));
    assert_eq!(
        step.effects,
        [Effect::BoundMoved { until: MS(16_000) }]
            .into_iter()
            .chain([Effect::Cut, Effect::Release { until: S(19) }])
            .collect::<Vec<_>>()
    );
    assert_eq!(machine.phase().leaving().unwrap().deadline, Some(S(21)));
}

#[test]
fn without_a_timeout_only_an_interrupt_cuts() {
    let mut machine = ready(Plan { timeout: Timeout::None, ..delay(1) });
    let _ = machine.on(S(10), Event::Signal(Signal::Terminate));
    assert_eq!(tick(&mut machine, S(100_000)).0, PhaseName::Draining);
    assert_eq!(machine.wake_at(), None);
    let step = machine.on(S(100_001), Event::Signal(Signal::Interrupt));
    assert_eq!(step.effects, [Effect::Cut, Effect::Release { until: S(100_004) }]);
}

#[test]
fn a_dependency_turns_readiness_until_it_is_back() {
    let mut machine = ready(Plan::default());
    let health = |healthy| Event::DependencyHealth { name: "database".to_owned(), healthy };
    let _ = machine.on(S(2), health(false));
    assert_eq!(machine.readiness(), Readiness::NotReady("no answer from database".to_owned()));
    let _ = machine.on(S(3), health(true));
    assert_eq!(machine.readiness(), Readiness::Ready);
}
