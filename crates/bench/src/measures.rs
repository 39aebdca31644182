//! Everything that is measured, and the goals.

mod crowd;
mod grpc;
mod leaving;
mod memory;
mod telemetry;
mod throughput;

use crate::candidate::Benched;
use crate::report::{self, Row};

/// How much work a run puts into its numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Interleaved rounds of throughput.
    rounds: usize,
    /// Requests of one round on kept-alive connections; other loads take a part of it.
    requests: u64,
    /// Repetitions of starting, leaving, idling.
    repeats: usize,
    /// Idle connections for their memory.
    idle: usize,
    /// Connections of the crowd, half of them idle.
    crowd: usize,
}

impl Size {
    /// For a claim.
    pub(crate) const FULL: Size = Size { rounds: 9, requests: 100_000, repeats: 5, idle: 5_000, crowd: 10_000 };
    /// For a look.
    pub(crate) const QUICK: Size = Size { rounds: 3, requests: 40_000, repeats: 3, idle: 1_000, crowd: 2_000 };
}

/// Runs the measures whose name contains `only`.
pub(crate) async fn all(benched: &Benched, size: Size, only: &str) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for name in
        ["throughput", "grpc", "telemetry", "memory", "leaving", "crowd"].into_iter().filter(|name| name.contains(only))
    {
        let part = match name {
            "throughput" => throughput::measure(benched, size).await?,
            "grpc" => grpc::measure(benched, size).await?,
            "telemetry" => telemetry::measure(benched, size).await?,
            "memory" => memory::measure(benched, size).await?,
            "leaving" => leaving::measure(benched, size).await?,
            _ => crowd::measure(benched, size).await?,
        };
        report::part(name, &part);
        rows.extend(part);
    }
    Ok(rows)
}
