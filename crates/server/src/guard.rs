//! The request guard: from the parsed head to the last byte handed over. Whatever happens to the request happens to its
//! guard, and its `Drop` writes exactly one end into the ledger.

use crate::admission::{CROWDED, DRAINING, FORCED, LEAVING};
use crate::app::{METHODS, UNMATCHED, method_of};
use crate::cells::shard;
use crate::clock;
use crate::observer::{Began, Ended, NO_RESPONSE, Record, Scopes};
use crate::request_info::Connection;
use crate::service::grpc;
use crate::table::{EndsWithSocket, Order, Row, Stream};
use http::{HeaderValue, StatusCode};
use lameduck_lifecycle::{End, Kind, Outcome, Protocol};
use std::sync::Arc;
use std::time::Duration;

/// One request.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) row: Arc<Row>,
    /// HTTP/2: its own cell, and where it is kept.
    pub(crate) stream: Option<(Arc<Stream>, usize)>,
    began_ns: u64,
    route: u16,
    method: u8,
    status: u16,
    protocol: Protocol,
    kind: Kind,
    after_signal: bool,
    has_body: bool,
    /// Whether it is in the ledger: a probe is not.
    counted: bool,
    /// How it ends once it was handed over.
    intent: End,
    /// It was handed over.
    done: bool,
    /// Kept only if an observer may be told of it.
    pub(crate) id: Option<HeaderValue>,
    /// gRPC: how the call ended.
    grpc_status: Option<u16>,
    /// What the observers keep for this request.
    pub(crate) scopes: Option<Scopes>,
}

/// The method whose success hands the socket over.
const CONNECT: u8 = 7;
const _: () = assert!(matches!(METHODS[CONNECT as usize].as_bytes(), b"CONNECT"));

/// What a request is known to be when it begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begin {
    pub(crate) protocol: Protocol,
    pub(crate) kind: Kind,
    pub(crate) route: u16,
    pub(crate) method: u8,
    pub(crate) has_body: bool,
}

impl Guard {
    /// Registers the request, then looks whether it may be served: false = too many are in flight.
    #[inline]
    pub(crate) fn begin(row: &Arc<Row>, begin: Begin) -> (Self, bool) {
        let Begin { protocol, kind, route, method, has_body } = begin;
        let shared = &row.shared;
        let now = clock::now_ns();
        let http1 = protocol == Protocol::Http1;
        let known = row.routes.route(route);
        if known.counted {
            shared.ledger.begin(protocol, kind);
        }
        let state = shared.admission.after_registering();
        let silence_ns = row.activity.begin_request(now);
        if http1 && let Some(silence_ns) = silence_ns {
            shared.silences.record_event(shard(), silence_ns / 1000);
        }

        let due = now.saturating_add(known.request_timeout_ns);
        let stream = if http1 {
            row.request.begin(due, route, method, kind);
            None
        } else {
            Some(new_stream(row, now, (due, route, method, kind)))
        };

        let after_signal = state & LEAVING != 0;
        if after_signal && known.counted {
            late(row, now);
        }
        let admitted = state & CROWDED == 0 || !known.counted || fits(row);
        let guard = Self {
            row: row.clone(),
            stream,
            began_ns: now,
            route,
            method,
            status: 0,
            protocol,
            kind,
            after_signal,
            has_body,
            counted: known.counted,
            intent: End::Answered,
            done: false,
            id: None,
            grpc_status: None,
            scopes: None,
        };
        (guard, admitted)
    }

    /// The request's cell.
    #[inline]
    pub(crate) fn cell(&self) -> &crate::table::RequestCell {
        self.stream.as_ref().map_or(&self.row.request, |(stream, _)| &stream.request)
    }

    /// What handlers can know of its connection.
    #[inline]
    pub(crate) fn connection(&self) -> Connection {
        Connection::new(self.row.clone(), self.stream.as_ref().map(|(stream, _)| stream.clone()), self.began_ns)
    }

    /// Tells the observers that it has begun.
    pub(crate) fn began(&mut self, parts: &mut http::request::Parts) {
        if !self.counted {
            return;
        }
        let row = &*self.row;
        let path = &row.routes.route(self.route).path;
        let time_left = self.cell().time_left(self.began_ns);
        self.scopes = row.shared.watch.began(Began {
            parts,
            route: (!path.is_empty()).then_some(&**path),
            request_id: self.id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or(""),
            listener: row.routes.listener.name,
            peer: row.peer,
            protocol: self.protocol,
            kind: self.kind,
            leaving: self.after_signal,
            time_left,
        });
        let trace_id = self.scopes.as_ref().and_then(Scopes::trace_id);
        self.cell().set_ids(self.id.as_ref().map_or(b"", HeaderValue::as_bytes), trace_id);
    }

    /// The response head goes out.
    #[inline]
    pub(crate) fn answered(&mut self, status: StatusCode) {
        self.status = status.as_u16();
        self.cell().answer();
    }

    /// Whether it is a gRPC call.
    #[inline]
    pub(crate) fn is_call(&self) -> bool {
        self.kind == Kind::Grpc
    }

    /// The client waits so long from now on, for all of the response.
    pub(crate) fn set_deadline(&self, timeout: Duration) {
        self.cell().set_deadline(self.began_ns.saturating_add(clock::ns(timeout)).max(1));
    }

    /// gRPC: a head or trailers have the status.
    pub(crate) fn grpc_ended(&mut self, status: Option<u16>) {
        self.grpc_status = status.or(self.grpc_status);
    }

    /// Whether the client's deadline has passed while the response is on its way.
    #[inline]
    pub(crate) fn is_past_deadline(&self) -> bool {
        let Some((stream, _)) = &self.stream else { return false };
        stream.orders.read().has(Order::TIMEOUT) && stream.request.is_late(clock::now_ns())
    }

    /// Only the response tells what it is.
    pub(crate) fn set_kind(&mut self, kind: Kind) {
        if kind != self.kind && self.counted {
            self.row.shared.ledger.moved(self.protocol, self.kind, kind);
            self.kind = kind;
            self.cell().set_kind(kind);
        }
    }

    /// Whether hyper hands the socket over behind a response with this status. (An HTTP/2 stream keeps its connection:
    /// its request ends with the response head.)
    #[inline]
    pub(crate) fn upgrades(&self, status: StatusCode) -> bool {
        self.stream.is_none()
            && (status == StatusCode::SWITCHING_PROTOCOLS || self.method == CONNECT && status.is_success())
    }

    /// It will end as this, not as an answer.
    pub(crate) fn set_intent(&mut self, intent: End) {
        self.intent = intent;
    }

    /// The client's deadline has passed. False: that was known already.
    pub(crate) fn time_out(&mut self) -> bool {
        let first = self.intent == End::Answered;
        self.intent = End::TimedOut;
        self.grpc_status = Some(grpc::DEADLINE_EXCEEDED);
        first
    }

    /// Everything was handed over.
    #[inline]
    pub(crate) fn handed_over(&mut self) {
        self.done = true;
    }

    /// The number of its route, as far as it is known.
    #[inline]
    pub(crate) fn route(&self) -> u16 {
        if self.route == UNMATCHED && self.row.routes.has_foreign() { self.cell().what().0 } else { self.route }
    }

    /// Nanoseconds of the clock when it began.
    pub(crate) fn began_ns(&self) -> u64 {
        self.began_ns
    }

    /// The status of a call; one that has ended without has what its client makes of that.
    fn call_status(&self, end: End) -> u16 {
        self.grpc_status.unwrap_or(match end {
            End::ClientGone => grpc::CANCELLED,
            End::Aborted => grpc::UNAVAILABLE,
            End::TimedOut => grpc::DEADLINE_EXCEEDED,
            End::Answered | End::Failed | End::Rejected => grpc::UNKNOWN,
        })
    }

    fn end(&self, state: u32) -> End {
        if self.done && self.is_call() && self.grpc_status.is_none() && self.intent == End::Answered {
            // A client makes an error of a stream that ends without a status.
            End::Failed
        } else if self.done || self.intent != End::Answered {
            self.intent
        } else if state & FORCED != 0 || self.row.is_cut() {
            End::Aborted
        } else if std::thread::panicking() {
            End::Failed
        } else {
            End::ClientGone
        }
    }
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        let row = &*self.row;
        let shared = &row.shared;
        let now = clock::now_ns();
        let state = shared.admission.now();
        let end = self.end(state);
        let outcome = end.outcome(self.after_signal, state & LEAVING != 0);

        let route = self.route();
        if self.is_call() && self.counted {
            let series = &row.routes.route(route).series;
            series.observe_call(self.call_status(end), now.saturating_sub(self.began_ns));
        } else if self.status != 0 && self.counted {
            let series = &row.routes.route(route).series;
            series.observe(usize::from(self.method), self.status, now.saturating_sub(self.began_ns));
        }
        row.activity.end_request(now, self.has_body);
        if self.counted {
            shared.ledger.end(self.protocol, self.kind, outcome);
        }

        if let Some((_, key)) = &self.stream {
            row.remove_stream(*key);
        }
        let severity = match (end, self.grpc_status) {
            (End::Answered, Some(status)) => grpc::severity(status),
            (End::Answered, None) => self.status,
            _ if self.status >= 500 => self.status,
            _ => NO_RESPONSE,
        };
        let ended = Ended { severity, duration_ns: now.saturating_sub(self.began_ns) };
        if self.scopes.is_some() || self.counted && shared.watch.wants(severity, ended.duration_ns) {
            let scopes = self.scopes.take();
            tell_observers(self, scopes, outcome, ended);
        }
        // Not the state from above: a drain that began since then has counted this request, and waits for its end.
        if shared.admission.after_registering() & (DRAINING | FORCED) != 0 {
            shared.look_whether_drained();
        }
    }
}

impl EndsWithSocket for Guard {
    fn ended(mut self: Box<Self>, cut: bool) {
        if !cut {
            self.handed_over();
        }
    }
}

fn new_stream(row: &Row, began_ns: u64, cell: (u64, u16, u8, Kind)) -> (Arc<Stream>, usize) {
    let (due_ns, route, method, kind) = cell;
    let stream = Arc::new(Stream::new(began_ns));
    stream.request.begin(due_ns, route, method, kind);
    let key = row.add_stream(stream.clone());
    (stream, key)
}

#[cold]
fn late(row: &Row, now_ns: u64) {
    row.shared.late_arrivals.observe(now_ns.saturating_sub(row.shared.admission.left_ns()));
}

/// The caller has registered: it counts itself.
#[cold]
fn fits(row: &Row) -> bool {
    row.shared.ledger.open() <= row.shared.options.limits.requests_in_flight as u64
}

#[cold]
fn tell_observers(guard: &Guard, scopes: Option<Scopes>, outcome: Outcome, ended: Ended) {
    let row = &*guard.row;
    let path = &row.routes.route(guard.route()).path;
    let record = Record {
        method: &method_of(guard.method),
        route: (!path.is_empty()).then_some(&**path),
        status: StatusCode::from_u16(guard.status).ok(),
        grpc_status: guard.grpc_status,
        duration: Duration::from_nanos(ended.duration_ns),
        request_id: guard.id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or(""),
        listener: row.routes.listener.name,
        peer: row.peer,
        protocol: guard.protocol,
        kind: guard.kind,
        outcome,
    };
    row.shared.watch.ended(scopes, ended, &record);
}
