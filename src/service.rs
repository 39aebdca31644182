//! What this service consists of. To make it yours: delete the routes that you do not need, add your own.

use crate::keys::Keys;
use crate::routes::{account, bench, openapi, ping, submit, update, user};
use crate::settings::Mine;
use crate::store::Store;
use crate::workers;
use axum::routing::{get, post, put};
use lameduck::{App, Service, Start};
use std::sync::Arc;

/// The service, to be handed to [`lameduck::run`].
pub fn service() -> Service<Mine> {
    Service::new("lameduck")
        .settings::<Mine>()
        .version(env!("CARGO_PKG_VERSION"))
        .routes(|start| async move { routes(&start) })
}

/// Built when every dependency answers. An error here ends the start: exit code 1, with the sentence.
fn routes(start: &Start<Mine>) -> anyhow::Result<App> {
    let mine = start.settings();
    let keys = Arc::new(Keys::load(&mine.keys_file)?);
    let (queue, backlog) = workers::submit::queue(mine.queue_max, start.jobs().clone(), mine.bench);
    start.worker("submit", |worker| backlog.work_off(worker));

    let app = App::new()
        .route("/ping", get(ping::ping))
        .route("/submit", post(submit::submit).with_state(queue))
        .route("/update/{id}", put(update::update).with_state(Store::default()))
        .route("/user", get(user::user))
        .route("/account", get(account::account).with_state(keys))
        .route("/openapi.json", get(openapi::openapi));
    Ok(if mine.bench { bench::add(app) } else { app })
}
