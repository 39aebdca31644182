//! All dependencies of the process: opened together, found by name, released in reverse.

use super::Dependency;
use super::keeper::{Opening, keep};
use super::named::{Named, WhenConnected};
use crate::config::Need;
use crate::events::Events;
use crate::handle::Handle;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use lameduck_lifecycle::Event;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// A cheap handle.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dependencies(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    all: Vec<Named>,
    /// Positions of those that were connected: what has to be released.
    acquired: Arc<Mutex<Vec<usize>>>,
    keepers: Mutex<JoinSet<()>>,
}

/// [`Start::dependency`](crate::Start::dependency) cannot return a handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DependencyNotFound {
    /// None has this name.
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// It is of another type.
    OtherType {
        /// What was asked for.
        name: String,
        /// The type that was asked for.
        asked: &'static str,
        /// The type that it has.
        actual: &'static str,
    },
    /// It is optional, so it may be absent when routes are built.
    Optional {
        /// What was asked for.
        name: String,
    },
}

impl std::fmt::Display for DependencyNotFound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown { name, known } if known.is_empty() => {
                write!(f, "there is no dependency {name}: configure `dependencies.{name}`, or add it to the Service")
            }
            Self::Unknown { name, known } => write!(
                f,
                "there is no dependency {name}, only {}: configure `dependencies.{name}`, or add it to the Service",
                known.join(", ")
            ),
            Self::OtherType { name, asked, actual } => {
                write!(f, "dependency {name} is a {actual}, not a {asked}: configure it as that kind")
            }
            Self::Optional { name } => write!(
                f,
                "dependency {name} is optional: set `dependencies.{name}.required`, or use \
                 `start.optional_dependency`"
            ),
        }
    }
}

impl std::error::Error for DependencyNotFound {}

impl Dependencies {
    pub(crate) fn new(all: Vec<Named>) -> Self {
        Self(Arc::new(Inner { all, ..Inner::default() }))
    }

    /// All of them, in the order in which they were named.
    pub(crate) fn all(&self) -> &[Named] {
        &self.0.all
    }

    /// Connects them all at the same time on `work`, where pools and their tasks must live. Each required one is a
    /// gate: closed until it answers. Optional ones are connected in the background. All are checked from then on,
    /// until the process leaves.
    ///
    /// # Errors
    /// The first required one that refused for good, with its gate. (Lateness is for the machine to judge.)
    ///
    /// When the process leaves meanwhile, attempts end and it returns.
    pub(crate) async fn open(
        &self,
        handle: &Handle,
        work: &runtime::Handle,
        events: &Events,
    ) -> Result<(), (String, String)> {
        for dependency in self.all().iter().filter(|dependency| dependency.need != Need::Optional) {
            events.send(Event::GateShut(dependency.name.clone())).await;
        }
        let mut openings = FuturesUnordered::new();
        for (position, dependency) in self.all().iter().enumerate() {
            let (sender, opening) = oneshot::channel();
            let acquired = Arc::clone(&self.0.acquired);
            let acquired = move || acquired.lock().unwrap_or_else(PoisonError::into_inner).push(position);
            let keeper = keep(dependency.clone(), handle.clone(), events.clone(), sender, acquired);
            self.0.keepers.lock().unwrap_or_else(PoisonError::into_inner).spawn_on(keeper, work);
            if dependency.need != Need::Optional {
                openings.push(async move { (dependency.name.clone(), opening.await) });
            }
        }
        let mut failure = None;
        while let Some((gate, opening)) = openings.next().await {
            let error = match opening {
                Ok(Opening::Open) => {
                    events.send(Event::GateOpened(gate)).await;
                    continue;
                }
                Ok(Opening::Left) => continue,
                Ok(Opening::Refused(error)) => error,
                Err(_) => "an attempt to connect panicked".to_owned(),
            };
            if failure.is_none() {
                failure = Some((gate.clone(), error.clone()));
                // Reported at once, so that the process leaves and the other attempts end.
                events.send(Event::StartFailed { gate, error }).await;
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// The handle of a required dependency. Connected by the time routes are built.
    pub(crate) fn handle<D: Dependency>(&self, name: &str) -> Result<D::Handle, DependencyNotFound> {
        let found = self.optional::<D>(name)?;
        let optional = self.all().iter().any(|other| other.name == name && other.need == Need::Optional);
        let handle = found.handle().filter(|_| !optional);
        handle.ok_or_else(|| DependencyNotFound::Optional { name: name.to_owned() })
    }

    /// The handle of a dependency that may be absent.
    pub(crate) fn optional<D: Dependency>(&self, name: &str) -> Result<WhenConnected<D::Handle>, DependencyNotFound> {
        let Some(dependency) = self.all().iter().find(|dependency| dependency.name == name) else {
            let known = self.all().iter().map(|dependency| dependency.name.clone()).collect();
            return Err(DependencyNotFound::Unknown { name: name.to_owned(), known });
        };
        dependency.when_connected::<D>().ok_or_else(|| DependencyNotFound::OtherType {
            name: name.to_owned(),
            asked: std::any::type_name::<D>(),
            actual: dependency.type_name(),
        })
    }

    /// Waits until the keepers have ended, which they do when the process leaves: from then on nothing more is
    /// acquired.
    pub(crate) async fn settled(&self) {
        let mut keepers = std::mem::take(&mut *self.0.keepers.lock().unwrap_or_else(PoisonError::into_inner));
        while keepers.join_next().await.is_some() {}
    }

    /// Everything acquired so far, the last named first. Leaves nothing behind.
    pub(crate) fn take_reversed(&self) -> Vec<Named> {
        let mut positions = std::mem::take(&mut *self.0.acquired.lock().unwrap_or_else(PoisonError::into_inner));
        positions.sort_unstable_by(|a, b| b.cmp(a));
        positions.into_iter().filter_map(|position| self.0.all.get(position)).cloned().collect()
    }
}
