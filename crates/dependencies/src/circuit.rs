//! Whether calls to a server are worth making: a pure state machine, without a clock and without a task.
//!
//! Closed: calls are made. The first one that finds the server dead or too slow opens the circuit, and from then on
//! calls are refused at once. After a pause one *probe* is made, not at the cost of a caller: it closes the circuit, or
//! opens it for a longer pause.

use lameduck_support::Backoff;
use std::time::Duration;
use tokio::time::Instant;

/// The pause before the first probe, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(3);

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Circuit {
    state: State,
    /// Counts openings: a result of before does not count.
    era: u64,
    pauses: Backoff,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    Open { until: Instant },
    HalfOpen,
}

/// A call may be made; what becomes of it is reported with this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pass {
    era: u64,
}

/// The one probe. To be reported by [`Circuit::probed`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) struct Probe {
    era: u64,
}

impl Circuit {
    /// Closed.
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: State::Closed, era: 0, pauses: Backoff::new(PAUSE_MIN, PAUSE_MAX).jitter(25, seed) }
    }

    /// Whether a call may be made.
    pub(crate) fn admit(&self) -> Option<Pass> {
        (self.state == State::Closed).then_some(Pass { era: self.era })
    }

    /// Whether calls are made at present.
    pub(crate) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// A call found the server dead or too slow. Returns whether that opened the circuit: once for all calls that were
    /// under way.
    pub(crate) fn failed(&mut self, pass: Pass, now: Instant) -> bool {
        let opens = self.state == State::Closed && pass.era == self.era;
        if opens {
            self.open(now);
        }
        opens
    }

    /// When the next probe is due; `None` while the circuit is closed or a probe is under way.
    pub(crate) fn probe_at(&self) -> Option<Instant> {
        match self.state {
            State::Open { until } => Some(until),
            State::Closed | State::HalfOpen => None,
        }
    }

    /// Begins the probe, if one is due.
    pub(crate) fn probe(&mut self, now: Instant) -> Option<Probe> {
        let due = self.probe_at().is_some_and(|until| until <= now);
        due.then(|| {
            self.state = State::HalfOpen;
            Probe { era: self.era }
        })
    }

    /// The probe has ended.
    #[expect(clippy::needless_pass_by_value, reason = "it is used up: a probe ends once")]
    pub(crate) fn probed(&mut self, probe: Probe, good: bool, now: Instant) {
        let Probe { era } = probe;
        debug_assert_eq!((self.state, self.era), (State::HalfOpen, era), "there is one probe at a time");
        if good {
            self.state = State::Closed;
            self.pauses.reset();
        } else {
            self.open(now);
        }
    }

    fn open(&mut self, now: Instant) {
        self.era += 1;
        self.state = State::Open { until: now + self.pauses.pause() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What can happen to a circuit.
    #[derive(Clone, Debug)]
    enum Step {
        Admit,
        /// The call that was admitted as the n-th fails.
        Fail(usize),
        Wait(u64),
        Probe,
        Probed(bool),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            Just(Step::Admit),
            (0..16_usize).prop_map(Step::Fail),
            (0..5000_u64).prop_map(Step::Wait),
            Just(Step::Probe),
            any::<bool>().prop_map(Step::Probed),
        ]
    }

    proptest! {
        #[test]
        fn an_open_circuit_lets_nothing_through_and_always_closes_again(steps in prop::collection::vec(step(), 0..200)) {
            let mut circuit = Circuit::new(7);
            let mut now = Instant::now();
            let mut passes = Vec::new();
            let mut probe: Option<Probe> = None;
            for step in steps {
                match step {
                    Step::Admit => {
                        let pass = circuit.admit();
                        prop_assert_eq!(pass.is_some(), circuit.probe_at().is_none() && probe.is_none());
                        passes.extend(pass);
                    }
                    Step::Fail(index) => {
                        let Some(pass) = passes.get(index % passes.len().max(1)).copied() else { continue };
                        let closed = circuit.is_closed();
                        if circuit.failed(pass, now) {
                            prop_assert!(closed);
                            prop_assert!(!circuit.failed(pass, now), "one failure opens it once");
                            prop_assert!(circuit.probe_at().is_some_and(|at| at > now && at <= now + PAUSE_MAX));
                        }
                    }
                    Step::Wait(millis) => now += Duration::from_millis(millis),
                    Step::Probe => {
                        let due = circuit.probe_at().is_some_and(|at| at <= now);
                        if let Some(begun) = circuit.probe(now) {
                            prop_assert!(due && probe.is_none(), "one probe at a time, and only when it is due");
                            probe = Some(begun);
                        }
                    }
                    Step::Probed(good) => {
                        let Some(ended) = probe.take() else { continue };
                        circuit.probed(ended, good, now);
                        prop_assert_eq!(circuit.is_closed(), good);
                    }
                }
            }
            // From wherever it is, a good probe closes it.
            if let Some(probe) = probe {
                circuit.probed(probe, true, now);
            } else if let Some(at) = circuit.probe_at() {
                let probe = circuit.probe(at).unwrap();
                circuit.probed(probe, true, at);
            }
            prop_assert!(circuit.admit().is_some());
        }
    }

    #[test]
    fn a_late_failure_of_before_does_not_open_it_again() {
        let mut circuit = Circuit::new(1);
        let now = Instant::now();
        let (first, second) = (circuit.admit().unwrap(), circuit.admit().unwrap());
        assert!(circuit.failed(first, now));
        let at = circuit.probe_at().unwrap();
        let probe = circuit.probe(at).unwrap();
        assert_eq!(circuit.admit(), None, "nothing passes while the probe runs");
        circuit.probed(probe, true, at);
        assert!(!circuit.failed(second, at), "it was sent before the circuit opened");
        assert!(circuit.admit().is_some());
    }

    #[test]
    fn pauses_grow_and_start_again() {
        let mut circuit = Circuit::new(1);
        let mut now = Instant::now();
        let pass = circuit.admit().unwrap();
        circuit.failed(pass, now);
        let first = circuit.probe_at().unwrap() - now;
        for _ in 0..10 {
            now = circuit.probe_at().unwrap();
            let probe = circuit.probe(now).unwrap();
            circuit.probed(probe, false, now);
        }
        assert!(circuit.probe_at().unwrap() - now > first * 10);
        now = circuit.probe_at().unwrap();
        let probe = circuit.probe(now).unwrap();
        circuit.probed(probe, true, now);
        let pass = circuit.admit().unwrap();
        circuit.failed(pass, now);
        assert!(circuit.probe_at().unwrap() - now <= PAUSE_MIN);
    }
}
