//! The admin port: probes, metrics, /drain and the status page, on the control thread. It answers while every work
//! thread is blocked, and to the very end. Its requests are not in the ledger.

mod access;
mod drain;
mod level;
mod listener;
mod probes;
#[cfg(all(feature = "profile", target_os = "linux"))]
mod profile;
mod requests;
mod scrape;

pub(crate) use access::DrainAccess;
pub(crate) use listener::serve;
pub(crate) use probes::readiness;

use crate::events::Events;
use crate::liveness::Heartbeat;
use crate::observer::Observer;
use crate::recent::Recent;
use axum::Router;
use axum::extract::State;
use axum::response::Html;
use axum::routing::get;
use prometheus::Registry;

/// What the endpoints read, and the one way in.
#[derive(Clone)]
pub(crate) struct Admin {
    /// The name of the service, for the status page.
    pub(crate) service: String,
    pub(crate) observer: Observer,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) registry: Registry,
    pub(crate) events: Events,
    pub(crate) access: DrainAccess,
    pub(crate) recent: Recent,
}

/// The routes of the admin port.
pub(crate) fn router(admin: Admin) -> Router {
    let router = Router::new();
    #[cfg(all(feature = "profile", target_os = "linux"))]
    let router = router.route("/debug/profile", get(profile::cpu));
    router
        .route("/", get(page))
        .route("/livez", get(probes::livez))
        .route("/healthz", get(probes::livez))
        .route("/readyz", get(probes::readyz))
        .route("/startupz", get(probes::startupz))
        .route("/metrics", get(scrape::scrape))
        .route("/log/level", get(level::show).put(level::change))
        .route("/requests", get(requests::list))
        .route("/recent", get(requests::recent))
        .route("/drain", get(drain::document).post(drain::begin))
        .with_state(admin)
}

/// The status page. It speaks of the service by its name.
async fn page(State(Admin { service, .. }): State<Admin>) -> Html<String> {
    let name = service.replace('&', "&amp;").replace('<', "&lt;");
    Html(include_str!("admin/page.html").replace("{{service}}", &name))
}
