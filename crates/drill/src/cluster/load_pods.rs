//! The load in pods: a Job that is started, asked, stopped and read through the API server's proxy.

mod manifest;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use futures_util::future;
use http::Method;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, PostParams};
use lameduck_load::{Lag, Period, Record, Stage, Wire};
use tokio::time::Instant;

use self::manifest::PORT;
use super::api_client::ApiClient;
use super::pods;
use super::undo::{Step, Undo};
use crate::clock::Offset;
use crate::facts::ClockFacts;
use crate::load_pod::{LoadState, Order, Status, unix_micros};
use crate::plan::cluster::ClusterPlan;

/// Longest wait for the pods to run: an image may have to be pulled.
const READY_WITHIN: Duration = Duration::from_secs(180);
/// Between two questions to each pod; it also tells them that they are still wanted.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// Longest time for telling a pod to start: all of that is what its clock may be wrong by.
const START_WITHIN: Duration = Duration::from_secs(10);

/// The pods of a load.
pub(super) struct LoadPods {
    client: Rc<ApiClient>,
    pods: Vec<Rc<LoadPod>>,
}

/// Why the pods do not answer, in words.
enum NotYet {
    /// That may change.
    Waits(String),
    /// It will not: the Job starts no pod a second time.
    Never(String),
}

/// One of them.
struct LoadPod {
    name: String,
    node: String,
    /// How far its times may be off ours, known once it was told to start.
    offset: Cell<Option<Offset>>,
    ended: Cell<u64>,
    lost: Cell<u64>,
}

impl LoadPods {
    /// Makes the Job, and waits until every pod answers.
    ///
    /// # Errors
    /// The Job is refused, or a pod does not come up: with the reason that the cluster gives.
    pub(super) async fn create(
        client: &Rc<ApiClient>,
        plan: &ClusterPlan,
        count: u32,
        address: std::net::SocketAddr,
        undo: &Undo,
    ) -> anyhow::Result<Self> {
        let order =
            Order { plan: plan.load.clone(), targets: vec![address], threads: plan.load.threads / count as usize };
        let name = format!("lameduck-drill-{:08x}", unix_micros() as u32);
        let job = manifest::job(&name, plan, count, &order)?;
        undo.remember(Step::DeleteJob(name.clone()));
        let created = client.answer(client.api::<Job>().create(&PostParams::default(), &job)).await;
        created.context("the Job of the load is refused")?;
        let deadline = Instant::now() + READY_WITHIN;
        let pods = loop {
            let problem = match Self::look(client, &name, count).await {
                Ok(pods) => break pods,
                Err(NotYet::Waits(problem)) => problem,
                Err(NotYet::Never(problem)) => bail!("{problem}"),
            };
            if Instant::now() >= deadline {
                bail!("the load pods of job/{name} did not come up within {READY_WITHIN:?}: {problem}");
            }
            tokio::time::sleep(ASK_EVERY).await;
        };
        Ok(Self { client: Rc::clone(client), pods })
    }

    async fn look(client: &ApiClient, job: &str, count: u32) -> Result<Vec<Rc<LoadPod>>, NotYet> {
        let labels = ListParams::default().labels(&format!("batch.kubernetes.io/job-name={job}"));
        let listed = client.answer(client.api::<Pod>().list(&labels)).await;
        let listed = listed.map_err(|refusal| NotYet::Waits(refusal.to_string()))?;
        let mut pods = Vec::new();
        for pod in &listed.items {
            let seen = pods::see(pod, manifest::CONTAINER);
            if let Some(end) = seen.end {
                let said = end.message.map_or_else(String::new, |message| format!(": {}", message.trim()));
                return Err(NotYet::Never(format!("load pod {} ended with code {}{said}", seen.name, end.code)));
            }
            if !seen.runs {
                let reason = seen.waits_for.unwrap_or_else(|| "it is being made".to_owned());
                return Err(NotYet::Waits(format!("{}: {reason} (--image {})", seen.name, manifest::image(pod))));
            }
            let pod = LoadPod {
                name: seen.name,
                node: seen.node,
                offset: Cell::new(None),
                ended: Cell::new(0),
                lost: Cell::new(0),
            };
            let answers = pod.status(client).await;
            answers.map_err(|problem| NotYet::Waits(format!("{} does not answer: {problem}", pod.name)))?;
            let reaches = client.pod(Method::GET, &pod.name, PORT, "/reach").await;
            reaches.map_err(|problem| {
                NotYet::Waits(format!("{} on {} does not reach the Service: {problem}", pod.name, pod.node))
            })?;
            pods.push(Rc::new(pod));
        }
        if pods.len() < count as usize {
            let advice = format!("{} of {count} pods are there; kubectl describe job {job} says more", pods.len());
            return Err(NotYet::Waits(advice));
        }
        Ok(pods)
    }

    /// Where they are, in words.
    pub(super) fn words(&self) -> String {
        let mut nodes: Vec<_> = self.pods.iter().map(|pod| pod.node.as_str()).collect();
        nodes.sort_unstable();
        nodes.dedup();
        format!("{} pods on {}", self.pods.len(), nodes.join(", "))
    }

    /// Starts all clients. Their times count from the stage's beginning: a pod is told how long ago that was, so that
    /// no clock of day takes part; it is wrong by what the telling took.
    ///
    /// # Errors
    /// A pod cannot be told.
    pub(super) async fn start(&self, stage: &Stage) -> anyhow::Result<()> {
        let told = future::join_all(self.pods.iter().map(|pod| pod.start(&self.client, stage))).await;
        told.into_iter().collect()
    }

    /// Keeps asking for as long as it is polled, and adds up what they say for the live view.
    pub(super) async fn follow(&self, stage: Arc<Stage>) {
        loop {
            future::join_all(self.pods.iter().map(|pod| pod.status(&self.client))).await;
            let sum = |of: fn(&LoadPod) -> u64| self.pods.iter().map(|pod| of(pod)).sum();
            stage.live.ended.store(sum(|pod| pod.ended.get()), Ordering::Relaxed);
            stage.live.lost.store(sum(|pod| pod.lost.get()), Ordering::Relaxed);
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// Tells them in which part of the run they are. One that does not hear of it counts into the part before.
    pub(super) async fn enter_period(&self, period: Period) {
        let path = format!("/period/{}", period.as_str());
        let told = self.pods.iter().map(|pod| self.client.pod(Method::POST, &pod.name, PORT, &path));
        future::join_all(told).await;
    }

    /// Lets no further request fall due, waits for those in flight, and adds the records up on our clock.
    ///
    /// # Errors
    /// A pod does not hand its record over: the requests it sent cannot be judged.
    pub(super) async fn stop(&self, patience: Duration, record_within: Duration) -> anyhow::Result<(Record, Lag)> {
        let deadline = Instant::now() + patience + record_within;
        let records =
            future::join_all(self.pods.iter().map(|pod| pod.hand_over(&self.client, patience, deadline))).await;
        let (mut record, mut lag) = (Record::new(), Lag::new());
        for handed in records {
            let (other, other_lag) = handed?;
            record.add(other);
            lag.add(&other_lag);
        }
        Ok((record, lag))
    }

    /// The pods' clocks beside ours.
    pub(super) fn clocks(&self) -> Vec<ClockFacts> {
        let clock = |pod: &Rc<LoadPod>| {
            Some(ClockFacts { of: format!("{} on {}", pod.name, pod.node), offset: pod.offset.get()? })
        };
        self.pods.iter().filter_map(clock).collect()
    }
}

impl LoadPod {
    async fn start(&self, client: &ApiClient, stage: &Stage) -> anyhow::Result<()> {
        let (deadline, began) = (Instant::now() + START_WITHIN, stage.now());
        loop {
            // Told again it answers the same, and keeps the first.
            let told = client.pod(Method::POST, &self.name, PORT, &format!("/start/{}", stage.now())).await;
            let Err(problem) = told else {
                let took = stage.now() - began;
                // It began to count at most so much late, and on average half of it.
                self.offset.set(Some(Offset { us: -(took as i64) / 2, error_us: took.div_ceil(2) }));
                return Ok(());
            };
            if Instant::now() >= deadline {
                bail!("the load in {} cannot be started: {problem}", self.name);
            }
            tokio::time::sleep(ASK_EVERY / 4).await;
        }
    }

    async fn status(&self, client: &ApiClient) -> Result<Status, String> {
        let text = client.pod(Method::GET, &self.name, PORT, "/status").await?;
        let status: Status = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        self.ended.set(status.ended);
        self.lost.set(status.lost);
        Ok(status)
    }

    async fn hand_over(
        &self,
        client: &ApiClient,
        patience: Duration,
        deadline: Instant,
    ) -> anyhow::Result<(Record, Lag)> {
        loop {
            let problem = match self.ask_for_record(client, patience).await {
                Ok(Some(text)) => {
                    let wire: Wire = serde_json::from_str(&text).context("its record cannot be read")?;
                    let ahead = self.offset.get().map_or(0, |offset| -offset.us);
                    return wire.unpack(ahead).map_err(|problem| anyhow!("{}: {problem}", self.name));
                }
                Ok(None) => "its requests have not ended".to_owned(),
                Err(problem) => problem,
            };
            if Instant::now() >= deadline {
                bail!("{} does not hand its record over: {problem}", self.name);
            }
            tokio::time::sleep(ASK_EVERY / 4).await;
        }
    }

    async fn ask_for_record(&self, client: &ApiClient, patience: Duration) -> Result<Option<String>, String> {
        client.pod(Method::POST, &self.name, PORT, &format!("/stop/{}", patience.as_millis())).await?;
        match self.status(client).await?.state {
            LoadState::Stopped => client.pod(Method::GET, &self.name, PORT, "/record").await.map(Some),
            LoadState::Waiting | LoadState::Running => Ok(None),
            LoadState::Failed => {
                Err(client.pod(Method::GET, &self.name, PORT, "/record").await.unwrap_or_else(|said| said))
            }
        }
    }
}
