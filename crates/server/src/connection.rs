//! One connection, from accept to the end: negotiate the protocol, let hyper drive it, say why it ended.

mod drive;
mod io;
mod streams;

pub(crate) use io::Io;

use crate::admission::FORCED;
use crate::app::RouteTable;
use crate::clock;
use crate::options::Http2Options;
use crate::service::Service;
use crate::shared::Shared;
use crate::table::Registered;
use crate::transport::Transport;
use axum::Router;
use drive::{Drive, Ended};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioTimer;
use io::Negotiated;
use lameduck_lifecycle::{CloseReason, Protocol};
use std::net::SocketAddr;
use std::sync::Arc;
use streams::StreamExecutor;

/// The longest HTTP/1 request head: more than the longest target that the parser takes, which has an answer of its own
/// (414).
const HEAD_BYTES_MAX: usize = 128 << 10;

/// Serves one accepted connection: a row in the table first, then a look whether everything is over, then a task.
pub(crate) fn spawn(
    shared: &Arc<Shared>,
    routes: &Arc<RouteTable>,
    router: &Router,
    transport: Transport,
    peer: SocketAddr,
) {
    let registered = Registered::new(shared, routes, peer);
    if shared.admission.after_registering() & FORCED == 0 {
        tokio::spawn(run(transport, registered, router.clone()));
    }
}

/// Serves one socket until it ends, however that comes.
async fn run(transport: Transport, registered: Registered, router: Router) {
    let mut io = Io::new(transport, registered);
    let protocols = io.row().routes.listener.protocols;
    match io.negotiate().await {
        Negotiated::Http1 if !protocols.has(Protocol::Http1) => io.row().closing.set_reason(CloseReason::ProtocolError),
        Negotiated::Http2 if !protocols.has(Protocol::Http2) => io.row().closing.set_reason(CloseReason::ProtocolError),
        Negotiated::Http1 => serve_http1(io, router).await,
        // Boxed: an HTTP/1 connection must not pay for the size of an HTTP/2 one.
        Negotiated::Http2 => Box::pin(serve_http2(io, router)).await,
        Negotiated::Ended(reason) => io.row().closing.set_reason(reason),
    }
}

async fn serve_http1(mut io: Io, router: Router) {
    let row = io.row().clone();
    row.set_protocol(Protocol::Http1);
    let mut service = Service::new(router, row.clone(), Protocol::Http1);
    loop {
        let mut connection = http1_builder().serve_connection(io, service).with_upgrades();
        let ended = Drive::new(&mut connection, &row).await;
        let parts = match ended {
            Ended::Killed => return,
            Ended::Finished(_) => connection.into_parts(),
        };
        let Some(parts) = parts else {
            // The socket lives on in other hands, and so does the row: it leaves with the socket.
            row.closing.set_reason(CloseReason::Upgraded);
            return;
        };
        match parts.io.reopened(parts.read_buf) {
            Ok(reopened) => (io, service) = (reopened, parts.service),
            Err((closed, unparsed)) => {
                if let Ended::Finished(Err(error)) = &ended {
                    row.closing.set_reason(drive::reason_of(error));
                }
                return closed.ended(!unparsed.is_empty());
            }
        }
    }
}

async fn serve_http2(mut io: Io, router: Router) {
    io.speaks_http2();
    let row = io.row().clone();
    row.set_protocol(Protocol::Http2);
    let service = Service::new(router, row.clone(), Protocol::Http2);
    let mut connection = http2_builder(&row.shared.options.http2).serve_connection(io, service);
    if let Ended::Finished(result) = Drive::new(&mut connection, &row).await {
        let reason = match &result {
            Err(error) => drive::reason_of(error),
            Ok(()) if row.closing.noticed() => CloseReason::Notice,
            Ok(()) => CloseReason::PeerClosed,
        };
        row.closing.set_reason(reason);
    }
    row.activity.touch(clock::now_ns());
}

fn http1_builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    // A client that has closed its side waits for its response: the io finds out whether it is there.
    builder.max_header_size(HEAD_BYTES_MAX).half_close(true);
    builder
}

fn http2_builder(options: &Http2Options) -> http2::Builder<StreamExecutor> {
    let mut builder = http2::Builder::new(StreamExecutor);
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(options.keep_alive_interval)
        .keep_alive_timeout(options.keep_alive_timeout)
        .max_concurrent_streams(options.max_concurrent_streams)
        .max_header_list_size(options.max_header_list_bytes);
    builder
}
