//! The engine inside another program: on a control thread of its own.

use crate::clock::Clock;
use crate::config::{Loaded, Settings};
use crate::events::Events;
use crate::handle::Handle;
use crate::run::{control_runtime, set_up_logging};
use crate::runtime::{Addresses, Configured, Ports, StartError};
use crate::service::{Logging, Service};
use crate::signals::Signals;
use anyhow::Context;
use lameduck_lifecycle::{Event, Report};
use std::sync::mpsc::SyncSender;
use std::thread;
use tokio::sync::{oneshot, watch};

/// A running service in this process: for tests, and for programs that have a `main` of their own.
///
/// The program ends it by [`shutdown`](Engine::shutdown) or [`close`](Engine::close); signals only if
/// [asked for](EngineBuilder::signals). Dropped, it is closed.
#[derive(Debug)]
pub struct Engine {
    addresses: Addresses,
    handle: Handle,
    verb: watch::Sender<Verb>,
    report: oneshot::Receiver<Report>,
}

/// Each is further than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verb {
    Serve,
    Shutdown,
    Close,
}

/// Starts a service inside this program: [`Engine::builder`] without options.
///
/// Returns as soon as the ports are reserved: whether the start succeeds is for [`Handle`] to say, and for the report.
///
/// # Errors
/// If a port cannot be had, or the control thread.
pub fn start<S: Settings>(service: Service<S>, loaded: Loaded<S>) -> anyhow::Result<Engine> {
    Engine::builder(service, loaded).start()
}

/// What of the process an [`Engine`] takes care of: by default nothing. The report file (`drain.report_file`) is
/// written in any case, if there is to be one.
#[derive(Debug)]
#[must_use = "an engine runs once it is started"]
pub struct EngineBuilder<S> {
    service: Service<S>,
    loaded: Loaded<S>,
    logging: Logging,
    signals: bool,
}

impl<S: Settings> EngineBuilder<S> {
    /// Sets up `tracing` for the process by the keys `log.*`, and flushes it at the end. Once in a process.
    pub fn logging(mut self) -> Self {
        self.logging = Logging::Engine;
        self
    }

    /// Leaves at the signals of the operating system, as [`run`](crate::run) does.
    pub fn signals(mut self) -> Self {
        self.signals = true;
        self
    }

    /// Starts it, as [`start`] says.
    ///
    /// # Errors
    /// If a port cannot be had, or the control thread; if logging or signals were asked for and cannot be set up.
    pub fn start(self) -> anyhow::Result<Engine> {
        let Self { service, loaded, logging, signals } = self;
        let clock = Clock::start();
        let log = set_up_logging(logging, &loaded)?;
        let configured = Configured::new(service, loaded, clock, log);
        let ports = configured.bind().map_err(StartError::into_anyhow)?;
        let addresses = ports.addresses.clone();
        let (verb, verbs) = watch::channel(Verb::Serve);
        let (started, starting) = std::sync::mpsc::sync_channel(1);
        let (ended, report) = oneshot::channel();
        let thread = move || {
            let runtime = match control_runtime().context("cannot start the control thread") {
                Ok(runtime) => runtime,
                Err(error) => return drop(started.send(Err(error))),
            };
            let report = runtime.block_on(control(configured, ports, signals, verbs, &started));
            runtime.shutdown_background();
            if let Some(report) = report {
                // The program may have dropped its end, and that is fine.
                let _ = ended.send(report);
            }
        };
        thread::Builder::new()
            .name("lameduck-control".to_owned())
            .spawn(thread)
            .context("cannot start the control thread")?;
        let handle = starting.recv().context("the control thread has ended")??;
        Ok(Engine { addresses, handle, verb, report })
    }
}

/// The control thread, from the ports to the report.
async fn control(
    configured: Configured,
    ports: Ports,
    signals: bool,
    verbs: watch::Receiver<Verb>,
    started: &SyncSender<anyhow::Result<Handle>>,
) -> Option<Report> {
    let (events, receiver) = Events::channel();
    if signals {
        match Signals::install().context("cannot handle signals") {
            Ok(signals) => drop(tokio::spawn(signals.forward(events.clone()))),
            Err(error) => {
                let _ = started.send(Err(error));
                return None;
            }
        }
    }
    tokio::spawn(forward(verbs, events.clone()));
    let running = configured.start(Ok(ports), events, receiver);
    let _ = started.send(Ok(running.handle().clone()));
    Some(running.finished().await)
}

/// Passes the verbs on to the driver. An engine that was dropped is to be closed.
async fn forward(mut verbs: watch::Receiver<Verb>, events: Events) {
    let asked = verbs.wait_for(|verb| *verb >= Verb::Shutdown).await.map_or(Verb::Close, |verb| *verb);
    if asked == Verb::Shutdown {
        events.send(Event::LeaveAsked).await;
        let _ = verbs.wait_for(|verb| *verb >= Verb::Close).await;
    }
    events.send(Event::CloseAsked).await;
}

impl Engine {
    /// Prepares a service to run inside this program.
    pub fn builder<S: Settings>(service: Service<S>, loaded: Loaded<S>) -> EngineBuilder<S> {
        EngineBuilder { service, loaded, logging: Logging::Program, signals: false }
    }

    /// Where it can be reached, also when port 0 was asked for.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The lifecycle.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Begins to leave, gracefully: as SIGTERM. Idempotent; [`ended`](Self::ended) waits for the end.
    pub fn shutdown(&self) {
        self.ask(Verb::Shutdown);
    }

    /// Ends at once: what is in flight is cut, what start-up acquired is not released. The report is still written, in
    /// the time of `drain.flush`.
    pub fn close(&self) {
        self.ask(Verb::Close);
    }

    /// Waits for the end, and returns how it was. Does not ask for it.
    ///
    /// # Panics
    /// If the control thread panicked: an internal error.
    ///
    /// # Cancel safety
    /// Dropped, the engine is closed and its report lost.
    pub async fn ended(mut self) -> Report {
        (&mut self.report).await.expect("the control thread ends with a report")
    }

    fn ask(&self, verb: Verb) {
        self.verb.send_if_modified(|asked| {
            let further = verb > *asked;
            *asked = (*asked).max(verb);
            further
        });
    }
}
