//! What a drill has to be allowed: the least for what it was told to do, checked before anything is touched.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::bail;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::Api;
use kube::api::PostParams;

use super::api_client::ApiClient;
use crate::plan::cluster::{Action, ClusterPlan, Source};

/// A verb on a resource, as a Role spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Right {
    group: &'static str,
    /// With its subresource: `pods/proxy`.
    resource: &'static str,
    verb: &'static str,
}

const fn right(group: &'static str, resource: &'static str, verb: &'static str) -> Right {
    Right { group, resource, verb }
}

impl Right {
    /// Nodes belong to no namespace: they need a ClusterRole.
    fn is_cluster_wide(self) -> bool {
        self.resource == "nodes"
    }
}

/// The rights that this plan needs.
fn needed(plan: &ClusterPlan) -> Vec<Right> {
    let kind = plan.target.workload.kind.resource();
    let scale = match kind {
        "statefulsets" => "statefulsets/scale",
        _ => "deployments/scale",
    };
    let mut rights = vec![
        right("", "pods", "list"),
        right("", "pods", "watch"),
        right("", "services", "list"),
        right("apps", kind, "get"),
        right("discovery.k8s.io", "endpointslices", "list"),
        right("discovery.k8s.io", "endpointslices", "watch"),
    ];
    if plan.has_ledger || matches!(plan.target.source, Source::Pods(_)) {
        rights.push(right("", "pods/proxy", "get"));
    }
    if let Source::Pods(_) = plan.target.source {
        rights.extend([
            right("", "pods/proxy", "create"),
            right("batch", "jobs", "create"),
            right("batch", "jobs", "delete"),
        ]);
    }
    for run in &plan.runs {
        match run.way.action {
            Action::RolloutRestart => rights.push(right("apps", kind, "patch")),
            Action::Evict { .. } => rights.push(right("", "pods/eviction", "create")),
            Action::NodeDrain { .. } => {
                rights.extend([
                    right("", "pods/eviction", "create"),
                    right("", "nodes", "get"),
                    right("", "nodes", "patch"),
                ]);
            }
            Action::ScaleIn { .. } => rights.push(right("apps", scale, "patch")),
            Action::Delete { .. } | Action::Kill => rights.push(right("", "pods", "delete")),
            Action::Terminate { .. } => rights.push(right("", "pods/ephemeralcontainers", "patch")),
            Action::Command(_) => {}
        }
    }
    rights.sort_unstable();
    rights.dedup();
    rights
}

/// Asks the API server about every right.
///
/// # Errors
/// Names all that are missing, and how to get a Role with them.
pub(super) async fn check(client: &ApiClient, plan: &ClusterPlan) -> anyhow::Result<()> {
    let api: Api<SelfSubjectAccessReview> = client.all();
    let mut missing = Vec::new();
    for right in needed(plan) {
        let (resource, subresource) = right.resource.split_once('/').unwrap_or((right.resource, ""));
        let attributes = ResourceAttributes {
            group: Some(right.group.to_owned()),
            resource: Some(resource.to_owned()),
            subresource: Some(subresource.to_owned()),
            verb: Some(right.verb.to_owned()),
            namespace: (!right.is_cluster_wide()).then(|| client.namespace.clone()),
            ..ResourceAttributes::default()
        };
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() },
            ..SelfSubjectAccessReview::default()
        };
        let answer = client.answer(api.create(&PostParams::default(), &review)).await?;
        if !answer.status.is_some_and(|status| status.allowed) {
            missing.push(format!("{} {}", right.verb, right.resource));
        }
    }
    if !missing.is_empty() {
        bail!(
            "not allowed in namespace {} of {}: {}; --print-role prints a Role with what this drill needs",
            client.namespace,
            client.context,
            missing.join(", ")
        );
    }
    Ok(())
}

/// The rights as manifests: a Role, and a ClusterRole if nodes are touched.
pub(crate) fn role(plan: &ClusterPlan) -> String {
    let namespace = plan.target.access.namespace.as_deref();
    let (wide, inside): (Vec<_>, Vec<_>) = needed(plan).into_iter().partition(|right| right.is_cluster_wide());
    let mut text = manifest("Role", namespace, &inside);
    if !wide.is_empty() {
        text.push_str("---\n");
        text.push_str(&manifest("ClusterRole", None, &wide));
    }
    text
}

fn manifest(kind: &str, namespace: Option<&str>, rights: &[Right]) -> String {
    let mut text =
        format!("apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata:\n  name: lameduck-drill\n");
    if let Some(namespace) = namespace {
        // A String takes everything.
        let _ = writeln!(text, "  namespace: {namespace}");
    }
    text.push_str("rules:\n");
    let mut verbs: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for right in rights {
        verbs.entry((right.group, right.resource)).or_default().push(right.verb);
    }
    for ((group, resource), verbs) in verbs {
        let verbs = verbs.join(", ");
        let _ = writeln!(text, "  - apiGroups: [\"{group}\"]\n    resources: [{resource}]\n    verbs: [{verbs}]");
    }
    text
}
