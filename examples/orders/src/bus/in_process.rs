//! A bus for a service that runs alone. It keeps nothing: events are published once they have had their effect, so
//! until then they stay in the outbox.

use super::{Bus, Subscription};
use anyhow::Context;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lameduck_dependencies::sql::Event;
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc, oneshot};

/// One topic, one group.
pub struct InProcess {
    sender: mpsc::Sender<Batch>,
    receiver: Arc<Mutex<mpsc::Receiver<Batch>>>,
}

struct Batch {
    events: Vec<Event>,
    done: oneshot::Sender<()>,
}

impl Default for InProcess {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(1);
        Self { sender, receiver: Arc::new(Mutex::new(receiver)) }
    }
}

impl Bus for InProcess {
    fn publish(&self, events: Vec<Event>) -> BoxFuture<'_, anyhow::Result<()>> {
        async move {
            let (done, had_effect) = oneshot::channel();
            self.sender.send(Batch { events, done }).await.ok().context("the queue is closed")?;
            had_effect.await.context("the consumer has not finished")
        }
        .boxed()
    }

    fn subscribe<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, anyhow::Result<Box<dyn Subscription>>> {
        async {
            let receiver = Arc::clone(&self.receiver).lock_owned().await;
            Ok(Box::new(Member { receiver, open: None }) as Box<dyn Subscription>)
        }
        .boxed()
    }
}

struct Member {
    receiver: OwnedMutexGuard<mpsc::Receiver<Batch>>,
    open: Option<oneshot::Sender<()>>,
}

impl Subscription for Member {
    fn next(&mut self) -> BoxFuture<'_, anyhow::Result<Vec<Event>>> {
        async {
            let Batch { events, done } = self.receiver.recv().await.context("the queue is closed")?;
            self.open = Some(done);
            Ok(events)
        }
        .boxed()
    }

    fn done(&mut self) -> BoxFuture<'_, anyhow::Result<()>> {
        // Nobody waits any more: the events come again, and are known.
        if let Some(done) = self.open.take() {
            let _ = done.send(());
        }
        async { Ok(()) }.boxed()
    }
}
