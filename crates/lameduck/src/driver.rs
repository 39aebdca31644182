//! The only place that mutates the machine: events in, effects out, the phase published.

mod announce;
pub(crate) mod progress;

use crate::events::{PhaseView, Shared};
use lameduck_lifecycle::{Effect, Event, Machine, PhaseName};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;

/// Between two publications without a change of phase or readiness.
const PUBLISH_EVERY: Duration = Duration::from_millis(100);

/// What carries out the machine's orders.
pub(crate) trait Effects {
    /// Carries out one order without blocking. What takes time is begun, and told by an event when it is done; what is
    /// known at once is returned.
    fn perform(&mut self, effect: Effect) -> Option<Event>;
}

/// Owns the machine.
pub(crate) struct Driver<E> {
    machine: Machine,
    effects: E,
    events: mpsc::Receiver<Event>,
    view: watch::Sender<PhaseView>,
    shared: Shared,
    published_at: Duration,
    stale: bool,
}

impl<E: Effects> Driver<E> {
    /// A driver of a process that started with the clock of `shared`; `first` is what happened then.
    pub(crate) fn new(
        shared: Shared,
        effects: E,
        events: mpsc::Receiver<Event>,
        view: watch::Sender<PhaseView>,
        first: Option<Event>,
    ) -> Self {
        let mut machine = Machine::new(shared.plan.clone());
        if let Some(first) = first {
            // Nothing serves yet, so nothing can be ordered.
            let _ = machine.on(Duration::ZERO, first);
        }
        Self { machine, effects, events, view, shared, published_at: Duration::ZERO, stale: false }
    }

    /// Runs to the end of the process, and returns what carried out the orders.
    ///
    /// # Cancel safety
    /// Not meant to be dropped before the end: the process would go on without anybody who ends it.
    pub(crate) async fn run(mut self) -> E {
        self.publish();
        while self.machine.phase().name() != PhaseName::Exited {
            let event = self.next_event().await;
            let Some(event) = event else {
                self.publish();
                continue;
            };
            let mut pending = VecDeque::from([event]);
            while let Some(event) = pending.pop_front() {
                pending.extend(self.take(event));
            }
        }
        self.effects
    }

    /// The next thing that happens; `None`: it is time to publish.
    async fn next_event(&mut self) -> Option<Event> {
        let clock = self.shared.clock;
        let (wake_at, stale) = (self.machine.wake_at(), self.stale);
        let publish_at = self.published_at + PUBLISH_EVERY;
        tokio::select! {
            biased;
            // Time first: a flood of facts must not keep the deadline waiting.
            () = sleep_until(clock.instant(wake_at.unwrap_or_default())), if wake_at.is_some() => Some(Event::Tick),
            event = self.events.recv() => Some(event.unwrap_or(Event::Tick)),
            () = sleep_until(clock.instant(publish_at)), if stale => None,
        }
    }

    /// Takes one event; returns what its effects made known at once.
    fn take(&mut self, event: Event) -> Vec<Event> {
        let now = self.shared.clock.now();
        let before = (self.machine.phase().name(), self.machine.readiness());
        let signal = matches!(event, Event::Signal(_));
        let step = self.machine.on(now, event);
        let after = (self.machine.phase().name(), self.machine.readiness());
        self.stale = true;
        let due = before != after || now.saturating_sub(self.published_at) >= PUBLISH_EVERY;
        // Good news last, bad news first: who reads "ready" must find the listener open, and who is told by an order
        // that the process leaves must already read so.
        let opens = step.effects.contains(&Effect::Serve);
        if due && !opens {
            self.publish();
        }
        let known: Vec<Event> = step.effects.into_iter().filter_map(|effect| self.effects.perform(effect)).collect();
        if due && opens {
            self.publish();
        }
        if before.0 != after.0 {
            announce::phase(self.machine.phase(), self.machine.wake_at(), now);
        } else if signal {
            announce::signal_again(self.machine.phase());
        }
        known
    }

    fn publish(&mut self) {
        self.published_at = self.shared.clock.now();
        self.stale = false;
        self.view.send_replace(PhaseView {
            at: self.published_at,
            phase: self.machine.phase().clone(),
            readiness: self.machine.readiness(),
            wake_at: self.machine.wake_at(),
        });
    }
}

#[cfg(test)]
mod tests;
