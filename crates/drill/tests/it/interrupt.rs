//! Ctrl-C: nothing it started is left, and what was measured is printed.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::harness::{Bench, Outcome, defects};

#[test]
fn ctrl_c_ends_it_cleanly() {
    let bench = Bench::new();
    let server = defects();
    let arguments = [
        "--preset",
        "plain",
        "--rollouts",
        "50",
        "--warm-up",
        "300ms",
        "--progress",
        "plain",
        "--",
        &server,
        "good",
        "{host}:{port}",
    ];
    let mut child = bench.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let leaving = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("leaves")));
    assert!(leaving.is_some(), "no rollout began");
    let pid = libc::pid_t::try_from(child.id()).expect("a process id");
    // SAFETY: plain call; `pid` is the child started above, which has not been waited for.
    unsafe { libc::kill(pid, libc::SIGINT) };
    // Read on, so that it never blocks on a full pipe.
    let reader = std::thread::spawn(move || lines.count());
    let output = child.wait_with_output().expect("ends");
    reader.join().expect("the reader ends");
    let outcome = Outcome::new(&output, bench.read_json());
    assert_eq!(outcome.code, Some(3), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("invalid: interrupted before its end"), "{}", outcome.stdout);
    assert!(outcome.run()["requests"].as_u64() > Some(0));
    assert_eq!(outcome.run()["interrupted"], true);
    assert!(bench.is_quiet(), "a replica was left");
}
