//! SIGTERM under load: with a delay nothing is lost; without one new connections are refused, which is the control.

use crate::client::{Connection, Lost, get, must};
use crate::process::Process;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What the clients saw.
#[derive(Default)]
struct Seen {
    answered: AtomicU64,
    cut: AtomicU64,
}

/// Keeps a connection until it is told to leave it, then comes back. Ends when it is refused.
async fn keep_alive(address: SocketAddr, seen: Arc<Seen>) {
    while let Ok(mut connection) = Connection::open(address).await {
        loop {
            match connection.get("/ping").await {
                Ok(answer) => {
                    seen.answered.fetch_add(1, Relaxed);
                    if answer.closes {
                        break;
                    }
                }
                Err(_) => {
                    seen.cut.fetch_add(1, Relaxed);
                    break;
                }
            }
        }
    }
}

/// A connection for each request. Ends when it is refused.
async fn connection_each(address: SocketAddr, seen: Arc<Seen>) {
    loop {
        match get(address, "/ping").await {
            Ok(_) => seen.answered.fetch_add(1, Relaxed),
            Err(Lost::Refused(_)) => return,
            Err(Lost::Cut(_)) => seen.cut.fetch_add(1, Relaxed),
        };
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn terminate_with_a_delay_loses_nothing() {
    let mut process = Process::ready(&["drain.strategy=delay", "drain.delay=1s"]);
    let (http, admin) = (process.http, process.admin);
    let seen = Arc::new(Seen::default());
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..8 {
        clients.spawn(keep_alive(http, seen.clone()));
        clients.spawn(connection_each(http, seen.clone()));
    }
    let slow = tokio::spawn(get(http, "/slow?ms=2500"));
    must(get(http, "/ping").await, 200);
    must(get(admin, "/readyz").await, 200);

    process.terminate();
    let mut process = tokio::task::spawn_blocking(move || {
        process.wait_for_phase("lame_duck");
        process
    })
    .await
    .unwrap();
    must(get(admin, "/readyz").await, 503);
    must(get(admin, "/livez").await, 200);
    assert_eq!(must(get(http, "/phase").await, 200).body, "lame_duck", "a new connection is served through the delay");

    process = tokio::task::spawn_blocking(move || {
        process.wait_for_phase("draining");
        process
    })
    .await
    .unwrap();
    must(get(admin, "/livez").await, 200);
    assert_eq!(must(slow.await.unwrap(), 200).body, "done");
    while clients.join_next().await.is_some() {}
    let ended = tokio::task::spawn_blocking(|| process.ended()).await.unwrap();

    ended.assert_code(0);
    // The slow one, and the two of this test's own.
    let answered = seen.answered.load(Relaxed) + 3;
    let counted = ["completed", "drained", "late"].map(|key| ended.ledger(key));
    assert_eq!(seen.cut.load(Relaxed), 0);
    assert_eq!(counted.iter().sum::<u64>(), answered, "the ledger agrees with the clients: {:#}", ended.report);
    assert_eq!(ended.ledger("started"), answered);
    assert!(counted.iter().all(|count| *count > 0), "{counted:?}");
    assert_eq!(ended.ledger("in_flight") + ended.ledger("aborted") + ended.ledger("raced"), 0);
    assert_eq!(ended.report["wait_end"], "delay");
    let advice = &ended.report["advice"];
    assert!(advice["grace_used"].as_f64().is_some_and(|used| used > 0.0 && used < 1.0), "{advice}");
}

#[tokio::test(flavor = "multi_thread")]
async fn terminate_with_immediate_refuses_new_connections() {
    let mut process = Process::ready(&["drain.strategy=immediate"]);
    let (http, admin) = (process.http, process.admin);
    let mut connection = Connection::open(http).await.unwrap();
    let slow = tokio::spawn(async move { connection.get("/slow?ms=1500").await });
    // The ledger says when it is in flight.
    while !must(get(admin, "/drain").await, 200).body.contains("\"in_flight\":1") {}
    process.terminate();
    process = tokio::task::spawn_blocking(move || {
        process.wait_for_phase("draining");
        process
    })
    .await
    .unwrap();
    // The accept queue is flushed for a moment: whoever got in is served, then the door is shut.
    let refused = loop {
        match get(http, "/ping").await {
            Ok(_) => {}
            Err(lost) => break lost,
        }
    };
    assert!(matches!(refused, Lost::Refused(_)), "{refused:?}");
    let slow = must(slow.await.unwrap(), 200);
    assert!(slow.closes, "a client that is answered while draining is told to leave");
    let ended = tokio::task::spawn_blocking(|| process.ended()).await.unwrap();
    ended.assert_code(0);
    assert_eq!(ended.ledger("drained"), 1);
    assert_eq!(ended.report["wait_end"], "skipped");
}
