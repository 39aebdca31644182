//! Workers: told to leave, waited for in reverse order, and fatal when they end too early.

use crate::support::{Notes, ready, start};
use lameduck::{Dependency, DependencyError, PhaseName, Service, Worker, anyhow};
use std::future::pending;
use tokio::sync::oneshot;

struct Noted(&'static str, Notes);

impl Dependency for Noted {
    type Handle = ();

    async fn connect(&self) -> Result<(), DependencyError> {
        Ok(())
    }

    async fn release(&self, (): ()) -> Result<(), DependencyError> {
        self.1.add(self.0);
        Ok(())
    }
}

fn noted(name: &'static str, notes: &Notes) -> impl FnOnce(&()) -> Noted + use<> {
    let notes = notes.clone();
    move |()| Noted(name, notes)
}

#[tokio::test]
async fn release_is_in_reverse_order_of_start() {
    let notes = Notes::default();
    let noting = |name: &'static str| {
        let notes = notes.clone();
        async move |worker: Worker| {
            worker.releasing().await;
            notes.add(name);
            anyhow::Ok(())
        }
    };
    let (first, second) = (noting("first worker"), noting("second worker"));
    let service = Service::new("test")
        .dependency("database", noted("database", &notes))
        .dependency("broker", noted("broker", &notes))
        .worker("first", first)
        .worker("second", second);
    let engine = start(service, &[]);
    ready(&engine).await;
    engine.shutdown();
    let report = engine.ended().await;
    assert_eq!(report.exit.code(), 0, "{:?}", report.document);
    assert_eq!(notes.all(), ["second worker", "first worker", "broker", "database"]);
}

#[tokio::test]
async fn a_worker_that_ends_too_early_ends_the_process() {
    async fn ends(_: Worker) -> anyhow::Result<()> {
        Ok(())
    }
    async fn errs(_: Worker) -> anyhow::Result<()> {
        Err(anyhow::anyhow!("no route to the broker").context("cannot pull"))
    }
    async fn panics(_: Worker) -> anyhow::Result<()> {
        panic!("out of range")
    }
    for (service, expected) in [
        (Service::new("test").worker("w", ends), "part `worker w` failed: it ended while the service was serving"),
        (Service::new("test").worker("w", errs), "part `worker w` failed: cannot pull: no route to the broker"),
        (Service::new("test").worker("w", panics), "part `worker w` failed: it panicked: out of range"),
    ] {
        let report = start(service, &[]).ended().await;
        let cause = report.document.cause.map(|cause| cause.text);
        assert_eq!((report.exit.code(), cause.as_deref()), (1, Some(expected)));
    }
}

#[tokio::test]
async fn a_worker_that_pulls_ends_while_requests_are_still_answered() {
    let (end, ended) = oneshot::channel();
    let service = Service::new("test").worker("puller", async move |worker: Worker| {
        worker.leaving().await;
        end.send(worker.handle().phase()).unwrap();
        anyhow::Ok(())
    });
    let engine = start(service, &[("drain.strategy", "delay"), ("drain.delay", "10s")]);
    ready(&engine).await;
    engine.shutdown();
    assert_eq!(ended.await.unwrap(), PhaseName::LameDuck);
    engine.close();
    assert_eq!(engine.ended().await.exit.code(), 0);
}

#[tokio::test]
async fn a_worker_that_stays_is_named_and_leaves_time_to_the_others() {
    let notes = Notes::default();
    let service = Service::new("test")
        .dependency("database", noted("database", &notes))
        .worker("stuck", async |_: Worker| pending::<anyhow::Result<()>>().await);
    let settings = [("drain.release", "500ms"), ("drain.grace_period", "5s")];
    let engine = start(service, &settings);
    ready(&engine).await;
    engine.shutdown();
    let report = engine.ended().await;
    assert_eq!(notes.all(), ["database"], "released in the reserve");
    let left: Vec<_> = report.document.stragglers.iter().map(|left| (left.what.as_str(), left.name.as_str())).collect();
    assert_eq!(left, [("worker", "stuck")]);
}
