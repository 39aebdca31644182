//! Polls hyper's connection, and reads one word first: the orders of this connection. No `select!`, no timer.

use super::Io;
use super::streams::StreamExecutor;
use crate::service::Service;
use crate::table::{Order, Row};
use hyper::server::conn::{http1::UpgradeableConnection, http2};
use lameduck_lifecycle::CloseReason;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// How a connection's future ended.
pub(super) enum Ended {
    /// It was ordered to end now.
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
    /// Nothing: HTTP/1 clients are notified in the response head. hyper's own graceful shutdown would close it without
    /// a look.
    fn go_away(self: Pin<&mut Self>) {}
}

impl Leave for http2::Connection<Io, Service, StreamExecutor> {
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
            this.row.orders.register(cx.waker());
            this.registered = true;
        }
        let orders = this.row.orders.read();
        if orders.has(Order::KILL.or(Order::GO_AWAY)) {
            if orders.has(Order::KILL) {
                return Poll::Ready(Ended::Killed);
            }
            if !this.gone_away {
                this.gone_away = true;
                Pin::new(&mut *this.connection).go_away();
            }
        }
        let polled = Pin::new(&mut *this.connection).poll(cx);
        this.row.activity.settle_body();
        Poll::Ready(Ended::Finished(ready!(polled)))
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
