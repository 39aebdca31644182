//! The tasks beside a replica: one waits for its end, one asks for its readiness, one reads its phase while it leaves.

use std::rc::Rc;
use std::time::Duration;

use super::Replica;
use crate::facts::{ExitStatus, LedgerSource};
use crate::ledger::{Document, Metrics};
use crate::plan::local::Processes;
use crate::{probe, process};

/// Between two probes until a replica is ready for the first time.
const START_PERIOD: Duration = Duration::from_millis(20);
/// A probe that takes longer has failed.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
/// Failures in a row that take a running replica out of rotation.
const FAILURES_MAX: u32 = 3;
/// How long a process may listen for clients and not on its admin port, before it is taken for another kind of service.
/// One that is built on lameduck opens both within milliseconds.
const FOREIGN_AFTER: Duration = Duration::from_secs(3);
/// Between two looks at the phase of a replica that leaves.
const PHASE_PERIOD: Duration = Duration::from_millis(100);

impl Replica {
    /// Starts the watchers. `delays` are those of the views should it drop out of rotation by itself.
    pub(crate) fn watch(self: &Rc<Self>, target: &Processes, delays: Vec<Duration>) {
        tokio::task::spawn_local(Rc::clone(self).wait(delays.clone()));
        tokio::task::spawn_local(Rc::clone(self).probe(target.probe_period, delays));
        if self.spec.has_ledger {
            tokio::task::spawn_local(Rc::clone(self).follow_phases());
        }
    }

    async fn wait(self: Rc<Self>, delays: Vec<Duration>) {
        let child = self.child.borrow_mut().take();
        let Some(mut child) = child else { return };
        let status = child.wait().await;
        let pid = self.facts.borrow().pid;
        process::kill_group(pid);
        self.read_report();
        let now = self.stage.now();
        let unmarked = {
            let mut facts = self.facts.borrow_mut();
            facts.exited = Some(now);
            facts.status = status.ok().map(ExitStatus::from);
            facts.see_phase("gone", now);
            facts.marked.is_none()
        };
        self.stage.table.stops_serving(self.spec.endpoint.replica);
        if unmarked && self.ready.send_replace(false) {
            // The kubelet sees a dead container at once; each node hears of it with its own delay.
            self.retire(delays);
        }
        self.exited.send_replace(true);
    }

    async fn probe(self: Rc<Self>, period: Duration, delays: Vec<Duration>) {
        let mut failures = 0;
        while self.is_alive() {
            let answer = self.ask().await;
            match &answer {
                Ok(()) => failures = 0,
                Err(_) => failures += 1,
            }
            let was_ready = *self.ready.borrow();
            let marked = self.facts.borrow().marked.is_some();
            match answer {
                Ok(()) if !was_ready && !marked && self.is_alive() => self.becomes_ready(),
                Err(_) if was_ready && failures >= FAILURES_MAX => {
                    self.ready.send_replace(false);
                    self.stage.table.stops_serving(self.spec.endpoint.replica);
                    if !marked {
                        self.retire(delays.clone());
                    }
                }
                Ok(()) | Err(_) => {}
            }
            let never_ready = self.facts.borrow().ready.is_none();
            tokio::time::sleep(if never_ready { START_PERIOD } else { period }).await;
        }
    }

    async fn ask(&self) -> Result<(), String> {
        let work = self.spec.endpoint.address;
        let (at, answer) = match &self.spec.readiness {
            None => (work, probe::accepts(work, PROBE_TIMEOUT).await),
            Some((address, path)) => {
                let reply = probe::get_with(*address, path, &self.spec.probe_headers, PROBE_TIMEOUT).await;
                if *address == work && reply.is_ok() {
                    self.facts.borrow_mut().own_requests += 1;
                }
                (*address, reply.and_then(|reply| reply.ready()))
            }
        };
        answer.map_err(|problem| {
            *self.last_probe.borrow_mut() = format!("{at} said: {problem}");
            problem
        })
    }

    /// Waits until it is plain that this is not built on lameduck, though it was said to be: it accepts clients and has
    /// no admin port. Never returns for a service that is asked elsewhere.
    pub(crate) async fn is_no_lameduck(&self) {
        let asked_there = self.spec.readiness.as_ref().is_some_and(|(address, _)| *address == self.spec.admin);
        let mut since = None;
        loop {
            tokio::time::sleep(FOREIGN_AFTER / 10).await;
            let foreign = self.spec.has_ledger
                && asked_there
                && probe::accepts(self.spec.admin, PROBE_TIMEOUT).await.is_err()
                && probe::accepts(self.spec.endpoint.address, PROBE_TIMEOUT).await.is_ok();
            let began = *since.get_or_insert_with(tokio::time::Instant::now);
            match foreign {
                true if began.elapsed() >= FOREIGN_AFTER => return,
                true => {}
                false => since = None,
            }
        }
    }

    fn becomes_ready(&self) {
        let now = self.stage.now();
        {
            let mut facts = self.facts.borrow_mut();
            facts.ready.get_or_insert(now);
            facts.see_phase("ready", now);
        }
        self.stage.table.enter(self.spec.endpoint);
        self.ready.send_replace(true);
    }

    async fn follow_phases(self: Rc<Self>) {
        while self.is_alive() {
            if self.facts.borrow().signalled.is_some()
                && let Ok(reply) = probe::get(self.spec.admin, "/drain", PROBE_TIMEOUT).await
                && let Ok(document) = Document::parse(&reply.body)
                && self.is_alive()
            {
                let mut facts = self.facts.borrow_mut();
                facts.see_phase(&document.phase, self.stage.now());
                facts.ledger = Some((LedgerSource::DrainEndpoint, document.ledger));
            }
            tokio::time::sleep(PHASE_PERIOD).await;
        }
    }

    /// Reads ledger and metrics of a replica that serves nobody any more.
    pub(crate) async fn read_documents(&self) {
        let drain = probe::get(self.spec.admin, "/drain", PROBE_TIMEOUT).await;
        let metrics = probe::get(self.spec.admin, "/metrics", PROBE_TIMEOUT).await;
        let mut facts = self.facts.borrow_mut();
        match drain.and_then(|reply| Document::parse(&reply.body)) {
            Ok(document) => facts.ledger = Some((LedgerSource::DrainEndpoint, document.ledger)),
            Err(problem) => facts.ledger_problem = Some(format!("/drain: {problem}")),
        }
        facts.metrics = metrics.ok().and_then(|reply| Metrics::parse(&reply.body));
    }

    /// Reads the last word of a replica that has ended.
    fn read_report(&self) {
        if !self.spec.has_ledger {
            return;
        }
        let Ok(text) = std::fs::read_to_string(&self.spec.report_file) else { return };
        let mut facts = self.facts.borrow_mut();
        match Document::parse(&text) {
            Ok(document) => facts.ledger = Some((LedgerSource::ReportFile, document.ledger)),
            Err(problem) => facts.ledger_problem = Some(format!("report file: {problem}")),
        }
    }
}
