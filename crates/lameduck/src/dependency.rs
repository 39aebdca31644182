//! What the service needs from outside: each a gate at start-up, a check while it serves, a release at the end.
//!
//! `named` holds a dependency with the handle it yielded, `keeper` opens and watches it, `set` is all of them, `kind`
//! lets a crate offer a kind that operators configure, `tcp` and `http` are such kinds.

mod http;
mod keeper;
mod kind;
mod named;
mod set;
mod status;
mod tcp;

pub use self::http::Http;
pub use self::tcp::Tcp;
pub use kind::{DependencyConfig, DependencyKind};
pub use named::WhenConnected;
pub use set::DependencyNotFound;

pub(crate) use kind::AnyKind;
pub(crate) use named::Named;
pub(crate) use set::Dependencies;
pub(crate) use status::{CHECK_BOUNDS, Condition};

use std::future::Future;

/// The kinds that every service offers.
pub(crate) fn built_in() -> Vec<AnyKind> {
    vec![AnyKind::of::<Tcp>(), AnyKind::of::<Http>()]
}

/// Something outside that the service works with: a database, a broker, another service.
///
/// It is built from the settings, before anything is connected; [`connect`](Dependency::connect) yields the handle that
/// routes and workers use: a pool, a client. The engine calls `connect` with a growing pause until it succeeds,
/// [`check`](Dependency::check) every `check_interval` from then on, and [`release`](Dependency::release) once at the
/// end, in reverse order of start-up. All on the work runtime; each call is bounded and dropped at its bound.
///
/// A handle must reconnect by itself: after the first success the engine does not call `connect` again.
///
/// ```
/// use lameduck::config::{Key, Kind, Section, Settings, Values};
/// use lameduck::{Dependency, DependencyError, Service};
/// use std::sync::Arc;
///
/// struct Database {
///     url: String,
/// }
///
/// #[derive(Clone)]
/// struct Pool(Arc<String>);
///
/// impl Dependency for Database {
///     type Handle = Pool;
///
///     async fn connect(&self) -> Result<Pool, DependencyError> {
///         Ok(Pool(Arc::new(format!("connected to {}", self.url))))
///     }
/// }
/// # const ANY: lameduck::config::Form = lameduck::config::Form { expected: "a URL", valid: |_| true };
///
/// struct Orders {
///     database: String,
/// }
///
/// impl Settings for Orders {
///     // …
/// #     const SECTIONS: &'static [Section] = &[Section { name: "orders", doc: "Orders.", keys: &[
/// #         Key::new("orders.database", Kind::Text(ANY), "postgres://localhost/orders", "The database."),
/// #     ] }];
/// #     fn read(values: &Values) -> Self { Self { database: values.get("orders.database") } }
/// }
///
/// let service = Service::new("orders")
///     .settings::<Orders>()
///     .dependency("database", |orders: &Orders| Database { url: orders.database.clone() })
///     .routes(|start| async move {
///         let pool = start.dependency::<Database>("database")?;
///         Ok(lameduck::App::new().route("/", axum::routing::get(async move || pool.0.to_string())))
///     });
/// ```
pub trait Dependency: Send + Sync + 'static {
    /// What routes and workers use: a pool, a client, `()` if there is nothing but to know that it is there.
    type Handle: Clone + Send + Sync + 'static;

    /// One attempt. Success opens the gate.
    ///
    /// # Errors
    /// [`DependencyError::Transient`] is tried again until `stages.readiness_timeout`; [`DependencyError::Permanent`]
    /// ends the start at once. (An optional dependency is tried again in both cases.)
    ///
    /// # Cancel safety
    /// Must be: an attempt is dropped after `connect_timeout`, and when the process leaves.
    fn connect(&self) -> impl Future<Output = Result<Self::Handle, DependencyError>> + Send;

    /// Whether it still answers. By default, always.
    ///
    /// # Errors
    /// Why it does not.
    ///
    /// # Cancel safety
    /// Must be: a check is dropped after `connect_timeout`, and when the process leaves.
    fn check(&self, handle: &Self::Handle) -> impl Future<Output = Result<(), DependencyError>> + Send {
        let _ = handle;
        async { Ok(()) }
    }

    /// How much its handle is used, for /metrics. Called on the control thread, so it must not block. By default,
    /// nothing is known.
    fn usage(&self, handle: &Self::Handle) -> Option<DependencyUsage> {
        let _ = handle;
        None
    }

    /// Closes what [`connect`](Dependency::connect) opened. Called once, and only after a successful connect. By
    /// default the handle is dropped.
    ///
    /// # Errors
    /// Why it could not; logged, and the exit goes on.
    fn release(&self, handle: Self::Handle) -> impl Future<Output = Result<(), DependencyError>> + Send {
        drop(handle);
        async { Ok(()) }
    }
}

/// How much the handle of a dependency is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DependencyUsage {
    /// Connections that are open.
    pub connections_open: u64,
    /// Of these, those that no call uses.
    pub connections_idle: u64,
    /// The most that may be open.
    pub connections_max: u64,
    /// Calls that succeeded.
    pub calls_succeeded: u64,
    /// Calls that failed: refused, lost, answered by an error.
    pub calls_failed: u64,
    /// Calls that had no time left, or waited for a connection in vain.
    pub calls_timed_out: u64,
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
