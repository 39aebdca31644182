//! The way of a first user: no file, a wrong key, a taken port, a terminal.

use crate::process::{command, free_addresses};
use std::net::TcpListener;
use std::process::{Command, Output};

fn run(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.output().expect("the binary starts");
    (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

/// Runs `check` with this configuration file.
fn check(yaml: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bootstrap.yaml");
    std::fs::write(&file, yaml).unwrap();
    run(command().arg("check").arg("--config").arg(&file))
}

#[test]
fn no_file_works() {
    let service = crate::process::start(&[]);
    assert_eq!(service.get("/ping").status, 200);
    assert_eq!(service.stop().status.code(), Some(0));
}

#[test]
fn check_explains_the_configuration_and_the_exit() {
    let (code, text) = run(command().arg("check"));
    assert_eq!(code, Some(0), "{text}");
    for expected in ["strategy: observe", "[::]:8080", "grace_period", "delay_max", "17s", "30s"] {
        assert!(text.contains(expected), "{expected} is not in:\n{text}");
    }
}

#[test]
fn help_teaches_and_version_says_what_runs() {
    let (code, text) = run(command().arg("--help"));
    assert_eq!(code, Some(0));
    for expected in ["serve", "check", "version", "--config", "LAMEDUCK_"] {
        assert!(text.contains(expected), "{expected} is not in:\n{text}");
    }
    let (code, text) = run(command().arg("version"));
    assert_eq!(code, Some(0));
    assert!(text.contains(env!("CARGO_PKG_VERSION")), "{text}");
    assert_eq!(run(command().arg("sevre")).0, Some(2));
}

#[test]
fn all_mistakes_are_told_at_once_with_key_value_and_what_was_expected() {
    let (code, text) = check("drain: {dealy: 5s, timeout: 5}\nlog: {level: loud}\njobs: {queue_max: -1}\n");
    assert_eq!(code, Some(2), "{text}");
    for expected in ["dealy", "delay", "drain.timeout", "log.level", "loud", "jobs.queue_max", "-1"] {
        assert!(text.contains(expected), "{expected} is not in:\n{text}");
    }
}

#[test]
fn a_wrong_name_in_the_environment_is_told_too_but_foreign_ones_are_not() {
    let (code, text) = run(command().arg("check").env("LAMEDUCK_DRAIN__DEALY", "3s"));
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("DEALY") || text.contains("dealy"), "{text}");
    let (code, text) = run(command().arg("check").env("LAMEDUCK_SERVICE_HOST", "10.0.0.1"));
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn an_exit_that_does_not_fit_is_refused_with_the_sum() {
    let (code, text) = check("drain: {grace_period: 10s}\n");
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("delay_max 10s") && text.contains("17s of 10s"), "{text}");
}

#[test]
fn a_file_that_is_not_there_or_not_yaml_is_told() {
    let (code, text) = run(command().args(["check", "--config", "/nowhere/bootstrap.yaml"]));
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("/nowhere/bootstrap.yaml"), "{text}");
    let (code, text) = check("drain: [");
    assert_eq!(code, Some(2), "{text}");
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let [admin] = free_addresses();
    let (code, text) =
        run(command().env("LAMEDUCK_LISTEN__HTTP", &address).env("LAMEDUCK_LISTEN__ADMIN", admin.to_string()));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(&address), "{text}");
}

#[test]
fn a_part_that_fails_says_which_why_and_what_to_do() {
    let ended = crate::process::start_unready(&[("AUTH__KEYS_FILE", "/nowhere/keys")]).wait();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
    assert!(ended.log.contains("auth.keys_file") && ended.log.contains("/nowhere/keys"), "{}", ended.log);
}

#[test]
fn a_dependency_that_does_not_answer_is_named() {
    let [nobody] = free_addresses();
    let keys = [
        ("DEPENDENCIES__DATABASE__TCP", nobody.to_string()),
        ("STAGES__DEPENDENCIES", "database".to_owned()),
        ("STAGES__READINESS_TIMEOUT", "500ms".to_owned()),
    ];
    let keys: Vec<_> = keys.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let ended = crate::process::start_unready(&keys).wait();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
    assert!(ended.log.contains("database"), "{}", ended.log);
}

#[test]
fn a_stage_that_names_no_dependency_is_a_mistake() {
    let (code, text) =
        check("stages: {dependencies: [databse]}\ndependencies: {database: {tcp: \"localhost:5432\"}}\n");
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("databse") && text.contains("database"), "{text}");
}

#[test]
fn logs_are_json_where_nobody_looks() {
    let ended = crate::process::start(&[]).stop();
    let lines: Vec<_> = ended.log.lines().filter(|line| !line.trim().is_empty()).collect();
    assert!(lines.len() > 2, "{}", ended.log);
    for line in lines {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok_and(|line| line.is_object()), "{line}");
    }
}
