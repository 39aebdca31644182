//! The load in a pod of a cluster drill: the same clients, started, told of periods and stopped over HTTP through the
//! API server's proxy. It ends by itself when nobody asks for it any more.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::Json;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{get, post};
use lameduck_load::{Endpoint, Load, LoadPlan, Period, ReplicaId, Stage, Wire};
use serde::{Deserialize, Serialize};

use crate::probe;

/// The environment variable with the [`Order`].
pub(crate) const ORDER: &str = "LAMEDUCK_DRILL_ORDER";
/// Given by a Job whose pods are numbered.
const INDEX: &str = "JOB_COMPLETION_INDEX";
/// Nobody has asked for so long: whoever ran the drill is gone. Longer than an API server is usually away.
const ORPHANED_AFTER: Duration = Duration::from_secs(180);

/// Connections in a row that must get through before a load begins.
const REACHED_TIMES: usize = 20;

/// What a load pod is to do once it is told to start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) plan: LoadPlan,
    pub(crate) targets: Vec<std::net::SocketAddr>,
    /// Threads of each pod; pod number i runs those from i times this on.
    pub(crate) threads: usize,
}

/// What a load pod says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) state: LoadState,
    pub(crate) ended: u64,
    pub(crate) lost: u64,
}

/// How far a load pod has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LoadState {
    Waiting,
    Running,
    Stopped,
    Failed,
}

enum Life {
    Waiting,
    Running(Load),
    Stopping,
    Stopped(Arc<Wire>),
    Failed(String),
}

struct Pod {
    order: Order,
    stage: Mutex<Arc<Stage>>,
    life: Mutex<Life>,
    asked: Mutex<Instant>,
}

/// Runs until it gets a signal, or is forgotten.
///
/// # Errors
/// There is no order, or the address cannot be bound.
pub(crate) async fn serve(listen: std::net::SocketAddr, signalled: impl Future<Output = ()>) -> anyhow::Result<()> {
    let order = std::env::var(ORDER).with_context(|| format!("{ORDER} is not set: this is for the pods of a drill"))?;
    let order: Order = serde_json::from_str(&order).with_context(|| format!("{ORDER} is of another version"))?;
    crate::descriptors::raise(order.plan.connections())?;
    let pod = Arc::new(Pod {
        order,
        stage: Mutex::new(Arc::new(Stage::new(1))),
        life: Mutex::new(Life::Waiting),
        asked: Mutex::new(Instant::now()),
    });
    let listener = tokio::net::TcpListener::bind(listen).await.with_context(|| format!("{listen} cannot be bound"))?;
    let routes = Router::new()
        .route("/status", get(status))
        .route("/reach", get(reach))
        .route("/start/{since_us}", post(start))
        .route("/period/{period}", post(period))
        .route("/stop/{patience_ms}", post(stop))
        .route("/record", get(record))
        .layer(middleware::map_request_with_state(Arc::clone(&pod), is_asked))
        .with_state(Arc::clone(&pod));
    tokio::select! {
        served = async { axum::serve(listener, routes).await } => served.context("failed to serve"),
        () = signalled => Ok(()),
        () = orphaned(&pod) => Ok(()),
    }
}

impl Pod {
    fn life(&self) -> std::sync::MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stage(&self) -> Arc<Stage> {
        Arc::clone(&self.stage.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Every request says that somebody still wants the load.
async fn is_asked(State(pod): State<Arc<Pod>>, request: Request) -> Request {
    *pod.asked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    request
}

async fn orphaned(pod: &Pod) {
    loop {
        let asked = *pod.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.elapsed() >= ORPHANED_AFTER {
            return;
        }
        tokio::time::sleep_until((asked + ORPHANED_AFTER).into()).await;
    }
}

async fn status(State(pod): State<Arc<Pod>>) -> Json<Status> {
    use std::sync::atomic::Ordering::Relaxed;
    let state = match &*pod.life() {
        Life::Waiting => LoadState::Waiting,
        Life::Running(_) | Life::Stopping => LoadState::Running,
        Life::Stopped(_) => LoadState::Stopped,
        Life::Failed(_) => LoadState::Failed,
    };
    let live = &pod.stage().live;
    Json(Status { state, ended: live.ended.load(Relaxed), lost: live.lost.load(Relaxed) })
}

/// Whether new connections from here get through. A pod that is ready is not yet one that every node knows (kube-proxy
/// works in batches of a second): the first connection proves little, and some in a row do.
async fn reach(State(pod): State<Arc<Pod>>) -> Result<(), (StatusCode, String)> {
    for address in &pod.order.targets {
        for _ in 0..REACHED_TIMES {
            let reached = probe::accepts(*address, pod.order.plan.connect_timeout).await;
            reached.map_err(|problem| (StatusCode::SERVICE_UNAVAILABLE, format!("{address}: {problem}")))?;
        }
    }
    Ok(())
}

/// Starts the clients; times count from so many microseconds ago. Told again it answers the same: an answer may get
/// lost on the way.
async fn start(State(pod): State<Arc<Pod>>, Path(since_us): Path<u64>) -> (StatusCode, String) {
    let mut life = pod.life();
    if !matches!(*life, Life::Waiting) {
        return (StatusCode::OK, String::new());
    }
    let now = Instant::now();
    let epoch = now.checked_sub(Duration::from_micros(since_us)).unwrap_or(now);
    let stage = Arc::new(Stage::since(epoch, 1));
    for (number, address) in (0..).zip(&pod.order.targets) {
        stage.table.enter(Endpoint { replica: ReplicaId(number), address: *address });
    }
    *pod.stage.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&stage);
    let index: usize = std::env::var(INDEX).ok().and_then(|index| index.parse().ok()).unwrap_or_default();
    let first = index * pod.order.threads;
    match Load::start(&Arc::new(pod.order.plan.clone()), &stage, first..first + pod.order.threads) {
        Ok(load) => {
            *life = Life::Running(load);
            (StatusCode::OK, String::new())
        }
        Err(error) => {
            *life = Life::Failed(format!("the load cannot be started: {error}"));
            (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
        }
    }
}

async fn period(State(pod): State<Arc<Pod>>, Path(period): Path<Period>) {
    pod.stage().enter_period(period);
}

/// Lets no further request fall due, and packs the record once the last one has ended, or its time is up.
async fn stop(State(pod): State<Arc<Pod>>, Path(patience_ms): Path<u64>) -> StatusCode {
    let load = {
        let mut life = pod.life();
        match std::mem::replace(&mut *life, Life::Stopping) {
            Life::Running(load) => load,
            other @ (Life::Waiting | Life::Stopping | Life::Stopped(_) | Life::Failed(_)) => {
                *life = other;
                return StatusCode::ACCEPTED;
            }
        }
    };
    let deadline = Instant::now() + Duration::from_millis(patience_ms);
    tokio::spawn(async move {
        let stopped = load.stop(deadline).await;
        *pod.life() = match stopped {
            Ok((record, lag)) => Life::Stopped(Arc::new(Wire::pack(record, &lag))),
            Err(error) => Life::Failed(format!("{error:#}")),
        };
    });
    StatusCode::ACCEPTED
}

async fn record(State(pod): State<Arc<Pod>>) -> Result<String, (StatusCode, String)> {
    let wire = match &*pod.life() {
        Life::Stopped(wire) => Arc::clone(wire),
        Life::Failed(problem) => return Err((StatusCode::INTERNAL_SERVER_ERROR, problem.clone())),
        Life::Waiting | Life::Running(_) | Life::Stopping => {
            return Err((StatusCode::CONFLICT, "not stopped yet".to_owned()));
        }
    };
    serde_json::to_string(&*wire).map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

/// This machine's clock, in microseconds since 1970.
pub(crate) fn unix_micros() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
