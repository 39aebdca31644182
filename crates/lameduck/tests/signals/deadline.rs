//! Handlers that block every work thread: the control thread does not mind.

use crate::client::{Connection, get, must};
use crate::process::Process;

#[tokio::test(flavor = "multi_thread")]
async fn blocked_work_threads_stop_neither_probes_nor_metrics_nor_the_deadline() {
    let settings = [
        "drain.strategy=delay",
        "drain.delay=200ms",
        "drain.grace_period=4s",
        "drain.release=300ms",
        "drain.flush=300ms",
        "drain.margin=500ms",
        "liveness.stall=300ms",
    ];
    let mut process = Process::ready(&settings);
    let threads = metric(&process, "lameduck_work_threads ").await;
    // One more than there are threads: the last one finds nobody to run it.
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..=threads as usize {
        let http = process.http;
        clients.spawn(async move { Connection::open(http).await.unwrap().get("/block?ms=600000").await.map(drop) });
    }
    // Alive, then stalled for too long: not alive.
    while get(process.admin, "/livez").await.unwrap().status == 200 {}
    let verbose = must(get(process.admin, "/livez").await, 503);
    assert!(verbose.body.contains("[-]work failed: no work thread has run"), "{}", verbose.body);
    must(get(process.admin, "/readyz").await, 200);
    assert!(metric(&process, "lameduck_heartbeat_age_seconds ").await > 0.3);

    process.terminate();
    process.wait_for_phase("lame_duck");
    must(get(process.admin, "/readyz").await, 503);
    must(get(process.admin, "/livez").await, 200);
    process.wait_for_phase("draining");
    let document = must(get(process.admin, "/drain").await, 200);
    assert!(document.body.contains("\"phase\":\"draining\""), "{}", document.body);
    let ended = process.ended();
    ended.assert_code(3);
    assert!(ended.ledger("aborted") >= threads as u64, "{:#}", ended.report);
    assert_eq!(ended.ledger("in_flight"), 0, "at the end nothing is in flight any more");
    assert_eq!(ended.report["cut"][0], "draining");
    assert!(ended.report["deadline_in_ms"].as_i64().unwrap() >= 0, "ended within its deadline: {:#}", ended.report);
}

/// One sample of /metrics.
async fn metric(process: &Process, prefix: &str) -> f64 {
    let text = must(get(process.admin, "/metrics").await, 200).body;
    let line = text.lines().find_map(|line| line.strip_prefix(prefix));
    line.unwrap_or_else(|| panic!("no {prefix} in {text}")).parse().unwrap()
}
