//! The bus that events travel on: at least once, in order for each key.

mod in_process;

pub use in_process::InProcess;

use futures_util::future::BoxFuture;
use lameduck_dependencies::sql::Event;

/// Carries events from the outbox to whoever subscribes.
pub trait Bus: Send + Sync + 'static {
    /// Publishes events. Returns once the bus has them for good: what fails is published again.
    fn publish(&self, events: Vec<Event>) -> BoxFuture<'_, anyhow::Result<()>>;

    /// Joins a group: each event reaches one of its members, and goes on where the group has left off.
    fn subscribe<'a>(&'a self, topic: &'a str, group: &'a str) -> BoxFuture<'a, anyhow::Result<Box<dyn Subscription>>>;
}

/// A member of a group.
pub trait Subscription: Send {
    /// Waits for the next events. Cancel safe: none is lost.
    fn next(&mut self) -> BoxFuture<'_, anyhow::Result<Vec<Event>>>;

    /// What [`next`](Self::next) returned has had its effect, and need not come again.
    fn done(&mut self) -> BoxFuture<'_, anyhow::Result<()>>;
}
