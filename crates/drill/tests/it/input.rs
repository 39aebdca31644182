//! Bad input: one clear sentence, the right exit code, nothing left running.

use std::net::TcpListener;

use crate::harness::{Bench, defects};

fn check(arguments: &[&str], code: i32, sentence: &str) {
    let bench = Bench::new();
    let outcome = bench.call(arguments);
    assert_eq!(outcome.code, Some(code), "{arguments:?}: {}{}", outcome.stdout, outcome.stderr);
    assert!(outcome.stderr.contains(sentence), "{arguments:?}: {}", outcome.stderr);
    assert!(bench.is_quiet(), "{arguments:?}: a replica was left");
}

#[test]
fn wrong_options() {
    let cases: &[(&[&str], &str)] = &[
        (&["--replica", "3", "--", "true"], "unexpected argument '--replica'"),
        (&["--replicas", "0", "--", "true"], "--replicas 0: expected 1 to 100"),
        (&["--propagation", "1s..1ms", "--", "true"], "expected the smaller duration first"),
        (&["--grace", "3", "--", "true"], "expected a duration with a unit"),
        (&["--pre-stop", "5s", "--grace", "5s", "--", "true"], "--pre-stop must end before --grace does"),
        (&["--clients", "fast=3", "--", "true"], "expected KIND=COUNT"),
        (&["--preset", "plain", "--clients", "slow=3", "--", "true"], "needs --slow-path"),
        (&["--control", "immediate", "--", "true"], "expected sigkill, none, or NAME=KEY=VALUE"),
        (&["--scenario", "storm", "--", "true"], "expected all or one of kill, freeze"),
        (&["--variant", "a=X=1", "--variant", "a=X=2", "--", "true"], "two runs are named \"a\""),
        (&["--html", "/nowhere/report.html", "--", "true"], "/nowhere/report.html cannot be written"),
        (&["--preset", "plain", "--", "true"], "the command names neither {host} nor {port}"),
        (&["--header", "Content-Length: 3", "--", "true"], "content-length is set by the drill"),
        (&["--method", "FETCH", "--", "true"], "--method FETCH: expected GET"),
        (&["--", "true", "{hsot}"], "unknown placeholder {hsot}"),
        (&["--ready", "https://x/", "--", "true"], "expected http://HOST:PORT/PATH"),
        (&["--", "/no/such/program"], "command not found: /no/such/program"),
        (&[], "required arguments were not provided"),
    ];
    for (arguments, sentence) in cases {
        check(arguments, 2, sentence);
    }
}

#[test]
fn a_replica_that_dies_at_the_start() {
    check(
        &["--", "sh", "-c", "echo no database; exit 7"],
        3,
        "ended before it was ready (exit code 7); it said:\nno database",
    );
}

#[test]
fn a_replica_that_is_never_ready() {
    let server = defects();
    let ready = ["--preset", "plain", "--ready", "http://{host}:{admin_port}/readyz", "--ready-timeout", "300ms"];
    let arguments = [&ready[..], &["--", &server, "good", "{host}:{port}"]].concat();
    check(&arguments, 3, "was not ready within 300ms");
}

#[test]
fn a_port_in_use() {
    let bench = Bench::new();
    let holder = TcpListener::bind(("127.0.1.1", bench.ports[0])).expect("a free port");
    let outcome = bench.call(&["--", "true"]);
    assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("cannot be bound; choose another --port"), "{}", outcome.stderr);
    drop(holder);
}

#[test]
fn too_little_load_is_no_proof() {
    let server = defects();
    let arguments = [
        "--preset",
        "plain",
        "--only",
        "--clients",
        "cold=2@1/s",
        "--warm-up",
        "100ms",
        "--cool-down",
        "100ms",
        "--pause",
        "10ms",
        "--progress",
        "none",
        "--control",
        "none",
        "--",
        &server,
        "good",
        "{host}:{port}",
    ];
    let outcome = Bench::new().call(&arguments);
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    assert!(outcome.stdout.contains("INVALID: invalid: too little load"), "{}", outcome.stdout);
}

#[test]
fn a_server_that_is_no_lameduck_is_named_before_its_time_is_up() {
    let server = defects();
    check(
        &["--ready-timeout", "10m", "--", &server, "good", "{host}:{port}"],
        3,
        "pass --preset plain if it is not built",
    );
}

#[test]
fn a_drill_that_fails_leaves_no_page_and_spares_the_one_that_is_there() {
    let bench = Bench::new();
    let (page, old) = (bench.directory.path().join("new.html"), bench.directory.path().join("old.html"));
    std::fs::write(&old, "the last one").expect("written");
    for file in [&page, &old] {
        let outcome = bench.call(&["--html", &file.display().to_string(), "--", "sh", "-c", "exit 7"]);
        assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    }
    assert!(!page.exists(), "an empty page was left");
    assert!(bench.read_json().is_none() && !bench.directory.path().join("drill.json").exists());
    assert_eq!(std::fs::read_to_string(&old).expect("still there"), "the last one");
}
