//! Puts the rooms together: who is told, who observes, who drives.

use super::rooms::{EngineRooms, Tasks};
use super::sequence::Sequence;
use super::{Bound, Configured, Parts};
use crate::admin::{self, Admin, DrainAccess};
use crate::clock::Clock;
use crate::cluster::Surroundings;
use crate::config::{Config, DependencyTarget, DrainCall};
use crate::dependency::{Acquired, Dependency, DependencyError, Http, Named, Tcp};
use crate::driver::Driver;
use crate::gates::Gates;
use crate::handle::Handle;
use crate::jobs::Jobs;
use crate::life::{Events, Life, Shared};
use crate::liveness::Heartbeat;
use crate::metrics::{Collector, Sources};
use crate::observer::Observer;
use crate::service::Common;
use anyhow::Context;
use lameduck_lifecycle::{Document, Event, Exit, Ledger, Machine, Phase, Report, Snapshot, Stage};
use lameduck_server::Server;
use prometheus::Registry;
use std::sync::{Arc, Mutex};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};

/// The driver drives. Must be [`finished`](Running::finished).
pub(crate) struct Running {
    driver: Driver<EngineRooms>,
    surroundings: Surroundings,
    handle: Handle,
    observer: Observer,
    work: Runtime,
}

impl Running {
    /// The lifecycle.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// What is around the process: told of the end after everything else.
    pub(crate) fn surroundings(&self) -> Surroundings {
        self.surroundings.clone()
    }

    /// Runs to the end of the life. The work runtime is left behind, not joined: a handler that blocks its thread for ever must
    /// not keep the process.
    pub(crate) async fn finished(self) -> Report {
        let Self { driver, observer, work, .. } = self;
        driver.run().await;
        let (snapshot, document) = observer.last_document();
        let report = report(&snapshot, document);
        work.shutdown_background();
        report
    }
}

pub(super) fn start(bound: Bound, events: Events, told: mpsc::Receiver<Event>) -> anyhow::Result<Running> {
    let Bound { configured: Configured { config, clock, parts }, http, admin, addresses } = bound;
    let (life_sender, life) = watch::channel(Life::unborn());
    let shared = Shared { clock, plan: config.plan(), life, events: events.clone() };
    let jobs = Jobs::default();
    let handle = Handle::new(shared.clone(), jobs.clone());
    let work = work_runtime(&handle)?;
    let access: Arc<dyn lameduck_server::AccessLog> = Arc::new(crate::access_log::Tracing);
    let observer = Observer {
        shared: shared.clone(),
        server: Server::new(config.server_options(Some(access))),
        jobs,
        crew: Default::default(),
        releasing: Default::default(),
    };
    let surroundings = Surroundings::look(&config.cluster.services);
    tokio::spawn(surroundings.clone().check(shared.plan.clone()));
    let heartbeat = Heartbeat::new(clock, config.liveness.stall);
    work.spawn(heartbeat.clone().beat());
    let registry = registry(&observer, &heartbeat, &surroundings, &work, &config, parts.version)?;
    let admin = start_admin(admin, &observer, heartbeat, registry.clone(), &config)?;
    tokio::spawn(admin);
    tracing::info!(http = %addresses.http, admin = %addresses.admin, "starting; admin on {}", addresses.admin);

    let Parts { routes, workers, dependencies: own, .. } = parts;
    let dependencies = dependencies(&config, own);
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
    let rooms = EngineRooms {
        observer: observer.clone(),
        handle: handle.clone(),
        work: work.handle().clone(),
        http: Some(http),
        built,
        acquired,
        checked,
        surroundings: surroundings.clone(),
        sequence: Some(tokio::spawn(sequence.run())),
        tasks: Tasks::default(),
    };
    let first = config.stages.config.then_some(Event::StageBegan(Stage::Config));
    let driver = Driver::new(shared, rooms, told, life_sender, first);
    Ok(Running { driver, surroundings, handle, observer, work })
}

/// The runtime of connections, handlers and workers. Its threads know the handle.
fn work_runtime(handle: &Handle) -> anyhow::Result<Runtime> {
    let handle = handle.clone();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("lameduck-work")
        .on_thread_start(move || handle.enter())
        .build()
        .context("cannot start the work threads")
}

fn registry(
    observer: &Observer,
    heartbeat: &Heartbeat,
    surroundings: &Surroundings,
    work: &Runtime,
    config: &Config,
    version: &'static str,
) -> anyhow::Result<Registry> {
    let sources = Sources {
        observer: observer.clone(),
        heartbeat: heartbeat.clone(),
        contradictions: surroundings.contradictions(),
        work: work.metrics(),
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
    let access = match &config.admin.drain {
        DrainCall::Off => DrainAccess::Off,
        DrainCall::Loopback => DrainAccess::Loopback,
        DrainCall::Token(file) => {
            let token = std::fs::read_to_string(file)
                .with_context(|| format!("admin.token_file: cannot read {}", file.display()))?;
            let token = token.trim();
            anyhow::ensure!(!token.is_empty(), "admin.token_file: {} is empty", file.display());
            DrainAccess::Token(Arc::from(token.as_bytes()))
        }
    };
    let (observer, events) = (observer.clone(), observer.shared.events.clone());
    let router = admin::router(Admin { observer, heartbeat, registry, events, access });
    let listener = tokio::net::TcpListener::from_std(listener).context("the admin port")?;
    Ok(admin::serve(listener, router))
}

/// Those that the configuration requires, then the service's own.
fn dependencies(config: &Config, own: Vec<Named>) -> Vec<Named> {
    let required = config.stages.dependencies.iter().filter_map(|name| {
        let target = &config.dependencies.iter().find(|dependency| dependency.name == *name)?.target;
        Some(match target {
            DependencyTarget::Tcp(address) => Named::new(name, Tcp::new(address.to_string())),
            DependencyTarget::Http(url) => match Http::new(&url.to_string()) {
                Ok(http) => Named::new(name, http),
                Err(error) => Named::new(name, Refused(error.to_string())),
            },
        })
    });
    required.chain(own).collect()
}

/// A dependency that cannot even be tried.
struct Refused(String);

impl Dependency for Refused {
    async fn connect(&self) -> Result<(), DependencyError> {
        Err(DependencyError::Permanent(self.0.clone()))
    }
}

fn report(snapshot: &Snapshot, document: Document) -> Report {
    let exit = match snapshot.phase.departure() {
        Some(departure) => Exit::of(departure, &snapshot.ledger, &snapshot.jobs),
        None => Exit::Failed,
    };
    Report { document, exit }
}

/// The report of a life without rooms.
pub(super) fn report_of(machine: &Machine, clock: Clock) -> Report {
    let snapshot = Snapshot {
        at: clock.now(),
        phase: machine.phase().clone(),
        readiness: machine.readiness(),
        ledger: Ledger::default(),
        jobs: Default::default(),
        connections: Default::default(),
        stragglers: Vec::new(),
    };
    let document = Document::new(&snapshot, machine.plan(), None);
    debug_assert!(matches!(snapshot.phase, Phase::Exited(_)));
    report(&snapshot, document)
}
