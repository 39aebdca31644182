//! Puts the parts together: who sends events, who observes, who drives.

use super::bound::BoundSetter;
use super::effects::{EffectHandler, Tasks};
use super::flush::Flush;
use super::sequence::Sequence;
use super::threads::WorkThreads;
use super::{Configured, ListenerPart, Parts, Ports, StartError};
use crate::admin::{self, Admin, DrainAccess};
use crate::cluster::ClusterAccess;
use crate::config::Config;
use crate::driver::Driver;
use crate::events::{Events, PhaseView, Shared};
use crate::gates::Gates;
use crate::handle::Handle;
use crate::jobs::Jobs;
use crate::liveness::Heartbeat;
use crate::metrics::{Collector, Sources};
use crate::observer::Observer;
use crate::recent::Recent;
use crate::reload::Files;
use crate::service::Common;
use crate::telemetry::Telemetry;
use anyhow::Context;
use lameduck_lifecycle::{Event, Report, Stage};
use lameduck_server::{Observers, Server};
use prometheus::Registry;
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, watch};

/// The driver drives. Must be [`finished`](Running::finished).
pub(crate) struct Running {
    driver: Driver<EffectHandler>,
    handle: Handle,
    work: WorkThreads,
}

impl Running {
    /// The lifecycle.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Runs to the end of the process. Everything that it has to say is out by then, as far as its time allowed.
    pub(crate) async fn finished(self) -> Report {
        let Self { driver, work, .. } = self;
        let report = driver.run().await.into_report();
        drop(work);
        report
    }
}

/// What every part of the engine shares, before any of them runs.
struct Core {
    config: Arc<Config>,
    events: Events,
    handle: Handle,
    observer: Observer,
    heartbeat: Heartbeat,
    cluster: ClusterAccess,
    work: WorkThreads,
    publisher: watch::Sender<PhaseView>,
}

pub(super) fn start(
    configured: Configured,
    ports: Result<Ports, StartError>,
    events: Events,
    receiver: mpsc::Receiver<Event>,
) -> Running {
    let Configured { config, clock, parts, log } = configured;
    let (publisher, view) = watch::channel(PhaseView::initial());
    let shared = Shared { clock, plan: config.plan(), view, events: events.clone() };
    let jobs = Jobs::default();
    let (telemetry, traces) = match Telemetry::start(&config, parts.version, log.clone()) {
        Ok(telemetry) => (telemetry, Ok(())),
        Err(error) => (Telemetry { log, ..Telemetry::default() }, Err(StartError::from(error))),
    };
    let observers = Observers::none().with(Arc::new(telemetry.requests(config.log.access)));
    let server = Server::new(config.server_options(observers));
    let handle = Handle::new(shared.clone(), server.clone(), jobs.clone());
    let files = Files::new(tokio::runtime::Handle::current());
    let (work, threads) = WorkThreads::new({
        let (handle, files, telemetry) = (handle.clone(), files.clone(), telemetry.clone());
        move || {
            handle.enter();
            files.enter();
            telemetry.enter();
        }
    });
    let observer = Observer {
        shared: shared.clone(),
        server,
        jobs,
        workers: Default::default(),
        releasing: Default::default(),
        cut: Default::default(),
        dependencies: parts.dependencies.clone(),
        files,
        telemetry,
    };
    let cluster = ClusterAccess::look(&config.cluster);
    tokio::spawn(cluster.clone().check(shared.plan.clone()));
    let heartbeat = Heartbeat::new(clock, config.liveness.stall);
    work.handle().spawn(heartbeat.clone().beat());
    let core = Core { config, events, handle, observer, heartbeat, cluster, work, publisher };
    let opened = traces.and(threads).and(ports).and_then(|ports| core.open(ports, parts));
    core.run(opened, receiver)
}

/// What a start that has not failed so far goes on with.
struct Opened {
    sequence: Sequence,
    work: Vec<lameduck_server::Listen>,
}

impl Core {
    /// Opens the admin port, and prepares the stages of start-up.
    fn open(&self, ports: Ports, parts: Parts) -> Result<Opened, StartError> {
        #[cfg_attr(not(feature = "tls"), expect(unused_mut, reason = "plain ports stay as they are"))]
        let Ports { mut work, admin, addresses } = ports;
        #[cfg_attr(not(feature = "tls"), expect(unused_mut, reason = "it has its credentials from the start"))]
        let mut sources = self.sources(parts.version);
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.config.tls {
            let credentials = crate::tls::wrap(tls, &self.observer.files, &mut work);
            let failed = |error| StartError { gate: "tls".to_owned(), error };
            sources.credentials = Some(credentials.map_err(failed)?);
        }
        let registry = registry(sources)?;
        let access = DrainAccess::new(&self.config.admin.drain, &self.observer.files)?;
        let (observer, events) = (self.observer.clone(), self.events.clone());
        let recent = Recent::default();
        tokio::spawn(recent.clone().fill(observer.clone()));
        let router = admin::router(Admin {
            service: self.config.service.name.clone(),
            observer,
            heartbeat: self.heartbeat.clone(),
            registry: registry.clone(),
            events,
            access,
            recent,
        });
        let listener = tokio::net::TcpListener::from_std(admin).context("the admin port")?;
        tokio::spawn(admin::serve(listener, router));
        tracing::info!(http = %addresses.http, admin = %addresses.admin, "starting; admin on {}", addresses.admin);
        let Parts { listeners, workers, .. } = parts;
        let common = Common {
            config: self.config.clone(),
            handle: self.handle.clone(),
            registry,
            gates: Gates::default(),
            dependencies: self.observer.dependencies.clone(),
            files: self.observer.files.clone(),
            workers: Arc::default(),
        };
        let sequence = Sequence {
            listeners: listeners.into_iter().map(|ListenerPart { name, build, .. }| (name, build)).collect(),
            workers,
            common,
            built: Arc::new(Mutex::new(None)),
            view: self.observer.shared.view.clone(),
            work: self.work.handle().clone(),
            events: self.events.clone(),
        };
        Ok(Opened { sequence, work })
    }

    fn sources(&self, version: &'static str) -> Sources {
        Sources {
            observer: self.observer.clone(),
            heartbeat: self.heartbeat.clone(),
            contradictions: self.cluster.contradictions(),
            work: self.work.handle().metrics(),
            service: self.config.service.name.clone(),
            service_version: version,
            #[cfg(feature = "tls")]
            credentials: None,
        }
    }

    /// Begins the stages, or says why there are none, and hands everything to the driver.
    fn run(self, opened: Result<Opened, StartError>, receiver: mpsc::Receiver<Event>) -> Running {
        let Self { config, events, handle, observer, cluster, work, publisher, .. } = self;
        let shared = observer.shared.clone();
        let flush = Flush {
            report_file: config.drain.report_file.clone(),
            cluster: cluster.clone(),
            telemetry: observer.telemetry.clone(),
            scrape_wait: config.drain.scrape_wait,
        };
        let mut effects = EffectHandler {
            observer,
            handle: handle.clone(),
            work: work.handle().clone(),
            listeners: Vec::new(),
            built: Arc::default(),
            cluster,
            sequence: None,
            tasks: Tasks::default(),
            bound: BoundSetter::new(),
            flush: Some(flush),
            report: None,
        };
        match opened {
            Ok(Opened { sequence, work }) => {
                effects.listeners = work;
                effects.built = sequence.built.clone();
                effects.sequence = Some(tokio::spawn(sequence.run()));
            }
            Err(StartError { gate, error }) => {
                tracing::error!(%gate, %error, "start-up failed at {gate}: {error}");
                tokio::spawn(async move { events.send(Event::StartFailed { gate, error }).await });
            }
        }
        let first = Some(Event::StageBegan(Stage::Config));
        let driver = Driver::new(shared, effects, receiver, publisher, first);
        Running { driver, handle, work }
    }
}

fn registry(sources: Sources) -> anyhow::Result<Registry> {
    let registry = Registry::new();
    registry.register(Box::new(Collector::new(sources)?)).context("cannot register the engine's metrics")?;
    Ok(registry)
}
