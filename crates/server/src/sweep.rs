//! The sweep: one pass over the table each 250 ms decides every timeout. Nothing is armed on the hot path.

mod judge;

use crate::admission::{DRAINING, FORCED};
use crate::clock;
use crate::shared::Shared;
use crate::table::{Order, Row};
use judge::{Due, View, judge};
use std::sync::Weak;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// Between passes: the accuracy of every timeout.
const EVERY: Duration = Duration::from_millis(250);

/// Sweeps until the drain, which does it from then on.
pub(crate) async fn run(shared: Weak<Shared>) {
    let Some(mut phase) = shared.upgrade().map(|shared| shared.phase.subscribe()) else { return };
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = phase.changed() => {}
            _ = ticks.tick() => {}
        }
        let Some(shared) = shared.upgrade() else { return };
        if shared.admission.after_registering() & (DRAINING | FORCED) != 0 {
            return;
        }
        pass(&shared);
    }
}

/// One look at every connection.
pub(crate) fn pass(shared: &Shared) {
    let now = clock::now_ns();
    shared.arrivals.sample(now);
    shared.table.each(|row| {
        carry_out(row, judge(&View::of(row, now), &shared.options), now);
        end_late_requests(row, now);
        if row.is_in_doubt() {
            row.orders.give(Order::CHECK);
        }
    });
}

fn carry_out(row: &Row, due: Due, now: u64) {
    match due {
        Due::Nothing => {}
        Due::HeadBegun => row.activity.see_head(now),
        Due::HeadEnded => row.activity.forget_head(),
        Due::Close(reason) => row.close_if_idle(reason, 0.0),
        Due::Announce => row.orders.note(Order::AGED),
        Due::GoAway(reason) => {
            row.closing.set_reason(reason);
            row.go_away(now);
        }
        Due::Kill(reason) => row.kill(reason),
    }
}

/// Requests that should have been answered by now, or whose response the client does not take: an HTTP/1 connection has
/// one, an HTTP/2 connection one for each stream.
fn end_late_requests(row: &Row, now: u64) {
    if row.activity.in_flight() == 0 {
        return;
    }
    if row.request.is_late(now) {
        row.orders.give(Order::TIMEOUT);
    }
    row.each_stream(|stream| {
        if stream.request.is_late(now) {
            stream.orders.give(Order::TIMEOUT);
        }
        if stream.is_stalled(now, row.shared.options.limits.write_stall) {
            stream.orders.give(Order::KILL);
        }
    });
}
