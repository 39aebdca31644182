//! Polls hyper's connection, and reads one word first: what others have told this connection. No `select!`, no timer.

use super::Io;
use crate::service::Service;
use crate::table::{Row, Told};
use hyper::server::conn::{http1::UpgradeableConnection, http2};
use hyper_util::rt::TokioExecutor;
use lameduck_lifecycle::CloseReason;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::task::{Context, Poll, ready};

/// How a connection's future ended.
pub(super) enum Ended {
    /// Somebody told it to end now.
    Killed,
    /// By itself.
    Finished(hyper::Result<()>),
}

/// A connection that can be asked to leave.
pub(super) trait Leave: Future<Output = hyper::Result<()>> + Unpin {
    /// Sends GOAWAY, where there is such a thing.
    fn go_away(self: Pin<&mut Self>);
}

impl Leave for UpgradeableConnection<Io, Service> {
    /// Nothing: HTTP/1 is told in the response head. hyper's own graceful shutdown would close it without a look.
    fn go_away(self: Pin<&mut Self>) {}
}

impl Leave for http2::Connection<Io, Service, TokioExecutor> {
    fn go_away(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Drives a connection.
pub(super) struct Drive<'a, C> {
    connection: &'a mut C,
    row: &'a Row,
    registered: bool,
    gone_away: bool,
}

impl<'a, C> Drive<'a, C> {
    pub(super) fn new(connection: &'a mut C, row: &'a Row) -> Self {
        Self { connection, row, registered: false, gone_away: false }
    }
}

impl<C: Leave> Future for Drive<'_, C> {
    type Output = Ended;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        let this = &mut *self;
        if !this.registered {
            // Once: tokio polls a spawned task with the same waker for life.
            this.row.waker.register(cx.waker());
            this.registered = true;
        }
        let told = this.row.told();
        if told.has(Told::KILL.or(Told::GO_AWAY)) {
            if told.has(Told::KILL) {
                return Poll::Ready(Ended::Killed);
            }
            if !this.gone_away {
                this.gone_away = true;
                Pin::new(&mut *this.connection).go_away();
            }
        }
        let polled = Pin::new(&mut *this.connection).poll(cx);
        if this.row.body_tail.load(Relaxed) {
            settle_tail(this.row);
        }
        Poll::Ready(Ended::Finished(ready!(polled)))
    }
}

/// A handler may answer before the request's body has come; hyper then reads the rest for itself, after the end of the request. Those
/// bytes begin no new head.
#[cold]
fn settle_tail(row: &Row) {
    let bytes_in = row.bytes_in.load(Relaxed);
    if row.in_flight.load(SeqCst) == 0 && row.mark.load(Relaxed) != bytes_in {
        row.mark.store(bytes_in, Relaxed);
        row.body_tail.store(false, Relaxed);
    }
}

/// Why hyper gave up a connection. What its transport had to say, the IO has said before.
pub(super) fn reason_of(error: &hyper::Error) -> CloseReason {
    if error.is_parse() {
        CloseReason::ParseError
    } else if error.is_incomplete_message() || error.is_canceled() {
        CloseReason::PeerClosed
    } else if error.is_timeout() {
        CloseReason::KeepAliveTimeout
    } else {
        CloseReason::ProtocolError
    }
}
