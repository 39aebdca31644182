//! Whether required dependencies still answer, with hysteresis: readiness must not flap with every lost packet.

use super::Named;
use crate::events::Events;
use lameduck_lifecycle::Event;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, timeout};

const EVERY: Duration = Duration::from_secs(5);
const CHECK: Duration = Duration::from_secs(3);

/// Failures in a row that count as gone, and successes in a row that count as back.
const GONE_AFTER: u32 = 3;
const BACK_AFTER: u32 = 2;

/// Checks one dependency for ever and tells when it went or came back. To be aborted.
pub(crate) async fn watch_health(dependency: Named, events: Events) {
    let mut health = Health::default();
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let error = match timeout(CHECK, dependency.check()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("no answer within {CHECK:?}")),
        };
        let Some(healthy) = health.observe(error.is_none()) else { continue };
        let name = dependency.name.clone();
        match error {
            None => tracing::info!(dependency = %name, "dependency {name} answers again"),
            Some(error) => {
                tracing::warn!(dependency = %name, %error, "dependency {name} does not answer, not ready: {error}");
            }
        }
        events.send(Event::DependencyHealth { name, healthy }).await;
    }
}

/// Judges a row of answers.
#[derive(Debug, Default)]
struct Health {
    gone: bool,
    /// Answers in a row that contradict `gone`.
    against: u32,
}

impl Health {
    /// Takes one answer; says what is true from now on, if that changed.
    fn observe(&mut self, answers: bool) -> Option<bool> {
        if answers != self.gone {
            self.against = 0;
            return None;
        }
        self.against += 1;
        if self.against < if self.gone { BACK_AFTER } else { GONE_AFTER } {
            return None;
        }
        (self.gone, self.against) = (!self.gone, 0);
        Some(!self.gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dependency::{Dependency, DependencyError};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    struct Switched(Arc<AtomicBool>);

    impl Dependency for Switched {
        async fn connect(&self) -> Result<(), DependencyError> {
            Ok(())
        }

        async fn check(&self) -> Result<(), DependencyError> {
            if self.0.load(Relaxed) { Ok(()) } else { Err(DependencyError::transient("gone")) }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn tells_once_that_it_went_and_once_that_it_came_back() {
        let (events, mut told) = Events::channel();
        let answers = Arc::new(AtomicBool::new(false));
        tokio::spawn(watch_health(Named::new("database", Switched(answers.clone())), events));
        let health = |healthy| Some(Event::DependencyHealth { name: "database".to_owned(), healthy });
        assert_eq!(told.recv().await, health(false));
        answers.store(true, Relaxed);
        assert_eq!(told.recv().await, health(true));
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert!(told.try_recv().is_err());
    }

    #[test]
    fn a_single_failure_changes_nothing() {
        let answers = [true, false, true, false, false, true, false, false, false, true, false, true, true, true];
        let mut health = Health::default();
        let changes: Vec<_> =
            answers.iter().enumerate().filter_map(|(at, answers)| Some((at, health.observe(*answers)?))).collect();
        assert_eq!(changes, [(8, false), (12, true)]);
    }
}
