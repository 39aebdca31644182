//! Engine, template, chart and Rust: do they belong together?

use super::Finding;
use super::facts::{Facts, dependency};
use crate::VERSION;
use crate::engine::Engine;
use crate::upgrade::has_conflict;

/// The versions, and what an upgrade may have left.
pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(template(facts));
    findings.extend(engine(facts));
    findings.extend(chart(facts));
    findings.extend(rust(facts));
    findings.extend(features(facts));
    for path in facts.merged() {
        if has_conflict(&facts.text(path)) {
            findings.push(Finding::new(
                path,
                "has conflict markers",
                "decide between `ours` (yours) and `theirs` (the template's), and remove the marks",
            ));
        }
    }
    findings
}

fn template(facts: &Facts) -> Option<Finding> {
    let template = &facts.record.template;
    (template != VERSION).then(|| {
        let what = format!("the project has the template of {template}, this program that of {VERSION}");
        Finding::new(".lameduck.toml", what, "lameduck upgrade")
    })
}

fn engine(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let declared = &facts.manifest["dependencies"].get("lameduck");
    let expected = facts.project.engine.dependency("lameduck");
    let (key, value) = expected.split_once(" = ").unwrap_or((&expected, ""));
    let value = value.split(", ").next().unwrap_or_default().trim_matches('"');
    let found = declared.and_then(|dependency| dependency.get(key)).and_then(toml::Value::as_str);
    if found != Some(value) {
        let what = format!("lameduck is not at {expected}, as .lameduck.toml says");
        findings.push(Finding::new("Cargo.toml", what, "lameduck upgrade --engine VERSION|PATH|GIT writes both"));
    }
    if let Engine::Path(path) = &facts.project.engine
        && !facts.folder.join(path).join("crates/lameduck/Cargo.toml").is_file()
    {
        let what = format!("the engine is not at {}", path.display());
        findings.push(Finding::new(
            "Cargo.toml",
            what,
            "put the checkout there, or: lameduck upgrade --engine VERSION|PATH|GIT",
        ));
    }
    match &facts.lock {
        None => findings.push(Finding::new(
            "Cargo.lock",
            "is missing, and the image is built by it",
            "cargo build, and commit it",
        )),
        Some(lock) => {
            let packages = lock.get("package").and_then(toml::Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let locked =
                packages.iter().find(|package| package.get("name").and_then(toml::Value::as_str) == Some("lameduck"));
            let locked = locked.and_then(|package| package.get("version")).and_then(toml::Value::as_str);
            if let (Some(locked), Some(chart)) = (locked, facts.chart_version())
                && locked != chart
            {
                let what = format!("the engine is {locked}, its chart in helm/{} is {chart}", facts.name());
                findings.push(Finding::new(
                    "Cargo.lock",
                    what,
                    format!("cargo update -p lameduck, or install lameduck {locked} and: lameduck upgrade"),
                ));
            }
        }
    }
    findings
}

fn chart(facts: &Facts) -> Option<Finding> {
    let name = facts.name();
    let place = format!("helm/{name}/Chart.yaml");
    let Some(dependency) = dependency(&facts.chart) else {
        return Some(Finding::new(
            place,
            "does not depend on the chart lameduck",
            "restore its entry in `dependencies`",
        ));
    };
    if dependency["alias"] != name {
        let what =
            format!("the alias of the chart lameduck is not {name}, so that the values below {name} reach nothing");
        return Some(Finding::new(place, what, format!("alias: {name}")));
    }
    let version = dependency["version"].as_str().unwrap_or_default();
    let archive = format!("helm/{name}/charts/lameduck-{version}.tgz");
    (!facts.folder.join(&archive).is_file())
        .then(|| Finding::new(archive, "is not there", "lameduck upgrade, or restore it from version control"))
}

/// `1.95` and `1.95.0` are the same release for this.
fn minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

fn rust(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let needed =
        facts.manifest["package"].get("rust-version").and_then(toml::Value::as_str).unwrap_or_default().to_owned();
    let toolchain: toml::Table = toml::from_str(&facts.text("rust-toolchain.toml")).unwrap_or_default();
    let channel =
        toolchain.get("toolchain").and_then(|toolchain| toolchain.get("channel")).and_then(toml::Value::as_str);
    let dockerfile = facts.text("Dockerfile");
    let image = dockerfile.lines().find_map(|line| line.trim().strip_prefix("ARG RUST="));
    for (place, found) in [("rust-toolchain.toml", channel), ("Dockerfile: ARG RUST", image)] {
        if let (Some(found), Some(needed)) = (found.and_then(minor), minor(&needed))
            && found < needed
        {
            let what = format!(
                "Rust {}.{} is older than the rust-version {}.{} of Cargo.toml",
                found.0, found.1, needed.0, needed.1
            );
            findings.push(Finding::new(place, what, format!("{}.{}", needed.0, needed.1)));
        }
    }
    if let (Some(channel), Some(image)) = (channel.and_then(minor), image.and_then(minor))
        && channel != image
    {
        let what =
            format!("the image is built with Rust {}.{}, tests run with {}.{}", image.0, image.1, channel.0, channel.1);
        findings.push(Finding::new("Dockerfile: ARG RUST", what, format!("ARG RUST={}.{}", channel.0, channel.1)));
    }
    findings
}

/// What the chart switches on and the binary does not have.
fn features(facts: &Facts) -> Vec<Finding> {
    let features = facts.manifest.get("features").and_then(|features| features.get("default"));
    let features = features.and_then(toml::Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let has = |name: &str| features.iter().any(|feature| feature.as_str() == Some(name));
    let mut findings = Vec::new();
    let strategy = facts.values["drain"]["strategy"].as_str().unwrap_or("observe");
    if strategy == "observe" && !has("cluster") {
        let what = "drain.strategy is observe, but the service is built without `cluster`, so that it waits drain.delay each time";
        let remedy = "add \"cluster\" to default, or set drain.strategy to delay";
        findings.push(Finding::new("Cargo.toml: features", what, remedy));
    }
    let place = |key: &str| format!("helm/{0}/values.yaml: {0}.{key}", facts.name());
    let has_grpc = facts.manifest["dependencies"].get("lameduck-grpc").is_some();
    let offers_grpc = facts.values["grpc"]["enabled"] == true;
    if offers_grpc != has_grpc {
        let what = if has_grpc { "the service has gRPC, but no port for it" } else { "a port that no process serves" };
        findings.push(Finding::new(place("grpc.enabled"), what, format!("enabled: {has_grpc}")));
    }
    let traces = facts.values["traces"]["endpoint"].as_str().is_some_and(|endpoint| !endpoint.is_empty());
    for (is_on, key, feature) in
        [(facts.values["tls"]["enabled"] == true, "tls.enabled", "tls"), (traces, "traces.endpoint", "traces")]
    {
        if is_on && !has(feature) {
            let what = format!("the service is built without `{feature}`, and would refuse its configuration");
            let remedy = format!(
                "add {feature} = [\"lameduck/{feature}\"] to the features in Cargo.toml, and \"{feature}\" to default"
            );
            findings.push(Finding::new(place(key), what, remedy));
        }
    }
    findings
}
