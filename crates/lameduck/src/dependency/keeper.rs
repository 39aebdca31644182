//! One dependency from the first attempt to the order to leave: connect until it answers, then check it.

use super::DependencyError;
use super::named::Named;
use super::status::Change;
use crate::config::Need;
use crate::events::Events;
use crate::handle::Handle;
use lameduck_lifecycle::Event;
use lameduck_support::{Backoff, hash};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

/// Pauses between attempts.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(3);
/// The pause of an optional dependency that refused for good: somebody may mend it while the service runs.
const PAUSE_REFUSED: Duration = Duration::from_secs(30);

/// How the opening went. Sent once; if nothing is sent, an attempt panicked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    Open,
    /// The process leaves first.
    Left,
    /// It refused for good.
    Refused(String),
}

/// Keeps one dependency until the process leaves. `acquired` is called once it is connected.
///
/// # Cancel safety
/// Must not be dropped before it ends: an attempt might still acquire something that nobody would release.
pub(super) async fn keep(
    dependency: Named,
    handle: Handle,
    events: Events,
    opened: oneshot::Sender<Opening>,
    acquired: impl FnOnce(),
) {
    let opening = tokio::select! {
        opening = open(&dependency, &events) => opening,
        () = handle.leaving() => Opening::Left,
    };
    let open = opening == Opening::Open;
    if open {
        acquired();
    }
    // Nobody waits for an optional one.
    let _ = opened.send(opening);
    if open {
        tokio::select! {
            () = watch(&dependency, &events) => {}
            () = handle.leaving() => {}
        }
    }
}

/// Tries until it answers or, if it is required, refuses for good.
async fn open(dependency: &Named, events: &Events) -> Opening {
    let Named { name, need, pace, status, .. } = dependency;
    let mut backoff = Backoff::new(PAUSE_MIN, PAUSE_MAX).jitter(25, hash::random_seed());
    loop {
        let (error, permanent) = match timeout(pace.connect_timeout, dependency.connect()).await {
            Ok(Ok(())) => break,
            Ok(Err(DependencyError::Permanent(why))) => (why, true),
            Ok(Err(DependencyError::Transient(why))) => (why, false),
            Err(_) => (format!("no response within {:?}", pace.connect_timeout), false),
        };
        status.refused(&error);
        if permanent && *need != Need::Optional {
            return Opening::Refused(error);
        }
        let pause = if permanent { PAUSE_REFUSED } else { backoff.pause() };
        if backoff.failures() <= 1 {
            tracing::warn!(dependency = %name, %error, "dependency {name} is not reachable yet, retrying: {error}");
        } else {
            tracing::debug!(dependency = %name, %error, "dependency {name} is still not reachable: {error}");
        }
        if *need != Need::Optional {
            events.send(Event::GateRefused { gate: name.clone(), error }).await;
        }
        sleep(pause).await;
    }
    status.connected();
    tracing::info!(dependency = %name, attempts = status.seen().attempts, "dependency {name} is connected");
    Opening::Open
}

/// Checks for ever; says when it goes and when it is back.
async fn watch(dependency: &Named, events: &Events) {
    let Named { name, need, pace, status, .. } = dependency;
    let mut ticks = interval(pace.check_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let began = Instant::now();
        let result = match timeout(pace.connect_timeout, dependency.check()).await {
            Ok(result) => result.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no response within {:?}", pace.connect_timeout)),
        };
        let error = result.clone().err().unwrap_or_default();
        let Some(change) = status.checked(result, began.elapsed()) else { continue };
        let consequence = match need {
            Need::Always => "not ready",
            Need::AtStart => "still ready",
            Need::Optional => "doing without it",
        };
        match change {
            Change::Back => tracing::info!(dependency = %name, "dependency {name} answers again"),
            Change::Gone => {
                tracing::warn!(dependency = %name, %error, "dependency {name} does not answer, {consequence}: {error}");
            }
        }
        if *need == Need::Always {
            events.send(Event::DependencyHealth { name: name.clone(), healthy: change == Change::Back }).await;
        }
    }
}
