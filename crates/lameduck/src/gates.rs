//! Named gates of start-up that the service itself opens: a cache that is filled, a model that is loaded.

use crate::events::Events;
use lameduck_lifecycle::Event;
use tokio::sync::watch;

/// All gates that were shut. A cheap handle.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gates(watch::Sender<Vec<(String, State)>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Shut,
    Open,
    Failed(String),
}

/// A gate of start-up, shut until [`open`](Gate::open). Dropped unopened, it fails the start: whoever was to open it
/// has gone.
#[derive(Debug)]
#[must_use = "a gate that is dropped unopened fails the start"]
pub struct Gate {
    gates: Gates,
    index: usize,
}

impl Gate {
    /// What it stands for is there.
    pub fn open(self) {
        self.gates.settle(self.index, State::Open);
    }

    /// What it stands for will not come: the start fails with this reason.
    pub fn fail(self, error: impl std::fmt::Display) {
        self.gates.settle(self.index, State::Failed(error.to_string()));
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.gates.settle(self.index, State::Failed("dropped without being opened".to_owned()));
    }
}

impl Gates {
    pub(crate) fn shut(&self, name: String) -> Gate {
        let mut index = 0;
        self.0.send_modify(|gates| {
            index = gates.len();
            gates.push((name, State::Shut));
        });
        Gate { gates: self.clone(), index }
    }

    /// The first settlement counts.
    fn settle(&self, index: usize, state: State) {
        self.0.send_if_modified(|gates| match gates.get_mut(index) {
            Some((_, current @ State::Shut)) => {
                *current = state;
                true
            }
            Some((_, State::Open | State::Failed(_))) | None => false,
        });
    }

    /// Tells of every gate, and returns when all are open.
    ///
    /// # Errors
    /// The first gate that failed, and why.
    ///
    /// # Cancel safety
    /// Cancel safe but for events that were not told.
    pub(crate) async fn all_open(&self, events: &Events) -> Result<(), (String, String)> {
        let mut changes = self.0.subscribe();
        let mut known: Vec<State> = Vec::new();
        loop {
            let gates = changes.borrow_and_update().clone();
            for (index, (name, state)) in gates.iter().enumerate() {
                if index >= known.len() {
                    events.send(Event::GateShut(name.clone())).await;
                    known.push(State::Shut);
                }
                if known[index] == State::Shut {
                    match state {
                        State::Shut => continue,
                        State::Open => events.send(Event::GateOpened(name.clone())).await,
                        State::Failed(why) => return Err((name.clone(), why.clone())),
                    }
                    known[index] = state.clone();
                }
            }
            if known.iter().all(|state| *state == State::Open) {
                return Ok(());
            }
            // The sender is `self`: it cannot be gone.
            let _ = changes.changed().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waits_for_all_and_tells_each_once() {
        let (events, mut known) = Events::channel();
        let gates = Gates::default();
        let (cache, model) = (gates.shut("cache".to_owned()), gates.shut("model".to_owned()));
        cache.open();
        let waiting = tokio::spawn({
            let gates = gates.clone();
            async move { gates.all_open(&events).await }
        });
        let mut names = Vec::new();
        for _ in 0..3 {
            names.push(known.recv().await.unwrap());
        }
        model.open();
        assert_eq!(waiting.await.unwrap(), Ok(()));
        names.push(known.recv().await.unwrap());
        let shut = |name: &str| Event::GateShut(name.to_owned());
        let opened = |name: &str| Event::GateOpened(name.to_owned());
        assert_eq!(names, [shut("cache"), opened("cache"), shut("model"), opened("model")]);
    }

    #[tokio::test]
    async fn a_gate_that_nobody_will_open_fails_the_start() {
        let (events, _told) = Events::channel();
        let gates = Gates::default();
        drop(gates.shut("cache".to_owned()));
        let failed = ("cache".to_owned(), "dropped without being opened".to_owned());
        assert_eq!(gates.all_open(&events).await, Err(failed));
    }
}
