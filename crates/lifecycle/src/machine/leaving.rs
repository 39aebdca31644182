//! The transitions of leaving. Each takes the leaving out of one phase and hands it to the next.

use super::Machine;
use crate::effect::Effect;
use crate::event::Cause;
use crate::phase::{Leaving, Phase, PhaseSeconds, Startup};
use crate::schedule::Schedule;
use crate::wait::{Wait, WaitEnd};
use std::time::Duration;

/// Failures that are kept in words.
const FAILURES_MAX: usize = 8;

/// What Flushing gets at least, as far as the plan gives it that much: a grace period that is over already must not
/// take the report with it.
const LAST_WORD_MIN: Duration = Duration::from_millis(200);

impl Machine {
    /// The first cause begins to leave; a further SIGTERM is only counted (a restarted kubelet sends it again).
    pub(super) fn leave(&mut self, cause: Cause) {
        if let Some(leaving) = self.leaving_mut() {
            leaving.terminates_again += u32::from(cause == Cause::Terminate);
            return;
        }
        let (now, was_ready) = (self.now, matches!(self.phase, Phase::Ready { .. }));
        let deadline = Schedule::deadline(&self.plan, now, self.plan.grace_period);
        let leaving = Leaving {
            began: now,
            was_ready,
            startup: self.phase.startup().clone(),
            deadline: deadline.map(|deadline| self.leaves_the_last_word(deadline)),
            phase_since: now,
            wait_end: None,
            deregistered_at: None,
            last_arrival_at: None,
            took: vec![PhaseSeconds { phase: self.phase.name(), seconds: (now - self.phase.since()).as_secs_f64() }],
            cut: Vec::new(),
            failures: if cause.is_failure() { vec![cause.to_string()] } else { Vec::new() },
            terminates_again: 0,
            interrupts: u32::from(cause == Cause::Interrupt),
            cause,
        };
        self.effects.push(Effect::Leave { cause: leaving.cause.clone() });
        if !was_ready {
            self.enter_releasing(leaving);
            return;
        }
        self.effects.push(Effect::WatchCluster);
        if self.skips_lame_duck(&leaving.cause) {
            self.enter_draining(leaving, WaitEnd::Skipped);
        } else {
            self.effects.push(Effect::GiveNotice);
            let wait = Wait::new(&self.plan, now, self.arrival_rate);
            self.phase = Phase::LameDuck { leaving, wait };
        }
    }

    /// A person at a terminal: one step further each time.
    pub(super) fn interrupt(&mut self) {
        let Some(leaving) = self.leaving_mut() else {
            return self.leave(Cause::Interrupt);
        };
        leaving.interrupts += 1;
        match &self.phase {
            Phase::LameDuck { .. } => self.drain(WaitEnd::Interrupted),
            Phase::Draining(_) => self.cut_draining(),
            Phase::Releasing(_) => self.cut_releasing(),
            Phase::Flushing(_) => self.cut_flushing(),
            Phase::Starting(_) | Phase::Ready { .. } | Phase::Exited(_) => {}
        }
    }

    /// Both verbs in one: begin to leave if that has not happened, and cut everything but the last word. Again: that
    /// too.
    pub(super) fn close(&mut self) {
        if self.leaving_mut().is_none() {
            self.leave(Cause::Requested);
        }
        match &self.phase {
            Phase::LameDuck { .. } | Phase::Draining(_) => {
                self.mark_cut();
                self.effects.push(Effect::Cut);
                self.flush();
            }
            Phase::Releasing(_) => self.cut_releasing(),
            Phase::Flushing(_) => self.cut_flushing(),
            Phase::Starting(_) | Phase::Ready { .. } | Phase::Exited(_) => {}
        }
    }

    pub(super) fn part_failed(&mut self, part: String, error: String) {
        let starting = matches!(self.phase, Phase::Starting(_));
        match self.leaving_mut() {
            Some(leaving) if leaving.failures.len() < FAILURES_MAX => {
                leaving.failures.push(Cause::PartFailed { part, error }.to_string());
            }
            Some(_) => {}
            None if starting => self.leave(Cause::StartFailed { gate: part, error }),
            None => self.leave(Cause::PartFailed { part, error }),
        }
    }

    /// The grace turned out to be another: the deadline may move earlier, never later.
    pub(super) fn shorten(&mut self, grace_period: Duration) {
        let Some(leaving) = self.phase.leaving() else { return };
        let (known, given) = (leaving.deadline, Schedule::deadline(&self.plan, leaving.began, grace_period));
        let (Some(known), Some(given)) = (known, given) else { return };
        let given = self.leaves_the_last_word(given);
        if given >= known {
            return;
        }
        let before = self.phase_cut();
        if let Some(leaving) = self.leaving_mut() {
            leaving.deadline = Some(given);
        }
        let now_cut = self.phase_cut();
        if let Some(until) = now_cut.filter(|_| now_cut != before) {
            self.effects.push(Effect::BoundMoved { until });
        }
    }

    /// A deadline that has passed already, or is about to: late enough for the report to be written.
    fn leaves_the_last_word(&self, deadline: Duration) -> Duration {
        deadline.max(self.now + LAST_WORD_MIN.min(self.plan.flush))
    }

    pub(super) fn drain(&mut self, end: WaitEnd) {
        if let Some(leaving) = self.take_leaving() {
            self.enter_draining(leaving, end);
        }
    }

    pub(super) fn release(&mut self) {
        if let Some(leaving) = self.take_leaving() {
            self.enter_releasing(leaving);
        }
    }

    pub(super) fn flush(&mut self) {
        if let Some(leaving) = self.take_leaving() {
            self.enter_flushing(leaving);
        }
    }

    pub(super) fn exit(&mut self) {
        if let Some(mut leaving) = self.take_leaving() {
            leaving.phase_since = self.now;
            self.effects.push(Effect::Exit);
            self.phase = Phase::Exited(leaving);
        }
    }

    pub(super) fn cut_draining(&mut self) {
        self.mark_cut();
        self.effects.push(Effect::Cut);
        self.release();
    }

    pub(super) fn cut_releasing(&mut self) {
        self.mark_cut();
        self.flush();
    }

    pub(super) fn cut_flushing(&mut self) {
        self.mark_cut();
        self.exit();
    }

    fn enter_draining(&mut self, mut leaving: Leaving, end: WaitEnd) {
        leaving.wait_end = Some(end);
        leaving.phase_since = self.now;
        let until = self.schedule(&leaving).drain_cut(&self.plan, self.now);
        self.effects.push(Effect::Drain { until });
        self.phase = Phase::Draining(leaving);
    }

    fn enter_releasing(&mut self, mut leaving: Leaving) {
        leaving.phase_since = self.now;
        let until = self.schedule(&leaving).release_cut(&self.plan, self.now);
        self.effects.push(Effect::Release { until });
        self.phase = Phase::Releasing(leaving);
    }

    fn enter_flushing(&mut self, mut leaving: Leaving) {
        leaving.phase_since = self.now;
        let until = self.schedule(&leaving).flush_cut(&self.plan, self.now);
        self.effects.push(Effect::Flush { until });
        self.phase = Phase::Flushing(leaving);
    }

    fn mark_cut(&mut self) {
        let phase = self.phase.name();
        if let Some(leaving) = self.leaving_mut() {
            leaving.cut.push(phase);
        }
    }

    /// Takes the leaving out of a phase that ends, with how long that phase took.
    fn take_leaving(&mut self) -> Option<Leaving> {
        let (name, since, now) = (self.phase.name(), self.phase.since(), self.now);
        let placeholder = Phase::Starting(Startup::default());
        let mut leaving = match std::mem::replace(&mut self.phase, placeholder) {
            Phase::LameDuck { leaving, .. }
            | Phase::Draining(leaving)
            | Phase::Releasing(leaving)
            | Phase::Flushing(leaving) => leaving,
            other @ (Phase::Starting(_) | Phase::Ready { .. } | Phase::Exited(_)) => {
                self.phase = other;
                return None;
            }
        };
        leaving.took.push(PhaseSeconds { phase: name, seconds: (now - since).as_secs_f64() });
        Some(leaving)
    }

    pub(super) fn leaving_mut(&mut self) -> Option<&mut Leaving> {
        match &mut self.phase {
            Phase::Starting(_) | Phase::Ready { .. } => None,
            Phase::LameDuck { leaving, .. }
            | Phase::Draining(leaving)
            | Phase::Releasing(leaving)
            | Phase::Flushing(leaving)
            | Phase::Exited(leaving) => Some(leaving),
        }
    }
}
