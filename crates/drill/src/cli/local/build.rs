//! From what was written to a plan for this machine, or to one sentence that says what is wrong with it.

use anyhow::{Context, anyhow, bail, ensure};
use lameduck_load::Trust;

use super::super::Preset;
use super::super::load::Routes;
use super::Local;
use crate::local::keys::ServiceKeys;
use crate::plan::Role;
use crate::plan::local::{LocalPlan, LocalRun, Ports, Processes, Readiness, Restart, Rollouts, Service};
use crate::scenario::Scenario;
use crate::values::Named;

/// Most replicas; the addresses 127.0.1.1 to 127.0.1.250 are used in turn.
const REPLICAS_MAX: u16 = 100;
/// Most restarts of one run, all replicas counted.
const RESTARTS_MAX: u32 = 60_000;
/// Checks the options as a whole.
///
/// # Errors
/// One sentence with the option, what is wrong, and what would be right.
pub(crate) fn plan(local: &Local, keys: ServiceKeys) -> anyhow::Result<LocalPlan> {
    ensure!(
        (1..=REPLICAS_MAX).contains(&local.replicas),
        "--replicas {}: expected 1 to {REPLICAS_MAX}",
        local.replicas
    );
    let restarts = u32::from(local.replicas).saturating_mul(local.rollouts);
    ensure!(restarts <= RESTARTS_MAX, "--rollouts {}: that is more than {RESTARTS_MAX} restarts", local.rollouts);
    ensure!((1..=64).contains(&local.nodes), "--nodes {}: expected 1 to 64", local.nodes);
    ensure!(
        local.pre_stop < local.grace,
        "--pre-stop must end before --grace does: the hook's time is part of the grace period"
    );
    ensure!(!local.probe_period.is_zero(), "--probe-period 0s: expected more than 0s");
    let ports = ports(local)?;
    let bench_routes = local.load.bench_routes || keys.bench && local.preset == Preset::Lameduck;
    let grpc = keys.grpc && local.preset == Preset::Lameduck;
    let routes = Routes { bench: bench_routes, grpc };
    let mut load = local.load.plan(local.preset, routes)?;
    load.tls = trust(local, load.shape.host.as_deref())?;
    ensure!(
        local.preset == Preset::Lameduck || has_placeholder(local),
        "the command names neither {{host}} nor {{port}}, so that all replicas would have the same address: write for example \
         `-- {} --listen {{host}}:{{port}}`, or --env PORT={{port}}",
        local.command.first().map_or("server", String::as_str)
    );
    Ok(LocalPlan {
        command: local.command.clone(),
        target: target(local, ports, routes),
        has_ledger: local.preset == Preset::Lameduck,
        runs: runs(local)?,
        load,
        limits: local.load.limits(),
        outputs: local.output.outputs(),
    })
}

/// Whose certificates the clients accept; `None`: they do not speak TLS.
fn trust(local: &Local, host: Option<&str>) -> anyhow::Result<Option<Trust>> {
    let (option, trust) = match &local.ca {
        Some(file) => {
            let option = format!("--ca {}", file.display());
            let pem = std::fs::read_to_string(file).with_context(|| format!("{option}: cannot be read"))?;
            (option, Trust::Ca(pem))
        }
        None if local.insecure => ("--insecure".to_owned(), Trust::Any),
        None => return Ok(None),
    };
    trust.check(host).map_err(|problem| anyhow!("{option}: {problem}"))?;
    Ok(Some(trust))
}

fn ports(local: &Local) -> anyhow::Result<Ports> {
    let ports = Ports { http: local.port, admin: local.admin_port, step: local.port_step };
    ensure!(ports.http.min(ports.admin) > 0, "ports: 0 cannot be given to a replica and found again; choose a port");
    ensure!(ports.http != ports.admin, "--port and --admin-port must differ");
    let highest = u32::from(ports.http.max(ports.admin)) + u32::from(ports.step) * u32::from(crate::local::ADDRESSES);
    ensure!(highest <= u32::from(u16::MAX), "--port-step {}: ports would grow beyond 65535", ports.step);
    Ok(ports)
}

/// Whether the command, or its environment, is given an address.
fn has_placeholder(local: &Local) -> bool {
    let variants = local.variant.iter().chain(&local.control).flat_map(|named| &named.env);
    let values = local.env.iter().chain(variants).map(|(_, value)| value);
    values.chain(&local.command).any(|text| ["{host}", "{port}", "{index}"].iter().any(|name| text.contains(name)))
}

fn target(local: &Local, ports: Ports, routes: Routes) -> Processes {
    let mut env = Vec::new();
    if local.preset == Preset::Lameduck {
        for (key, value) in [
            ("LISTEN__HTTP", "{host}:{port}"),
            ("LISTEN__ADMIN", "{host}:{admin_port}"),
            ("DRAIN__GRACE_PERIOD", "{grace}"),
            ("DRAIN__PRE_STOP", "{pre_stop}"),
            ("DRAIN__REPORT_FILE", "{report_file}"),
        ] {
            env.push((format!("LAMEDUCK_{key}"), value.to_owned()));
        }
        // Not keys of every service.
        let more = [
            (routes.bench, "BENCH__ENABLED", "true"),
            (routes.grpc, "LISTEN__GRPC", "{host}:0"),
            // Clients know one port of a replica.
            (routes.grpc, "GRPC__SHARED_PORT", "true"),
        ];
        for (_, key, value) in more.into_iter().filter(|(has, ..)| *has) {
            env.push((format!("LAMEDUCK_{key}"), value.to_owned()));
        }
    }
    env.extend(local.env.iter().cloned());
    let readiness = match (local.ready.as_deref(), local.preset) {
        (Some("tcp"), _) => Readiness::Tcp,
        (Some(url), _) => Readiness::Http(url.to_owned()),
        (None, Preset::Lameduck) => Readiness::Http("http://{host}:{admin_port}/readyz".into()),
        // What another method does to a readiness probe is not known.
        (None, Preset::Plain) if !local.load.is_get() => Readiness::Tcp,
        // Probes of the drill do not speak it.
        (None, Preset::Plain) if local.ca.is_some() || local.insecure => Readiness::Tcp,
        (None, Preset::Plain) => Readiness::Http(format!("http://{{host}}:{{port}}{}", local.load.path(local.preset))),
    };
    let asks_a_route = local.ready.is_none() && local.preset == Preset::Plain;
    Processes {
        command: local.command.clone(),
        env,
        ports,
        readiness,
        probe_headers: if asks_a_route { local.load.header.clone() } else { Vec::new() },
        as_init: local.pid1,
        ready_timeout: local.ready_timeout,
        probe_period: local.probe_period,
        told_grace: local.grace,
        logs: local.logs.clone(),
    }
}

fn runs(local: &Local) -> anyhow::Result<Vec<LocalRun>> {
    let base = LocalRun {
        name: "as-given".into(),
        role: Role::Subject,
        way: Rollouts {
            scenario: None,
            env: Vec::new(),
            replicas: local.replicas,
            rollouts: local.rollouts,
            pause: local.pause,
            wait_for_exit: local.wait_for_exit,
            restart: Restart::Term,
            service: Service {
                views: usize::from(local.nodes),
                propagation: local.propagation,
                pre_stop: local.pre_stop,
                grace: local.grace,
            },
        },
        warm_up: local.load.warm_up,
        cool_down: local.load.cool_down,
    };
    if !local.scenario.is_empty() {
        ensure!(local.variant.is_empty() && local.control.is_empty(), "--scenario excludes --variant and --control");
        return scenarios(&local.scenario, &base);
    }
    let mut runs: Vec<LocalRun> = match local.variant.is_empty() {
        true => vec![base.clone()],
        false => local.variant.iter().map(|variant| named(&base, variant)).collect(),
    };
    runs.extend(controls(local, &base)?);
    for (index, run) in runs.iter().enumerate() {
        ensure!(runs[..index].iter().all(|other| other.name != run.name), "two runs are named {:?}", run.name);
    }
    Ok(runs)
}

fn controls(local: &Local, base: &LocalRun) -> anyhow::Result<Vec<LocalRun>> {
    let is = |control: &Named, name: &str| control.name == name && control.env.is_empty();
    if local.control.iter().any(|control| is(control, "none")) {
        ensure!(local.control.len() == 1, "--control none excludes other controls");
        return Ok(Vec::new());
    }
    let sigkill = Named { name: "sigkill".into(), env: Vec::new() };
    let given = if local.control.is_empty() { std::slice::from_ref(&sigkill) } else { &local.control };
    // A control has to lose once: one rollout is enough.
    let control_of = |control: &Named| {
        let mut run = LocalRun { role: Role::Control, ..named(base, control) };
        run.way.rollouts = local.rollouts.min(1);
        run
    };
    given
        .iter()
        .map(|control| match () {
            () if is(control, "sigkill") => {
                let mut run = control_of(control);
                run.way.restart = Restart::Kill;
                Ok(run)
            }
            () if control.env.is_empty() => {
                bail!("--control {}: expected sigkill, none, or NAME=KEY=VALUE,…", control.name)
            }
            () => Ok(control_of(control)),
        })
        .collect()
}

fn scenarios(names: &[String], base: &LocalRun) -> anyhow::Result<Vec<LocalRun>> {
    let mut chosen = Vec::new();
    for name in names {
        match name.as_str() {
            "all" => chosen.extend(Scenario::ALL),
            name => chosen.push(Scenario::parse(name).with_context(|| {
                format!("--scenario {name}: expected all or one of {}", Scenario::ALL.map(Scenario::name).join(", "))
            })?),
        }
    }
    Ok(chosen
        .into_iter()
        .map(|scenario| {
            let mut run = base.clone();
            scenario.apply(&mut run);
            run
        })
        .collect())
}

fn named(base: &LocalRun, named: &Named) -> LocalRun {
    let mut run = LocalRun { name: named.name.clone(), ..base.clone() };
    run.way.env.clone_from(&named.env);
    run
}
