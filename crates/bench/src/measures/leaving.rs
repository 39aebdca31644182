//! What leaving takes beyond what it has to wait for.

use std::time::{Duration, Instant};

use super::Size;
use crate::candidate::{Benched, Candidate};
use crate::client::{self, Connection, request};
use crate::report::{Goal, Row, Spread};

/// The request that is in flight at SIGTERM.
const LONGEST: Duration = Duration::from_millis(300);

/// SIGTERM to exit: with nothing to do, with idle connections whose clients close at our FIN, with a request in flight.
pub(super) async fn measure(benched: &Benched, size: Size) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for candidate in benched.candidates() {
        let (mut nothing, mut idle, mut busy) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..size.repeats {
            nothing.push(with_idle(benched, candidate, 0).await?);
            idle.push(with_idle(benched, candidate, 100).await?);
            busy.push(with_request(benched, candidate).await?);
        }
        let goal = (candidate != Candidate::Bare).then_some(Goal { most: 20.0, noise: 5.0 });
        let row = |what: &str, rounds| Row {
            name: format!("SIGTERM to exit, {what}: {candidate:?}"),
            unit: "ms",
            spread: Spread::of(rounds),
            goal,
        };
        rows.push(row("nothing to do", nothing));
        rows.push(row("100 idle connections", idle));
        rows.push(row("beyond a 300 ms request", busy));
    }
    Ok(rows)
}

async fn with_idle(benched: &Benched, candidate: Candidate, count: usize) -> anyhow::Result<f64> {
    let running = benched.start(candidate).await?;
    let connections = client::crowd(running.address, count, &request("/ping", ""), b"pong").await?;
    // A polite client: it closes as soon as the server does.
    let clients = futures_util::future::join_all(connections.into_iter().map(|mut connection| async move {
        // However it ends: this measures the server's time.
        let _ = connection.end().await;
    }));
    let (left, _) = tokio::join!(running.leave(), clients);
    Ok(left?.after.as_secs_f64() * 1e3)
}

async fn with_request(benched: &Benched, candidate: Candidate) -> anyhow::Result<f64> {
    let running = benched.start(candidate).await?;
    let mut connection = Connection::open(running.address).await?;
    connection.exchange(&request("/ping", "")).await?;
    connection.send(&request(&candidate.slow_path(LONGEST), "")).await?;
    let sent = Instant::now();
    // A second connection, answered after that request was sent: the server's one worker has seen both.
    Connection::open(running.address).await?.exchange(&request("/ping", "")).await?;
    let client = async {
        connection.answer().await?;
        drop(connection);
        anyhow::Ok(())
    };
    let (left, answered) = tokio::join!(running.leave(), client);
    answered?;
    Ok((left?.at - (sent + LONGEST)).as_secs_f64() * 1e3)
}
