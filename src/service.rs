//! What this service consists of: its routes and what they need.

use crate::bench; // [repository]
// [repository
#[cfg(feature = "grpc")]
use crate::grpc;
// repository]
use crate::keys::Keys;
use crate::routes::{account, ping, streams, submit, update, user};
use crate::settings::Settings;
use crate::store::Store;
use crate::workers::Queue;
use crate::{openapi, workers};
use axum::routing::{get, post, put};
use lameduck::{App, Reloaded, Service, Start};
// [repository
#[cfg(feature = "grpc")]
use lameduck_grpc::ServeGrpc as _;
// repository]
use std::sync::{Arc, OnceLock};

/// The service, to be passed to [`lameduck::run`].
pub fn service() -> Service<Settings> {
    let parts = Parts::default();
    let http = parts.clone();
    let service = Service::new("lameduck")
        .settings::<Settings>()
        .version(env!("CARGO_PKG_VERSION"))
        .routes(|start| async move { routes(&start, http.shared(&start)) });
    // [repository
    #[cfg(feature = "grpc")]
    let service = service.grpc(|start| async move {
        let Shared { queue, store } = parts.shared(&start);
        Ok(grpc::calls(start.settings(), queue, store))
    });
    service
    // repository]
}

/// What HTTP and gRPC handlers share.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Where jobs are added.
    pub queue: Queue,
    /// Where objects are stored.
    pub store: Store,
}

/// It, made when the first listener is built.
#[derive(Clone, Default)]
struct Parts(Arc<OnceLock<Shared>>);

impl Parts {
    fn shared(&self, start: &Start<Settings>) -> Shared {
        let make = || {
            let settings = start.settings();
            let (queue, backlog) = workers::queue(settings.queue_max, start.jobs().clone());
            let backlog = if settings.bench { backlog.slowed(bench::work_time) } else { backlog }; // [repository]
            start.worker("submit", |worker| backlog.work_off(worker));
            Shared { queue, store: Store::default() }
        };
        self.0.get_or_init(make).clone()
    }
}

/// Called once every dependency is reachable. An error here ends the start: it is logged, and the exit code is 1.
fn routes(start: &Start<Settings>, shared: Shared) -> anyhow::Result<App> {
    let settings = start.settings();
    let keys = match &settings.keys_file {
        Some(file) => {
            start.reload("auth.keys_file", [file], |contents| Keys::parse(std::str::from_utf8(&contents[0])?))?
        }
        None => Reloaded::fixed(Keys::default()),
    };

    // What the engine adds to a service that asks for it. Without these lines handlers answer as under `axum::serve`.
    let app = App::new()
        .json_errors()
        .request_ids()
        .request_limits()
        .route("/ping", get(ping::ping))
        .route("/submit", post(submit::submit).with_state(shared.queue))
        .route("/update/{id}", put(update::update).with_state(shared.store))
        .route("/user", get(user::user))
        .route("/account", get(account::account).with_state(keys))
        .route("/ws/echo", get(streams::echo))
        .route("/ws/counter", get(streams::counter))
        .route("/events", get(streams::events))
        .route("/openapi.json", get(openapi::openapi));
    let app = if settings.bench { bench::add(app) } else { app }; // [repository]
    Ok(app)
}
