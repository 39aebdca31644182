//! The admin port's own small accept loop, with its own small limits. The newest connection always gets in: a probe
//! must not be shut out by somebody who holds connections open.

use axum::Router;
use axum::extract::ConnectInfo;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use lameduck_server::Reserve;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use tower::ServiceExt;

/// Connections at once; the oldest gives way.
const CONNECTIONS_MAX: usize = 64;

/// From the last answer, or the accept, to the end of the next request's head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// After an accept that failed.
const PAUSE: Duration = Duration::from_millis(50);

/// At most one log line about that in this time.
const LOG_EVERY: Duration = Duration::from_secs(1);

/// Descriptors kept for when the process has none left.
const RESERVED_DESCRIPTORS: usize = 2;

/// Serves for ever. To be dropped with its runtime.
pub(crate) async fn serve(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    let mut by_age: VecDeque<AbortHandle> = VecDeque::new();
    let mut reserve = Reserve::new(RESERVED_DESCRIPTORS);
    let mut logged = None;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => {
                by_age.retain(|connection| !connection.is_finished());
                continue;
            }
        };
        match accepted {
            Ok((stream, peer)) => {
                // A dual-stack socket shows IPv4 clients as IPv6 ones.
                let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                reserve.fill(RESERVED_DESCRIPTORS);
                if by_age.len() >= CONNECTIONS_MAX
                    && let Some(oldest) = by_age.pop_front()
                {
                    oldest.abort();
                }
                by_age.push_back(connections.spawn(connection(stream, peer, router.clone())));
            }
            // The process has used up its descriptors, and a probe must still be answered: one of the reserve, then
            // those of the oldest connections here.
            Err(_) if reserve.give_back_one() => {}
            Err(error) => {
                if let Some(oldest) = by_age.pop_front() {
                    oldest.abort();
                }
                if logged.is_none_or(|at: Instant| at.elapsed() >= LOG_EVERY) {
                    logged = Some(Instant::now());
                    tracing::warn!(%error, "the admin port cannot accept: {error}");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, router: Router) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request.map(axum::body::Body::new))
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%peer, %error, "admin connection of {peer}: {error}");
    }
}
