//! A consumer of a group, as a worker of the service.
//!
//! It takes messages, works on one of each partition at a time, and tells the brokers what is finished before it takes
//! more; so a rebalance never finds anything finished and not committed. At the notice it takes nothing more, finishes
//! what it works on, commits and leaves the group: other replicas take over at once.

use super::client::KafkaClient;
use super::intake::{Intake, Shared};
use super::message::Message;
use super::metrics::{ConsumerMetrics, Ended};
use super::options::ConsumerOptions;
use super::session::Session;
use super::verdict::{Failure, Verdict};
use futures_util::FutureExt;
use futures_util::future::join_all;
use lameduck::{Call, Worker, anyhow};
use lameduck_support::{Backoff, hash};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// Partitions are worked on for so long before the brokers hear of it and of the group.
const SLICE: Duration = Duration::from_millis(250);
/// A poll waits so long for a message.
const POLL: Duration = Duration::from_secs(1);
const POLL_MIN: Duration = Duration::from_millis(1);
/// Pauses after an error of the brokers.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(3);
/// What a handler leaves of the time of Releasing for that.
const RESERVE: Duration = Duration::from_millis(1500);
/// For the last commit and for leaving the group, if the process has no bound of its own.
const FAREWELL: Duration = Duration::from_secs(10);

/// A consumer that has not been started.
///
/// ```no_run
/// use lameduck::{App, Service, anyhow};
/// use lameduck_dependencies::kafka::{ConsumerOptions, Failure, Kafka, KafkaConsumer};
///
/// let service = Service::new("orders").dependency_kind::<Kafka>().routes(async |start| {
///     let consumer = KafkaConsumer::new(
///         start.dependency::<Kafka>("bus")?,
///         ConsumerOptions::new("orders-projection", "orders"),
///     );
///     start.registry().register(Box::new(consumer.metrics()))?;
///     start.worker("projection", |worker| {
///         consumer.run(worker, async |message| {
///             let order = message.value().ok_or_else(|| Failure::Poison("no value".to_owned()))?;
///             println!("{} bytes", order.len()); // At least once: apply it once, by the id of the event.
///             Ok(())
///         })
///     });
///     anyhow::Ok(App::new())
/// });
/// ```
#[derive(Debug)]
pub struct KafkaConsumer {
    client: KafkaClient,
    options: Arc<ConsumerOptions>,
    metrics: ConsumerMetrics,
}

impl KafkaConsumer {
    /// Connects to nothing.
    pub fn new(client: KafkaClient, options: ConsumerOptions) -> Self {
        let metrics = ConsumerMetrics::new(client.calls().name(), &options);
        Self { client, options: Arc::new(options), metrics }
    }

    /// Its metrics, to be registered.
    pub fn metrics(&self) -> ConsumerMetrics {
        self.metrics.clone()
    }

    /// Consumes until the process leaves. Each message is handed to `handler` at least once, those of a partition one
    /// after the other and in their order; a message that a crash interrupts is handed out again, so the effect must be
    /// bound to the id of the event. A handler that panics has failed with [`Failure::Retry`].
    ///
    /// # Errors
    /// None: while the brokers are away it waits for them.
    ///
    /// # Cancel safety
    /// Dropped, what is not committed is handed out again, and the group notices only after the session's time.
    pub async fn run<H, Fut>(self, worker: Worker, handler: H) -> anyhow::Result<()>
    where
        H: Fn(Message) -> Fut + Send + Sync,
        Fut: Future<Output = Result<(), Failure>> + Send,
    {
        let mut sessions = self.client.sessions();
        let mut backoff = backoff();
        while !worker.handle().is_leaving() {
            let session = Arc::clone(&sessions.borrow_and_update());
            let backlog = Shared::default();
            let joining = Intake::join(&session, &self.options, self.client.member(), backlog.clone());
            let joined = tokio::select! {
                joined = joining => joined,
                () = worker.leaving() => break,
            };
            let error = match joined {
                Ok(intake) => {
                    let turn = Turn { consumer: &self, worker: &worker, backlog, handler: &handler };
                    let ended = turn.consume(&intake, || sessions.has_changed().unwrap_or(false)).await;
                    turn.leave(intake).await;
                    match ended {
                        Ok(()) => continue,
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            self.pause(&worker, &error, &mut backoff).await;
        }
        Ok(())
    }

    /// After an error of the brokers.
    async fn pause(&self, worker: &Worker, error: &krafka::KrafkaError, backoff: &mut Backoff) {
        let error = lameduck_support::error::chain(error);
        tracing::warn!(worker = worker.name(), error, "kafka: group {}: {error}", self.options.group);
        tokio::select! {
            () = sleep(backoff.pause()) => {}
            () = worker.leaving() => {}
        }
    }

    /// The dead-letter topic has it, or else it must be tried again.
    async fn bury(&self, session: &Session, message: &Message, failure: &Failure, tries: u32) -> Result<(), String> {
        let letter = message.to_dead_letter(&self.options.dead_letters, failure.reason(), tries);
        session.send(letter).await.map(drop).map_err(|error| error.to_string())
    }
}

/// One membership of the group.
struct Turn<'a, H> {
    consumer: &'a KafkaConsumer,
    worker: &'a Worker,
    backlog: Shared,
    handler: &'a H,
}

impl<H, Fut> Turn<'_, H>
where
    H: Fn(Message) -> Fut + Send + Sync,
    Fut: Future<Output = Result<(), Failure>> + Send,
{
    /// Takes, works, commits; until the process leaves, the login is replaced, or this membership is of no more use.
    async fn consume(&self, intake: &Intake, replaced: impl Fn() -> bool) -> Result<(), krafka::KrafkaError> {
        let mut backoff = backoff();
        loop {
            let wait = self.backlog.lock().pause(Instant::now()).map_or(POLL, |pause| pause.clamp(POLL_MIN, POLL));
            let polled = tokio::select! {
                biased;
                () = self.worker.leaving() => return Ok(()),
                polled = intake.poll(wait) => polled,
            };
            let error = match polled {
                Ok(()) => {
                    self.work().await;
                    tokio::select! {
                        biased;
                        // It is tried again before the group is left, within the time for that.
                        () = self.worker.leaving() => return Ok(()),
                        committed = intake.commit() => committed.err(),
                    }
                }
                Err(error) => Some(error),
            };
            self.consumer.metrics.lag(&intake.lag().await);
            match error {
                None => backoff.reset(),
                Some(error) if error.is_fatal() => return Err(error),
                // What is finished and not committed is committed in the next round, if it is still ours.
                Some(error) => self.consumer.pause(self.worker, &error, &mut backoff).await,
            }
            if replaced() {
                return Ok(());
            }
        }
    }

    /// Works on all partitions at the same time, for a slice of time; at the notice only on what has begun.
    async fn work(&self) {
        let until = Instant::now() + SLICE;
        let busy = self.backlog.lock().busy();
        let each = busy.into_iter().map(|partition| async move {
            loop {
                let next = self.backlog.lock().first(&partition, Instant::now());
                let Some((message, tries)) = next else { return };
                if self.worker.handle().is_leaving() {
                    return;
                }
                let failure = self.attempt(message.clone()).await;
                self.settle(&partition, &message, failure, tries).await;
                if Instant::now() >= until {
                    return;
                }
            }
        });
        join_all(each).await;
    }

    /// One try.
    async fn attempt(&self, message: Message) -> Option<Failure> {
        let context = message.context();
        let work = AssertUnwindSafe(async { (self.handler)(message).await }).catch_unwind();
        match self.bounded(context.scope(work)).await {
            Ok(Ok(Ok(()))) => None,
            Ok(Ok(Err(failure))) => Some(failure),
            Ok(Err(_)) => Some(Failure::Retry("the handler panicked".to_owned())),
            Err(_) => Some(Failure::Retry("the handler did not end in its time".to_owned())),
        }
    }

    /// The time of a try is `handler_timeout`. While the process leaves, it goes on until it is this worker's turn to
    /// end, and then for as long as leaves time to commit and to leave the group.
    async fn bounded<F: Future>(&self, work: F) -> Result<F::Output, tokio::time::error::Elapsed> {
        let ends = Instant::now() + self.consumer.options.handler_timeout;
        tokio::pin!(work);
        tokio::select! {
            biased;
            result = timeout_at(ends, &mut work) => return result,
            () = self.worker.leaving() => {}
        }
        tokio::select! {
            biased;
            result = timeout_at(ends, &mut work) => return result,
            () = self.worker.releasing() => {}
        }
        let left = Call::time_left().map(|left| left.saturating_sub(RESERVE).max(left / 3));
        timeout_at(left.map_or(ends, |left| ends.min(Instant::now() + left)), work).await
    }

    /// Decides what becomes of it.
    async fn settle(&self, partition: &(String, i32), message: &Message, failure: Option<Failure>, tries: u32) {
        let options = &self.consumer.options;
        let Some(failure) = failure else {
            self.consumer.metrics.count(Ended::Done);
            return self.backlog.lock().finish(partition);
        };
        let (topic, number, offset) = (message.topic(), message.partition(), message.offset());
        let verdict = failure.verdict(tries, options.tries_max);
        let (after, counts) = match verdict {
            Verdict::Again { after, counts } => (after, counts),
            // At the notice another replica gets its remaining tries.
            Verdict::DeadLetter if self.worker.handle().is_leaving() && matches!(failure, Failure::Retry(_)) => {
                (PAUSE_MAX, false)
            }
            Verdict::DeadLetter => {
                let session = Arc::clone(&self.consumer.client.sessions().borrow());
                let buried = self.bounded(self.consumer.bury(&session, message, &failure, tries)).await;
                match buried.unwrap_or_else(|_| Err("no acknowledgement in time".to_owned())) {
                    Ok(()) => {
                        self.consumer.metrics.count(Ended::Dead);
                        tracing::error!(
                            topic,
                            partition = number,
                            offset,
                            error = failure.reason(),
                            "a message went to {} after {tries} tries: {failure}",
                            options.dead_letters
                        );
                        return self.backlog.lock().finish(partition);
                    }
                    Err(error) => {
                        tracing::error!(
                            topic,
                            partition = number,
                            offset,
                            error,
                            "a message does not work, and {} does not take it: {error}",
                            options.dead_letters
                        );
                        (PAUSE_MAX, false)
                    }
                }
            }
        };
        self.consumer.metrics.count(Ended::Retried);
        tracing::warn!(
            topic,
            partition = number,
            offset,
            tries,
            error = failure.reason(),
            "a message failed, it is tried again in {after:?}: {failure}"
        );
        self.backlog.lock().retry(partition, Instant::now() + after, counts);
    }

    /// Commits what is finished, and leaves the group. Brokers that do not respond are given up: what they did not hear
    /// is handed out again.
    async fn leave(&self, intake: Intake) {
        let within = Call::time_left().map_or(FAREWELL, |left| left.min(FAREWELL)) / 3;
        let committed = timeout(within, intake.commit()).await;
        let begun = self.backlog.lock().uncommitted().len();
        let given_back = self.backlog.lock().len();
        let left = intake.leave(within).await;
        let (worker, group) = (self.worker.name(), &self.consumer.options.group);
        if matches!(committed, Ok(Ok(()))) && left.is_ok() {
            tracing::info!(worker, given_back, "kafka: left group {group}, {given_back} messages were not begun");
        } else {
            let error = left.err().map(|error| error.to_string()).unwrap_or_default();
            tracing::warn!(worker, begun, error, "kafka: group {group} does not know all that is finished: {error}");
        }
    }
}

fn backoff() -> Backoff {
    Backoff::new(PAUSE_MIN, PAUSE_MAX).jitter(25, hash::random_seed())
}
