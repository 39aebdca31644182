//! One load thread: its runtime, its clients, and the record they share without a lock.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::LocalSet;

use super::arrivals::Arrivals;
use super::{LoadPlan, Stage, h2c, http1, lag};
use crate::endpoints::{Endpoint, ReplicaId};
use crate::load::Lag;
use crate::random::Random;
use crate::record::{Ended, Micros, Record};
use crate::verdict::{Kind, Verdict};

/// Bytes read at once; shared by all clients of a thread, since nothing of an answer's body is kept.
const SCRATCH_BYTES: usize = 64 * 1024;
/// How often a stopping thread looks whether the last request has ended.
const STOP_LOOK: Duration = Duration::from_millis(2);

/// What all clients of one load thread share.
pub(crate) struct Worker {
    pub(crate) plan: Arc<LoadPlan>,
    pub(crate) stage: Arc<Stage>,
    pub(crate) record: RefCell<Record>,
    pub(crate) scratch: RefCell<Box<[u8]>>,
    in_flight: Cell<u64>,
    next_id: Cell<u64>,
    stopping: Cell<bool>,
}

/// One client's part of the plan.
pub(crate) struct Client {
    pub(crate) worker: Rc<Worker>,
    pub(crate) kind: Kind,
    /// The view of the endpoint table, its node's.
    pub(crate) view: usize,
    pub(crate) arrivals: Arrivals,
}

impl Worker {
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.get()
    }

    pub(crate) fn micros(&self, at: Instant) -> Micros {
        at.saturating_duration_since(self.stage.epoch).as_micros() as Micros
    }

    /// Begins a request: from here to its verdict it is in flight.
    pub(crate) fn begin(self: &Rc<Self>, kind: Kind, due: Instant) -> Pending {
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        self.in_flight.set(self.in_flight.get() + 1);
        self.record.borrow_mut().due += 1;
        let ended = Ended {
            id,
            kind,
            verdict: Verdict::CutOff,
            replica: None,
            kept_alive: false,
            due: self.micros(due),
            sent: None,
            ended: 0,
            status: 0,
        };
        Pending { worker: Rc::clone(self), ended, over: false }
    }

    /// Takes back the `answered` of a request to which a second answer came.
    pub(crate) fn answered_twice(&self, ended: &Ended) {
        self.record.borrow_mut().answered_twice(ended);
        self.stage.live.lost.fetch_add(1, Ordering::Relaxed);
    }
}

/// A request in flight. Dropped without a verdict (the thread is told to stop) it counts as cut off.
#[must_use]
pub(crate) struct Pending {
    worker: Rc<Worker>,
    ended: Ended,
    over: bool,
}

impl Pending {
    /// The id as it stands on the wire: unique over runs, threads and requests.
    pub(crate) fn id(&self) -> u64 {
        self.ended.id
    }

    pub(crate) fn goes_to(&mut self, endpoint: Endpoint, kept_alive: bool) {
        self.ended.replica = Some(endpoint.replica);
        self.ended.kept_alive = kept_alive;
    }

    pub(crate) fn failed_towards(&mut self, replica: Option<ReplicaId>) {
        self.ended.replica = replica;
    }

    pub(crate) fn is_sent(&mut self) {
        self.ended.sent = Some(self.worker.micros(Instant::now()));
    }

    /// Gives the verdict, and returns what was recorded.
    pub(crate) fn end(mut self, verdict: Verdict, status: u16) -> Ended {
        self.ended.verdict = verdict;
        self.ended.status = status;
        self.settle();
        self.ended
    }

    fn settle(&mut self) {
        self.over = true;
        let worker = &self.worker;
        self.ended.ended = worker.micros(Instant::now());
        worker.in_flight.set(worker.in_flight.get() - 1);
        worker.record.borrow_mut().end(&self.ended, worker.stage.period());
        worker.stage.live.ended.fetch_add(1, Ordering::Relaxed);
        if self.ended.verdict.is_lost() {
            worker.stage.live.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.over {
            self.settle();
        }
    }
}

/// Runs this thread's share of the clients until told to stop.
pub(crate) fn run(
    plan: &Arc<LoadPlan>,
    stage: &Arc<Stage>,
    index: usize,
    mut stopped: watch::Receiver<Option<Instant>>,
) -> std::io::Result<(Record, Lag)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let worker = Rc::new(Worker {
        plan: Arc::clone(plan),
        stage: Arc::clone(stage),
        record: RefCell::new(Record::new()),
        scratch: RefCell::new(vec![0; SCRATCH_BYTES].into_boxed_slice()),
        in_flight: Cell::new(0),
        next_id: Cell::new((index as u64) << 48),
        stopping: Cell::new(false),
    });
    let lag = RefCell::new(Lag::new());
    let clients = LocalSet::new();
    spawn_clients(&clients, &worker, index);
    let control = async {
        let deadline = match stopped.wait_for(Option::is_some).await {
            Ok(deadline) => deadline.unwrap_or_else(Instant::now),
            // The driver is gone: nobody will read the record.
            Err(_) => Instant::now(),
        };
        worker.stopping.set(true);
        while worker.in_flight.get() > 0 && Instant::now() < deadline {
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
            Kind::H2c => clients.spawn_local(h2c::run(client)),
            Kind::Pipelined => clients.spawn_local(http1::pipelined::run(client)),
            Kind::Hot | Kind::Warm | Kind::Cold | Kind::Connect | Kind::Slow | Kind::Stream | Kind::Upload => {
                clients.spawn_local(http1::run(client))
            }
        };
    }
}
