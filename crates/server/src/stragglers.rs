//! Who is left, by name: what an operator reads when a drain does not end.

use crate::clock;
use crate::in_flight::{self, InFlight};
use crate::shared::Shared;
use crate::table::{RequestCell, Row};
use lameduck_lifecycle::{ConnectionState, Protocol, Straggler, StragglerKind, WaitsFor};
use std::sync::Arc;
use std::time::Duration;

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
    if in_flight::has_request(row) {
        out.push(request(row, &row.request, row.activity.since_ns(), now));
    } else {
        out.push(connection(row, now));
    }
}

fn request(row: &Row, cell: &RequestCell, began_ns: u64, now: u64) -> Straggler {
    let InFlight { connection, peer, protocol, kind, method, route, age, waits_for, request_id, trace_id, .. } =
        in_flight::describe(row, cell, began_ns, now);
    let route = route.as_deref().unwrap_or("(no route)");
    let name = format!("#{connection} {peer} {method} {route}");
    Straggler {
        protocol: Some(protocol),
        kind: Some(kind),
        request_id,
        trace_id,
        ..Straggler::new(StragglerKind::Request, name, age, waits_for)
    }
}

fn connection(row: &Row, now: u64) -> Straggler {
    let unsent = row.closing.unsent_bytes();
    let waits_for = match (row.state(), row.protocol()) {
        (ConnectionState::Closing, _) if unsent == 0 => WaitsFor::ClientClose,
        (ConnectionState::Closing, _) => WaitsFor::ClientRead,
        (_, Protocol::Unknown) if !row.activity.reading().any() => WaitsFor::FirstByte,
        (_, Protocol::Unknown) => WaitsFor::Preface,
        (_, Protocol::Http2) if row.closing.go_away_ns() != 0 => WaitsFor::GoAway,
        (_, Protocol::Http1) if row.activity.unsent() => WaitsFor::ClientRead,
        (_, Protocol::Http1) if !row.activity.is_idle() => WaitsFor::RequestHead,
        _ => WaitsFor::NextRequest,
    };
    let numbers = if waits_for == WaitsFor::ClientRead && unsent > 0 {
        format!(" ({unsent} bytes unsent)")
    } else {
        String::new()
    };
    let age = Duration::from_nanos(now.saturating_sub(row.accepted_ns));
    Straggler {
        protocol: Some(row.protocol()),
        text: format!("{}{numbers}", waits_for.sentence()),
        ..Straggler::new(StragglerKind::Connection, format!("#{} {}", row.id, row.peer), age, waits_for)
    }
}
