//! What the server is told: limits, ways of closing, HTTP/2, the access log. Plain values; their meaning is the
//! contract's.

use crate::hold::IdleHold;
use crate::observer::Observers;
use std::time::Duration;

/// Everything a [`Server`](crate::Server) is told. `Default` = the defaults of the contract.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bounds on connections, requests and their parts.
    pub limits: Limits,
    /// How connections are closed while leaving; each part can be switched off, as the control of a test.
    pub closings: Closings,
    /// How long idle HTTP/1 connections are kept once Draining has begun.
    pub idle_hold: IdleHold,
    /// Over how long the goodbyes of WebSockets and server-sent events are spread once Draining has begun.
    pub goodbye: Duration,
    /// HTTP/2.
    pub http2: Http2Options,
    /// What sees requests begin and end.
    pub observers: Observers,
    /// For tests.
    #[doc(hidden)]
    pub seams: Seams,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            closings: Closings::default(),
            idle_hold: IdleHold::default(),
            goodbye: Duration::from_secs(5),
            http2: Http2Options::default(),
            observers: Observers::none(),
            seams: Seams::default(),
        }
    }
}

/// A limit on everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open connections; further ones wait in the accept queue.
    pub connections: usize,
    /// Requests in flight; further ones are answered with 503 and `Retry-After`.
    pub requests_in_flight: usize,
    /// From the first byte of a request head (or HTTP/2 preface) to its last.
    pub header_timeout: Duration,
    /// From accept to the first byte.
    pub first_byte_timeout: Duration,
    /// Between requests. Each connection's own differs by up to 10 %, so that they do not end together.
    pub idle_timeout: Duration,
    /// From the request head to the response head; not for upgrades. For apps with
    /// [`App::request_limits`](crate::App::request_limits); a route may have its own.
    pub request_timeout: Duration,
    /// Bytes of a request body. For the same apps; a route may have its own.
    pub body_bytes: usize,
    /// How long a peer may take nothing of a response, before the connection (or the stream) ends and the request as
    /// `client_gone`. Zero: without a bound.
    pub write_stall: Duration,
    /// How old a connection gets, up to 10 % more or less, before its client is notified that it should leave. Zero:
    /// any age.
    pub connection_age: Duration,
    /// How long after that notice the connection may live on.
    pub connection_age_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            requests_in_flight: 4096,
            header_timeout: Duration::from_secs(10),
            first_byte_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            request_timeout: Duration::from_secs(30),
            body_bytes: 1 << 20,
            write_stall: Duration::from_secs(30),
            connection_age: Duration::ZERO,
            connection_age_grace: Duration::from_secs(30),
        }
    }
}

/// The parts of leaving without a race. All on, but for the control of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closings {
    /// Clients are told to leave: `Connection: close`, GOAWAY.
    pub notice: bool,
    /// Idle connections are kept until closing them is expected to lose next to nothing. Off: closed at once.
    pub hold: bool,
    /// Before a close, look whether the kernel holds bytes of a request that nobody has read.
    pub look: bool,
    /// Half-close, then wait for the peer. Off: plain close.
    pub linger: bool,
    /// Serve what waits in the accept queue before the listener closes. Off: dropped.
    pub flush: bool,
}

impl Default for Closings {
    fn default() -> Self {
        Self { notice: true, hold: true, look: true, linger: true, flush: true }
    }
}

/// How long a close waits for the peer's own.
pub(crate) const LINGER: Duration = Duration::from_millis(500);

/// Places where a test reaches in. Not for configuration: nothing here is a choice of an operator.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seams {
    /// The thread is off the processor for so long between the last look into the accept queue and the close of the
    /// listener.
    pub accept_gap: Duration,
    /// New handshakes are turned away before the last accepts, where the system can. Off: the control.
    pub syn_filter: bool,
    /// How long a close waits for the peer's own, here: a test whose client must speak behind a close gives it time.
    pub linger: Duration,
    /// What a connection that never sent anything gets once Draining has begun.
    pub first_byte_in_drain: Duration,
}

impl Default for Seams {
    fn default() -> Self {
        Self {
            accept_gap: Duration::ZERO,
            syn_filter: true,
            linger: LINGER,
            first_byte_in_drain: Duration::from_secs(1),
        }
    }
}

/// HTTP/2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http2Options {
    /// Between PINGs on a silent connection.
    pub keep_alive_interval: Duration,
    /// How long a PING may go unanswered. Also bounds how long a connection without streams may hold a drain.
    pub keep_alive_timeout: Duration,
    /// Streams of one connection at once.
    pub max_concurrent_streams: u32,
    /// Bytes of a decoded header list.
    pub max_header_list_bytes: u32,
}

impl Default for Http2Options {
    fn default() -> Self {
        Self {
            keep_alive_interval: Duration::from_secs(20),
            keep_alive_timeout: Duration::from_secs(5),
            max_concurrent_streams: 250,
            max_header_list_bytes: 32 << 10,
        }
    }
}
