//! What is due for one connection: pure, from numbers to a decision.

use crate::clock;
use crate::options::Options;
use crate::table::{Order, Row};
use lameduck_lifecycle::{CloseReason, Protocol};
use lameduck_support::hash;
use std::time::Duration;

/// What an unfinished TLS handshake gets once Draining has begun: its client has sent nothing yet, and may try
/// elsewhere.
const HANDSHAKE_IN_DRAIN: Duration = Duration::from_secs(2);

/// The spread of the idle time-out: clients that came together must not be sent away together.
const JITTER_PERCENT: u64 = 10;

/// One connection at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub(super) id: u64,
    pub(super) protocol: Protocol,
    pub(super) now_ns: u64,
    /// 0 = not draining.
    pub(super) drained_ns: u64,
    pub(super) accepted_ns: u64,
    pub(super) since_ns: u64,
    /// 0 = no head has been seen to begin.
    pub(super) head_seen_ns: u64,
    /// 0 = GOAWAY was not sent.
    pub(super) go_away_ns: u64,
    pub(super) in_flight: u32,
    pub(super) requests: u32,
    /// A TLS handshake is under way.
    pub(super) handshake: bool,
    /// The peer has sent a byte.
    pub(super) spoken: bool,
    /// Part of a head has come, or a request is under way.
    pub(super) begun: bool,
    pub(super) unsent: bool,
    /// Its age has been announced.
    pub(super) aged: bool,
    /// Its end has been decided, or is not ours to decide.
    pub(super) settled: bool,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// The first bytes of a head are there: its time runs.
    HeadBegun,
    /// The head that was seen to begin has become a request.
    HeadEnded,
    /// Close, if a look shows that nothing is under way.
    Close(CloseReason),
    /// The next response says that the connection ends.
    Announce,
    /// HTTP/2: say so, and end when the streams have ended.
    GoAway(CloseReason),
    /// End now.
    Kill(CloseReason),
}

impl View {
    pub(super) fn of(row: &Row, now_ns: u64) -> Self {
        // The count first: the end of a request stores everything else before it.
        let in_flight = row.activity.in_flight();
        Self {
            id: row.id,
            protocol: row.protocol(),
            now_ns,
            drained_ns: row.shared.admission.drained_ns(),
            accepted_ns: row.accepted_ns,
            since_ns: row.activity.since_ns(),
            head_seen_ns: row.activity.head_seen_ns(),
            go_away_ns: row.closing.go_away_ns(),
            in_flight,
            requests: row.activity.requests(),
            handshake: row.activity.shakes_hands(),
            spoken: row.activity.reading().any(),
            begun: row.activity.reading().begun(),
            unsent: row.activity.unsent(),
            aged: row.orders.read().has(Order::AGED),
            settled: row.is_settled(),
        }
    }

    /// Whether `bound` has passed since `from_ns`.
    fn past(&self, from_ns: u64, bound: Duration) -> bool {
        self.now_ns.saturating_sub(from_ns) >= clock::ns(bound)
    }
}

/// Decides.
pub(super) fn judge(view: &View, options: &Options) -> Due {
    if view.settled {
        return Due::Nothing;
    }
    let due = match view.protocol {
        Protocol::Unknown => unknown(view, options),
        Protocol::Http1 => http1(view, options),
        Protocol::Http2 => http2(view, options),
    };
    if due == Due::Nothing { aged(view, options) } else { due }
}

/// A connection may get only so old; a drain has ways of its own.
fn aged(view: &View, options: &Options) -> Due {
    let age = options.limits.connection_age;
    if age.is_zero() || view.drained_ns != 0 || view.protocol == Protocol::Unknown {
        return Due::Nothing;
    }
    let age = jittered(age, view.id);
    if !view.past(view.accepted_ns, age) {
        return Due::Nothing;
    }
    let over = view.past(view.accepted_ns, age.saturating_add(options.limits.connection_age_grace));
    let busy = view.in_flight > 0 || view.unsent || view.begun;
    match view.protocol {
        Protocol::Http2 if view.go_away_ns == 0 => Due::GoAway(CloseReason::ConnectionAge),
        Protocol::Http1 if !over && !view.aged => Due::Announce,
        Protocol::Http1 | Protocol::Http2 if over && busy => Due::Kill(CloseReason::ConnectionAge),
        Protocol::Http1 if over => Due::Close(CloseReason::ConnectionAge),
        Protocol::Unknown | Protocol::Http1 | Protocol::Http2 => Due::Nothing,
    }
}

/// Silent, or half a preface.
fn unknown(view: &View, options: &Options) -> Due {
    if view.handshake {
        let in_drain = view.drained_ns != 0 && view.past(view.drained_ns.max(view.since_ns), HANDSHAKE_IN_DRAIN);
        let due = in_drain || view.past(view.since_ns, options.limits.header_timeout);
        return if due { Due::Kill(CloseReason::HandshakeTimeout) } else { Due::Nothing };
    }
    if view.spoken {
        let due = view.past(view.since_ns, options.limits.header_timeout);
        return if due { Due::Kill(CloseReason::HeaderTimeout) } else { Due::Nothing };
    }
    let bound = options.seams.first_byte_in_drain;
    let in_drain = view.drained_ns != 0 && view.past(view.drained_ns.max(view.since_ns), bound);
    if in_drain || view.past(view.since_ns, options.limits.first_byte_timeout) {
        Due::Close(CloseReason::FirstByteTimeout)
    } else {
        Due::Nothing
    }
}

fn http1(view: &View, options: &Options) -> Due {
    if view.in_flight > 0 || view.unsent {
        return if view.head_seen_ns != 0 { Due::HeadEnded } else { Due::Nothing };
    }
    if !view.begun {
        if view.head_seen_ns != 0 {
            return Due::HeadEnded;
        }
        let due = view.past(view.since_ns, jittered(options.limits.idle_timeout, view.id));
        return if due { Due::Close(CloseReason::IdleTimeout) } else { Due::Nothing };
    }
    // Part of a head. That of the first began when the first byte came; later ones are first seen here.
    let first = view.requests == 0;
    match if first { view.since_ns } else { view.head_seen_ns } {
        0 => Due::HeadBegun,
        // Another request has come and gone since: this is a new head.
        begun if begun < view.since_ns => Due::HeadBegun,
        begun if view.past(begun, options.limits.header_timeout) => Due::Kill(CloseReason::HeaderTimeout),
        _ => Due::Nothing,
    }
}

fn http2(view: &View, options: &Options) -> Due {
    if view.in_flight > 0 {
        return Due::Nothing;
    }
    if view.go_away_ns != 0 {
        // It ends within a round trip after its last stream; only a peer that answers no PING stays.
        let silent = view.past(view.go_away_ns.max(view.since_ns), options.http2.keep_alive_timeout);
        return if silent { Due::Kill(CloseReason::KeepAliveTimeout) } else { Due::Nothing };
    }
    if view.drained_ns != 0 {
        Due::GoAway(CloseReason::Notice)
    } else if view.past(view.since_ns, jittered(options.limits.idle_timeout, view.id)) {
        Due::GoAway(CloseReason::IdleTimeout)
    } else {
        Due::Nothing
    }
}

/// `timeout`, up to 10 % more or less, the same for the same connection.
fn jittered(timeout: Duration, id: u64) -> Duration {
    let spread = 2 * JITTER_PERCENT * 10;
    let thrown = (hash::scatter(id) >> 32) % (spread + 1);
    let per_mille = 1000 - JITTER_PERCENT * 10 + thrown;
    timeout.mul_f64(per_mille as f64 / 1000.0)
}

#[cfg(test)]
mod tests;
