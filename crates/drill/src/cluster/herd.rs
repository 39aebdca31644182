//! All pods of the workload as the API server shows them: one life for each start of the container, from when it was first
//! seen to its end.

mod following;
mod ledgers;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Cluster;
use super::door::Door;
use super::pods::{End, Seen};
use super::slices::Slices;
use crate::board::Board;
use crate::endpoints::ReplicaId;
use crate::facts::{ExitStatus, Kill, LedgerSource, PodEnd, PodFacts, ReplicaFacts};
use crate::ledger::Document;
use crate::load::Stage;
use crate::plan::cluster::ClusterPlan;

/// Most lives that are kept; a crash loop must not fill the memory.
const LIVES_MAX: usize = 10_000;
/// Exit code of a process that SIGKILL ended, as container runtimes tell it.
const KILLED: i32 = 137;

/// The facts of all lives, for whoever shows them while they change.
pub(super) type Shown = Rc<RefCell<Vec<Rc<RefCell<ReplicaFacts>>>>>;

/// The pods.
pub(super) struct Herd {
    door: Rc<Door>,
    stage: Arc<Stage>,
    board: Rc<Board>,
    container: String,
    selector: String,
    service: String,
    admin_port: u16,
    has_ledger: bool,
    exclusive: bool,
    lives: Shown,
    slices: RefCell<Slices>,
    synced: Cell<Synced>,
    notes: RefCell<BTreeSet<String>>,
    changed: watch::Sender<u64>,
}

/// Which of the two watches have seen everything once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Synced {
    pods: bool,
    slices: bool,
}

impl Herd {
    /// Starts to watch; the tasks that do so end when the set of them is dropped.
    pub(super) fn watch(
        cluster: &Cluster,
        plan: &ClusterPlan,
        stage: &Arc<Stage>,
        board: &Rc<Board>,
    ) -> (Rc<Self>, JoinSet<()>) {
        let herd = Rc::new(Self {
            door: Rc::clone(&cluster.door),
            stage: Arc::clone(stage),
            board: Rc::clone(board),
            container: cluster.workload.container.clone(),
            selector: cluster.workload.selector.clone(),
            service: cluster.target.service.clone(),
            admin_port: plan.admin_port,
            has_ledger: plan.has_ledger,
            exclusive: plan.exclusive,
            lives: Rc::default(),
            slices: RefCell::default(),
            synced: Cell::default(),
            notes: RefCell::default(),
            changed: watch::Sender::new(0),
        });
        let tasks = following::start(&herd);
        (herd, tasks)
    }

    pub(super) fn shown(&self) -> Shown {
        Rc::clone(&self.lives)
    }

    pub(super) fn facts(&self) -> Vec<ReplicaFacts> {
        self.lives.borrow().iter().map(|life| life.borrow().clone()).collect()
    }

    /// What a reader of the report should know.
    pub(super) fn notes(&self) -> Vec<String> {
        self.notes.borrow().iter().cloned().collect()
    }

    pub(super) fn note(&self, what: &str) {
        if self.notes.borrow_mut().insert(what.to_owned()) {
            self.board.say(what);
        }
    }

    /// The pods that run and were not told to leave, by name, with their nodes and uids.
    pub(super) fn staying(&self) -> Vec<PodFacts> {
        let lives = self.lives.borrow();
        let staying =
            lives.iter().map(|life| life.borrow()).filter(|life| life.exited.is_none() && life.marked.is_none());
        let mut pods: Vec<_> = staying.filter_map(|life| life.pod.clone()).collect();
        pods.sort_by(|one, other| one.name.cmp(&other.name));
        pods
    }

    /// Whether everything was seen once, and every staying pod gets new connections.
    pub(super) fn serves(&self) -> bool {
        let uids: Vec<_> = self.staying().into_iter().map(|pod| pod.uid).collect();
        self.synced.get() == Synced { pods: true, slices: true }
            && !uids.is_empty()
            && self.slices.borrow().name_all(&uids)
    }

    /// The pods that were told to leave and have not ended.
    pub(super) fn leaving(&self) -> Vec<String> {
        let lives = self.lives.borrow();
        let leaving = lives.iter().map(|life| life.borrow());
        leaving.filter(|life| life.exited.is_none() && life.marked.is_some()).map(|life| life.name()).collect()
    }

    /// Whether a life of this pod has ended that was not over at `since` (its number of restarts then).
    pub(super) fn has_ended(&self, pod: &PodFacts) -> bool {
        let lives = self.lives.borrow();
        let same = |life: &ReplicaFacts| {
            life.pod.as_ref().is_some_and(|other| other.uid == pod.uid && other.restarts >= pod.restarts)
        };
        lives.iter().any(|life| life.borrow().exited.is_some() && same(&life.borrow()))
    }

    /// Notes that a pod was told to leave without being deleted.
    pub(super) fn signalled(&self, pod: &PodFacts) {
        let now = self.stage.now();
        if let Some(life) = self.find(&pod.uid, pod.restarts) {
            let mut life = life.borrow_mut();
            life.signalled.get_or_insert(now);
            life.see_phase("signalled", now);
        }
    }

    /// Notes that a pod is killed on purpose.
    pub(super) fn killed(&self, pod: &PodFacts) {
        let now = self.stage.now();
        if let Some(life) = self.find(&pod.uid, pod.restarts) {
            life.borrow_mut().killed.get_or_insert((now, Kill::Purpose));
        }
    }

    /// Waits until something holds, looking whenever something changed; false: not within this time.
    pub(super) async fn until(&self, within: Duration, holds: impl Fn(&Self) -> bool) -> bool {
        let mut changed = self.changed.subscribe();
        tokio::time::timeout(within, changed.wait_for(|_| holds(self))).await.is_ok_and(|seen| seen.is_ok())
    }

    fn find(&self, uid: &str, restarts: i32) -> Option<Rc<RefCell<ReplicaFacts>>> {
        let lives = self.lives.borrow();
        let is = |life: &&Rc<RefCell<ReplicaFacts>>| {
            life.borrow().pod.as_ref().is_some_and(|pod| pod.uid == uid && pod.restarts == restarts)
        };
        lives.iter().rev().find(is).cloned()
    }

    /// The youngest life of a pod.
    fn newest(&self, uid: &str) -> Option<Rc<RefCell<ReplicaFacts>>> {
        let lives = self.lives.borrow();
        lives.iter().rev().find(|life| life.borrow().pod.as_ref().is_some_and(|pod| pod.uid == uid)).cloned()
    }

    fn apply(&self, seen: &Seen) {
        if let Some(end) = &seen.end_before
            && let Some(life) = self.find(&seen.uid, seen.restarts - 1)
        {
            self.end(&life, end);
        }
        let Some(life) = self.find(&seen.uid, seen.restarts).or_else(|| self.begin(seen)) else { return };
        let now = self.stage.now();
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
                    self.board.say(&format!("{} leaves ({} s)", life.name(), deletion.grace_seconds));
                }
                if let Some(pod) = &mut life.pod {
                    pod.grace_seconds = Some(deletion.grace_seconds);
                    // A second, shorter deletion is counted from its own order.
                    pod.ordered.get_or_insert(deletion.ordered);
                }
            }
        }
        if let Some(end) = &seen.end {
            self.end(&life, end);
        }
    }

    /// A life is noticed once its pod has a node: what waits in a queue serves nobody.
    fn begin(&self, seen: &Seen) -> Option<Rc<RefCell<ReplicaFacts>>> {
        let number = self.lives.borrow().len();
        if seen.node.is_empty() || number >= LIVES_MAX {
            return None;
        }
        let now = self.stage.now();
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
        self.lives.borrow_mut().push(Rc::clone(&life));
        Some(life)
    }

    fn end(&self, life: &Rc<RefCell<ReplicaFacts>>, end: &End) {
        let now = self.stage.now();
        let mut life = life.borrow_mut();
        if life.exited.is_some() {
            return;
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
        self.board.say(&format!("{} ended with code {}", life.name(), end.code));
    }

    /// The object is gone. If nobody told us how the container ended, that stays unknown, and is said.
    fn forget(&self, uid: &str) {
        let Some(life) = self.newest(uid) else { return };
        let mut life = life.borrow_mut();
        if life.exited.is_none() {
            let now = self.stage.now();
            life.exited = Some(now);
            life.signalled = life.signalled.or(life.marked);
            // What was read on the way is not its last word.
            life.ledger = None;
            life.see_phase("gone", now);
            self.note(&format!("how {} ended was not heard: its object was gone first", life.name()));
        }
    }

    fn taken_out(&self, uids: &BTreeSet<String>) {
        let now = self.stage.now();
        for life in uids.iter().filter_map(|uid| self.newest(uid)) {
            let mut life = life.borrow_mut();
            life.removed = Some(life.removed.map_or((now, now), |(first, _)| (first, now)));
        }
    }

    fn touch(&self) {
        self.changed.send_modify(|changes| *changes += 1);
    }
}

/// Why a service says that it left when it got SIGTERM, or was asked by its admin port: it was told to.
const TOLD: [&str; 2] = ["told to terminate", "asked to drain"];

/// Reads the termination message. If it was told to leave, from when on follows from how long it says it took, and that is more
/// exact than when somebody began to tell it; a deleted pod was not told before it was marked.
fn read_message(life: &mut ReplicaFacts, message: Option<&str>, now: u64) {
    match message.map(Document::parse) {
        Some(Ok(document)) => {
            let told = now.saturating_sub(document.leaving().as_micros() as u64).max(life.marked.unwrap_or_default());
            if life.signalled.is_some() || life.marked.is_some() || TOLD.map(Some).contains(&document.cause.as_deref())
            {
                life.signalled = Some(told);
            }
            life.ledger = Some((LedgerSource::ReportFile, document.ledger));
            if let Some(pod) = &mut life.pod {
                pod.end = Some(PodEnd {
                    cause: document.cause,
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
