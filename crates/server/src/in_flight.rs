//! The requests in flight, one by one: what an operator asks for while they run.

use crate::app::METHODS;
use crate::clock;
use crate::shared::Shared;
use crate::table::{Order, RequestCell, Row, Stream};
use lameduck_lifecycle::{Kind, Protocol, WaitsFor};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A request in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InFlight {
    /// The number of its connection: the one by which logs and `/drain` name it.
    pub connection: u64,
    /// The other end.
    pub peer: SocketAddr,
    /// The name of the listener that the connection came to.
    pub listener: &'static str,
    /// What the connection speaks.
    pub protocol: Protocol,
    /// What the request is.
    pub kind: Kind,
    /// The method, `_OTHER` for one outside the known set.
    pub method: &'static str,
    /// The pattern of the route, never the path that was asked for; `None`: no route matched, or none is known yet.
    pub route: Option<Arc<str>>,
    /// How long ago its head was complete.
    pub age: Duration,
    /// What it waits for.
    pub waits_for: WaitsFor,
    /// `x-request-id`; `None` if nothing observes requests.
    pub request_id: Option<String>,
    /// The trace that its client is shown.
    pub trace_id: Option<String>,
}

/// Where a request is found.
struct Found {
    began_ns: u64,
    row: Arc<Row>,
    stream: Option<Arc<Stream>>,
}

/// Requests in flight, oldest first, at most `most`, and how many more there are. Takes memory for twice `most`.
pub(crate) fn list(shared: &Shared, most: usize) -> (Vec<InFlight>, u64) {
    let mut found: Vec<Found> = Vec::new();
    let mut all = 0;
    let mut add = |one: Found| {
        let (route, _, _) = one.cell().what();
        if !one.row.routes.route(route).counted {
            return;
        }
        all += 1;
        found.push(one);
        if found.len() >= most.saturating_mul(2).max(16) {
            keep_oldest(&mut found, most);
        }
    };
    shared.table.each(|row| each_request(row, &mut add));
    keep_oldest(&mut found, most);
    let now = clock::now_ns();
    let listed: Vec<_> = found.iter().map(|one| describe(&one.row, one.cell(), one.began_ns, now)).collect();
    let more = all - listed.len() as u64;
    (listed, more)
}

fn keep_oldest(found: &mut Vec<Found>, most: usize) {
    found.sort_unstable_by_key(|one| one.began_ns);
    found.truncate(most);
}

fn each_request(row: &Arc<Row>, add: &mut impl FnMut(Found)) {
    let mut streams = false;
    row.each_stream(|stream| {
        streams = true;
        add(Found { began_ns: stream.began_ns, row: row.clone(), stream: Some(stream.clone()) });
    });
    if !streams && has_request(row) {
        add(Found { began_ns: row.activity.since_ns(), row: row.clone(), stream: None });
    }
}

/// Whether an HTTP/1 connection has a request in flight.
pub(crate) fn has_request(row: &Row) -> bool {
    row.protocol() == Protocol::Http1 && row.activity.in_flight() > 0
}

impl Found {
    fn cell(&self) -> &RequestCell {
        self.stream.as_ref().map_or(&self.row.request, |stream| &stream.request)
    }
}

/// What is known of the request in `cell`.
pub(crate) fn describe(row: &Row, cell: &RequestCell, began_ns: u64, now: u64) -> InFlight {
    let (route, method, kind) = cell.what();
    let path = &row.routes.route(route).path;
    let waits_for = if !cell.is_answered() {
        WaitsFor::Handler
    } else if row.orders.read().has(Order::UPGRADED) {
        WaitsFor::Upgraded
    } else if row.activity.unsent() {
        WaitsFor::ClientRead
    } else {
        WaitsFor::ResponseBody
    };
    let (request_id, trace_id) = cell.ids();
    InFlight {
        connection: row.id,
        peer: row.peer,
        listener: row.routes.listener.name,
        protocol: row.protocol(),
        kind,
        method: METHODS.get(usize::from(method)).copied().unwrap_or("_OTHER"),
        route: (!path.is_empty()).then(|| path.clone()),
        age: Duration::from_nanos(now.saturating_sub(began_ns)),
        waits_for,
        request_id,
        trace_id,
    }
}
