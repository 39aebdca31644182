//! The stages of start-up, in order: config, dependencies, services, ready. Told as events; the machine judges.

use super::effects::Built;
use crate::admin::readiness;
use crate::events::{Events, PhaseView};
use crate::service::{Build, Common};
use crate::workers::PendingWorker;
use axum::extract::RawQuery;
use axum::routing::get;
use lameduck_lifecycle::{Event, Stage};
use lameduck_server::App;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime;
use tokio::sync::watch;

/// What the stages need.
pub(super) struct Sequence {
    pub(super) listeners: Vec<(&'static str, Build<Common>)>,
    pub(super) workers: Vec<PendingWorker>,
    pub(super) common: Common,
    pub(super) built: Arc<Mutex<Option<Built>>>,
    pub(super) view: watch::Receiver<PhaseView>,
    pub(super) work: runtime::Handle,
    pub(super) events: Events,
}

/// The gate, and why it did not open.
type Failure = (String, String);

impl Sequence {
    /// Runs the stages. Ends early, and quietly, when the process leaves meanwhile.
    pub(super) async fn run(self) {
        let events = self.events.clone();
        let end = match self.stages().await {
            Ok(()) => Event::Started,
            Err((gate, error)) => {
                tracing::error!(%gate, %error, "start-up failed at {gate}: {error}");
                Event::StartFailed { gate, error }
            }
        };
        events.send(end).await;
    }

    async fn stages(self) -> Result<(), Failure> {
        let Self { listeners, mut workers, common, built, view, work, events } = self;
        events.send(Event::StageBegan(Stage::Dependencies)).await;
        common.dependencies.open(&common.handle, &work, &events).await?;

        events.send(Event::StageBegan(Stage::Services)).await;
        let (gates, late_workers, handle) = (common.gates.clone(), common.workers.clone(), common.handle.clone());
        let apps = tokio::select! {
            apps = build_all(listeners, common, &view, &work, &events) => apps?,
            // Nothing is served any more: what was half built is dropped.
            () = handle.leaving() => return Ok(()),
        };
        tokio::select! {
            open = gates.all_open(&events) => open?,
            () = handle.leaving() => return Ok(()),
        }
        workers.append(&mut late_workers.lock().unwrap_or_else(PoisonError::into_inner));

        events.send(Event::StageBegan(Stage::Ready)).await;
        *built.lock().unwrap_or_else(PoisonError::into_inner) = Some(Built { apps, workers });
        Ok(())
    }
}

/// Builds the routes of every listener, one after the other.
async fn build_all(
    listeners: Vec<(&'static str, Build<Common>)>,
    common: Common,
    view: &watch::Receiver<PhaseView>,
    work: &runtime::Handle,
    events: &Events,
) -> Result<Vec<App>, Failure> {
    let mut apps = Vec::new();
    for (name, routes) in listeners {
        let gate = if name == "http" { "routes".to_owned() } else { format!("routes of {name}") };
        let mut app = build(&gate, routes, common.clone(), work, events).await?;
        if let Some(path) = common.config.health.path.as_ref().filter(|_| name == "http") {
            let view = view.clone();
            app = app.probe_route(path, get(async move |query: RawQuery| readiness(&view, &[], &query)));
        }
        app.check().map_err(|error| (gate.clone(), error))?;
        events.send(Event::GateOpened(gate)).await;
        apps.push(app);
    }
    Ok(apps)
}

/// Builds the routes of one listener on the work runtime, where what they start must live.
async fn build(
    gate: &str,
    routes: Build<Common>,
    common: Common,
    work: &runtime::Handle,
    events: &Events,
) -> Result<App, Failure> {
    let failed = |error: String| (gate.to_owned(), error);
    events.send(Event::GateShut(gate.to_owned())).await;
    let building = Aborting(work.spawn(async move { routes(common).await }));
    let app = match building.join().await {
        Ok(Ok(app)) => app,
        Ok(Err(error)) => return Err(failed(format!("{error:#}"))),
        Err(error) => return Err(failed(format!("panicked: {}", crate::workers::panic_text(error)))),
    };
    Ok(app)
}

/// A task that ends with whoever waits for it.
struct Aborting<T>(tokio::task::JoinHandle<T>);

impl<T> Aborting<T> {
    async fn join(mut self) -> Result<T, tokio::task::JoinError> {
        (&mut self.0).await
    }
}

impl<T> Drop for Aborting<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
