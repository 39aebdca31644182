//! Servers with known defects: each defect is found, counted right and named right.

use crate::harness::{Bench, Outcome, defects};

/// A short drill of three replicas against the server in this mode; the defect hits one request in `every`.
fn drill(mode: &str, every: u64, options: &[&str]) -> (Outcome, u64) {
    let bench = Bench::new();
    let counts = format!("{}/count-{{index}}", bench.directory.path().display());
    let (server, every) = (defects(), every.to_string());
    let base = [
        "--preset",
        "plain",
        "--ready",
        "tcp",
        "--propagation",
        "100ms..200ms",
        "--warm-up",
        "700ms",
        "--cool-down",
        "300ms",
        "--pause",
        "100ms",
        "--progress",
        "none",
        "--only",
        "--clients",
        "hot=20@40/s,warm=20@5/s,connect=10@5/s",
    ];
    let bounds = [["--timeout", if mode == "hang" { "1s" } else { "20s" }], ["--grace", "20s"]];
    let bounds: Vec<&str> = bounds.iter().filter(|pair| !options.contains(&pair[0])).flatten().copied().collect();
    let command = ["--", &server, mode, "{host}:{port}", &every, &counts];
    let outcome = bench.call(&[&base, &bounds[..], options, &command].concat());
    let injected = (0..100)
        .filter_map(|index| std::fs::read_to_string(bench.directory.path().join(format!("count-{index}"))).ok())
        .map(|count| count.parse::<u64>().expect("the server writes a number"))
        .sum();
    assert!(bench.is_quiet(), "a replica was left");
    (outcome, injected)
}

/// Every injected defect is one loss of this name, and there is no other loss.
fn each_is(mode: &str, verdict: &str, words: &str) {
    let (outcome, injected) = drill(mode, 20, &["--control", "none"]);
    assert!(injected > 5, "{mode}: only {injected} defects were injected");
    let lost = outcome.run()["lost"].as_u64();
    let context = format!("{}{}", outcome.stdout, outcome.stderr);
    assert_eq!((outcome.verdict(verdict), lost), (injected, Some(injected)), "{mode}: {context}");
    assert_eq!(outcome.code, Some(1), "{mode}: {context}");
    assert!(outcome.stdout.contains(&format!("{injected} {words}")), "{mode}: {context}");
}

#[test]
fn a_server_that_leaves_well_loses_nothing_and_the_control_does() {
    let (outcome, _) = drill("good", 1, &[]);
    assert_eq!(outcome.code, Some(0), "{}{}", outcome.stdout, outcome.stderr);
    let json = outcome.json.as_ref().expect("a document");
    assert_eq!((&json["version"], &json["exit"]), (&1.into(), &"clean".into()));
    assert_eq!((&json["runs"][0]["lost"], &json["runs"][1]["role"]), (&0.into(), &"control".into()));
    assert!(json["runs"][1]["lost"].as_u64() > Some(0));
    assert_eq!(outcome.run()["restarts"], 3);
    let total: u64 =
        outcome.run()["verdicts"].as_object().expect("verdicts").values().filter_map(serde_json::Value::as_u64).sum();
    assert_eq!(outcome.run()["requests"].as_u64(), Some(total), "one verdict for each request");
    assert!(outcome.stdout.contains("held: 0 lost of "), "{}", outcome.stdout);
}

#[test]
fn refusing_while_endpoints_still_point_here() {
    let (outcome, _) = drill("refuse", 1, &["--control", "none"]);
    assert_eq!(outcome.code, Some(1), "{}{}", outcome.stdout, outcome.stderr);
    let run = outcome.run();
    assert!(outcome.verdict("refused") > 0, "{}", outcome.stdout);
    for loss in run["losses"].as_array().expect("losses").iter().filter(|loss| loss["verdict"] == "refused") {
        let replica = &run["replicas"][loss["replica"].as_u64().expect("a replica") as usize];
        let at = loss["ended_us"].as_u64();
        let removed = replica["removed_last_us"].as_u64().map(|removed| removed + 50_000);
        assert!(at >= replica["signalled_us"].as_u64() && at <= removed, "{loss} {replica}");
    }
}

#[test]
fn resetting_instead_of_answering() {
    each_is("reset", "reset", "reset before the answer");
}

#[test]
fn answering_half() {
    each_is("truncate", "truncated", "answer truncated");
}

#[test]
fn answering_twice() {
    each_is("twice", "answered_twice", "answered twice");
}

#[test]
fn losing_the_keep_alive_race() {
    let (outcome, injected) = drill("race", 60, &["--control", "none"]);
    assert!(injected > 5, "only {injected} defects were injected");
    assert_eq!(outcome.verdict("closed"), injected, "{}", outcome.stdout);
    assert_eq!(outcome.run()["lost_on_kept_alive"].as_u64(), Some(injected));
    assert!(outcome.stdout.contains(&format!("{injected} of them on kept-alive connections")), "{}", outcome.stdout);
}

#[test]
fn refusing_politely() {
    each_is("shed", "shed", "refused with a time to retry");
}

#[test]
fn failing() {
    each_is("fail", "wrong_status", "wrong status");
}

#[test]
fn not_answering() {
    each_is("hang", "timed_out", "timed out");
}

#[test]
fn speaking_another_protocol() {
    each_is("babble", "malformed", "not an HTTP answer");
}

#[test]
fn a_ledger_that_tells_the_truth_agrees_and_one_that_lies_does_not() {
    let keeping = |mode: &str| {
        let (bench, server) = (Bench::new(), defects());
        let arguments = [
            "--ready",
            "tcp",
            "--propagation",
            "100ms..200ms",
            "--warm-up",
            "300ms",
            "--cool-down",
            "300ms",
            "--pause",
            "100ms",
            "--progress",
            "none",
            "--control",
            "none",
            "--only",
            "--clients",
            "hot=20@20/s,connect=5@5/s",
            "--",
            &server,
            mode,
            "{host}:{port}",
            "1",
            "/dev/null",
            "{report_file}",
        ];
        bench.call(&arguments)
    };
    let honest = keeping("good");
    assert_eq!(honest.code, Some(0), "{}{}", honest.stdout, honest.stderr);
    assert!(honest.stdout.contains("over 3 restarts, 6 ledgers agree"), "{}", honest.stdout);
    let liar = keeping("lie");
    assert_eq!(liar.code, Some(1), "{}{}", liar.stdout, liar.stderr);
    assert_eq!(liar.run()["lost"], 0);
    assert!(liar.stdout.contains("6 DISAGREE"), "{}", liar.stdout);
    assert!(liar.stdout.contains("the ledger of replica 0 disagrees: it says "), "{}", liar.stdout);
}

#[test]
fn never_leaving_is_killed_at_the_grace_period_and_counted() {
    let (outcome, _) = drill("stay", 1, &["--control", "none", "--grace", "800ms"]);
    assert_eq!(outcome.run()["killed_at_grace"], 3, "{}", outcome.stdout);
    assert_eq!(outcome.run()["replicas"][0]["killed_why"], "grace");
    assert!(outcome.stdout.contains("killed at the end of the grace period") || outcome.code == Some(1));
}

#[test]
fn a_frozen_replica_loses_nothing_and_its_stall_is_seen() {
    let options = ["--scenario", "freeze"];
    let (outcome, _) = drill("good", 1, &options);
    assert_eq!(outcome.code, Some(0), "{}{}", outcome.stdout, outcome.stderr);
    assert!(outcome.stdout.contains("held: every promise held in 1 scenario"), "{}", outcome.stdout);
}

#[test]
fn a_crash_loses_on_the_crashed_replica_only() {
    let (outcome, _) = drill("good", 1, &["--scenario", "kill"]);
    assert_eq!(outcome.code, Some(0), "{}{}", outcome.stdout, outcome.stderr);
    let run = outcome.run();
    assert!(
        run["replicas"].as_array().expect("replicas").iter().all(|one| one["lost"] == 0 || one["id"] == 0),
        "{run}"
    );
}

#[test]
fn a_control_is_killed_at_once_whatever_the_pre_stop_hook_waits_for() {
    let (outcome, _) = drill("good", 1, &["--pre-stop", "8s"]);
    assert_eq!(outcome.code, Some(0), "{}{}", outcome.stdout, outcome.stderr);
    let document = outcome.json.as_ref().expect("a document");
    let control = &document["runs"][1];
    assert_eq!(control["role"], "control");
    for replica in control["replicas"].as_array().expect("replicas").iter().filter(|one| one["killed_why"] == "purpose")
    {
        let after = replica["killed_us"].as_u64().expect("a time") - replica["marked_us"].as_u64().expect("a time");
        assert!(after < 8_000_000, "killed {after} us after its deletion: {replica}");
    }
    assert!(control["lost"].as_u64() > Some(0));
}

/// A shell in front of a server, without `exec`: the commonest fault of an image. What it does on SIGTERM depends on
/// whether it is process 1, as it is in a container.
#[test]
fn a_shell_that_ignores_sigterm_as_process_1_is_found() {
    let in_front = |pid1: &str| {
        let (bench, server) = (Bench::new(), defects());
        let script = format!("{server} good {{host}}:{{port}}; true");
        let arguments = [
            "--preset",
            "plain",
            "--ready",
            "tcp",
            "--replicas",
            "1",
            "--grace",
            "1s",
            "--warm-up",
            "300ms",
            "--cool-down",
            "300ms",
            "--propagation",
            "100ms",
            "--progress",
            "none",
            "--control",
            "none",
            "--only",
            "--clients",
            "hot=20@20/s",
            "--pid1",
            pid1,
            "--",
            "sh",
            "-c",
            &script,
        ];
        let outcome = bench.call(&arguments);
        assert!(bench.is_quiet(), "a replica was left");
        outcome
    };
    let ordinary = in_front("never");
    assert_eq!(ordinary.run()["killed_at_grace"], 0, "{}", ordinary.stdout);
    let as_init = in_front("always");
    if as_init.code == Some(2) {
        assert!(as_init.stderr.contains("--pid1 always: the command cannot be process 1 here"), "{}", as_init.stderr);
        return;
    }
    assert_eq!(as_init.run()["killed_at_grace"], 1, "{}{}", as_init.stdout, as_init.stderr);
    assert_eq!(as_init.run()["replicas"][0]["process_1"], true);
    assert!(as_init.stdout.contains("has to start it with `exec`"), "{}", as_init.stdout);
}

#[test]
fn a_server_that_leaves_well_does_so_as_process_1_too() {
    let (outcome, _) = drill("good", 1, &["--control", "none", "--pid1", "auto"]);
    assert_eq!((outcome.code, &outcome.run()["killed_at_grace"]), (Some(0), &0.into()), "{}", outcome.stdout);
    for replica in outcome.run()["replicas"].as_array().expect("replicas").iter().take(3) {
        assert_eq!(replica["exit"]["code"], 0, "{replica}");
    }
}

#[test]
fn what_would_have_covered_the_refused_is_advised() {
    let (outcome, _) = drill("refuse", 1, &["--control", "none"]);
    assert!(outcome.stdout.contains("advice: new connections came up to "), "{}", outcome.stdout);
    assert!(outcome.run()["advice"].as_array().is_some_and(|advice| !advice.is_empty()));
    let document = outcome.json.as_ref().expect("a document");
    assert_eq!(document["name"], "defects");
    assert!(document["started_at"].as_str().is_some_and(|at| at.ends_with('Z') && at.len() == 20), "{document}");
}
