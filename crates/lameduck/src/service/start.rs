//! What routes, dependencies and workers of a service are built from.

use crate::config::{Config, FromValue, Values};
use crate::dependency::{Dependencies, Dependency, DependencyNotFound, WhenConnected};
use crate::gates::{Gate, Gates};
use crate::handle::Handle;
use crate::jobs::Jobs;
use crate::reload::{Files, Reloaded};
use crate::workers::{PendingWorker, Worker};
use prometheus::Registry;
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// What [`Service::routes`](crate::Service::routes) is given to build from. A cheap handle.
pub struct Start<S = ()> {
    pub(crate) common: Common,
    pub(crate) settings: Arc<S>,
    pub(crate) values: Arc<Values>,
}

/// The part of [`Start`] that every service has.
#[derive(Clone)]
pub(crate) struct Common {
    pub(crate) config: Arc<Config>,
    pub(crate) handle: Handle,
    pub(crate) registry: Registry,
    pub(crate) gates: Gates,
    pub(crate) dependencies: Dependencies,
    pub(crate) files: Files,
    pub(crate) workers: Arc<Mutex<Vec<PendingWorker>>>,
}

impl<S> Start<S> {
    /// The service's own settings.
    pub fn settings(&self) -> &Arc<S> {
        &self.settings
    }

    /// The value of a key that a part of the service registered by [`Service::section`](crate::Service::section).
    ///
    /// # Panics
    /// If no section declares it, or as another kind.
    pub fn value<T: FromValue>(&self, path: &str) -> T {
        self.values.get(path)
    }

    /// The engine's settings.
    pub fn config(&self) -> &Config {
        &self.common.config
    }

    /// The lifecycle.
    pub fn handle(&self) -> &Handle {
        &self.common.handle
    }

    /// Where jobs are accepted.
    pub fn jobs(&self) -> &Jobs {
        self.common.handle.jobs()
    }

    /// Where the service registers metrics of its own: /metrics tells them with the engine's. They are collected on the
    /// control thread, so a collector must not block.
    pub fn registry(&self) -> &Registry {
        &self.common.registry
    }

    /// Adds a background task that is only known now, after those of [`Service::worker`](crate::Service::worker). To be
    /// called before [`Service::routes`](crate::Service::routes) returns; later there is nobody to start it.
    pub fn worker<F, Fut>(&self, name: impl Into<String>, run: F)
    where
        F: FnOnce(Worker) -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.common.workers.lock().unwrap_or_else(PoisonError::into_inner).push(PendingWorker::new(name, run));
    }

    /// Reads files now, together, and again whenever one of them changes: keys, tokens, certificates. `key` is the key
    /// that names them; `parse` gets their contents in order. A new version that `parse` refuses is logged once and
    /// counted, and the last good one stays in use.
    ///
    /// ```no_run
    /// # fn routes(start: &lameduck::Start) -> lameduck::anyhow::Result<()> {
    /// let word = start.reload("auth.word_file", ["/etc/orders/word"], |contents| {
    ///     Ok(String::from_utf8(contents[0].clone())?.trim().to_owned())
    /// })?;
    /// assert!(!word.get().is_empty());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// If the files cannot be read or parsed now: an error of the start, with a sentence.
    pub fn reload<T: Send + Sync + 'static>(
        &self,
        key: &str,
        paths: impl IntoIterator<Item = impl Into<PathBuf>>,
        parse: impl Fn(&[Vec<u8>]) -> anyhow::Result<T> + Send + Sync + 'static,
    ) -> anyhow::Result<Reloaded<T>> {
        self.common.files.open(key, paths.into_iter().map(Into::into).collect(), parse)
    }

    /// The handle of a required dependency: of [`Service::dependency`](crate::Service::dependency), or of the
    /// configuration if `D` is a [`DependencyKind`](crate::DependencyKind). It is connected by now.
    ///
    /// # Errors
    /// If there is none of this name, or it is of another type, or optional: an error of the start, with a sentence.
    pub fn dependency<D: Dependency>(&self, name: &str) -> Result<D::Handle, DependencyNotFound> {
        self.common.dependencies.handle::<D>(name)
    }

    /// The handle of a dependency that may be absent at any time.
    ///
    /// # Errors
    /// If there is none of this name, or it is of another type.
    pub fn optional_dependency<D: Dependency>(
        &self,
        name: &str,
    ) -> Result<WhenConnected<D::Handle>, DependencyNotFound> {
        self.common.dependencies.optional::<D>(name)
    }

    /// Shuts a gate: the service is not ready until it is opened.
    pub fn gate(&self, name: impl Into<String>) -> Gate {
        self.common.gates.shut(name.into())
    }
}

impl<S> Clone for Start<S> {
    fn clone(&self) -> Self {
        let Self { common, settings, values } = self;
        Self { common: common.clone(), settings: Arc::clone(settings), values: Arc::clone(values) }
    }
}

impl<S> std::fmt::Debug for Start<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Start").field("handle", &self.common.handle).finish_non_exhaustive()
    }
}
