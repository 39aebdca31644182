//! Puts the rooms together: who is told, who observes, who drives.

use super::effects::{EffectHandler, Tasks};
use super::report::report;
use super::sequence::Sequence;
use super::threads::WorkThreads;
use super::{Bound, Configured, Parts};
use crate::access_log::AccessLog;
use crate::admin::{self, Admin, DrainAccess};
use crate::cluster::ClusterAccess;
use crate::config::Config;
use crate::dependency::{Acquired, required};
use crate::driver::Driver;
use crate::events::{Events, PhaseView, Shared};
use crate::gates::Gates;
use crate::handle::Handle;
use crate::jobs::Jobs;
use crate::liveness::Heartbeat;
use crate::metrics::{Collector, Sources};
use crate::observer::Observer;
use crate::service::Common;
use anyhow::Context;
use lameduck_lifecycle::{Event, Report, Stage};
use lameduck_server::{Observers, Server};
use prometheus::Registry;
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, watch};

/// The driver drives. Must be [`finished`](Running::finished).
pub(crate) struct Running {
    driver: Driver<EffectHandler>,
    cluster: ClusterAccess,
    handle: Handle,
    observer: Observer,
    work: WorkThreads,
}

impl Running {
    /// The lifecycle.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// What is around the process: told of the end after everything else.
    pub(crate) fn cluster(&self) -> ClusterAccess {
        self.cluster.clone()
    }

    /// Runs to the end of the life.
    pub(crate) async fn finished(self) -> Report {
        let Self { driver, observer, work, .. } = self;
        driver.run().await;
        let (snapshot, document) = observer.last_document();
        let report = report(&snapshot, document);
        drop(work);
        report
    }
}

pub(super) fn start(bound: Bound, events: Events, receiver: mpsc::Receiver<Event>) -> anyhow::Result<Running> {
    let Bound { configured: Configured { config, clock, parts }, http, admin, addresses } = bound;
    let (publisher, view) = watch::channel(PhaseView::initial());
    let shared = Shared { clock, plan: config.plan(), view, events: events.clone() };
    let jobs = Jobs::default();
    let handle = Handle::new(shared.clone(), jobs.clone());
    let work = WorkThreads::new(&handle)?;
    let observers = Observers::none().with(Arc::new(AccessLog(config.log.access)));
    let observer = Observer {
        shared: shared.clone(),
        server: Server::new(config.server_options(observers)),
        jobs,
        workers: Default::default(),
        releasing: Default::default(),
    };
    let cluster = ClusterAccess::look(&config.cluster);
    tokio::spawn(cluster.clone().check(shared.plan.clone()));
    let heartbeat = Heartbeat::new(clock, config.liveness.stall);
    work.handle().spawn(heartbeat.clone().beat());
    let registry = registry(&observer, &heartbeat, &cluster, &work, &config, parts.version)?;
    let admin = start_admin(admin, &observer, heartbeat, registry.clone(), &config)?;
    tokio::spawn(admin);
    tracing::info!(http = %addresses.http, admin = %addresses.admin, "starting; admin on {}", addresses.admin);

    let Parts { routes, workers, dependencies: own, .. } = parts;
    let dependencies: Vec<_> = required(&config).into_iter().chain(own).collect();
    let checked = dependencies.iter().filter(|dependency| dependency.readiness).cloned().collect();
    let (acquired, built) = (Acquired::default(), Arc::new(Mutex::new(None)));
    let common = Common {
        config: config.clone(),
        handle: handle.clone(),
        registry,
        gates: Gates::default(),
        workers: Arc::default(),
    };
    let sequence = Sequence {
        dependencies,
        acquired: acquired.clone(),
        routes,
        workers,
        common,
        built: built.clone(),
        work: work.handle().clone(),
        events,
    };
    let effects = EffectHandler {
        observer: observer.clone(),
        handle: handle.clone(),
        work: work.handle().clone(),
        http: Some(http),
        built,
        acquired,
        checked,
        cluster: cluster.clone(),
        sequence: Some(tokio::spawn(sequence.run())),
        tasks: Tasks::default(),
    };
    let first = config.stages.config.then_some(Event::StageBegan(Stage::Config));
    let driver = Driver::new(shared, effects, receiver, publisher, first);
    Ok(Running { driver, cluster, handle, observer, work })
}

fn registry(
    observer: &Observer,
    heartbeat: &Heartbeat,
    cluster: &ClusterAccess,
    work: &WorkThreads,
    config: &Config,
    version: &'static str,
) -> anyhow::Result<Registry> {
    let sources = Sources {
        observer: observer.clone(),
        heartbeat: heartbeat.clone(),
        contradictions: cluster.contradictions(),
        work: work.handle().metrics(),
        service: config.service.name.clone(),
        service_version: version,
    };
    let registry = Registry::new();
    registry.register(Box::new(Collector::new(sources)?)).context("cannot register the engine's metrics")?;
    Ok(registry)
}

fn start_admin(
    listener: std::net::TcpListener,
    observer: &Observer,
    heartbeat: Heartbeat,
    registry: Registry,
    config: &Config,
) -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let access = DrainAccess::new(&config.admin.drain)?;
    let (observer, events) = (observer.clone(), observer.shared.events.clone());
    let router = admin::router(Admin { observer, heartbeat, registry, events, access });
    let listener = tokio::net::TcpListener::from_std(listener).context("the admin port")?;
    Ok(admin::serve(listener, router))
}
