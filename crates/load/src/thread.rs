//! One load thread: its runtime, and its share of the clients.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::LocalSet;

use crate::arrivals::Arrivals;
use crate::client::{Client, Worker};
use crate::lag::{self, Lag};
use crate::plan::LoadPlan;
use crate::random::Random;
use crate::record::Record;
use crate::stage::Stage;
use crate::verdict::Kind;
use crate::{h2c, http1};

/// How often a stopping thread looks whether the last request has ended.
const STOP_LOOK: Duration = Duration::from_millis(2);

/// Runs this thread's share of the clients until told to stop.
pub(crate) fn run(
    plan: &Arc<LoadPlan>,
    stage: &Arc<Stage>,
    index: usize,
    mut stopped: watch::Receiver<Option<Instant>>,
) -> std::io::Result<(Record, Lag)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let worker = Worker::new(plan, stage, (index as u64) << 48)?;
    let lag = RefCell::new(Lag::new());
    let clients = LocalSet::new();
    spawn_clients(&clients, &worker, index);
    let control = async {
        let deadline = match stopped.wait_for(Option::is_some).await {
            Ok(deadline) => deadline.unwrap_or_else(Instant::now),
            // The driver is gone: nobody will read the record.
            Err(_) => Instant::now(),
        };
        worker.stop();
        while worker.in_flight() > 0 && Instant::now() < deadline {
            tokio::time::sleep(STOP_LOOK).await;
        }
    };
    runtime.block_on(clients.run_until(async {
        tokio::select! {
            () = control => {}
            () = lag::watch(&lag) => {}
        }
    }));
    // What is still in flight is dropped here, and recorded as cut off.
    runtime.block_on(async { drop(clients) });
    let record = worker.record.replace(Record::new());
    let mut lag = lag.into_inner();
    lag.add_this_thread();
    Ok((record, lag))
}

fn spawn_clients(clients: &LocalSet, worker: &Rc<Worker>, index: usize) {
    let plan = &worker.plan;
    let start = Instant::now();
    let all = plan.groups.iter().flat_map(|group| (0..group.clients).map(move |_| group));
    for (number, group) in all.enumerate().filter(|(number, _)| number % plan.threads == index) {
        let random = Random::new(plan.seed, number as u64);
        let client = Client {
            worker: Rc::clone(worker),
            kind: group.kind,
            view: number / plan.threads % worker.stage.table.views(),
            arrivals: Arrivals::new(group.rate, start, random),
        };
        match group.kind {
            Kind::H2c | Kind::Grpc | Kind::GrpcStream => clients.spawn_local(h2c::run(client)),
            Kind::Pipelined => clients.spawn_local(http1::pipelined::run(client)),
            Kind::Hot | Kind::Warm | Kind::Cold | Kind::Connect | Kind::Slow | Kind::Stream | Kind::Upload => {
                clients.spawn_local(http1::run(client))
            }
        };
    }
}
