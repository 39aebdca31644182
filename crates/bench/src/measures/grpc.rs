//! CPU time of the server process for each unary gRPC call, against a bare tonic server in the same round.

use std::cell::Cell;
use std::net::SocketAddr;

use anyhow::{Context, ensure};
use bytes::Bytes;
use h2::client::SendRequest;
use http::Request;
use tokio::net::TcpStream;

use super::Size;
use crate::candidate::{Benched, Candidate, Running};
use crate::report::{Goal, Row, Spread};

const CONNECTIONS: usize = 8;
/// Calls at once on each of them.
const CALLS: usize = 8;

/// A part of the requests of HTTP: a call costs several times as much.
const PART: u64 = 4;

const CANDIDATES: [Candidate; 3] = [Candidate::Tonic, Candidate::Grpc, Candidate::Service];

/// The most that the engine may cost beside tonic's own transport.
const GOAL: Goal = Goal { most: 1.0, noise: 0.05 };

/// All candidates, who take turns at going first.
pub(super) async fn measure(benched: &Benched, size: Size) -> anyhow::Result<Vec<Row>> {
    let candidates = CANDIDATES.into_iter().filter(|one| *one != Candidate::Service || benched.service.is_some());
    let mut series: Vec<(Candidate, Vec<f64>)> = candidates.map(|candidate| (candidate, Vec::new())).collect();
    for round in 0..size.rounds {
        let first = round % series.len();
        let mut turn: Vec<_> = series.iter_mut().collect();
        turn.rotate_left(first);
        for (candidate, us) in turn {
            // The service takes calls on its one known port, too.
            let shared = [("LAMEDUCK_GRPC__SHARED_PORT", "true".to_owned())];
            let running = benched.start_with(*candidate, &shared).await?;
            us.push(once(running, size.requests / PART).await.with_context(|| format!("{candidate:?}"))?);
        }
    }
    let tonic = series[0].1.clone();
    let absolute = series.iter().map(|(candidate, us)| Row {
        name: format!("CPU a unary gRPC call: {candidate:?}"),
        unit: "us",
        spread: Spread::of(us.clone()),
        goal: None,
    });
    let ratios = series.iter().skip(1).map(|(candidate, us)| Row {
        name: format!("CPU a unary gRPC call: {candidate:?} / Tonic"),
        unit: "ratio",
        spread: Spread::of(us.iter().zip(&tonic).map(|(us, tonic)| us / tonic).collect()),
        goal: (*candidate == Candidate::Grpc).then_some(GOAL),
    });
    Ok(absolute.chain(ratios).collect())
}

async fn once(running: Running, calls: u64) -> anyhow::Result<f64> {
    drive(running.address, calls / 5).await?;
    let before = running.cpu_time()?;
    drive(running.address, calls).await?;
    let used = running.cpu_time()? - before;
    running.leave().await?;
    Ok(used.as_secs_f64() * 1e6 / calls as f64)
}

async fn drive(address: SocketAddr, calls: u64) -> anyhow::Result<()> {
    let left = Cell::new(calls);
    let clients = (0..CONNECTIONS).map(|_| connection(address, &left));
    futures_util::future::try_join_all(clients).await?;
    Ok(())
}

async fn connection(address: SocketAddr, left: &Cell<u64>) -> anyhow::Result<()> {
    let stream = TcpStream::connect(address).await.context("connect")?;
    stream.set_nodelay(true)?;
    let (sender, connection) = h2::client::handshake(stream).await.context("shake hands")?;
    let frames = tokio::spawn(connection);
    let clients = (0..CALLS).map(|_| client(sender.clone(), left));
    futures_util::future::try_join_all(clients).await?;
    drop(sender);
    frames.await?.context("the connection")
}

async fn client(sender: SendRequest<Bytes>, left: &Cell<u64>) -> anyhow::Result<()> {
    while left.get() > 0 {
        left.set(left.get() - 1);
        call(sender.clone()).await?;
    }
    Ok(())
}

/// A health check: it is what all candidates have.
async fn call(sender: SendRequest<Bytes>) -> anyhow::Result<()> {
    let request = Request::post("http://bench/grpc.health.v1.Health/Check")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())?;
    let (answer, mut body) = sender.ready().await?.send_request(request, false)?;
    body.send_data(Bytes::from_static(&[0; 5]), true)?;
    let mut body = answer.await?.into_body();
    while let Some(data) = body.data().await {
        let length = data?.len();
        body.flow_control().release_capacity(length)?;
    }
    let trailers = body.trailers().await?.context("an answer without trailers")?;
    ensure!(trailers.get("grpc-status").is_some_and(|status| status == "0"), "not OK: {trailers:?}");
    Ok(())
}
