//! A dependency by name, whatever its type, together with the handle that it yielded.

use super::status::Status;
use super::{Dependency, DependencyError, DependencyUsage};
use crate::config::{Need, Pace};
use futures_util::future::BoxFuture;
use std::any::{Any, TypeId};
use std::sync::{Arc, Mutex, PoisonError};

/// A cheap handle.
#[derive(Clone)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) need: Need,
    pub(crate) pace: Pace,
    pub(crate) status: Status,
    slot: Arc<dyn Erased>,
}

impl Named {
    pub(crate) fn new(name: impl Into<String>, dependency: impl Dependency, need: Need, pace: Pace) -> Self {
        let slot = Slot { dependency, cell: Cell::default() };
        Self { name: name.into(), need, pace, status: Status::new(), slot: Arc::new(slot) }
    }

    /// One attempt; success keeps the handle.
    pub(super) async fn connect(&self) -> Result<(), DependencyError> {
        self.status.attempt();
        self.slot.connect().await
    }

    /// One check of the handle. Good if there is none.
    pub(super) async fn check(&self) -> Result<(), DependencyError> {
        self.slot.check().await
    }

    /// Takes the handle back. See [`Dependency::release`].
    pub(crate) async fn release(&self) -> Result<(), DependencyError> {
        self.status.released();
        self.slot.release().await
    }

    /// How much its handle is used, if it is connected and knows.
    pub(crate) fn usage(&self) -> Option<DependencyUsage> {
        self.slot.usage()
    }

    /// Whether it is a `D`.
    pub(super) fn is<D: Dependency>(&self) -> bool {
        self.slot.dependency_type() == TypeId::of::<D>()
    }

    pub(super) fn type_name(&self) -> &'static str {
        self.slot.type_name()
    }

    /// The place of the handle, if it is one of `D`.
    pub(super) fn when_connected<D: Dependency>(&self) -> Option<WhenConnected<D::Handle>> {
        let cell = self.slot.cell().downcast::<Cell<D::Handle>>().ok().filter(|_| self.is::<D>())?;
        Some(WhenConnected { cell: *cell, status: self.status.clone() })
    }
}

impl std::fmt::Debug for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Named").field("name", &self.name).field("need", &self.need).finish_non_exhaustive()
    }
}

/// The handle of an optional dependency: there once it is connected, and while it answers. A cheap handle.
pub struct WhenConnected<H> {
    cell: Cell<H>,
    status: Status,
}

impl<H: Clone> WhenConnected<H> {
    /// The handle, if the dependency is connected and answers. Else do without: a route that needs it degrades and says
    /// so.
    pub fn get(&self) -> Option<H> {
        if self.status.is_up() { self.cell.get() } else { None }
    }

    /// The handle of a dependency that was connected, whether it answers or not.
    pub(super) fn handle(&self) -> Option<H> {
        self.cell.get()
    }
}

impl<H> Clone for WhenConnected<H> {
    fn clone(&self) -> Self {
        Self { cell: self.cell.clone(), status: self.status.clone() }
    }
}

impl<H> std::fmt::Debug for WhenConnected<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WhenConnected").field("condition", &self.status.seen().condition).finish()
    }
}

/// Where the handle is kept.
struct Cell<H>(Arc<Mutex<Option<H>>>);

impl<H> Cell<H> {
    fn replace(&self, handle: Option<H>) -> Option<H> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), handle)
    }
}

impl<H: Clone> Cell<H> {
    fn get(&self) -> Option<H> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<H> Default for Cell<H> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<H> Clone for Cell<H> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Slot<D: Dependency> {
    dependency: D,
    cell: Cell<D::Handle>,
}

/// A [`Slot`] without the type of its dependency.
trait Erased: Send + Sync {
    fn connect(&self) -> BoxFuture<'_, Result<(), DependencyError>>;
    fn check(&self) -> BoxFuture<'_, Result<(), DependencyError>>;
    fn release(&self) -> BoxFuture<'_, Result<(), DependencyError>>;
    fn usage(&self) -> Option<DependencyUsage>;
    fn cell(&self) -> Box<dyn Any>;
    fn dependency_type(&self) -> TypeId;
    fn type_name(&self) -> &'static str;
}

impl<D: Dependency> Erased for Slot<D> {
    fn connect(&self) -> BoxFuture<'_, Result<(), DependencyError>> {
        Box::pin(async {
            let handle = self.dependency.connect().await?;
            self.cell.replace(Some(handle));
            Ok(())
        })
    }

    fn check(&self) -> BoxFuture<'_, Result<(), DependencyError>> {
        Box::pin(async {
            match self.cell.get() {
                Some(handle) => self.dependency.check(&handle).await,
                None => Ok(()),
            }
        })
    }

    fn release(&self) -> BoxFuture<'_, Result<(), DependencyError>> {
        Box::pin(async {
            match self.cell.replace(None) {
                Some(handle) => self.dependency.release(handle).await,
                None => Ok(()),
            }
        })
    }

    fn usage(&self) -> Option<DependencyUsage> {
        self.dependency.usage(&self.cell.get()?)
    }

    fn cell(&self) -> Box<dyn Any> {
        Box::new(self.cell.clone())
    }

    fn dependency_type(&self) -> TypeId {
        TypeId::of::<D>()
    }

    fn type_name(&self) -> &'static str {
        std::any::type_name::<D>()
    }
}
