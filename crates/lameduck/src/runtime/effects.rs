//! The machine's orders, carried out: each becomes one call to one room, or a task that tells when it is done.

use crate::cluster::ClusterAccess;
use crate::dependency::{Acquired, Named, watch_health};
use crate::driver::{Effects, progress};
use crate::events::Events;
use crate::handle::Handle;
use crate::observer::Observer;
use crate::release::release_all;
use crate::workers::PendingWorker;
use lameduck_lifecycle::{Cause, Effect, Event};
use lameduck_server::{App, Arrivals, Bound};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::timeout_at;

/// Between two events about new connections: nothing here is decided more finely.
const ARRIVALS_EVERY: Duration = Duration::from_millis(20);

/// What start-up built and readiness starts.
pub(super) struct Built {
    pub(super) app: App,
    pub(super) workers: Vec<PendingWorker>,
}

/// Every room that takes orders.
pub(super) struct EffectHandler {
    pub(super) observer: Observer,
    pub(super) handle: Handle,
    pub(super) work: runtime::Handle,
    pub(super) http: Option<Bound>,
    pub(super) built: Arc<Mutex<Option<Built>>>,
    pub(super) acquired: Acquired,
    pub(super) checked: Vec<Named>,
    pub(super) cluster: ClusterAccess,
    pub(super) sequence: Option<JoinHandle<()>>,
    pub(super) tasks: Tasks,
}

/// Tasks that end when a phase does.
#[derive(Default)]
pub(super) struct Tasks {
    serving: Vec<AbortHandle>,
    watching: Vec<AbortHandle>,
    deletion: Option<AbortHandle>,
    releasing: Option<AbortHandle>,
}

impl Effects for EffectHandler {
    fn perform(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Serve => return self.serve(),
            Effect::Leave { cause } => self.leave(cause),
            Effect::WatchCluster => self.watch_cluster(),
            Effect::GiveNotice => return self.give_notice(),
            Effect::Drain { until } => self.drain(until),
            Effect::DrainUntil(until) => self.observer.server.drain(Some(self.moment(until))),
            Effect::Cut => self.observer.server.force(),
            Effect::Release { until } => self.release(until),
            Effect::Flush { .. } => return Some(self.flush()),
            Effect::Exit => {}
        }
        None
    }
}

impl EffectHandler {
    fn serve(&mut self) -> Option<Event> {
        let failed = |error: String| Some(Event::PartFailed { part: "listener".to_owned(), error });
        let built = self.built.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (Some(Built { app, workers }), Some(http)) = (built, self.http.take()) else {
            return failed("nothing was built to serve".to_owned());
        };
        let events = &self.observer.shared.events;
        self.observer.workers.start(workers, &self.handle, &self.work, events);
        for dependency in self.checked.drain(..) {
            let health = self.work.spawn(watch_health(dependency, events.clone()));
            self.tasks.serving.push(health.abort_handle());
        }
        let address = http.local_addr();
        let _work = self.work.enter();
        match self.observer.server.serve(http, app) {
            Ok(address) => {
                tracing::info!(%address, "serving on {address}");
                None
            }
            Err(source) => failed(lameduck_server::BindError { address, source }.to_string()),
        }
    }

    fn leave(&mut self, cause: Cause) {
        tokio::spawn(self.cluster.clone().announce_leaving(cause));
        self.tasks.serving.drain(..).for_each(|task| task.abort());
        tokio::spawn(progress::report(self.observer.clone()));
    }

    fn watch_cluster(&mut self) {
        let events = &self.observer.shared.events;
        let watching = tokio::spawn(self.cluster.clone().watch_endpoints(events.clone()));
        let deletion = tokio::spawn(self.cluster.clone().watch_deletion(events.clone()));
        self.tasks.deletion = Some(deletion.abort_handle());
        self.tasks.watching.push(watching.abort_handle());
    }

    fn give_notice(&mut self) -> Option<Event> {
        // Subscribed before the notice: whoever comes right after it is seen.
        let (arrivals, events) = (self.observer.server.arrivals(), self.observer.shared.events.clone());
        let arrivals = tokio::spawn(report_arrivals(arrivals, events));
        self.tasks.watching.push(arrivals.abort_handle());
        self.observer.server.lame_duck();
        self.observer.server.arrival_rate().map(Event::ArrivalRate)
    }

    fn drain(&mut self, until: Option<Duration>) {
        self.tasks.watching.drain(..).for_each(|task| task.abort());
        self.observer.server.drain(until.map(|until| self.moment(until)));
        let (server, events) = (self.observer.server.clone(), self.observer.shared.events.clone());
        tokio::spawn(async move {
            server.drained().await;
            events.send(Event::Drained).await;
        });
    }

    fn release(&mut self, until: Duration) {
        let (observer, acquired, work) = (self.observer.clone(), self.acquired.clone(), self.work.clone());
        let (until, sequence) = (self.observer.shared.clock.instant(until), self.sequence.take());
        let releasing = tokio::spawn(async move {
            if let Some(sequence) = sequence {
                // It ends by itself when the process leaves; until then it may still acquire something.
                let _ = timeout_at(until, sequence).await;
            }
            release_all(&observer.workers, &acquired, &observer.releasing, &work, until).await;
            observer.shared.events.send(Event::Released).await;
        });
        self.tasks.releasing = Some(releasing.abort_handle());
    }

    fn flush(&mut self) -> Event {
        let ending = [self.tasks.deletion.take(), self.tasks.releasing.take()];
        ending.into_iter().flatten().for_each(|task| task.abort());
        Event::Flushed
    }

    /// A moment of the machine's time on the clock of `std`.
    fn moment(&self, at: Duration) -> std::time::Instant {
        self.observer.shared.clock.instant(at).into_std()
    }
}

/// Tells of new connections, at most fifty times a second however many come. To be aborted.
async fn report_arrivals(mut arrivals: watch::Receiver<Arrivals>, events: Events) {
    while arrivals.changed().await.is_ok() {
        events.send(Event::ConnectionArrived).await;
        tokio::time::sleep(ARRIVALS_EVERY).await;
    }
}
