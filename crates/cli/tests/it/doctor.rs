//! `lameduck doctor`: a new project is well; what is broken is found, with its remedy.

use crate::lameduck;
use std::path::Path;

fn edit(folder: &Path, file: &str, from: &str, to: &str) {
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} has no {from}");
    std::fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn a_new_project_is_well() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in
        [&["new", "orders"][..], &["new", "order-api", "--sample", "--with", "traces", "--engine", "0.1.0"]]
    {
        lameduck(folder.path(), arguments).assert_code(0);
        lameduck(&folder.path().join(arguments[1]), &["doctor"]).assert_code(0).assert_says("all well");
    }
}

#[test]
fn elsewhere_it_says_where_to_run_it() {
    let folder = tempfile::tempdir().unwrap();
    lameduck(folder.path(), &["doctor"]).assert_code(1).assert_says("run this in a project that `lameduck new` made");
}

#[test]
fn each_contradiction_is_found_with_its_remedy() {
    let folder = tempfile::tempdir().unwrap();
    lameduck(folder.path(), &["new", "orders"]).assert_code(0);
    let orders = folder.path().join("orders");
    edit(&orders, ".lameduck.toml", "template = \"0.1.0\"", "template = \"0.0.9\"");
    edit(&orders, "helm/orders/values.yaml", "grace_period: 30s", "grace_period: 15s");
    edit(&orders, "helm/orders/values.yaml", "tag: \"0.1.0\"", "tag: latest");
    edit(&orders, "helm/orders/values.yaml", "  test:", "  probes: { readiness: { periodSeconds: 10 } }\n  test:");
    edit(
        &orders,
        "helm/orders/values.yaml",
        "grpc: { enabled: false }",
        "grpc: { enabled: true }\n  tls: { enabled: true }",
    );
    edit(&orders, "Dockerfile", "ENTRYPOINT [\"/orders\"]", "ENTRYPOINT /orders");
    edit(&orders, "Dockerfile", "ARG RUST=1.95", "ARG RUST=1.90");
    edit(&orders, "Cargo.toml", "default = [\"cluster\"]", "default = []");
    edit(&orders, "Cargo.toml", "[profile.release]", "[profile.release]\npanic = \"abort\"");
    edit(&orders, "src/main.rs", "mod routes;", "<<<<<<< ours\nmod routes;\n=======\n>>>>>>> theirs");
    std::fs::remove_file(orders.join("Cargo.lock")).unwrap();
    std::fs::remove_file(orders.join("helm/orders/charts/lameduck-0.1.0.tgz")).unwrap();
    let ran = lameduck(&orders, &["doctor"]);
    ran.assert_code(1);
    for says in [
        "template of 0.0.9",
        "waits drain.delay each time",
        "orders.grpc.enabled: a port that no process serves",
        "orders.tls.enabled: the service is built without `tls`",
        "charts/lameduck-0.1.0.tgz: is not there",
        "Cargo.lock: is missing",
        "orders.image: is `latest`",
        "does not pass on SIGTERM",
        "Rust 1.90 is older than the rust-version 1.95",
        "panic = \"abort\"",
        "src/main.rs: has conflict markers",
    ] {
        ran.assert_says(says);
    }
    assert_eq!(ran.text.matches("\n    -> ").count(), ran.text.lines().count() / 2, "each has a remedy:\n{}", ran.text);
}

#[test]
fn the_budget_and_the_probes_are_judged_with_the_defaults_of_the_chart() {
    let folder = tempfile::tempdir().unwrap();
    lameduck(folder.path(), &["new", "orders"]).assert_code(0);
    let orders = folder.path().join("orders");
    edit(&orders, "helm/orders/values.yaml", "grace_period: 30s", "grace_period: 15s");
    edit(&orders, "helm/orders/values.yaml", "  test:", "  probes: { readiness: { periodSeconds: 10 } }\n  test:");
    let ran = lameduck(&orders, &["doctor"]);
    ran.assert_code(1)
        .assert_says("the exit takes up to 17s, the grace period is 15s")
        .assert_says("a failing pod is noticed after 12s");
}
