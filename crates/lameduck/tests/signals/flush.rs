//! Flushing against everything that can hold it up: a disk that has stopped, a log that no process reads. The process
//! ends in the time of `drain.flush`, or at once by Ctrl-C.

use crate::client::{get, must};
use crate::process::Process;
use serde_json::Value;
use std::path::Path;

/// A pipe with a name that no process reads: opening it to write waits without an end, as a disk that has stopped.
fn stopped_disk(folder: &Path) -> String {
    let path = folder.join("stopped");
    let name = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()).unwrap();
    // SAFETY: the name is a C string that outlives the call.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    format!("drain.report_file={}", path.display())
}

#[test]
fn a_report_on_a_stopped_disk_ends_with_the_phase() {
    let folder = tempfile::tempdir().unwrap();
    let report = stopped_disk(folder.path());
    let process = Process::ready(&[&report, "drain.strategy=immediate", "drain.flush=300ms"]);
    process.terminate();
    let ended = process.ended();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.log);
    assert!(ended.says("the report could not be written to"), "{:#?}", ended.log);
    assert!(ended.says("0 lost"), "the last word is in the log: {:#?}", ended.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn flushing_is_a_phase_that_is_seen_and_that_an_interrupt_ends() {
    let folder = tempfile::tempdir().unwrap();
    let report = stopped_disk(folder.path());
    let plan = ["drain.strategy=immediate", "drain.flush=10m", "drain.grace_period=20m"];
    let mut process = Process::ready(&[&report, plan[0], plan[1], plan[2]]);
    process.terminate();
    process.wait_for_phase("flushing");
    let document: Value = serde_json::from_str(&must(get(process.admin, "/drain").await, 200).body).unwrap();
    assert_eq!((&document["phase"], &document["waits"][0]["for"]), (&"flushing".into(), &"flush".into()));
    assert_eq!(document["exit_code"], Value::Null, "{document:#}");
    let metrics = must(get(process.admin, "/metrics").await, 200).body;
    assert!(metrics.contains("lameduck_drain_phase_seconds{phase=\"flushing\"}"), "{metrics}");
    process.interrupt();
    let ended = process.ended();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_no_process_reads_does_not_hold_the_exit() {
    let mut process = Process::ready(&["drain.strategy=immediate", "drain.flush=300ms", "log.access=all"]);
    // More lines than the pipe takes: from here on the thread that writes them waits.
    for _ in 0..600 {
        must(get(process.http, "/ping").await, 200);
    }
    process.terminate();
    assert_eq!(process.code_unread(), Some(0));
}
