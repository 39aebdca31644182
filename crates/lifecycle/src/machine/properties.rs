//! Any sequence of events at any times: the life ends, never goes back, never passes the deadline.

use super::*;
use crate::budget::Budget;
use crate::plan::{ReadinessPolicy, Strategy, Timeout};
use crate::vocabulary::PhaseName;
use proptest::prelude::*;
use proptest::strategy::Strategy as Generate;

fn duration(most_ms: u64) -> impl Generate<Value = Duration> {
    (0..=most_ms).prop_map(Duration::from_millis)
}

prop_compose! {
    fn plan()(
        strategy in prop::sample::select(Strategy::ALL.to_vec()),
        readiness in prop::sample::select(ReadinessPolicy::ALL.to_vec()),
        timeout in prop_oneof![
            3 => Just(Timeout::Auto),
            3 => duration(20_000).prop_map(Timeout::After),
            1 => Just(Timeout::None),
        ],
        [delay, floor, delay_max, grace_period, pre_stop, release, flush, margin] in
            prop::array::uniform8(duration(15_000)),
    ) -> Plan {
        Plan {
            strategy, delay, floor, delay_max, timeout, readiness, grace_period, pre_stop, release, flush, margin,
            readiness_timeout: Duration::from_secs(30),
        }
    }
}

fn event() -> impl Generate<Value = Event> {
    let name = || prop::sample::select(vec!["database".to_owned(), "queue".to_owned()]);
    prop_oneof![
        2 => Just(Event::Started),
        1 => prop::sample::select(Stage::ALL.to_vec()).prop_map(Event::StageBegan),
        1 => name().prop_map(Event::GateShut),
        1 => name().prop_map(|gate| Event::GateRefused { gate, error: "no".to_owned() }),
        1 => name().prop_map(Event::GateOpened),
        1 => name().prop_map(|gate| Event::StartFailed { gate, error: "no".to_owned() }),
        3 => Just(Event::Signal(Signal::Terminate)),
        1 => Just(Event::Signal(Signal::Interrupt)),
        1 => Just(Event::LeaveAsked),
        1 => Just(Event::CloseAsked),
        1 => name().prop_map(|part| Event::PartFailed { part, error: "no".to_owned() }),
        1 => (name(), any::<bool>()).prop_map(|(name, healthy)| Event::DependencyHealth { name, healthy }),
        1 => (0.0..1000.0).prop_map(Event::ArrivalRate),
        3 => Just(Event::ConnectionArrived),
        1 => prop::sample::select(vec![ClusterFact::Absent, ClusterFact::Forbidden, ClusterFact::Unreachable])
            .prop_map(Event::Cluster),
        3 => any::<(bool, bool)>().prop_map(|(registered, last_serving)| {
            Event::Cluster(ClusterFact::Endpoints { registered, last_serving })
        }),
        1 => duration(40_000).prop_map(|grace_period| Event::Cluster(ClusterFact::Deletion { grace_period })),
        2 => Just(Event::Drained),
        2 => Just(Event::Released),
        2 => Just(Event::Flushed),
        4 => Just(Event::Tick),
    ]
}

/// What must hold after every step, and what must never move back.
struct Witness {
    phase: PhaseName,
    deadline: Option<Duration>,
    given: Vec<&'static str>,
}

impl Witness {
    fn new() -> Self {
        Self { phase: PhaseName::Starting, deadline: None, given: Vec::new() }
    }

    fn saw(&mut self, machine: &Machine, now: Duration, step: &Step) {
        let name = machine.phase().name();
        assert!(self.phase <= name, "went back from {} to {name}", self.phase);
        self.phase = name;
        for effect in &step.effects {
            let once = match effect {
                Effect::Serve => "serve",
                Effect::Leave { .. } => "leave",
                Effect::WatchCluster => "watch",
                Effect::GiveNotice => "notice",
                Effect::Drain { .. } => "drain",
                Effect::BoundMoved { .. } => continue,
                Effect::Cut => "cut",
                Effect::Release { .. } => "release",
                Effect::Flush { .. } => "flush",
                Effect::Exit => "exit",
            };
            assert!(!self.given.contains(&once), "{once} was ordered twice");
            self.given.push(once);
        }
        let Some(leaving) = machine.phase().leaving() else { return };
        if let Some(deadline) = leaving.deadline {
            assert!(self.deadline.is_none_or(|before| deadline <= before), "the deadline moved later");
            self.deadline = Some(deadline);
            assert!(now < deadline || name == PhaseName::Exited, "{name} at {now:?}, deadline {deadline:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn every_life_ends_in_order_and_in_time(
        plan in plan(),
        events in prop::collection::vec((duration(3_000), event()), 0..60),
    ) {
        let endless = plan.timeout == Timeout::None;
        let (mut machine, mut witness, mut now) = (Machine::new(plan), Witness::new(), Duration::ZERO);
        for (pause, event) in events {
            now += pause;
            let step = machine.on(now, event);
            witness.saw(&machine, now, &step);
        }
        let step = machine.on(now, Event::Signal(Signal::Terminate));
        witness.saw(&machine, now, &step);
        // From here on nothing happens but time.
        for _ in 0..20 {
            let Some(at) = machine.wake_at() else { break };
            now = now.max(at);
            let before = (machine.phase().name(), machine.wake_at(), machine.readiness());
            let step = machine.on(now, Event::Tick);
            witness.saw(&machine, now, &step);
            let after = (machine.phase().name(), machine.wake_at(), machine.readiness());
            prop_assert_ne!(before, after, "a tick at wake_at changed nothing");
        }
        let ended = machine.phase().name() == PhaseName::Exited;
        prop_assert!(ended || (endless && machine.phase().name() == PhaseName::Draining), "{:?}", machine.phase());
    }

    #[test]
    fn a_plan_that_fits_the_grace_keeps_every_share(plan in plan(), spare in duration(5_000)) {
        let plan = Plan { grace_period: Budget::new(&plan).total() + spare, ..plan };
        let began = Duration::from_secs(7);
        let Some(deadline) = Schedule::deadline(&plan, began, plan.grace_period) else { return Ok(()) };
        prop_assert_eq!(deadline, began + plan.grace_period - plan.pre_stop - plan.margin);
        let schedule = Schedule::new(&plan, began, Some(deadline));
        prop_assert_eq!(schedule.release_until, Some(deadline - plan.flush));
        prop_assert_eq!(schedule.drain_until, Some(deadline - plan.flush - plan.release));
        let wait = Budget::new(&plan).wait();
        prop_assert!(schedule.leave_lame_duck_by >= Some(began + wait), "{schedule:?} cuts the wait of {wait:?}");
    }

    /// Control: without a time-out of its own, a drain that nothing ends does not end. (So the property above can
    /// fail.)
    #[test]
    fn without_a_timeout_draining_may_last(plan in plan()) {
        let mut machine = Machine::new(Plan { timeout: Timeout::None, strategy: Strategy::Immediate, ..plan });
        let _ = machine.on(Duration::ZERO, Event::Started);
        let _ = machine.on(Duration::ZERO, Event::Signal(Signal::Terminate));
        let _ = machine.on(Duration::from_secs(1_000_000), Event::Tick);
        prop_assert_eq!(machine.phase().name(), PhaseName::Draining);
    }
}
