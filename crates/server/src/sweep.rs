//! The sweep: one pass over the table each 250 ms decides every time-out. Nothing is armed on the hot path.

mod judge;

use crate::admission::{DRAINING, FORCED};
use crate::clock;
use crate::shared::Shared;
use crate::table::{Row, Told};
use judge::{Due, View, judge};
use std::sync::Weak;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// Between passes: the accuracy of every time-out.
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
        time_out_requests(row, now);
    });
}

fn carry_out(row: &Row, due: Due, now: u64) {
    match due {
        Due::Nothing => {}
        Due::HeadBegun => row.head_seen_ns.store(now, Relaxed),
        Due::HeadEnded => row.head_seen_ns.store(0, Relaxed),
        Due::Close(reason) => row.close_if_idle(reason, 0.0),
        Due::GoAway(reason) => {
            row.ends_for(reason);
            row.go_away(now);
        }
        Due::Kill(reason) => row.kill(reason),
    }
}

/// Requests that should have been answered by now: an HTTP/1 connection has one, an HTTP/2 connection one for each stream.
fn time_out_requests(row: &Row, now: u64) {
    let late = |due_ns: u64| due_ns != 0 && now >= due_ns;
    if row.in_flight.load(Relaxed) == 0 {
        return;
    }
    if late(row.request.due_ns.load(Relaxed)) {
        row.tell(Told::TIME_OUT);
    }
    row.each_stream(|stream| {
        if late(stream.request.due_ns.load(Relaxed)) {
            stream.tell(Told::TIME_OUT);
        }
    });
}
