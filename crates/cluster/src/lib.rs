//! What Kubernetes knows about this pod, as facts.
//!
//! The room has one job: it asks the API server about the own Pod and the EndpointSlices that name it, and says what it
//! learned as [`ClusterFact`](lameduck_lifecycle::ClusterFact)s. It decides nothing. It is asked three times in the
//! life of a process:
//!
//! | when | call | verbs it needs |
//! |---|---|---|
//! | start-up | [`Cluster::connect`], [`Cluster::own_pod`] and [`contradictions`] | `get` pods |
//! | SIGTERM | [`Cluster::watch_endpoints`] until the listener closes, [`Cluster::watch_deletion`] to the end | `list`, `watch` endpointslices; `watch` pods |
//! | in between and at the end | [`Cluster::announce`] | `create` events (events.k8s.io) |
//!
//! Nothing is watched before SIGTERM: ten thousand idle pods cost the API server nothing.
//!
//! ```no_run
//! # async fn example(plan: lameduck_lifecycle::Plan) {
//! use lameduck_cluster::{Cluster, Options, contradictions};
//!
//! let cluster = match Cluster::connect(Options::default()) {
//!     Ok(Some(cluster)) => cluster,
//!     Ok(None) => return,                      // no cluster: ClusterFact::Absent
//!     Err(error) => return eprintln!("{error}"), // in a cluster, but blind: ClusterFact::Absent, and say so
//! };
//! if let Ok(pod) = cluster.own_pod().await {
//!     for contradiction in contradictions(&pod, &plan) {
//!         eprintln!("{contradiction}");
//!     }
//! }
//! // At SIGTERM. Dropping the receiver (or the future) ends the watch.
//! let (facts, mut received) = tokio::sync::mpsc::channel(16);
//! tokio::spawn(async move { cluster.watch_endpoints(facts).await });
//! while let Some(fact) = received.recv().await {
//!     println!("{fact:?}");
//! }
//! # }
//! ```
//!
//! Guarantees: every request has a time limit, every retry a growing pause, and no error ever turns into "gone": only a
//! complete answer of the API server does. Not guaranteed: that the proxies on the nodes have followed the
//! EndpointSlice; no pod can see that.

mod announce;
mod connect;
mod contradictions;
mod failure;
mod identity;
mod others;
mod pod;
mod previous_exit;
mod slices;
mod watch;

pub use announce::Notice;
pub use connect::{Cluster, ConnectError, Options};
pub use contradictions::{Contradiction, Severity, contradictions};
pub use failure::Failure;
pub use identity::{Identity, IdentityError};
pub use others::RunningPod;
pub use pod::{PodFacts, PreStop, ReadinessProbe};
pub use previous_exit::{ExitReason, PreviousExit};
