//! All pods of the workload as the API server shows them: watched, asked, waited for. What is known of them is in `lives`.

mod following;
mod ledgers;
mod lives;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use self::lives::Lives;
use super::Cluster;
use super::door::Door;
use super::pods::Seen;
use super::slices::Slices;
use crate::board::Board;
use crate::facts::PodFacts;
use crate::load::Stage;
use crate::plan::cluster::ClusterPlan;
use crate::values::words;

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
    lives: Lives,
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
            lives: Lives::new(plan.admin_port, plan.has_ledger),
            slices: RefCell::default(),
            synced: Cell::default(),
            notes: RefCell::default(),
            changed: watch::Sender::new(0),
        });
        let tasks = following::start(&herd);
        (herd, tasks)
    }

    /// What is known of the pods.
    pub(super) fn lives(&self) -> &Lives {
        &self.lives
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

    /// Whether everything was seen once, and every staying pod gets new connections.
    pub(super) fn serves(&self) -> bool {
        let uids: Vec<_> = self.lives.staying().into_iter().map(|pod| pod.uid).collect();
        self.synced.get() == Synced { pods: true, slices: true }
            && !uids.is_empty()
            && self.slices.borrow().name_all(&uids)
    }

    /// Waits until something holds, looking whenever something changed; false: not within this time.
    pub(super) async fn until(&self, within: Duration, holds: impl Fn(&Self) -> bool) -> bool {
        let mut changed = self.changed.subscribe();
        tokio::time::timeout(within, changed.wait_for(|_| holds(self))).await.is_ok_and(|seen| seen.is_ok())
    }

    /// Waits until every pod that was told to leave has ended.
    ///
    /// # Errors
    /// Names those that had not within this time.
    pub(super) async fn until_nobody_leaves(&self, within: Duration) -> anyhow::Result<()> {
        if self.until(within, |herd| herd.lives.leaving().is_empty()).await {
            return Ok(());
        }
        let names = self.lives.leaving().join(", ");
        Err(anyhow::anyhow!("after {} these had not left: {names}", words(within)))
    }

    /// Notes that a pod was told to leave without being deleted.
    pub(super) fn signalled(&self, pod: &PodFacts) {
        self.lives.signalled(self.stage.now(), pod);
    }

    /// Notes that a pod is killed on purpose.
    pub(super) fn killed(&self, pod: &PodFacts) {
        self.lives.killed(self.stage.now(), pod);
    }

    fn apply(&self, seen: &Seen) {
        self.lives.apply(self.stage.now(), seen).iter().for_each(|line| self.board.say(line));
    }

    fn forget(&self, uid: &str) {
        if let Some(unknown) = self.lives.forget(self.stage.now(), uid) {
            self.note(&unknown);
        }
    }

    fn touch(&self) {
        self.changed.send_modify(|changes| *changes += 1);
    }
}
