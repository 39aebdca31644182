//! What the service needs from outside: each a gate at start-up, a check while it serves, a release at the end.

mod configured;
mod connect;
mod health;
mod http;
mod tcp;

pub use self::http::{Http, HttpUrlError};
pub use self::tcp::Tcp;
pub(crate) use configured::required;
pub(crate) use connect::{Acquired, connect_all};
pub(crate) use health::watch_health;

use futures_util::future::BoxFuture;
use std::future::Future;
use std::sync::Arc;

/// Something outside that the service cannot work without: a database, a broker, another service.
///
/// The engine calls [`connect`](Dependency::connect) until it succeeds, with a growing pause, before anything is built on it;
/// [`check`](Dependency::check) now and then while serving, if readiness follows it; [`release`](Dependency::release) once at the
/// end, in reverse order of start-up. All on the work runtime; each call is bounded and dropped at its bound.
///
/// ```
/// use lameduck::{Dependency, DependencyError};
///
/// struct Database;
///
/// impl Dependency for Database {
///     async fn connect(&self) -> Result<(), DependencyError> {
///         // Open the pool, keep it in self.
///         Ok(())
///     }
/// }
/// ```
pub trait Dependency: Send + Sync + 'static {
    /// One attempt. Success opens the gate.
    ///
    /// # Errors
    /// [`DependencyError::Transient`] is tried again until `stages.readiness_timeout`; [`DependencyError::Permanent`] ends the
    /// start at once.
    ///
    /// # Cancel safety
    /// Must be: an attempt is dropped at its bound and when the process is told to leave.
    fn connect(&self) -> impl Future<Output = Result<(), DependencyError>> + Send;

    /// Whether it still answers. By default, always.
    ///
    /// # Errors
    /// Why it does not.
    fn check(&self) -> impl Future<Output = Result<(), DependencyError>> + Send {
        async { Ok(()) }
    }

    /// Gives back what [`connect`](Dependency::connect) acquired. Called once, and only after a successful connect. By default
    /// there is nothing to give back.
    ///
    /// # Errors
    /// Why it could not; logged, and the exit goes on.
    fn release(&self) -> impl Future<Output = Result<(), DependencyError>> + Send {
        async { Ok(()) }
    }
}

/// A dependency does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DependencyError {
    /// It may answer later.
    Transient(String),
    /// Trying again cannot help: a wrong address, a refused credential.
    Permanent(String),
}

impl DependencyError {
    /// One that may pass.
    pub fn transient(error: impl std::fmt::Display) -> Self {
        Self::Transient(error.to_string())
    }

    /// One that will not.
    pub fn permanent(error: impl std::fmt::Display) -> Self {
        Self::Permanent(error.to_string())
    }
}

impl std::fmt::Display for DependencyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Transient(why) | Self::Permanent(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for DependencyError {}

/// A dependency by name, whatever its kind.
#[derive(Clone)]
pub(crate) struct Named {
    pub(crate) name: String,
    kind: Arc<dyn Erased>,
    /// Whether /readyz says 503 while it does not answer.
    pub(crate) readiness: bool,
}

impl Named {
    pub(crate) fn new(name: impl Into<String>, kind: impl Dependency) -> Self {
        Self { name: name.into(), kind: Arc::new(kind), readiness: false }
    }

    /// Makes /readyz follow it.
    pub(crate) fn with_readiness(self) -> Self {
        Self { readiness: true, ..self }
    }

    async fn connect(&self) -> Result<(), DependencyError> {
        self.kind.connect().await
    }

    async fn check(&self) -> Result<(), DependencyError> {
        self.kind.check().await
    }

    /// See [`Dependency::release`].
    pub(crate) async fn release(&self) -> Result<(), DependencyError> {
        self.kind.release().await
    }
}

impl std::fmt::Debug for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Named").field("name", &self.name).field("readiness", &self.readiness).finish()
    }
}

/// [`Dependency`] behind a pointer.
trait Erased: Send + Sync {
    fn connect(&self) -> BoxFuture<'_, Result<(), DependencyError>>;
    fn check(&self) -> BoxFuture<'_, Result<(), DependencyError>>;
    fn release(&self) -> BoxFuture<'_, Result<(), DependencyError>>;
}

impl<D: Dependency> Erased for D {
    fn connect(&self) -> BoxFuture<'_, Result<(), DependencyError>> {
        Box::pin(Dependency::connect(self))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), DependencyError>> {
        Box::pin(Dependency::check(self))
    }

    fn release(&self) -> BoxFuture<'_, Result<(), DependencyError>> {
        Box::pin(Dependency::release(self))
    }
}
