//! Exec to ready, memory at rest, and memory for each idle connection.

use super::Size;
use crate::candidate::{Benched, Candidate};
use crate::client::{self, at_rest, request};
use crate::report::{Goal, Row, Spread};

/// One candidate's repetitions.
struct Series {
    candidate: Candidate,
    ready_ms: Vec<f64>,
    at_rest_kib: Vec<f64>,
    connection_kib: Vec<f64>,
}

/// Starts each candidate some times, lets it rest, gives it idle connections.
pub(super) async fn measure(benched: &Benched, size: Size) -> anyhow::Result<Vec<Row>> {
    let mut all: Vec<Series> = benched
        .candidates()
        .into_iter()
        .map(|candidate| Series { candidate, ready_ms: vec![], at_rest_kib: vec![], connection_kib: vec![] })
        .collect();
    for _ in 0..size.repeats {
        for series in &mut all {
            once(benched, series, size.idle).await?;
        }
    }
    let bare =
        all.iter().find(|series| series.candidate == Candidate::Bare).map(|series| series.connection_kib.clone());
    Ok(all.into_iter().flat_map(|series| rows(series, bare.as_deref().unwrap_or_default())).collect())
}

async fn once(benched: &Benched, series: &mut Series, idle: usize) -> anyhow::Result<()> {
    let running = benched.start(series.candidate).await?;
    let resident = || running.resident_kib();
    let before = at_rest(resident).await?;
    let connections = client::crowd(running.address, idle, &request("/ping", ""), b"pong").await?;
    let after = at_rest(resident).await?;

    series.ready_ms.push(running.ready_after.as_secs_f64() * 1e3);
    series.at_rest_kib.push(before as f64);
    series.connection_kib.push(after.saturating_sub(before) as f64 / idle as f64);
    drop(connections);
    running.leave().await?;
    Ok(())
}

fn rows(series: Series, bare_kib: &[f64]) -> Vec<Row> {
    let Series { candidate, ready_ms, at_rest_kib, connection_kib } = series;
    let service = |most, noise| (candidate == Candidate::Service).then_some(Goal { most, noise });
    let ratio = connection_kib.iter().zip(bare_kib).map(|(kib, bare)| kib / bare).collect::<Vec<_>>();
    let row = |what: &str, unit, rounds, goal| Row {
        name: format!("{what}: {candidate:?}"),
        unit,
        spread: Spread::of(rounds),
        goal,
    };
    let mut rows = vec![
        row("exec to the first answer", "ms", ready_ms, service(5.0, 2.0)),
        row("memory at rest", "MiB", at_rest_kib.iter().map(|kib| kib / 1024.0).collect(), service(8.0, 0.5)),
        row("memory of an idle connection", "KiB", connection_kib, None),
    ];
    if candidate == Candidate::Engine {
        let goal = Some(Goal { most: 0.6, noise: 0.05 });
        rows.push(Row {
            name: "memory of an idle connection: Engine / Bare".to_owned(),
            unit: "ratio",
            spread: Spread::of(ratio),
            goal,
        });
    }
    rows
}
