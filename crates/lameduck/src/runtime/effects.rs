//! The machine's orders, carried out: each becomes one call, or a task that sends an event when it is done.

use super::bound::BoundSetter;
use super::flush::Flush;
use crate::cluster::ClusterAccess;
use crate::driver::{Effects, progress};
use crate::events::Events;
use crate::handle::Handle;
use crate::observer::Observer;
use crate::release::release_all;
use crate::workers::PendingWorker;
use lameduck_lifecycle::{Cause, Effect, Event, Phase, Report};
use lameduck_server::{App, Arrivals, Listen};
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
    /// One for each listener, in their order.
    pub(super) apps: Vec<App>,
    pub(super) workers: Vec<PendingWorker>,
}

/// Everything that takes orders.
pub(super) struct EffectHandler {
    pub(super) observer: Observer,
    pub(super) handle: Handle,
    pub(super) work: runtime::Handle,
    /// Bound, not listening yet.
    pub(super) listeners: Vec<Listen>,
    pub(super) built: Arc<Mutex<Option<Built>>>,
    pub(super) cluster: ClusterAccess,
    pub(super) sequence: Option<JoinHandle<()>>,
    pub(super) tasks: Tasks,
    /// The bound of Flushing.
    pub(super) bound: BoundSetter,
    pub(super) flush: Option<Flush>,
    pub(super) report: Option<Report>,
}

/// Tasks that end when a phase does.
#[derive(Default)]
pub(super) struct Tasks {
    watching: Vec<AbortHandle>,
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
            Effect::BoundMoved { until } => self.bound_moved(until),
            Effect::Cut => {
                self.observer.keep_cut();
                self.observer.server.force();
            }
            Effect::Release { until } => self.release(until),
            Effect::Flush { until } => return self.flush(until),
            Effect::Exit => {}
        }
        None
    }
}

impl EffectHandler {
    fn serve(&mut self) -> Option<Event> {
        let failed = |error: String| Some(Event::PartFailed { part: "listener".to_owned(), error });
        let built = self.built.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Built { apps, workers }) = built else {
            return failed("no routes were built, which is an internal error".to_owned());
        };
        let events = &self.observer.shared.events;
        self.observer.workers.start(workers, &self.handle, &self.work, events);
        let _work = self.work.enter();
        for (listen, app) in self.listeners.drain(..).zip(apps) {
            let (listener, address) = (listen.name(), listen.local_addr());
            let by = if listen.is_tls() { " by TLS" } else { "" };
            match self.observer.server.serve(listen, app) {
                Ok(address) => tracing::info!(listener, %address, "serving {listener}{by} on {address}"),
                Err(source) => return failed(lameduck_server::BindError { address, source }.to_string()),
            }
        }
        None
    }

    fn leave(&mut self, cause: Cause) {
        tokio::spawn(self.cluster.clone().announce_leaving(cause));
        tokio::spawn(progress::report(self.observer.clone()));
    }

    fn watch_cluster(&mut self) {
        let events = &self.observer.shared.events;
        let watching = tokio::spawn(self.cluster.clone().watch_endpoints(events.clone()));
        // To the very end: a later, shorter deletion also shortens Flushing.
        tokio::spawn(self.cluster.clone().watch_deletion(events.clone()));
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
        let (observer, work) = (self.observer.clone(), self.work.clone());
        let (until, sequence) = (self.observer.shared.clock.instant(until), self.sequence.take());
        let releasing = tokio::spawn(async move {
            if let Some(sequence) = sequence {
                // It ends by itself when the process leaves.
                let _ = timeout_at(until, sequence).await;
            }
            // So do these; until then one may still acquire something.
            let _ = timeout_at(until, observer.dependencies.settled()).await;
            release_all(&observer.workers, &observer.dependencies, &observer.releasing, &work, until).await;
            observer.shared.events.send(Event::Released).await;
        });
        self.tasks.releasing = Some(releasing.abort_handle());
    }

    /// From here on the report is settled: it is written, and it is what the exit code follows.
    fn flush(&mut self, until: Duration) -> Option<Event> {
        if let Some(releasing) = self.tasks.releasing.take() {
            releasing.abort();
        }
        let Some(flush) = self.flush.take() else { return Some(Event::Flushed) };
        self.bound.set(self.observer.shared.clock.instant(until));
        self.observer.telemetry.tell_exit(&self.observer.snapshot(), None);
        let report = self.observer.last_report();
        self.report = Some(report.clone());
        let (bound, events) = (self.bound.reader(), self.observer.shared.events.clone());
        tokio::spawn(async move {
            flush.run(report, bound).await;
            events.send(Event::Flushed).await;
        });
        None
    }

    fn bound_moved(&self, until: Duration) {
        self.bound.set(self.observer.shared.clock.instant(until));
        if matches!(self.observer.shared.view.borrow().phase, Phase::Draining(_)) {
            self.observer.server.drain(Some(self.moment(until)));
        }
    }

    /// The last word, once the process has exited.
    pub(super) fn into_report(self) -> Report {
        let report = self.report.unwrap_or_else(|| self.observer.last_report());
        match self.observer.shared.view.borrow().phase.leaving() {
            Some(leaving) => report.finished(leaving),
            None => report,
        }
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
