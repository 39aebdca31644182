//! A crowd leaves: half of its connections idle, half with a response under way that ends at SIGTERM.

use anyhow::Context;

use super::Size;
use crate::candidate::{Benched, Candidate};
use crate::client::{self, Connection, request};
use crate::report::{Row, Spread};

/// The end of what `/until-term` sends at SIGTERM: the last piece and the end of its chunked body.
const LAST: &[u8] = b"two\r\n0\r\n\r\n";

/// Repetitions: each opens thousands of connections.
const REPEATS: usize = 3;

/// Time and memory of the drain, and that every body under way arrived whole.
pub(super) async fn measure(benched: &Benched, size: Size) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for candidate in [Candidate::Bare, Candidate::Engine] {
        let (mut took_ms, mut before_mib, mut peak_mib) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..REPEATS {
            let drained = once(benched, candidate, size.crowd / 2).await.with_context(|| format!("{candidate:?}"))?;
            took_ms.push(drained.took_ms);
            before_mib.push(drained.before_mib);
            peak_mib.push(drained.peak_mib);
        }
        let row = |what: &str, unit, rounds| Row {
            name: format!("{} connections, half idle, {what}: {candidate:?}", size.crowd),
            unit,
            spread: Spread::of(rounds),
            goal: None,
        };
        rows.push(row("SIGTERM to exit", "ms", took_ms));
        rows.push(row("memory before", "MiB", before_mib));
        rows.push(row("peak memory", "MiB", peak_mib));
    }
    Ok(rows)
}

struct Drained {
    took_ms: f64,
    before_mib: f64,
    peak_mib: f64,
}

async fn once(benched: &Benched, candidate: Candidate, half: usize) -> anyhow::Result<Drained> {
    let running = benched.start(candidate).await?;
    let idle = client::crowd(running.address, half, &request("/ping", ""), b"pong").await?;
    let active = client::crowd(running.address, half, &request("/until-term", ""), b"one").await?;
    let before_kib = running.resident_kib()?;

    // Each client is a task, so that only those that something happened to are polled.
    let mut clients = tokio::task::JoinSet::new();
    for connection in active {
        clients.spawn(finish(connection));
    }
    for mut connection in idle {
        clients.spawn(async move { connection.end().await });
    }
    let left = running.leave().await?;
    while let Some(client) = clients.join_next().await {
        client?.context("a client lost something")?;
    }
    let peak_kib = left.peak_kib.context("the candidate does not say its peak memory")?;
    Ok(Drained {
        took_ms: left.after.as_secs_f64() * 1e3,
        before_mib: before_kib as f64 / 1024.0,
        peak_mib: peak_kib as f64 / 1024.0,
    })
}

async fn finish(mut connection: Connection) -> anyhow::Result<()> {
    connection.until(LAST).await?;
    connection.end().await
}
