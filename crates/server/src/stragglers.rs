//! Who is left, by name: what an operator reads when a drain does not end.

use crate::app::METHODS;
use crate::clock;
use crate::shared::Shared;
use crate::table::{Order, RequestCell, Row};
use lameduck_lifecycle::{ConnectionState, Protocol, Straggler, StragglerKind, WaitsFor};
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
        WaitsFor::Handler
    } else if row.orders.read().has(Order::UPGRADED) {
        WaitsFor::Upgraded
    } else if row.activity.unsent() {
        WaitsFor::ClientRead
    } else {
        WaitsFor::ResponseBody
    };
    Straggler {
        what: StragglerKind::Request,
        name: format!("#{} {} {method} {path}", row.id, row.peer),
        protocol: Some(row.protocol()),
        kind: Some(kind),
        age_ms: age_ms(began_ns, now),
        waits_for,
        text: waits_for.sentence().to_owned(),
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
    Straggler {
        what: StragglerKind::Connection,
        name: format!("#{} {}", row.id, row.peer),
        protocol: Some(row.protocol()),
        kind: None,
        age_ms: age_ms(row.accepted_ns, now),
        waits_for,
        text: format!("{}{numbers}", waits_for.sentence()),
    }
}

fn age_ms(from_ns: u64, now_ns: u64) -> u64 {
    now_ns.saturating_sub(from_ns) / 1_000_000
}
