//! The read-only view of the lifecycle that handlers, streams and workers get.

use crate::events::{PhaseView, Shared};
use crate::jobs::Jobs;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use lameduck_lifecycle::{Phase, PhaseName};
use lameduck_server::Server;
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

thread_local! { static CURRENT: RefCell<Option<Handle>> = const { RefCell::new(None) } }

/// Where the process is in its life, and what is left of its time. Can be looked at, not changed.
///
/// | wait for | when | to stop |
/// |---|---|---|
/// | [`leaving`](Handle::leaving) | SIGTERM has come; still accepting and serving | taking on what need not begin here |
/// | [`draining`](Handle::draining) | the listeners close | WebSockets, server-sent events, streams |
/// | [`releasing`](Handle::releasing) | every request has ended | queues inside the process |
///
/// It is an axum extractor, an argument of every worker, and anywhere on the engine's work runtime [`Handle::current`]:
///
/// ```
/// use axum::{Router, routing::get};
/// use lameduck::Handle;
///
/// let routes: Router = Router::new().route("/report", get(async |handle: Handle| {
///     if handle.is_leaving() { "short" } else { "long" }
/// }));
/// ```
#[derive(Clone, Debug)]
pub struct Handle {
    inner: Inner,
    jobs: Jobs,
}

#[derive(Clone, Debug)]
enum Inner {
    Engine(Arc<Engine>),
    Detached,
}

#[derive(Debug)]
struct Engine {
    shared: Shared,
    server: Server,
}

impl Handle {
    pub(crate) fn new(shared: Shared, server: Server, jobs: Jobs) -> Self {
        Self { inner: Inner::Engine(Arc::new(Engine { shared, server })), jobs }
    }

    /// The handle of a process that is ready and never leaves: for tests of handlers without an engine.
    pub fn detached() -> Self {
        Self { inner: Inner::Detached, jobs: Jobs::default() }
    }

    /// The handle of the engine on whose work runtime the caller runs, if it does.
    pub fn current() -> Option<Self> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// Makes this the current handle of the calling thread.
    pub(crate) fn enter(&self) {
        CURRENT.set(Some(self.clone()));
    }

    /// The phase.
    pub fn phase(&self) -> PhaseName {
        match &self.inner {
            Inner::Engine(engine) => engine.shared.view.borrow().phase.name(),
            Inner::Detached => PhaseName::Ready,
        }
    }

    /// Whether new clients should come here: what /readyz answers.
    pub fn is_ready(&self) -> bool {
        match &self.inner {
            Inner::Engine(engine) => engine.shared.view.borrow().is_ready(),
            Inner::Detached => true,
        }
    }

    /// Whether leaving has begun.
    pub fn is_leaving(&self) -> bool {
        self.is(PhaseView::is_leaving)
    }

    /// Whether the process drains, or is further: its listeners are closed, or about to be.
    pub fn is_draining(&self) -> bool {
        self.is(PhaseView::is_draining)
    }

    /// Time until whatever is in flight will be cut; `None` while not leaving, and with `drain.timeout: none`.
    ///
    /// It may become less than time alone explains (a cluster may shorten the grace period), never more.
    pub fn time_left(&self) -> Option<Duration> {
        let Inner::Engine(engine) = &self.inner else { return None };
        let shared = &engine.shared;
        let view = shared.view.borrow();
        let leaving = view.phase.leaving()?;
        let schedule = lameduck_lifecycle::Schedule::new(&shared.plan, leaving.began, leaving.deadline);
        let until = match &view.phase {
            Phase::Draining(draining) => schedule.drain_cut(&shared.plan, draining.phase_since)?,
            Phase::LameDuck { .. } | Phase::Starting(_) | Phase::Ready { .. } => schedule.drain_until?,
            Phase::Releasing(releasing) => schedule.release_cut(&shared.plan, releasing.phase_since),
            Phase::Flushing(_) | Phase::Exited(_) => leaving.deadline?,
        };
        Some(until.saturating_sub(shared.clock.now()))
    }

    /// Waits until start-up is over, one way or the other: [`phase`](Self::phase) then says which. Level-triggered.
    ///
    /// # Cancel safety
    /// Cancel safe, as [`leaving`](Self::leaving).
    pub async fn started(&self) {
        if let Inner::Engine(_) = &self.inner {
            self.until(|view| !matches!(view.phase, Phase::Starting(_))).await;
        }
    }

    /// Waits until [`is_ready`](Self::is_ready) is no longer `ready`. Level-triggered: at once if it is not.
    ///
    /// # Cancel safety
    /// Cancel safe, as [`leaving`](Self::leaving). A change and its opposite may both be missed.
    pub async fn readiness_changed(&self, ready: bool) {
        if ready {
            self.until(|view| !view.is_ready()).await;
        } else if let Inner::Engine(_) = &self.inner {
            self.until(PhaseView::is_ready).await;
        }
    }

    /// Waits until leaving begins. Level-triggered: at once if it has.
    ///
    /// For what should not *begin* any more: pulling from a broker, a long poll, a cache refresh. The process still
    /// accepts connections then, so do not end a stream here: its client would reconnect to this very process, see it
    /// leaving, and reconnect again in a tight loop. Streams wait for [`draining`](Self::draining).
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is missed by asking again.
    pub async fn leaving(&self) {
        self.until(PhaseView::is_leaving).await;
    }

    /// Waits until the process drains and its listeners have closed: whatever connects from then on reaches another
    /// replica. Level-triggered.
    ///
    /// For what holds a request open without an end of its own: a WebSocket, server-sent events, a gRPC stream. End it
    /// in an orderly way here, and the client reconnects to another replica. With many such clients, spread the ends
    /// over a second or more of [`time_left`](Self::time_left).
    ///
    /// ```
    /// use lameduck::Handle;
    ///
    /// async fn next_event(handle: &Handle, events: &mut tokio::sync::mpsc::Receiver<String>) -> Option<String> {
    ///     tokio::select! {
    ///         event = events.recv() => event,
    ///         () = handle.draining() => None, // ends the stream
    ///     }
    /// }
    /// ```
    ///
    /// # Cancel safety
    /// Cancel safe, as [`leaving`](Self::leaving).
    pub async fn draining(&self) {
        self.until(PhaseView::is_draining).await;
        if let Inner::Engine(engine) = &self.inner {
            engine.server.not_listening().await;
        }
    }

    /// Waits until the requests are done (or cut) and what start-up acquired is given back. Level-triggered.
    ///
    /// # Cancel safety
    /// Cancel safe, as [`leaving`](Self::leaving).
    pub async fn releasing(&self) {
        self.until(PhaseView::is_releasing).await;
    }

    /// Where jobs are accepted.
    pub fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    fn is(&self, condition: fn(&PhaseView) -> bool) -> bool {
        match &self.inner {
            Inner::Engine(engine) => condition(&engine.shared.view.borrow()),
            Inner::Detached => false,
        }
    }

    async fn until(&self, condition: fn(&PhaseView) -> bool) {
        match &self.inner {
            Inner::Engine(engine) => {
                let mut view: watch::Receiver<PhaseView> = engine.shared.view.clone();
                // A life that nobody publishes any more is over, and that is further than any condition.
                let _ = view.wait_for(condition).await;
            }
            Inner::Detached => std::future::pending().await,
        }
    }
}

/// There is no engine around this handler: it does not run on an engine's work runtime, and no layer brought a handle.
#[derive(Clone, Copy, Debug)]
pub struct NoEngine;

impl IntoResponse for NoEngine {
    fn into_response(self) -> Response {
        tracing::error!(
            "a handler wants the lifecycle handle, but no lameduck engine runs it; in tests, add `Extension(Handle::detached())`"
        );
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

/// From an `Extension(handle)` if there is one, else the engine's.
impl<S: Send + Sync> FromRequestParts<S> for Handle {
    type Rejection = NoEngine;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        parts.extensions.get::<Self>().cloned().or_else(Self::current).ok_or(NoEngine)
    }
}
