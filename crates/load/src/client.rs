//! A client and its requests in flight, and the record that all clients of a thread share without a lock.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::arrivals::Arrivals;
use crate::endpoints::{Endpoint, ReplicaId};
use crate::micros::Micros;
use crate::plan::LoadPlan;
use crate::record::{Ended, Record};
use crate::stage::Stage;
use crate::tls::Tls;
use crate::verdict::{Kind, Verdict};

/// Bytes read at once; shared by all clients of a thread, since nothing of an answer's body is kept.
const SCRATCH_BYTES: usize = 64 * 1024;

/// What all clients of one load thread share.
pub(crate) struct Worker {
    pub(crate) plan: Arc<LoadPlan>,
    pub(crate) stage: Arc<Stage>,
    /// `None`: in the clear.
    pub(crate) tls: Option<Tls>,
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
    /// A thread's share, whose request ids begin with `first_id`.
    ///
    /// # Errors
    /// The plan's certificates cannot be used.
    pub(crate) fn new(plan: &Arc<LoadPlan>, stage: &Arc<Stage>, first_id: u64) -> io::Result<Rc<Self>> {
        let tls = plan.tls.as_ref().map(|trust| Tls::new(trust, plan.shape.host.as_deref())).transpose()?;
        Ok(Rc::new(Self {
            plan: Arc::clone(plan),
            stage: Arc::clone(stage),
            tls,
            record: RefCell::new(Record::new()),
            scratch: RefCell::new(vec![0; SCRATCH_BYTES].into_boxed_slice()),
            in_flight: Cell::new(0),
            next_id: Cell::new(first_id),
            stopping: Cell::new(false),
        }))
    }

    /// Lets no further request fall due.
    pub(crate) fn stop(&self) {
        self.stopping.set(true);
    }

    /// Requests without a verdict.
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.get()
    }

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

/// From when a request's latency counts: from its due time if the client was still busy with the one before, else from
/// the moment the client woke. The coarseness of this machine's timers is not the service's latency.
pub(crate) fn counts_from(due: Instant, was_free: bool) -> Instant {
    if was_free { Instant::now().max(due) } else { due }
}
