//! CPU time of the server process for each request, against bare axum in the same round.

use std::cell::Cell;
use std::net::SocketAddr;

use anyhow::Context;

use super::Size;
use crate::candidate::{Benched, Candidate, Running};
use crate::client::{Connection, request};
use crate::report::{Goal, Row, Spread};

/// Connections that are busy at once.
const CONNECTIONS: usize = 64;

/// A way of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    /// `/ping` on connections that stay.
    KeepAlive,
    /// `/ping`, each on a connection of its own.
    ConnectionEach,
    /// 64 KiB on connections that stay.
    Large,
}

const LOADS: [Load; 3] = [Load::KeepAlive, Load::ConnectionEach, Load::Large];

impl Load {
    fn name(self) -> &'static str {
        match self {
            Load::KeepAlive => "keep-alive",
            Load::ConnectionEach => "a connection each",
            Load::Large => "64 KiB body",
        }
    }

    fn requests(self, of: u64) -> u64 {
        match self {
            Load::KeepAlive => of,
            Load::ConnectionEach | Load::Large => of / 8,
        }
    }

    fn is_for(self, candidate: Candidate) -> bool {
        match candidate {
            Candidate::Bare | Candidate::Engine => true,
            Candidate::Wrapped => self == Load::KeepAlive,
            Candidate::Service => self != Load::Large,
            Candidate::Tonic | Candidate::Grpc => false,
        }
    }
}

/// The most that a candidate may cost beside bare axum; one run's median strays by some hundredths.
fn goal(candidate: Candidate, load: Load) -> Option<Goal> {
    match (candidate, load) {
        (Candidate::Engine | Candidate::Wrapped, _) => Some(Goal { most: 1.0, noise: 0.05 }),
        (Candidate::Service, Load::KeepAlive) => Some(Goal { most: 1.35, noise: 0.05 }),
        (Candidate::Service | Candidate::Bare | Candidate::Tonic | Candidate::Grpc, _) => None,
    }
}

/// Microseconds for each request, round by round, of one candidate under one load.
struct Series {
    candidate: Candidate,
    load: Load,
    us: Vec<f64>,
}

/// All loads on all candidates, who take turns at going first.
pub(super) async fn measure(benched: &Benched, size: Size) -> anyhow::Result<Vec<Row>> {
    let mut candidates = benched.candidates();
    candidates.insert(2, Candidate::Wrapped);
    let mut series: Vec<Series> = LOADS
        .into_iter()
        .flat_map(|load| candidates.iter().map(move |candidate| Series { candidate: *candidate, load, us: Vec::new() }))
        .filter(|series| series.load.is_for(series.candidate))
        .collect();
    for round in 0..size.rounds {
        for load in LOADS {
            let mut turn: Vec<_> = series.iter_mut().filter(|series| series.load == load).collect();
            let first = round % turn.len();
            turn.rotate_left(first);
            for series in turn {
                let running = benched.start(series.candidate).await?;
                let us = once(running, load, size).await;
                series.us.push(us.with_context(|| format!("{:?}, {}", series.candidate, load.name()))?);
            }
        }
    }
    Ok(rows(&series))
}

fn rows(series: &[Series]) -> Vec<Row> {
    let bare = |load| series.iter().find(|series| series.candidate == Candidate::Bare && series.load == load);
    let absolute = series.iter().map(|series| Row {
        name: format!("CPU a request, {}: {:?}", series.load.name(), series.candidate),
        unit: "us",
        spread: Spread::of(series.us.clone()),
        goal: None,
    });
    let ratios = series.iter().filter(|series| series.candidate != Candidate::Bare).filter_map(|series| {
        let bare = bare(series.load)?;
        Some(Row {
            name: format!("CPU a request, {}: {:?} / Bare", series.load.name(), series.candidate),
            unit: "ratio",
            spread: Spread::of(series.us.iter().zip(&bare.us).map(|(us, bare)| us / bare).collect()),
            goal: goal(series.candidate, series.load),
        })
    });
    absolute.chain(ratios).collect()
}

/// Microseconds for each request of one candidate, freshly started: warmed up, then measured.
pub(super) async fn once(running: Running, load: Load, size: Size) -> anyhow::Result<f64> {
    let requests = load.requests(size.requests);
    drive(&running, load, requests / 5).await?;
    let before = running.cpu_time()?;
    drive(&running, load, requests).await?;
    let used = running.cpu_time()? - before;
    running.leave().await?;
    Ok(used.as_secs_f64() * 1e6 / requests as f64)
}

/// Sends this many requests, [`CONNECTIONS`] at a time.
async fn drive(running: &Running, load: Load, requests: u64) -> anyhow::Result<()> {
    let left = Cell::new(requests);
    let clients = (0..CONNECTIONS).map(|_| match load {
        Load::KeepAlive => futures_util::future::Either::Left(keep_alive(running.address, "/ping", &left)),
        Load::Large => futures_util::future::Either::Left(keep_alive(running.address, "/big", &left)),
        Load::ConnectionEach => futures_util::future::Either::Right(connection_each(running.address, &left)),
    });
    futures_util::future::try_join_all(clients).await?;
    Ok(())
}

async fn keep_alive(address: SocketAddr, path: &str, left: &Cell<u64>) -> anyhow::Result<()> {
    let request = request(path, "");
    let mut connection = Connection::open(address).await?;
    while take(left) {
        connection.exchange(&request).await?;
    }
    Ok(())
}

async fn connection_each(address: SocketAddr, left: &Cell<u64>) -> anyhow::Result<()> {
    let request = request("/ping", "connection: close\r\n");
    while take(left) {
        let mut connection = Connection::open(address).await?;
        connection.exchange(&request).await?;
        connection.end().await?;
    }
    Ok(())
}

fn take(left: &Cell<u64>) -> bool {
    let some = left.get() > 0;
    left.set(left.get().saturating_sub(1));
    some
}
