//! Signals whose default would end the process without a drain: a closed terminal leaves as SIGTERM does, the others
//! mean nothing.

use crate::client::{Connection, get, must};
use crate::process::Process;

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_leaves_as_terminate_does() {
    let mut process = Process::ready(&["drain.strategy=delay", "drain.delay=100ms"]);
    let mut connection = Connection::open(process.http).await.unwrap();
    let slow = tokio::spawn(async move { connection.get("/slow?ms=1000").await });
    while !must(get(process.admin, "/drain").await, 200).body.contains("\"in_flight\":1") {}
    process.signal(libc::SIGHUP);
    process.wait_for(|line| line["signal"] == "SIGHUP" && line["meaning"] == "terminate");
    must(slow.await.unwrap(), 200);
    let ended = process.ended();
    ended.assert_code(0);
    assert_eq!((&ended.report["cause"]["kind"], ended.ledger("drained")), (&"terminate".into(), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_that_mean_nothing_change_nothing() {
    let mut process = Process::ready(&["drain.strategy=immediate"]);
    for (signal, name) in [(libc::SIGUSR1, "SIGUSR1"), (libc::SIGUSR2, "SIGUSR2"), (libc::SIGALRM, "SIGALRM")] {
        process.signal(signal);
        process.wait_for(|line| line["signal"] == name && line["meaning"] == "nothing");
        must(get(process.http, "/ping").await, 200);
    }
    process.signal(libc::SIGPIPE);
    must(get(process.http, "/phase").await, 200);
    process.terminate();
    process.ended().assert_code(0);
}

#[test]
fn a_hang_up_that_was_ignored_at_the_start_stays_ignored() {
    let mut process = Process::spawn_with(&["drain.strategy=immediate"], |command| {
        use std::os::unix::process::CommandExt;
        let ignore = || {
            // SAFETY: `signal` is safe to call between fork and exec, and SIG_IGN runs no code.
            unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) };
            Ok(())
        };
        // SAFETY: the closure calls nothing but `signal`.
        unsafe { command.pre_exec(ignore) };
    });
    process.wait_for_phase("ready");
    process.signal(libc::SIGHUP);
    process.signal(libc::SIGUSR1);
    process.wait_for(|line| line["signal"] == "SIGUSR1");
    process.terminate();
    let ended = process.ended();
    ended.assert_code(0);
    assert!(!ended.says("SIGHUP"), "{:#?}", ended.log);
}
