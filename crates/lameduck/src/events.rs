//! What the driver publishes: the phase with its evidence, at each change and at most ten times a second.

use crate::clock::Clock;
use lameduck_lifecycle::{Event, Phase, Plan, Readiness, Startup};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Events that wait for the driver. It takes them at once; senders wait when it does not.
const EVENTS_MAX: usize = 256;

/// The state of the machine at one moment.
#[derive(Clone, Debug)]
pub(crate) struct PhaseView {
    /// Since the start of the process.
    pub(crate) at: Duration,
    /// Where the process is.
    pub(crate) phase: Phase,
    /// What /readyz answers.
    pub(crate) readiness: Readiness,
    /// When time alone changes something.
    pub(crate) wake_at: Option<Duration>,
}

impl PhaseView {
    /// Before anything happened.
    pub(crate) fn initial() -> Self {
        Self {
            at: Duration::ZERO,
            phase: Phase::Starting(Startup::default()),
            readiness: Readiness::NotReady("starting".to_owned()),
            wake_at: None,
        }
    }

    /// What /readyz answers.
    pub(crate) fn is_ready(&self) -> bool {
        self.readiness == Readiness::Ready
    }

    /// Whether leaving has begun.
    pub(crate) fn is_leaving(&self) -> bool {
        self.phase.leaving().is_some()
    }

    /// Whether the listeners have closed, or are about to.
    pub(crate) fn is_draining(&self) -> bool {
        matches!(self.phase, Phase::Draining(_)) || self.is_releasing()
    }

    /// Whether what start-up acquired is being given back, or has been.
    pub(crate) fn is_releasing(&self) -> bool {
        matches!(self.phase, Phase::Releasing(_) | Phase::Flushing(_) | Phase::Exited(_))
    }
}

/// The way in for facts. A cheap handle.
#[derive(Clone, Debug)]
pub(crate) struct Events(mpsc::Sender<Event>);

impl Events {
    /// A way in, and the driver's end of it.
    pub(crate) fn channel() -> (Self, mpsc::Receiver<Event>) {
        let (sender, receiver) = mpsc::channel(EVENTS_MAX);
        (Self(sender), receiver)
    }

    /// Tells the driver what happened. After the end of the process nobody listens, and that is fine.
    ///
    /// # Cancel safety
    /// An event whose `tell` was dropped may not have been told.
    pub(crate) async fn send(&self, event: Event) {
        let _ = self.0.send(event).await;
    }
}

/// What every room around the driver shares: the clock, the plan, the published life, the way in for facts.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) plan: Plan,
    pub(crate) view: watch::Receiver<PhaseView>,
    pub(crate) events: Events,
}
