//! A peer to compare with: a bare `axum::serve` with its own graceful shutdown. `axum_peer HOST:PORT`

use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

async fn serve() -> std::io::Result<()> {
    let mut term = signal(SignalKind::terminate())?;
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let slow = get(|| async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        "pong"
    });
    let app = Router::new().route("/", get(|| async { "pong" })).route("/slow", slow);
    let listener = TcpListener::bind(address).await?;
    let leaving = async move {
        term.recv().await;
    };
    axum::serve(listener, app).with_graceful_shutdown(leaving).await
}
