//! Does the image run the service, so that SIGTERM reaches it, and is it the one that the chart installs?

use super::Finding;
use super::facts::Facts;

/// Files that a build or a cluster needs.
const NEEDED: [&str; 3] = ["Dockerfile", ".dockerignore", "rust-toolchain.toml"];

/// Dockerfile, image and the profile that it is built with.
pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let name = facts.name();
    let dockerfile = facts.text("Dockerfile");
    for path in NEEDED.iter().filter(|path| !facts.folder.join(path).is_file()) {
        findings.push(Finding::new(*path, "is missing", "restore it from version control"));
    }
    findings.extend(entry_point(&dockerfile, name));
    let package = facts.manifest["package"].get("name").and_then(toml::Value::as_str).unwrap_or_default();
    if package != name {
        let what = format!("the package is called {package}, the project {name}");
        findings.push(Finding::new(
            "Cargo.toml",
            what,
            "give all of package, Dockerfile, chart and .lameduck.toml the same name",
        ));
    }
    let image = &facts.values["image"];
    let place = format!("helm/{name}/values.yaml: {name}.image");
    let version = facts.manifest["package"].get("version").and_then(toml::Value::as_str).unwrap_or_default();
    match image["tag"].as_str().unwrap_or_default() {
        "" if image["digest"].as_str().unwrap_or_default().is_empty() => {
            findings.push(Finding::new(
                place,
                "has no tag, so that it would get the version of the engine's chart",
                format!("tag: \"{version}\""),
            ));
        }
        "latest" => findings.push(Finding::new(
            place,
            "is `latest`: a rollback would start the same image again",
            format!("tag: \"{version}\""),
        )),
        _ => {}
    }
    let panic = facts
        .manifest
        .get("profile")
        .and_then(|profile| profile.get("release")?.get("panic"))
        .and_then(toml::Value::as_str);
    if panic == Some("abort") {
        let what = "panic = \"abort\": a panic in one handler ends the process, and every request in it is lost";
        findings.push(Finding::new(
            "Cargo.toml: profile.release",
            what,
            "remove it: a panic is then answered with 500",
        ));
    }
    findings
}

/// Signals reach process 1 alone, and a shell does not pass them on.
fn entry_point(dockerfile: &str, name: &str) -> Option<Finding> {
    let line = dockerfile.lines().rev().find(|line| line.starts_with("ENTRYPOINT") || line.starts_with("CMD"))?;
    let command = line.split_once(' ').map(|(_, command)| command.trim()).unwrap_or_default();
    let remedy = format!("ENTRYPOINT [\"/{name}\"]");
    if !command.starts_with('[')
        || command.contains("\"sh\"")
        || command.contains("/sh\"")
        || command.contains("bash\"")
    {
        return Some(Finding::new(
            "Dockerfile",
            format!("`{line}` starts a shell, which does not pass on SIGTERM"),
            remedy,
        ));
    }
    (!command.contains(name)).then(|| Finding::new("Dockerfile", format!("`{line}` does not start {name}"), remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_that_keeps_the_signal_from_the_service_is_found() {
        assert_eq!(entry_point("FROM scratch\nENTRYPOINT [\"/orders\"]\n", "orders"), None);
        for wrong in [
            "ENTRYPOINT /orders",
            "CMD [\"sh\", \"-c\", \"/orders\"]",
            "ENTRYPOINT [\"/bin/sh\", \"/orders\"]",
            "CMD [\"/other\"]",
        ] {
            assert!(entry_point(wrong, "orders").is_some(), "{wrong}");
        }
    }
}
