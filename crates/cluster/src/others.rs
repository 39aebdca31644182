//! Other pods: what a test of a release needs to find one, delete it and see it gone.

use crate::connect::Cluster;
use crate::failure::Failure;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams};
use std::net::IpAddr;
use std::time::Duration;

/// A running pod with an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningPod {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`: a StatefulSet gives the same name to the next pod.
    pub uid: String,
    /// `status.podIP`.
    pub address: IpAddr,
    /// `terminationGracePeriodSeconds`.
    pub grace_period: Duration,
    ports: Vec<(String, u16)>,
}

impl RunningPod {
    /// The container port of this name.
    pub fn port(&self, name: &str) -> Option<u16> {
        self.ports.iter().find(|(known, _)| known == name).map(|(_, port)| *port)
    }

    /// `None`: it does not run, is being deleted, or has no address yet.
    fn of(pod: Pod) -> Option<Self> {
        let (spec, status) = (pod.spec?, pod.status?);
        if pod.metadata.deletion_timestamp.is_some() || status.phase.as_deref() != Some("Running") {
            return None;
        }
        let ports = spec.containers.into_iter().flat_map(|container| container.ports.unwrap_or_default());
        Some(Self {
            name: pod.metadata.name?,
            uid: pod.metadata.uid?,
            address: status.pod_ip?.parse().ok()?,
            grace_period: Duration::from_secs(
                spec.termination_grace_period_seconds.and_then(|seconds| seconds.try_into().ok()).unwrap_or(30),
            ),
            ports: ports.filter_map(|port| Some((port.name?, port.container_port.try_into().ok()?))).collect(),
        })
    }
}

impl Cluster {
    /// The running pods of this namespace with these labels, as `app=orders,tier=web`.
    ///
    /// # Errors
    /// [`Failure`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn running_pods(&self, labels: &str) -> Result<Vec<RunningPod>, Failure> {
        let pods = self.api::<Pod>();
        let list = self.answer(pods.list(&ListParams::default().labels(labels))).await?;
        Ok(list.items.into_iter().filter_map(RunningPod::of).collect())
    }

    /// Asks for the deletion of a pod, with its own grace period. Does not wait for it.
    ///
    /// # Errors
    /// [`Failure`].
    ///
    /// # Cancel safety
    /// The deletion may have been asked for.
    pub async fn delete(&self, pod: &RunningPod) -> Result<(), Failure> {
        self.answer(self.api::<Pod>().delete(&pod.name, &DeleteParams::default())).await.map(|_| ())
    }

    /// Whether this very pod still exists.
    ///
    /// # Errors
    /// [`Failure`]; never because the pod is gone.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn exists(&self, pod: &RunningPod) -> Result<bool, Failure> {
        let found = self.answer(self.api::<Pod>().get_opt(&pod.name)).await?;
        Ok(found.is_some_and(|found| found.metadata.uid.as_deref() == Some(&pod.uid)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::{Container, ContainerPort, PodSpec, PodStatus};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    fn pod(phase: &str, ip: Option<&str>) -> Pod {
        let port = |name: &str, port| ContainerPort {
            name: Some(name.to_owned()),
            container_port: port,
            ..ContainerPort::default()
        };
        let container =
            Container { ports: Some(vec![port("http", 8080), port("admin", 8081)]), ..Container::default() };
        Pod {
            metadata: ObjectMeta { name: Some("web-0".into()), uid: Some("u-1".into()), ..ObjectMeta::default() },
            spec: Some(PodSpec {
                containers: vec![container],
                termination_grace_period_seconds: Some(45),
                ..PodSpec::default()
            }),
            status: Some(PodStatus {
                phase: Some(phase.to_owned()),
                pod_ip: ip.map(str::to_owned),
                ..PodStatus::default()
            }),
        }
    }

    #[test]
    fn a_running_pod_has_an_address_and_named_ports() {
        let found = RunningPod::of(pod("Running", Some("fd00::7"))).unwrap();
        assert_eq!(found.address.to_string(), "fd00::7");
        assert_eq!(found.grace_period, Duration::from_secs(45));
        assert_eq!((found.port("http"), found.port("admin"), found.port("grpc")), (Some(8080), Some(8081), None));
    }

    #[test]
    fn a_pod_that_starts_or_leaves_does_not_count() {
        assert_eq!(RunningPod::of(pod("Pending", Some("10.0.0.1"))), None);
        assert_eq!(RunningPod::of(pod("Running", None)), None);
    }
}
