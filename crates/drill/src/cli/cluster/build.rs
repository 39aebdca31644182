//! From what was written to a plan for a cluster, or to one sentence that says what is wrong with it.

use anyhow::{Context, bail, ensure};

use super::{ActionName, Cluster, ControlName};
use crate::cli::Preset;
use crate::cli::load::Routes;
use crate::cluster::kubeconfig;
use crate::plan::Role;
use crate::plan::cluster::{
    Access, Action, ClusterPlan, ClusterRun, Health, Leaving, Source, Upstream, WorkloadKind, WorkloadTarget,
};

/// Most pods of load.
const LOAD_PODS_MAX: u32 = 100;
/// Most addresses of `--from-here`.
const WAYS_MAX: usize = 64;
/// Most times that an action is done.
const ROLLOUTS_MAX: u32 = 1_000;

/// Checks the options as a whole. `command` is the command line as it was written, for the report.
///
/// # Errors
/// One sentence with the option, what is wrong, and what would be right.
pub(crate) fn plan(options: &Cluster, command: Vec<String>) -> anyhow::Result<ClusterPlan> {
    ensure!(
        (1..=ROLLOUTS_MAX).contains(&options.rollouts),
        "--rollouts {}: expected 1 to {ROLLOUTS_MAX}",
        options.rollouts
    );
    let source = source(options)?;
    let mut load = options.load.plan(options.preset, Routes { bench: options.load.bench_routes, grpc: false })?;
    if let Source::Pods(pods) = source {
        // Each pod has its share of the clients, as threads have.
        load.threads *= pods as usize;
    }
    Ok(ClusterPlan {
        command,
        target: WorkloadTarget {
            access: access(options)?,
            workload: options.workload.clone(),
            container: options.container.clone(),
            service: options.service.clone(),
            port: options.port.clone(),
            admin_port: options.admin_port,
            exclusive: options.exclusive,
            source,
            image: options.image.clone(),
            within: options.within,
            settle: options.settle,
        },
        has_ledger: options.preset == Preset::Lameduck,
        runs: runs(options)?,
        load,
        limits: options.load.limits(),
        outputs: options.output.outputs(),
    })
}

fn access(options: &Cluster) -> anyhow::Result<Access> {
    let Some(context) = options.context.clone() else {
        let read = kubeconfig::read(options.kubeconfig.as_deref());
        let current = read.ok().and_then(|config| config.current_context);
        let hint = match current {
            Some(current) => format!("the current one is {current}: if intended, pass --context {current}"),
            None => "no kubeconfig names a current one".to_owned(),
        };
        bail!("--context is missing: a drill makes pods leave, so it never guesses the cluster; {hint}");
    };
    Ok(Access { kubeconfig: options.kubeconfig.clone(), context, namespace: options.namespace.clone() })
}

fn source(options: &Cluster) -> anyhow::Result<Source> {
    if options.from_here.is_empty() {
        ensure!(options.health.is_empty(), "--health goes with --from-here");
        ensure!(
            (1..=LOAD_PODS_MAX).contains(&options.load_pods),
            "--load-pods {}: expected 1 to {LOAD_PODS_MAX}",
            options.load_pods
        );
        return Ok(Source::Pods(options.load_pods));
    }
    ensure!(options.from_here.len() <= WAYS_MAX, "--from-here: at most {WAYS_MAX} addresses");
    ensure!(
        options.health.is_empty() || options.health.len() == options.from_here.len(),
        "--health: one for each --from-here, or none"
    );
    let mut ways = Vec::new();
    for (index, url) in options.from_here.iter().enumerate() {
        let (authority, path) = split(url).with_context(|| format!("--from-here {url}"))?;
        ensure!(path == "/", "--from-here {url}: the path goes into --path");
        let health = match options.health.get(index) {
            None => None,
            Some(url) => {
                let (authority, path) = split(url).with_context(|| format!("--health {url}"))?;
                Some(Health { authority, path })
            }
        };
        ways.push(Upstream { authority, health });
    }
    Ok(Source::Here(ways))
}

/// `http://HOST[:PORT][/PATH]`, the port written out.
fn split(url: &str) -> anyhow::Result<(String, String)> {
    let uri: http::Uri = url.parse().context("expected http://HOST:PORT")?;
    ensure!(uri.scheme_str() == Some("http"), "expected http://HOST:PORT (HTTPS targets are not supported)");
    let authority = uri.authority().context("expected http://HOST:PORT")?;
    let port = authority.port_u16().unwrap_or(80);
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    Ok((format!("{}:{port}", authority.host()), path.to_owned()))
}

fn runs(options: &Cluster) -> anyhow::Result<Vec<ClusterRun>> {
    let run = |action: Action, role, times| ClusterRun {
        name: action.name().to_owned(),
        role,
        way: Leaving { action, times },
        warm_up: options.load.warm_up,
        cool_down: options.load.cool_down,
    };
    let mut runs = vec![run(action(options)?, Role::Subject, options.rollouts)];
    if options.control == ControlName::Kill {
        runs.push(run(Action::Kill, Role::Control, 1));
    }
    Ok(runs)
}

fn action(options: &Cluster) -> anyhow::Result<Action> {
    use ActionName as Name;
    let of_pods = matches!(options.action, Name::Evict | Name::Delete | Name::Terminate);
    ensure!(options.pods.is_none() || of_pods, "--pods goes with --action evict, delete or terminate");
    ensure!(options.pods != Some(0), "--pods 0: nothing would happen");
    ensure!(options.grace.is_none() || options.action == Name::Delete, "--grace goes with --action delete");
    ensure!(options.node.is_none() || options.action == Name::NodeDrain, "--node goes with --action node-drain");
    ensure!(options.to.is_none() || options.action == Name::ScaleIn, "--to goes with --action scale-in");
    ensure!(options.to != Some(0), "--to 0: nobody would be left to serve");
    ensure!(
        options.action != Name::ScaleIn || options.workload.kind != WorkloadKind::DaemonSet,
        "--action scale-in: a DaemonSet has no number of replicas"
    );
    ensure!(
        options.command.is_empty() == (options.action != Name::Command),
        "--action command and a command after `--` go together"
    );
    let pods = options.pods;
    Ok(match options.action {
        Name::RolloutRestart => Action::RolloutRestart,
        Name::Evict => Action::Evict { pods },
        Name::NodeDrain => Action::NodeDrain { node: options.node.clone() },
        Name::ScaleIn => Action::ScaleIn { to: options.to.unwrap_or(1) },
        Name::Delete => Action::Delete { pods, grace: options.grace },
        Name::Terminate => Action::Terminate { pods },
        Name::Command => Action::Command(options.command.clone()),
    })
}
