//! /livez, /readyz, /startupz in the manner of Kubernetes: `ok`, or with `?verbose` and whenever something fails, a
//! line for each check.

use super::Admin;
use crate::dependency::{Condition, Named};
use crate::events::PhaseView;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use lameduck_lifecycle::{Phase, Readiness};
use std::borrow::Cow;
use std::fmt::Write as _;
use tokio::sync::watch;

/// One line of a probe's answer.
struct Check {
    name: Cow<'static, str>,
    /// Why it fails, if it does.
    failure: Option<String>,
    /// Whether the probe fails with it.
    counts: bool,
}

impl Check {
    fn new(name: impl Into<Cow<'static, str>>, failure: Option<String>) -> Self {
        Self { name: name.into(), failure, counts: true }
    }
}

/// Is the process alive? Never "no" because of a drain.
pub(super) async fn livez(State(admin): State<Admin>, query: RawQuery) -> Response {
    let leaving = admin.observer.shared.view.borrow().is_leaving();
    let stalled = admin.heartbeat.stalled().filter(|_| !leaving);
    let failure =
        stalled.map(|age| format!("no work thread has run for {:.0} s: something blocks them all", age.as_secs_f64()));
    answer("livez", &[Check::new("control", None), Check::new("work", failure)], &query)
}

/// Should new connections come here?
pub(super) async fn readyz(State(admin): State<Admin>, query: RawQuery) -> Response {
    readiness(&admin.observer.shared.view, admin.observer.dependencies.all(), &query)
}

/// What /readyz answers, also on the work port (`health.path`), where clients need not know the dependencies.
pub(crate) fn readiness(view: &watch::Receiver<PhaseView>, dependencies: &[Named], query: &RawQuery) -> Response {
    let view = view.borrow().clone();
    let failure = match view.readiness {
        Readiness::Ready => None,
        Readiness::NotReady(why) => Some(why),
    };
    let mut checks = vec![startup(&view.phase), Check::new("lifecycle", failure)];
    // What a lost dependency means for readiness is for the machine to say; here are all of them.
    checks.extend(dependencies.iter().filter_map(dependency));
    answer("readyz", &checks, query)
}

fn dependency(dependency: &Named) -> Option<Check> {
    let failure = match dependency.status.seen().condition {
        Condition::Up => None,
        Condition::Down(error) | Condition::Connecting(Some(error)) => Some(error),
        Condition::Connecting(None) => Some("not connected yet".to_owned()),
        Condition::Released => return None,
    };
    Some(Check { name: format!("dependency {}", dependency.name).into(), failure, counts: false })
}

/// Has start-up finished? Once "yes", always "yes".
pub(super) async fn startupz(State(admin): State<Admin>, query: RawQuery) -> Response {
    let phase = admin.observer.shared.view.borrow().phase.clone();
    answer("startupz", &[startup(&phase)], &query)
}

fn startup(phase: &Phase) -> Check {
    let failure = match phase {
        Phase::Starting(startup) if startup.shut.is_empty() => Some("starting".to_owned()),
        Phase::Starting(startup) => Some(format!("waiting for {}", startup.shut_because())),
        Phase::Ready { .. } => None,
        Phase::LameDuck { leaving, .. }
        | Phase::Draining(leaving)
        | Phase::Releasing(leaving)
        | Phase::Flushing(leaving)
        | Phase::Exited(leaving) => (!leaving.was_ready).then(|| "stopped before ready".to_owned()),
    };
    Check::new("startup", failure)
}

fn answer(probe: &str, checks: &[Check], RawQuery(query): &RawQuery) -> Response {
    let failed = checks.iter().any(|check| check.counts && check.failure.is_some());
    let asked = |query: &str| query.split('&').any(|pair| pair == "verbose" || pair.starts_with("verbose="));
    let verbose = failed || query.as_deref().is_some_and(asked);
    let text = if verbose { lines(probe, checks, failed) } else { "ok".to_owned() };
    let status = if failed { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-store")];
    (status, headers, text).into_response()
}

fn lines(probe: &str, checks: &[Check], failed: bool) -> String {
    let mut text = String::new();
    for Check { name, failure, counts } in checks {
        let _ = match failure {
            None => writeln!(text, "[+]{name} ok"),
            Some(why) if *counts => writeln!(text, "[-]{name} failed: {why}"),
            Some(why) => writeln!(text, "[-]{name} failed, not counted: {why}"),
        };
    }
    let _ = writeln!(text, "{probe} check {}", if failed { "failed" } else { "passed" });
    text
}
