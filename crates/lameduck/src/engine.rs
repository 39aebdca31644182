//! The engine inside another program: on a control thread of its own, without signals and command line.

use crate::clock::Clock;
use crate::config::{Loaded, Settings};
use crate::events::Events;
use crate::handle::Handle;
use crate::run::control_runtime;
use crate::runtime::{Addresses, Bound, Configured, StartError, deliver};
use crate::service::Service;
use anyhow::Context;
use lameduck_lifecycle::{Event, Report};
use std::thread;
use tokio::sync::{oneshot, watch};

/// A running service in this process: for tests, and for programs that have a `main` of their own.
///
/// Nothing of the outside world ends it: the program calls [`shutdown`](Engine::shutdown) or [`close`](Engine::close). Dropped, it
/// is closed.
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

/// Starts a service without signals and command line. Returns as soon as the ports are reserved: whether the start succeeds is for
/// [`Handle`] to say, and for the report.
///
/// # Errors
/// If a port cannot be had, or the threads.
pub fn start<S: Settings>(service: Service<S>, loaded: Loaded<S>) -> anyhow::Result<Engine> {
    let Loaded { config, settings, .. } = loaded;
    let bound = Configured::new(service, config, settings, Clock::start()).bind().map_err(StartError::into_anyhow)?;
    let addresses = bound.addresses;
    let (verb, verbs) = watch::channel(Verb::Serve);
    let (started, starting) = std::sync::mpsc::sync_channel(1);
    let (ended, report) = oneshot::channel();
    let control = move || {
        let begun = control_runtime().context("cannot start the control thread");
        let runtime = match begun {
            Ok(runtime) => runtime,
            Err(error) => return drop(started.send(Err(error))),
        };
        let report = runtime.block_on(control(bound, verbs, &started));
        runtime.shutdown_background();
        if let Some(report) = report {
            // Nobody may wait for it, and that is fine.
            let _ = ended.send(report);
        }
    };
    thread::Builder::new()
        .name("lameduck-control".to_owned())
        .spawn(control)
        .context("cannot start the control thread")?;
    let handle = starting.recv().context("the control thread has gone")??;
    Ok(Engine { addresses, handle, verb, report })
}

async fn control(
    bound: Bound,
    verbs: watch::Receiver<Verb>,
    started: &std::sync::mpsc::SyncSender<anyhow::Result<Handle>>,
) -> Option<Report> {
    let config = bound.configured.config.clone();
    let (events, receiver) = Events::channel();
    tokio::spawn(forward(verbs, events.clone()));
    let running = match bound.start(events, receiver) {
        Ok(running) => running,
        Err(error) => {
            let _ = started.send(Err(error));
            return None;
        }
    };
    let _ = started.send(Ok(running.handle().clone()));
    let cluster = running.cluster();
    let report = running.finished().await;
    deliver(&report, &config).await;
    cluster.announce_end(&report).await;
    Some(report)
}

/// Tells the driver of the verbs. An engine that was dropped is to be closed.
async fn forward(mut verbs: watch::Receiver<Verb>, events: Events) {
    let asked = verbs.wait_for(|verb| *verb >= Verb::Shutdown).await.map_or(Verb::Close, |verb| *verb);
    if asked == Verb::Shutdown {
        events.send(Event::LeaveAsked).await;
        let _ = verbs.wait_for(|verb| *verb >= Verb::Close).await;
    }
    events.send(Event::CloseAsked).await;
}

impl Engine {
    /// Where it can be reached, also when port 0 was asked for.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The lifecycle.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Begins to leave, gracefully: as SIGTERM. Idempotent; [`ended`](Self::ended) waits for the end.
    pub fn shutdown(&self) {
        self.ask(Verb::Shutdown);
    }

    /// Ends at once: what is in flight is cut.
    pub fn close(&self) {
        self.ask(Verb::Close);
    }

    /// Waits for the end, and says how it was. Does not ask for it.
    ///
    /// # Panics
    /// If the control thread panicked: a defect.
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
