//! Opening the gates: all required dependencies at once, each until it answers.

use super::{DependencyError, Named};
use crate::events::Events;
use crate::handle::Handle;
use lameduck_lifecycle::Event;
use lameduck_support::{Backoff, hash};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Pauses between attempts.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(3);

/// Bound of one attempt.
const ATTEMPT: Duration = Duration::from_secs(5);

/// Dependencies that were connected, in the order in which they were named: what has to be released.
#[derive(Clone, Debug, Default)]
pub(crate) struct Acquired(Arc<Mutex<Vec<(usize, Named)>>>);

impl Acquired {
    fn add(&self, position: usize, dependency: Named) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((position, dependency));
    }

    /// Everything acquired so far, the last named first. Leaves nothing behind.
    pub(crate) fn take_reversed(&self) -> Vec<Named> {
        let mut all = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        all.sort_by_key(|(position, _)| std::cmp::Reverse(*position));
        all.into_iter().map(|(_, dependency)| dependency).collect()
    }
}

/// Connects them all. Each is a gate: shut until it answers.
///
/// Attempts run on `work`, where pools and their tasks must live.
///
/// # Errors
/// The first permanent failure, with its gate. (Lateness is the machine's to judge.)
///
/// When the process leaves meanwhile, attempts end and it returns; from then on nothing is added to `acquired`.
///
/// # Cancel safety
/// Must not be dropped: an attempt on another thread might then still acquire something.
pub(crate) async fn connect_all(
    dependencies: &[Named],
    acquired: &Acquired,
    handle: &Handle,
    work: &runtime::Handle,
    events: &Events,
) -> Result<(), (String, String)> {
    for dependency in dependencies {
        events.send(Event::GateShut(dependency.name.clone())).await;
    }
    let mut attempts = JoinSet::new();
    for (position, dependency) in dependencies.iter().cloned().enumerate() {
        let (acquired, handle, events) = (acquired.clone(), handle.clone(), events.clone());
        let connecting = async move {
            let name = dependency.name.clone();
            tokio::select! {
                connected = connect(&dependency, &events) => connected.map_err(|error| (name.clone(), error))?,
                () = handle.leaving() => return Ok(()),
            }
            acquired.add(position, dependency);
            events.send(Event::GateOpened(name)).await;
            Ok(())
        };
        attempts.spawn_on(connecting, work);
    }
    let mut failure = None;
    while let Some(ended) = attempts.join_next().await {
        let ended = ended.unwrap_or_else(|_| Err(("dependencies".to_owned(), "an attempt panicked".to_owned())));
        if let Err(failed) = ended
            && failure.is_none()
        {
            let (gate, error) = failed.clone();
            failure = Some(failed);
            // Told at once, so that the others learn that the process leaves and end.
            events.send(Event::StartFailed { gate, error }).await;
        }
    }
    failure.map_or(Ok(()), Err)
}

async fn connect(dependency: &Named, events: &Events) -> Result<(), String> {
    let name = &dependency.name;
    let mut backoff = Backoff::new(PAUSE_MIN, PAUSE_MAX).jitter(25, hash::random_seed());
    loop {
        let attempt = timeout(ATTEMPT, dependency.connect()).await;
        let error = match attempt {
            Ok(Ok(())) => break,
            Ok(Err(DependencyError::Permanent(why))) => return Err(why),
            Ok(Err(DependencyError::Transient(why))) => why,
            Err(_) => format!("no answer within {ATTEMPT:?}"),
        };
        let pause = backoff.pause();
        if backoff.failures() == 1 {
            tracing::warn!(dependency = %name, %error, "dependency {name} does not answer yet, trying on: {error}");
        } else {
            tracing::debug!(dependency = %name, %error, attempts = backoff.failures(), "dependency {name} still does not answer: {error}");
        }
        events.send(Event::GateRefused { gate: name.clone(), error }).await;
        sleep(pause).await;
    }
    tracing::info!(dependency = %name, attempts = backoff.failures() + 1, "dependency {name} is connected");
    Ok(())
}
