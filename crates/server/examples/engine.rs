//! The engine alone, for measurements: `engine [PORT]` serves `GET /ping`, prints `ready ADDRESS`, and drains at
//! SIGTERM.

use axum::Json;
use axum::routing::get;
use lameduck_server::{App, Bound, Options, Server};
use std::io::Write as _;
use std::time::Duration;

#[derive(serde::Serialize)]
struct Pong {
    message: &'static str,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::args().nth(1).as_deref().unwrap_or("0").parse()?;
    let server = Server::new(Options::default());
    let large = "x".repeat(64 << 10);
    let full = std::env::var_os("ENGINE_FULL").is_some();
    let app = if full { App::new().json_errors().request_ids().request_limits() } else { App::new() };
    let app = app
        .route("/ping", get(|| async { Json(Pong { message: "pong" }) }))
        .route("/big", get(move || std::future::ready(large.clone())))
        .route(
            "/slow",
            get(|| async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                "slow"
            }),
        );
    let address = server.serve(Bound::bind(([127, 0, 0, 1], port).into())?, app)?;
    writeln!(std::io::stdout(), "ready {address}")?;

    ended().await?;
    server.drain(None);
    server.drained().await;
    let numbers = server.snapshot();
    writeln!(std::io::stdout(), "{}", numbers.ledger.sentence())?;
    Ok(numbers.ledger.check()?)
}

#[cfg(unix)]
async fn ended() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    signal(SignalKind::terminate())?.recv().await;
    Ok(())
}

#[cfg(not(unix))]
async fn ended() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
