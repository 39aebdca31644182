//! A drill in a cluster: it watches pods and endpoint slices, has the load started there, makes pods
//! leave, and takes back what it made, whatever happens.
//!
//! It knows the API server and, through its proxy, the public surfaces of the pods; it hands out facts.

mod action;
mod api_client;
pub(crate) mod kubeconfig;
mod load_pods;
mod loading;
mod pod_set;
mod pods;
mod proxy;
mod rights;
mod run;
mod slices;
mod undo;
mod workload;

use std::rc::Rc;
use std::time::Duration;

use anyhow::anyhow;
use tokio::sync::watch;

use self::api_client::ApiClient;
pub(crate) use self::rights::role;
use self::workload::{Entrance, Workload};
use crate::exit::Failure;
use crate::facts::RunFacts;
use crate::live_view::LiveView;
use crate::plan::cluster::{Action, ClusterPlan, ClusterRun};

/// A cluster with the workload that is drilled, found and allowed.
pub(crate) struct Cluster {
    client: Rc<ApiClient>,
    workload: Workload,
    entrance: Entrance,
}

impl Cluster {
    /// Opens the context that was named, and no other; finds workload and Service; asks whether everything that will be
    /// needed is allowed. Changes nothing.
    ///
    /// # Errors
    /// One of these is not there, or not allowed: all missing rights are named at once.
    pub(crate) async fn open(plan: &ClusterPlan) -> Result<Self, Failure> {
        let client = Rc::new(ApiClient::open(&plan.target.access).await.map_err(Failure::usage)?);
        rights::check(&client, plan).await.map_err(Failure::usage)?;
        let workload = Workload::find(&client, plan).await.map_err(Failure::usage)?;
        if plan.runs.iter().any(|run| matches!(run.way.action, Action::Terminate { .. })) && workload.user().is_none() {
            return Err(Failure::usage(anyhow!(
                "--action terminate: {} says no runAsUser, and a signal reaches process 1 only from the same user",
                workload.name
            )));
        }
        let entrance = Entrance::find(&client, plan, &workload).await.map_err(Failure::usage)?;
        Ok(Self { client, workload, entrance })
    }

    /// Does one run of the plan, and takes back what it made.
    ///
    /// # Errors
    /// The load cannot be started, or the workload is not in a state to begin with.
    pub(crate) async fn run(
        &self,
        plan: &ClusterPlan,
        run: &ClusterRun,
        view: &Rc<LiveView>,
        interrupted: watch::Receiver<bool>,
    ) -> Result<RunFacts, Failure> {
        run::run(self, plan, run, view, interrupted).await
    }
}

/// Sends SIGTERM to process 1 of the namespace that this process is in, after a while.
///
/// # Errors
/// The system does not allow it: another user's process, as where process 1 is the pod's pause container.
#[cfg(unix)]
pub(crate) async fn signal_process_one(after: Duration) -> Result<(), Failure> {
    tokio::time::sleep(after).await;
    // SAFETY: plain call; 1 is no group and no other process than the first of this namespace.
    match unsafe { libc::kill(1, libc::SIGTERM) } {
        0 => Ok(()),
        _ => Err(Failure::invalid(anyhow!("process 1 cannot be told: {}", std::io::Error::last_os_error()))),
    }
}

/// There is no such process here.
///
/// # Errors
/// Always.
#[cfg(not(unix))]
pub(crate) async fn signal_process_one(_: Duration) -> Result<(), Failure> {
    Err(Failure::usage(anyhow!("there are no such signals here")))
}
