//! The servers that are measured, each in a process of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use lameduck_server::{App, Bound, IdleHold, Options, Server};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::child::{say, until};
use crate::{process, routes, serve_grpc};

/// What stands around the routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stack {
    /// `axum::serve` with graceful shutdown.
    Bare,
    /// The engine's server, route by route.
    Engine,
    /// The engine's server around a ready-made router.
    Wrapped,
    /// tonic's own server.
    Tonic,
    /// The engine, with gRPC.
    Grpc,
}

/// Serves until SIGTERM, leaves gracefully, and says how much memory it took.
pub(crate) fn serve(stack: Stack, port: u16) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start a runtime")?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    runtime.block_on(async {
        let mut term = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
        let (leave, leaving) = watch::channel(false);
        tokio::spawn(async move {
            term.recv().await;
            leave.send_replace(true);
        });
        match stack {
            Stack::Bare => bare(address, leaving).await,
            Stack::Engine => engine(address, leaving, by_route).await,
            Stack::Tonic => serve_grpc::tonic(address, leaving).await,
            Stack::Grpc => serve_grpc::engine(address, leaving).await,
            Stack::Wrapped => engine(address, leaving, |leaving| routes::router(leaving).into()).await,
        }
    })?;
    say(&format!("peak_kib {}", process::own_peak_kib()?))
}

async fn bare(address: SocketAddr, leaving: watch::Receiver<bool>) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind(address).await.context("bind")?;
    say(&format!("listening {}", listener.local_addr()?))?;
    let routes = routes::router(leaving.clone());
    axum::serve(listener, routes).with_graceful_shutdown(until(leaving)).await.context("serve")
}

fn by_route(leaving: watch::Receiver<bool>) -> App {
    routes::routes(leaving).into_iter().fold(App::new(), |app, (path, method)| app.route(path, method))
}

async fn engine(
    address: SocketAddr,
    leaving: watch::Receiver<bool>,
    app: impl FnOnce(watch::Receiver<bool>) -> App,
) -> anyhow::Result<()> {
    let mut options = Options { idle_hold: IdleHold::For(Duration::ZERO), ..Options::default() };
    // The crowd has more in flight than the default lets in.
    options.limits.requests_in_flight = options.limits.connections;
    let server = Server::new(options);
    let address = server.serve(Bound::bind(address)?, app(leaving.clone())).context("listen")?;
    say(&format!("listening {address}"))?;
    until(leaving).await;
    server.lame_duck();
    server.drain(None);
    server.drained().await;
    Ok(())
}
