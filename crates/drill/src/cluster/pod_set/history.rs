//! The lives of pods: one for each start of the container, from when it was first seen to its end. Pure but for being
//! shared: what a Pod object says comes in with its time.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

use lameduck_load::{Micros, ReplicaId};

use crate::cluster::pods::{End, Seen};
use crate::facts::{ExitStatus, Kill, LedgerSource, PodEnd, PodFacts, ReplicaFacts, Shown};
use crate::ledger::{Cause, Document};

/// Most lives that are kept; a crash loop must not fill the memory.
const LIVES_MAX: usize = 10_000;
/// Exit code of a process that SIGKILL ended, as container runtimes tell it.
const KILLED: i32 = 137;

/// All of them, in the order in which they were first seen.
pub(crate) struct PodHistory {
    admin_port: u16,
    has_ledger: bool,
    all: Shown,
}

impl PodHistory {
    pub(super) fn new(admin_port: u16, has_ledger: bool) -> Self {
        Self { admin_port, has_ledger, all: Rc::default() }
    }

    pub(crate) fn shown(&self) -> Shown {
        Rc::clone(&self.all)
    }

    pub(crate) fn facts(&self) -> Vec<ReplicaFacts> {
        self.all.borrow().iter().map(|life| life.borrow().clone()).collect()
    }

    /// Those that an asynchronous reader may keep while others change.
    pub(super) fn each(&self) -> Vec<Rc<RefCell<ReplicaFacts>>> {
        self.all.borrow().clone()
    }

    /// The pods that run and were not told to leave, by name, with their nodes and uids.
    pub(crate) fn staying(&self) -> Vec<PodFacts> {
        let lives = self.all.borrow();
        let staying =
            lives.iter().map(|life| life.borrow()).filter(|life| life.exited.is_none() && life.marked.is_none());
        let mut pods: Vec<_> = staying.filter_map(|life| life.pod.clone()).collect();
        pods.sort_by(|one, other| one.name.cmp(&other.name));
        pods
    }

    /// The pods that were told to leave and have not ended.
    pub(crate) fn leaving(&self) -> Vec<String> {
        let lives = self.all.borrow();
        let leaving = lives.iter().map(|life| life.borrow());
        leaving.filter(|life| life.exited.is_none() && life.marked.is_some()).map(|life| life.name()).collect()
    }

    /// Whether a life of this pod has ended that was not over when these facts were taken.
    pub(crate) fn has_ended(&self, pod: &PodFacts) -> bool {
        let lives = self.all.borrow();
        let same = |life: &ReplicaFacts| {
            life.pod.as_ref().is_some_and(|other| other.uid == pod.uid && other.restarts >= pod.restarts)
        };
        lives.iter().any(|life| life.borrow().exited.is_some() && same(&life.borrow()))
    }

    /// Notes that a pod was told to leave without being deleted.
    pub(crate) fn signalled(&self, now: Micros, pod: &PodFacts) {
        if let Some(life) = self.find(&pod.uid, pod.restarts) {
            let mut life = life.borrow_mut();
            life.signalled.get_or_insert(now);
            life.see_phase("signalled", now);
        }
    }

    /// Notes that a pod is killed on purpose.
    pub(crate) fn killed(&self, now: Micros, pod: &PodFacts) {
        if let Some(life) = self.find(&pod.uid, pod.restarts) {
            life.borrow_mut().killed.get_or_insert((now, Kill::Purpose));
        }
    }

    fn find(&self, uid: &str, restarts: i32) -> Option<Rc<RefCell<ReplicaFacts>>> {
        let lives = self.all.borrow();
        let is = |life: &&Rc<RefCell<ReplicaFacts>>| {
            life.borrow().pod.as_ref().is_some_and(|pod| pod.uid == uid && pod.restarts == restarts)
        };
        lives.iter().rev().find(is).cloned()
    }

    /// The youngest life of a pod.
    fn newest(&self, uid: &str) -> Option<Rc<RefCell<ReplicaFacts>>> {
        let lives = self.all.borrow();
        lives.iter().rev().find(|life| life.borrow().pod.as_ref().is_some_and(|pod| pod.uid == uid)).cloned()
    }

    /// Takes what a Pod object says at this time; returns what a person should hear.
    pub(crate) fn apply(&self, now: Micros, seen: &Seen) -> Vec<String> {
        let mut news = Vec::new();
        if let Some(end) = &seen.end_before
            && let Some(life) = self.find(&seen.uid, seen.restarts - 1)
        {
            news.extend(self.end(now, &life, end));
        }
        let Some(life) = self.find(&seen.uid, seen.restarts).or_else(|| self.begin(now, seen)) else { return news };
        {
            let mut life = life.borrow_mut();
            if let Some(address) = seen.address {
                life.address = SocketAddr::new(address, self.admin_port);
            }
            if seen.ready && seen.runs && life.ready.is_none() {
                life.ready = Some(now);
                life.see_phase("ready", now);
            }
            if let Some(deletion) = seen.deletion {
                if life.marked.is_none() {
                    life.marked = Some(now);
                    life.see_phase("signalled", now);
                    news.push(format!("{} leaves ({} s)", life.name(), deletion.grace_seconds));
                }
                if let Some(pod) = &mut life.pod {
                    pod.grace_seconds = Some(deletion.grace_seconds);
                    // A second, shorter deletion is counted from its own order.
                    pod.ordered.get_or_insert(deletion.ordered);
                }
            }
        }
        if let Some(end) = &seen.end {
            news.extend(self.end(now, &life, end));
        }
        news
    }

    /// A life is noticed once its pod has a node: what waits in a queue serves nobody.
    fn begin(&self, now: Micros, seen: &Seen) -> Option<Rc<RefCell<ReplicaFacts>>> {
        let number = self.all.borrow().len();
        if seen.node.is_empty() || number >= LIVES_MAX {
            return None;
        }
        let address = SocketAddr::new(seen.address.unwrap_or(Ipv4Addr::UNSPECIFIED.into()), self.admin_port);
        let mut facts = ReplicaFacts::new(ReplicaId(number as u16), number as u16, address, now);
        facts.see_phase("starting", now);
        facts.pod = Some(PodFacts {
            name: seen.name.clone(),
            uid: seen.uid.clone(),
            node: seen.node.clone(),
            restarts: seen.restarts,
            grace_seconds: None,
            ordered: None,
            finished: None,
            end: None,
        });
        let life = Rc::new(RefCell::new(facts));
        self.all.borrow_mut().push(Rc::clone(&life));
        Some(life)
    }

    fn end(&self, now: Micros, life: &Rc<RefCell<ReplicaFacts>>, end: &End) -> Option<String> {
        let mut life = life.borrow_mut();
        if life.exited.is_some() {
            return None;
        }
        life.exited = Some(now);
        life.status = Some(ExitStatus { code: Some(end.code), signal: None });
        life.see_phase("gone", now);
        // What was read on the way is not its last word.
        life.ledger = None;
        if self.has_ledger {
            read_message(&mut life, end.message.as_deref(), now);
        }
        // A foreign service says nothing of when it was told: not before its pod was to go.
        life.signalled = life.signalled.or(life.marked);
        // A kill of one that nobody had told to leave (out of memory, say) is a death of its own.
        if end.code == KILLED && life.killed.is_none() && life.signalled.is_some() {
            life.killed = Some((now, Kill::Grace));
        }
        if let Some(pod) = &mut life.pod {
            pod.finished = end.finished;
        }
        Some(format!("{} ended with code {}", life.name(), end.code))
    }

    /// The object is gone. If nobody told us how the container ended, that stays unknown, and is said.
    pub(crate) fn forget(&self, now: Micros, uid: &str) -> Option<String> {
        let life = self.newest(uid)?;
        let mut life = life.borrow_mut();
        if life.exited.is_some() {
            return None;
        }
        life.exited = Some(now);
        life.signalled = life.signalled.or(life.marked);
        // What was read on the way is not its last word.
        life.ledger = None;
        life.see_phase("gone", now);
        Some(format!("how {} ended was not heard: its object was gone first", life.name()))
    }

    /// The endpoints of these pods are no longer sent new connections by some slice.
    pub(crate) fn taken_out(&self, now: Micros, uids: &BTreeSet<String>) {
        for life in uids.iter().filter_map(|uid| self.newest(uid)) {
            let mut life = life.borrow_mut();
            life.removed = Some(life.removed.map_or((now, now), |(first, _)| (first, now)));
        }
    }
}

/// Reads the termination message. If it was told to leave, from when on follows from how long it says it took, and that
/// is more exact than when somebody began to tell it; a deleted pod was not told before it was marked.
fn read_message(life: &mut ReplicaFacts, message: Option<&str>, now: u64) {
    match message.map(Document::parse) {
        Some(Ok(document)) => {
            let told = now.saturating_sub(document.leaving().as_micros() as u64).max(life.marked.unwrap_or_default());
            let asked = document.cause.as_ref().is_some_and(Cause::is_request);
            if life.signalled.is_some() || life.marked.is_some() || asked {
                life.signalled = Some(told);
            }
            life.ledger = Some((LedgerSource::ReportFile, document.ledger));
            if let Some(pod) = &mut life.pod {
                pod.end = Some(PodEnd {
                    cause: document.cause.map(Cause::into_text),
                    wait_end: document.wait_end,
                    deregistered_after_ms: document.deregistered_after_ms,
                    last_connection_after_ms: document.last_connection_after_ms,
                });
            }
        }
        Some(Err(problem)) => life.ledger_problem = Some(format!("termination message: {problem}")),
        None => life.ledger_problem = Some("it left no termination message".to_owned()),
    }
}

#[cfg(test)]
mod tests;
