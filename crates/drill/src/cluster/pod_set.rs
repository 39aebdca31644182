//! All pods of the workload as the API server shows them: watched, asked, waited for. What is known of them is in
//! `history`.

mod following;
mod history;
mod ledgers;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use lameduck_load::Stage;
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::history::PodHistory;
use super::Cluster;
use super::api_client::ApiClient;
use super::pods::Seen;
use super::slices::Slices;
use crate::facts::PodFacts;
use crate::live_view::LiveView;
use crate::plan::cluster::ClusterPlan;
use crate::values::words;

/// The pods.
pub(super) struct PodSet {
    client: Rc<ApiClient>,
    stage: Arc<Stage>,
    view: Rc<LiveView>,
    container: String,
    selector: String,
    service: String,
    admin_port: u16,
    has_ledger: bool,
    exclusive: bool,
    history: PodHistory,
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

impl PodSet {
    /// Starts to watch; the tasks that do so end when the set of them is dropped.
    pub(super) fn watch(
        cluster: &Cluster,
        plan: &ClusterPlan,
        stage: &Arc<Stage>,
        view: &Rc<LiveView>,
    ) -> (Rc<Self>, JoinSet<()>) {
        let pods = Rc::new(Self {
            client: Rc::clone(&cluster.client),
            stage: Arc::clone(stage),
            view: Rc::clone(view),
            container: cluster.workload.container.clone(),
            selector: cluster.workload.selector.clone(),
            service: cluster.entrance.service.clone(),
            admin_port: plan.target.admin_port,
            has_ledger: plan.has_ledger,
            exclusive: plan.target.exclusive,
            history: PodHistory::new(plan.target.admin_port, plan.has_ledger),
            slices: RefCell::default(),
            synced: Cell::default(),
            notes: RefCell::default(),
            changed: watch::Sender::new(0),
        });
        let tasks = following::start(&pods);
        (pods, tasks)
    }

    /// What is known of the pods.
    pub(super) fn history(&self) -> &PodHistory {
        &self.history
    }

    /// What a reader of the report should know.
    pub(super) fn notes(&self) -> Vec<String> {
        self.notes.borrow().iter().cloned().collect()
    }

    pub(super) fn note(&self, what: &str) {
        if self.notes.borrow_mut().insert(what.to_owned()) {
            self.view.say(what);
        }
    }

    /// Whether everything was seen once, and every staying pod gets new connections.
    pub(super) fn serves(&self) -> bool {
        let uids: Vec<_> = self.history.staying().into_iter().map(|pod| pod.uid).collect();
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
        if self.until(within, |pods| pods.history.leaving().is_empty()).await {
            return Ok(());
        }
        let names = self.history.leaving().join(", ");
        Err(anyhow::anyhow!("after {} these had not left: {names}", words(within)))
    }

    /// Notes that a pod was told to leave without being deleted.
    pub(super) fn signalled(&self, pod: &PodFacts) {
        self.history.signalled(self.stage.now(), pod);
    }

    /// Notes that a pod is killed on purpose.
    pub(super) fn killed(&self, pod: &PodFacts) {
        self.history.killed(self.stage.now(), pod);
    }

    fn apply(&self, seen: &Seen) {
        self.history.apply(self.stage.now(), seen).iter().for_each(|line| self.view.say(line));
    }

    fn forget(&self, uid: &str) {
        if let Some(unknown) = self.history.forget(self.stage.now(), uid) {
            self.note(&unknown);
        }
    }

    fn touch(&self) {
        self.changed.send_modify(|changes| *changes += 1);
    }
}
