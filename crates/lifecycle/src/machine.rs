//! The machine: one owner of the phase, events in, effects out.

mod leaving;

use crate::effect::{Effect, Step};
use crate::event::{Cause, ClusterFact, Event, Signal};
use crate::phase::{Leaving, Phase, Readiness, Startup};
use crate::plan::{Plan, Strategy};
use crate::schedule::Schedule;
use crate::vocabulary::Stage;
use crate::wait::{Wait, WaitEnd};
use std::time::Duration;

/// The life of one process. See the crate's first page.
///
/// Guarantees, for any sequence of events at any times: phases come in the order of
/// [`PhaseName::ALL`](crate::PhaseName::ALL) and never go back; the deadline only moves earlier; a [`Event::Tick`] at
/// [`Self::wake_at`] always changes something; unless `timeout: none`, a process that leaves is `Exited` at its
/// deadline.
#[derive(Clone, Debug)]
pub struct Machine {
    plan: Plan,
    phase: Phase,
    now: Duration,
    /// The last known, also before leaving: the wait needs it from its first moment.
    arrival_rate: Option<f64>,
    effects: Vec<Effect>,
}

impl Machine {
    /// A process that starts now.
    pub fn new(plan: Plan) -> Self {
        let phase = Phase::Starting(Startup::default());
        Self { plan, phase, now: Duration::ZERO, arrival_rate: None, effects: Vec::new() }
    }

    /// Where the process is.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// What was planned.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Takes what happened at `now` (a `now` before an earlier one counts as that one) and says what to do.
    pub fn on(&mut self, now: Duration, event: Event) -> Step {
        self.now = self.now.max(now);
        self.record(event);
        while self.advance() {}
        Step { effects: std::mem::take(&mut self.effects) }
    }

    /// When time alone changes something: the latest moment for the next [`Event::Tick`].
    pub fn wake_at(&self) -> Option<Duration> {
        match &self.phase {
            Phase::Starting(_) => Some(self.plan.readiness_timeout),
            Phase::Ready { .. } | Phase::Exited(_) => None,
            Phase::LameDuck { leaving, wait } => {
                let end = self.wait_end(leaving, wait).0;
                Some(wait.readiness_settles_at(&self.plan).map_or(end, |settles| settles.min(end)))
            }
            Phase::Draining(_) | Phase::Releasing(_) | Phase::Flushing(_) => self.phase_cut(),
        }
    }

    /// When the phase that runs is cut: Draining, Releasing and Flushing have such a bound.
    fn phase_cut(&self) -> Option<Duration> {
        match &self.phase {
            Phase::Draining(leaving) => self.schedule(leaving).drain_cut(&self.plan, leaving.phase_since),
            Phase::Releasing(leaving) => Some(self.schedule(leaving).release_cut(&self.plan, leaving.phase_since)),
            Phase::Flushing(leaving) => Some(self.schedule(leaving).flush_cut(&self.plan, leaving.phase_since)),
            Phase::Starting(_) | Phase::Ready { .. } | Phase::LameDuck { .. } | Phase::Exited(_) => None,
        }
    }

    /// What /readyz answers.
    pub fn readiness(&self) -> Readiness {
        let not_ready = |reason: String| Readiness::NotReady(reason);
        match &self.phase {
            Phase::Starting(startup) if startup.shut.is_empty() => not_ready("starting".to_owned()),
            Phase::Starting(startup) => not_ready(format!("starting: waiting for {}", startup.shut_because())),
            Phase::Ready { unhealthy, .. } if unhealthy.is_empty() => Readiness::Ready,
            Phase::Ready { unhealthy, .. } => not_ready(format!("no answer from {}", unhealthy.join(", "))),
            Phase::LameDuck { wait, .. } if wait.holds_readiness() => Readiness::Ready,
            Phase::LameDuck { leaving, .. }
            | Phase::Draining(leaving)
            | Phase::Releasing(leaving)
            | Phase::Flushing(leaving)
            | Phase::Exited(leaving) => not_ready(format!("leaving: {}", leaving.cause)),
        }
    }

    fn record(&mut self, event: Event) {
        match event {
            Event::StageBegan(stage) => self.stage_began(stage),
            Event::GateShut(gate) => {
                if let Phase::Starting(startup) = &mut self.phase
                    && !startup.shut.contains(&gate)
                {
                    startup.shut.push(gate);
                }
            }
            Event::GateRefused { gate, error } => {
                if let Phase::Starting(startup) = &mut self.phase
                    && startup.shut.contains(&gate)
                {
                    startup.refused.insert(gate, error);
                }
            }
            Event::GateOpened(gate) => {
                if let Phase::Starting(startup) = &mut self.phase {
                    startup.shut.retain(|shut| *shut != gate);
                    startup.refused.remove(&gate);
                }
            }
            Event::Started => self.started(),
            Event::StartFailed { gate, error } => {
                if matches!(self.phase, Phase::Starting(_)) {
                    self.leave(Cause::StartFailed { gate, error });
                }
            }
            Event::Signal(Signal::Terminate) => self.leave(Cause::Terminate),
            Event::Signal(Signal::Interrupt) => self.interrupt(),
            Event::LeaveAsked => {
                if self.phase.leaving().is_none() {
                    self.leave(Cause::Requested);
                }
            }
            Event::CloseAsked => self.close(),
            Event::PartFailed { part, error } => self.part_failed(part, error),
            Event::DependencyHealth { name, healthy } => self.dependency_health(name, healthy),
            Event::ArrivalRate(per_second) => {
                self.arrival_rate = Some(per_second);
                if let Phase::LameDuck { wait, .. } = &mut self.phase {
                    wait.arrival_rate(per_second);
                }
            }
            Event::ConnectionArrived => self.connection_arrived(),
            Event::Cluster(fact) => self.cluster(&fact),
            Event::Drained => {
                if matches!(self.phase, Phase::Draining(_)) {
                    self.release();
                }
            }
            Event::Released => {
                if matches!(self.phase, Phase::Releasing(_)) {
                    self.flush();
                }
            }
            Event::Flushed => {
                if matches!(self.phase, Phase::Flushing(_)) {
                    self.exit();
                }
            }
            Event::Tick => {}
        }
    }

    /// A connection that came in the very last moment of the wait is heard of after it: the report still has it.
    fn connection_arrived(&mut self) {
        let now = self.now;
        if let Phase::LameDuck { wait, .. } = &mut self.phase {
            wait.arrived(now);
        }
        if let Some(leaving) = self.leaving_mut() {
            leaving.last_arrival_at = Some(now);
        }
    }

    fn stage_began(&mut self, stage: Stage) {
        let now = self.now;
        if let Phase::Starting(startup) = &mut self.phase {
            finish_stage(startup, now);
            startup.stage = Some((stage, now));
        }
    }

    fn started(&mut self) {
        let now = self.now;
        if let Phase::Starting(startup) = &mut self.phase {
            finish_stage(startup, now);
            startup.shut.clear();
            startup.refused.clear();
            let startup = std::mem::take(startup);
            self.phase = Phase::Ready { since: now, startup, unhealthy: Vec::new() };
            self.effects.push(Effect::Serve);
        }
    }

    fn dependency_health(&mut self, name: String, healthy: bool) {
        if let Phase::Ready { unhealthy, .. } = &mut self.phase {
            unhealthy.retain(|known| *known != name);
            if !healthy {
                unhealthy.push(name);
            }
        }
    }

    /// One transition that is due, if any.
    fn advance(&mut self) -> bool {
        if let Phase::LameDuck { wait, .. } = &mut self.phase {
            wait.settle_readiness(&self.plan, self.now);
        }
        let due = self.wake_at().is_some_and(|at| at <= self.now);
        match &self.phase {
            Phase::Starting(startup) if due => {
                let gate =
                    if startup.shut.is_empty() { "readiness_timeout".to_owned() } else { startup.shut.join(", ") };
                let mut error = format!("not open within {:?} (stages.readiness_timeout)", self.plan.readiness_timeout);
                if !startup.refused.is_empty() {
                    error = format!("{error}: {}", startup.shut_because());
                }
                self.leave(Cause::StartFailed { gate, error });
            }
            Phase::LameDuck { leaving, wait } if due => {
                let (at, end) = self.wait_end(leaving, wait);
                if at > self.now {
                    return false;
                }
                self.drain(end);
            }
            Phase::Draining(_) if due => self.cut_draining(),
            Phase::Releasing(_) if due => self.cut_releasing(),
            Phase::Flushing(_) if due => self.cut_flushing(),
            Phase::Starting(_)
            | Phase::Ready { .. }
            | Phase::LameDuck { .. }
            | Phase::Draining(_)
            | Phase::Releasing(_)
            | Phase::Flushing(_)
            | Phase::Exited(_) => return false,
        }
        true
    }

    fn schedule(&self, leaving: &Leaving) -> Schedule {
        Schedule::new(&self.plan, leaving.began, leaving.deadline)
    }

    /// When LameDuck ends, by its strategy or because the deadline leaves no more.
    fn wait_end(&self, leaving: &Leaving, wait: &Wait) -> (Duration, WaitEnd) {
        let (at, end) = wait.ends_at(&self.plan);
        match self.schedule(leaving).leave_lame_duck_by {
            Some(by) if by < at => (by, WaitEnd::Deadline),
            _ => (at, end),
        }
    }

    fn skips_lame_duck(&self, cause: &Cause) -> bool {
        self.plan.strategy == Strategy::Immediate || *cause == Cause::Interrupt
    }

    fn cluster(&mut self, fact: &ClusterFact) {
        if let Phase::LameDuck { leaving, wait } = &mut self.phase {
            wait.cluster(self.now, fact);
            leaving.deregistered_at = wait.deregistered_at();
        }
        if let ClusterFact::Deletion { grace_period } = fact {
            self.shorten(*grace_period);
        }
    }
}

fn finish_stage(startup: &mut Startup, now: Duration) {
    if let Some((stage, since)) = startup.stage.take() {
        startup.finished.push((stage, now - since));
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
