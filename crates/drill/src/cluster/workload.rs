//! What is drilled: the workload, whether it stands as it should, and the Service in front of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, bail};
use k8s_openapi::api::core::v1::{PodSpec, Service, ServicePort};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams};
use kube::core::Selector;
use serde_json::Value;

use super::api_client::ApiClient;
use crate::plan::cluster::{ClusterPlan, Source, WorkloadKind, WorkloadName};

/// The annotation that names the container which `kubectl logs` and the like mean.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// The workload.
#[derive(Clone, Debug)]
pub(super) struct Workload {
    pub(super) name: WorkloadName,
    /// Selects its pods.
    pub(super) selector: String,
    labels: BTreeMap<String, String>,
    /// The container that serves.
    pub(super) container: String,
    spec: PodSpec,
}

impl Workload {
    /// # Errors
    /// There is none of this name, or it has no such container.
    pub(super) async fn find(client: &ApiClient, plan: &ClusterPlan) -> anyhow::Result<Self> {
        let found = client.answer(api(client, plan.target.workload.kind).get(&plan.target.workload.name)).await;
        let found = found.with_context(|| format!("{} in namespace {}", plan.target.workload, client.namespace))?;
        let spec = &found.data["spec"];
        let selector: LabelSelector = parse(&spec["selector"]).context("its selector cannot be read")?;
        let selector = Selector::try_from(selector).context("its selector cannot be used")?.to_string();
        let template = &spec["template"];
        let labels = parse(&template["metadata"]["labels"]).unwrap_or_default();
        let pod: PodSpec = parse(&template["spec"]).context("its pod template cannot be read")?;
        let default = template["metadata"]["annotations"][DEFAULT_CONTAINER].as_str();
        let names: Vec<_> = pod.containers.iter().map(|container| container.name.as_str()).collect();
        let wanted = plan.target.container.as_deref().or(default).or(names.first().copied()).unwrap_or_default();
        if !names.contains(&wanted) {
            bail!("--container {wanted}: the pods of {} have {}", plan.target.workload, names.join(", "));
        }
        let container = wanted.to_owned();
        Ok(Self { name: plan.target.workload.clone(), selector, labels, container, spec: pod })
    }

    /// Whether it stands as it should: every replica is there, of the newest revision, and ready. The error says in
    /// words what is missing, or why that is not known.
    pub(super) async fn stands(&self, client: &ApiClient) -> Result<(), String> {
        let found = client.answer(api(client, self.name.kind).get(&self.name.name)).await;
        let found = found.map_err(|error| error.to_string())?;
        progress(self.name.kind, found.metadata.generation.unwrap_or_default(), &found.data)
    }

    /// The object as it is now.
    pub(super) async fn api_get(&self, client: &ApiClient) -> kube::Result<DynamicObject> {
        self.api(client).get(&self.name.name).await
    }

    /// The replicas that are asked for.
    pub(super) fn replicas(found: &DynamicObject) -> u32 {
        count(&found.data["spec"]["replicas"]).unwrap_or(1) as u32
    }

    pub(super) fn api(&self, client: &ApiClient) -> Api<DynamicObject> {
        api(client, self.name.kind)
    }

    /// The user that process 1 of a pod runs as, if the template says so.
    pub(super) fn user(&self) -> Option<i64> {
        let container = self.spec.containers.iter().find(|container| container.name == self.container);
        let own = container.and_then(|container| container.security_context.as_ref()?.run_as_user);
        own.or_else(|| self.spec.security_context.as_ref()?.run_as_user)
    }
}

fn api(client: &ApiClient, kind: WorkloadKind) -> Api<DynamicObject> {
    let name = match kind {
        WorkloadKind::Deployment => "Deployment",
        WorkloadKind::StatefulSet => "StatefulSet",
        WorkloadKind::DaemonSet => "DaemonSet",
    };
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("apps", "v1", name), kind.resource());
    Api::namespaced_with(client.kube().clone(), &client.namespace, &resource)
}

fn parse<T: serde::de::DeserializeOwned>(value: &Value) -> serde_json::Result<T> {
    T::deserialize(value)
}

fn count(value: &Value) -> Option<i64> {
    value.as_i64()
}

/// Whether a workload of this kind stands as its spec says.
fn progress(kind: WorkloadKind, generation: i64, object: &Value) -> Result<(), String> {
    let status = &object["status"];
    let of = |key: &str| count(&status[key]).unwrap_or_default();
    if of("observedGeneration") < generation {
        return Err("its controller has not seen the change yet".to_owned());
    }
    let (wanted, updated, ready, all) = match kind {
        WorkloadKind::Deployment => {
            let wanted = count(&object["spec"]["replicas"]).unwrap_or(1);
            (wanted, of("updatedReplicas"), of("availableReplicas"), of("replicas"))
        }
        WorkloadKind::StatefulSet => {
            let wanted = count(&object["spec"]["replicas"]).unwrap_or(1);
            // Once all are updated the two revisions are one, and `updatedReplicas` may be left out.
            let same = status["currentRevision"] == status["updateRevision"];
            let updated = if same { of("replicas") } else { of("updatedReplicas") };
            (wanted, updated, of("readyReplicas"), of("replicas"))
        }
        WorkloadKind::DaemonSet => {
            let wanted = of("desiredNumberScheduled");
            (wanted, of("updatedNumberScheduled"), of("numberAvailable"), of("currentNumberScheduled"))
        }
    };
    if (updated, ready, all) == (wanted, wanted, wanted) {
        return Ok(());
    }
    Err(format!("{ready} of {wanted} ready, {updated} updated, {all} in all"))
}

/// How clients come in.
#[derive(Clone, Debug)]
pub(super) struct Entrance {
    /// The Service whose endpoint slices are watched.
    pub(super) service: String,
    /// Its address and port.
    pub(super) address: Option<SocketAddr>,
}

impl Entrance {
    /// # Errors
    /// There is no such Service or port, or more than one could be meant.
    pub(super) async fn find(client: &ApiClient, plan: &ClusterPlan, workload: &Workload) -> anyhow::Result<Self> {
        let services = client.answer(client.api::<Service>().list(&ListParams::default())).await;
        let services = services.with_context(|| format!("the Services of namespace {}", client.namespace))?.items;
        let service = choose(&services, plan.target.service.as_deref(), &workload.labels)?;
        let name = service.metadata.name.clone().unwrap_or_default();
        let spec = service.spec.clone().unwrap_or_default();
        let port = choose_port(spec.ports.as_deref().unwrap_or_default(), plan.target.port.as_deref())
            .with_context(|| format!("service {name}"))?;
        let address = spec.cluster_ip.as_deref().and_then(|ip| ip.parse().ok());
        let address = address.map(|ip: std::net::IpAddr| SocketAddr::new(ip, port));
        if address.is_none() && matches!(plan.target.source, Source::Pods(_)) {
            bail!("service {name} has no address of its own (headless): say --from-here URL, or another --service");
        }
        Ok(Self { service: name, address })
    }
}

fn choose<'a>(
    services: &'a [Service],
    wanted: Option<&str>,
    labels: &BTreeMap<String, String>,
) -> anyhow::Result<&'a Service> {
    let name = |service: &Service| service.metadata.name.clone().unwrap_or_default();
    if let Some(wanted) = wanted {
        let found = services.iter().find(|service| name(service) == wanted);
        let all: Vec<_> = services.iter().map(name).collect();
        return found.with_context(|| format!("--service {wanted}: the namespace has {}", all.join(", ")));
    }
    let selects = |service: &&Service| {
        let spec = service.spec.as_ref();
        let selector = spec.and_then(|spec| spec.selector.as_ref()).filter(|selector| !selector.is_empty());
        let headless = spec.and_then(|spec| spec.cluster_ip.as_deref()) == Some("None");
        !headless && selector.is_some_and(|selector| selector.iter().all(|(key, value)| labels.get(key) == Some(value)))
    };
    let found: Vec<_> = services.iter().filter(selects).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => bail!("no Service with an address selects the pods: say --service NAME"),
        several => {
            let names: Vec<_> = several.iter().map(|service| name(service)).collect();
            bail!("several Services select the pods: say --service with one of {}", names.join(", "))
        }
    }
}

fn choose_port(ports: &[ServicePort], wanted: Option<&str>) -> anyhow::Result<u16> {
    let named = |name: &str| ports.iter().find(|port| port.name.as_deref() == Some(name));
    let numbered = |text: &str| ports.iter().find(|port| Some(port.port) == text.parse().ok());
    let found = match (wanted, ports) {
        (Some(wanted), _) => named(wanted).or_else(|| numbered(wanted)),
        (None, [one]) => Some(one),
        (None, _) => named("http"),
    };
    let all = || ports.iter().map(|port| format!("{} ({})", port.port, port.name.as_deref().unwrap_or("no name")));
    let found = found.with_context(|| format!("say --port with one of {}", all().collect::<Vec<_>>().join(", ")))?;
    u16::try_from(found.port).context("its port is no port")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_workload_stands_when_every_replica_is_new_and_ready() {
        let deployment = |updated, available, all, observed| {
            let status = json!({"observedGeneration": observed, "updatedReplicas": updated,
                "availableReplicas": available, "replicas": all});
            progress(WorkloadKind::Deployment, 3, &json!({"spec": {"replicas": 2}, "status": status}))
        };
        assert_eq!(deployment(2, 2, 2, 3), Ok(()));
        assert!(deployment(2, 2, 2, 2).is_err_and(|problem| problem.contains("not seen")));
        assert!(deployment(2, 2, 3, 3).is_err(), "an old one is still there");
        assert_eq!(deployment(1, 2, 2, 3), Err("2 of 2 ready, 1 updated, 2 in all".into()));
        let set = json!({"spec": {"replicas": 2}, "status": {"observedGeneration": 1, "replicas": 2, "readyReplicas": 2,
            "currentRevision": "a", "updateRevision": "a"}});
        assert_eq!(progress(WorkloadKind::StatefulSet, 1, &set), Ok(()));
    }

    fn service(name: &str, selector: &[(&str, &str)], ip: &str) -> Service {
        serde_json::from_value(json!({"metadata": {"name": name}, "spec": {"clusterIP": ip,
            "selector": selector.iter().copied().collect::<BTreeMap<_, _>>(),
            "ports": [{"port": 80, "name": "http"}, {"port": 9000, "name": "grpc"}]}}))
        .expect("a Service")
    }

    #[test]
    fn the_one_service_that_selects_the_pods_is_found() {
        let labels = [("app".to_owned(), "web".to_owned()), ("tier".to_owned(), "front".to_owned())].into();
        let (web, other) =
            (service("web", &[("app", "web")], "10.0.0.1"), service("api", &[("app", "api")], "10.0.0.2"));
        let headless = service("web-pods", &[("app", "web")], "None");
        let second = service("web-2", &[("tier", "front")], "10.0.0.3");
        let name = |services: &[Service], wanted| {
            choose(services, wanted, &labels).map(|service| service.metadata.name.clone().unwrap_or_default())
        };
        assert_eq!(name(&[web.clone(), other.clone(), headless], None).expect("one"), "web");
        let problem = name(&[web.clone(), second], None).expect_err("two").to_string();
        assert!(problem.contains("web, web-2"), "{problem}");
        assert!(name(std::slice::from_ref(&other), None).is_err());
        assert_eq!(name(&[web, other], Some("api")).expect("named"), "api");
    }

    #[test]
    fn the_port_is_the_only_one_or_http_or_the_named_one() {
        let ports = service("web", &[], "10.0.0.1").spec.and_then(|spec| spec.ports).expect("ports");
        assert_eq!(choose_port(&ports, None).expect("http"), 80);
        assert_eq!(choose_port(&ports, Some("grpc")).expect("named"), 9000);
        assert_eq!(choose_port(&ports, Some("9000")).expect("numbered"), 9000);
        assert_eq!(choose_port(&ports[1..], None).expect("the only one"), 9000);
        let problem = choose_port(&ports, Some("x")).expect_err("none").to_string();
        assert!(problem.contains("80 (http), 9000 (grpc)"), "{problem}");
    }
}
