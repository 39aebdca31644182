//! What the engine around the machine must do.

use crate::event::Cause;
use std::time::Duration;

/// An order to the engine. Times are since the start of the process.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Listen and serve: every gate is open.
    Serve,
    /// Leaving began. Workers that pull stop pulling; the handle of handlers and workers says so.
    Leave {
        /// Why.
        cause: Cause,
    },
    /// Ask the cluster about this pod: its endpoints from now until Draining, its deletion (which may shorten the
    /// grace) to the end.
    WatchCluster,
    /// LameDuck: keep accepting and serving, tell clients to leave.
    GiveNotice,
    /// Flush the accept queue, close the listener, let what is in flight finish.
    Drain {
        /// When [`Effect::Cut`] will follow. `None`: never by itself.
        until: Option<Duration>,
    },
    /// The bound of the phase that runs (Draining, Releasing or Flushing) moved: only ever earlier.
    BoundMoved {
        /// When it is cut now.
        until: Duration,
    },
    /// End what is still in flight.
    Cut,
    /// Work off queues, give back leases and pools, in reverse order of start-up.
    Release {
        /// When it is cut.
        until: Duration,
    },
    /// Let the last word out: the report, the last Event, traces and logs. Ordered once in every life that leaves,
    /// whatever was cut before; answered by [`Event::Flushed`](crate::Event::Flushed).
    Flush {
        /// When it is cut. Nothing that it does may take longer, and nothing comes after it.
        until: Duration,
    },
    /// End the process.
    Exit,
}

/// The answer to one event.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "effects that are dropped never happen"]
pub struct Step {
    /// In the order in which to carry them out.
    pub effects: Vec<Effect>,
}
