//! Who is left, by name: what an operator reads when a drain does not end.

use crate::app::METHODS;
use crate::clock;
use crate::shared::Shared;
use crate::table::{Order, RequestCell, Row};
use lameduck_lifecycle::{ConnectionState, Protocol, Straggler};
use std::sync::Arc;

/// Requests and connections that are left, oldest first, at most `most`.
pub(crate) fn list(shared: &Shared, most: usize) -> Vec<Straggler> {
    let now = clock::now_ns();
    let mut rows: Vec<Arc<Row>> = Vec::new();
    shared.table.each(|row| rows.push(row.clone()));
    rows.sort_unstable_by_key(|row| row.accepted_ns);
    rows.truncate(most);
    let mut stragglers = Vec::new();
    for row in &rows {
        describe(row, now, most, &mut stragglers);
    }
    stragglers.sort_by_key(|straggler| std::cmp::Reverse(straggler.age_ms));
    stragglers.truncate(most);
    stragglers
}

fn describe(row: &Row, now: u64, most: usize, out: &mut Vec<Straggler>) {
    let mut streams = 0;
    row.each_stream(|stream| {
        streams += 1;
        if streams <= most {
            out.push(request(row, &stream.request, stream.began_ns, now));
        }
    });
    if streams > 0 {
        return;
    }
    if row.protocol() == Protocol::Http1 && row.activity.in_flight() > 0 {
        out.push(request(row, &row.request, row.activity.since_ns(), now));
    } else {
        out.push(connection(row, now));
    }
}

fn request(row: &Row, cell: &RequestCell, began_ns: u64, now: u64) -> Straggler {
    let (route, method, kind) = cell.what();
    let path = &row.routes.route(route).path;
    let path = if path.is_empty() { "(no route)" } else { path };
    let method = METHODS.get(usize::from(method)).copied().unwrap_or("_OTHER");
    let waits_for = if !cell.is_answered() {
        "the handler has not answered"
    } else if row.orders.read().has(Order::UPGRADED) {
        "the upgraded connection is open"
    } else if row.activity.unsent() {
        "the peer does not read"
    } else {
        "the response body has no end yet"
    };
    Straggler {
        what: "request",
        name: format!("#{} {} {method} {path}", row.id, row.peer),
        protocol: Some(row.protocol()),
        kind: Some(kind),
        age_ms: age_ms(began_ns, now),
        waits_for: waits_for.to_owned(),
    }
}

fn connection(row: &Row, now: u64) -> Straggler {
    let waits_for = match (row.state(), row.protocol()) {
        (ConnectionState::Closing, _) => match row.closing.unsent_bytes() {
            0 => "the peer has not closed its side".to_owned(),
            unsent => format!("the peer does not read ({unsent} bytes unsent)"),
        },
        (_, Protocol::Unknown) if !row.activity.reading().any() => "the peer has sent nothing".to_owned(),
        (_, Protocol::Unknown) => "the peer has not finished its HTTP/2 preface".to_owned(),
        (_, Protocol::Http2) if row.closing.go_away_ns() != 0 => "the peer has not answered GOAWAY".to_owned(),
        (_, Protocol::Http1) if row.activity.unsent() => "the peer does not read".to_owned(),
        (_, Protocol::Http1) if !row.activity.is_idle() => "the request head is not finished".to_owned(),
        _ => "idle: held for its next request".to_owned(),
    };
    Straggler {
        what: "connection",
        name: format!("#{} {}", row.id, row.peer),
        protocol: Some(row.protocol()),
        kind: None,
        age_ms: age_ms(row.accepted_ns, now),
        waits_for,
    }
}

fn age_ms(from_ns: u64, now_ns: u64) -> u64 {
    now_ns.saturating_sub(from_ns) / 1_000_000
}
