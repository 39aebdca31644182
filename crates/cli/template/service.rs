//! What this service consists of: its routes and what they need.

use crate::grpc; // [grpc]
use crate::routes::ping;
use crate::settings::Settings;
use axum::routing::get;
use lameduck::{App, Service, Start};
use lameduck_grpc::ServeGrpc as _; // [grpc]

/// The service, to be passed to [`lameduck::run`].
pub fn service() -> Service<Settings> {
    Service::new("@name@")
        .settings::<Settings>()
        .summary(env!("CARGO_PKG_DESCRIPTION"))
        .version(env!("CARGO_PKG_VERSION"))@kinds@
        .routes(|start| async move { routes(&start) })
        // [grpc
        .grpc(|_start| async { Ok(grpc::calls()) })
        // grpc]
}

/// Called once every dependency is reachable. An error here ends the start: it is logged, and the exit code is 1.
fn routes(_start: &Start<Settings>) -> anyhow::Result<App> {
    // What the engine adds to a service that asks for it. Without these calls handlers answer as under `axum::serve`.
    Ok(App::new().json_errors().request_ids().request_limits().route("/ping", get(ping::ping)))
}
