//! What is asked at SIGTERM, until the answer no longer matters.

mod endpoints;
mod own_pod;

use crate::connect::Cluster;
use crate::failure::Failure;
use futures_util::{Stream, StreamExt};
use kube::core::WatchEvent;
use lameduck_lifecycle::ClusterFact;
use lameduck_support::{Backoff, hash};
use std::hash::Hash;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Sender;

/// A watch that ended sooner than this without having said anything counts as a failed one: no loop without a pause.
const WATCH_AT_LEAST: Duration = Duration::from_millis(500);
/// The API server counts in whole seconds, and must be able to end a watch before we do.
const WATCH_FOR_LEAST: Duration = Duration::from_secs(2);
/// Pauses after failed attempts: a drain has some ten seconds, a longer one would mean to give up.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(1);

impl Cluster {
    /// Watches the endpoint slices, and sends what they say until the receiver is dropped or the API server refused.
    ///
    /// Sends [`ClusterFact::Endpoints`] when the verdict of all slices changed, [`ClusterFact::Unreachable`] after each
    /// failed attempt (another follows), and [`ClusterFact::Forbidden`] if the slices may not be read. A full channel
    /// is waited for; what changed meanwhile is told as one.
    ///
    /// # Cancel safety
    /// Dropping the future ends everything it began.
    pub async fn watch_endpoints(&self, facts: Sender<ClusterFact>) {
        tokio::select! {
            () = facts.closed() => {}
            () = endpoints::follow(self, &facts) => {}
        }
    }

    /// Watches the own Pod, and sends [`ClusterFact::Deletion`] when its grace period is known or changed, until the
    /// receiver is dropped or the API server refused. Worth while to the very end: a later delete may shorten what is
    /// left.
    ///
    /// # Cancel safety
    /// Dropping the future ends everything it began.
    pub async fn watch_deletion(&self, facts: Sender<ClusterFact>) {
        tokio::select! {
            () = facts.closed() => {}
            () = own_pod::follow(self, &facts) => {}
        }
    }

    /// How long the API server is asked to keep a watch open: a little less than we do, so that it ends in order.
    fn watch_seconds(&self) -> u32 {
        let seconds = self.options.watch_for.max(WATCH_FOR_LEAST).as_secs().min(290) - 1;
        u32::try_from(seconds).unwrap_or(u32::MAX)
    }
}

/// Tells a fact. With the receiver gone there is nobody to tell, and the watch ends by itself.
async fn tell(facts: &Sender<ClusterFact>, fact: ClusterFact) {
    let _ = facts.send(fact).await;
}

/// Pauses after failed attempts. Which part of each follows from who asks, so that the pods of one rollout spread.
fn backoff(who: impl Hash) -> Backoff {
    Backoff::new(PAUSE_MIN, PAUSE_MAX).jitter(50, hash::of(who))
}

/// Says that an attempt failed, and pauses.
async fn failed(facts: &Sender<ClusterFact>, backoff: &mut Backoff, subject: &str, failure: &Failure) {
    let pause = backoff.pause();
    tracing::warn!(subject, error = %failure, retry_in_ms = pause.as_millis(), "the API server did not answer");
    tell(facts, ClusterFact::Unreachable).await;
    tokio::time::sleep(pause).await;
}

/// Takes the events of a watch.
trait Listen<K> {
    /// Every event but errors, in order.
    fn on(&mut self, event: WatchEvent<K>) -> impl Future<Output = ()> + Send;
}

/// One watch from its first event to its end, under one time limit for opening and one for all of it. `Ok(())`: it
/// ended in order, and the next may follow at once.
async fn run_watch<K, S>(
    cluster: &Cluster,
    open: impl Future<Output = kube::Result<S>>,
    listener: &mut impl Listen<K>,
) -> Result<(), Failure>
where
    S: Stream<Item = kube::Result<WatchEvent<K>>>,
{
    let opened = Instant::now();
    let stream = cluster.answer(open).await?;
    let mut stream = std::pin::pin!(stream);
    let mut said_something = false;
    let whole = async {
        while let Some(event) = stream.next().await {
            let event = event?;
            if let WatchEvent::Error(status) = event {
                return Err(Failure::of_status(status.code, &status.message));
            }
            said_something = true;
            listener.on(event).await;
        }
        Ok(())
    };
    // Over the limit: the server should have ended it a second ago. Whether it is slow or gone shows with the next.
    let limit = cluster.options.watch_for.max(WATCH_FOR_LEAST);
    let outcome = tokio::time::timeout(limit, whole).await.unwrap_or(Ok(()));
    if outcome.is_ok() && !said_something && opened.elapsed() < WATCH_AT_LEAST {
        return Err(Failure::Unreachable("the watch ended as soon as it began".to_owned()));
    }
    outcome
}
