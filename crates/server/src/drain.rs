//! Draining: HTTP/2 connections get their GOAWAY, idle HTTP/1 connections are held and closed as [`hold`](crate::hold)
//! decides, half-open ones are reaped, until the table is empty.

use crate::admission::FORCED;
use crate::clock;
use crate::hold::{self, Hold, Idle, IdleHold, Rates};
use crate::options::LINGER;
use crate::shared::Shared;
use crate::sweep;
use crate::table::{Order, Row};
use lameduck_lifecycle::{CloseReason, Protocol};
use std::sync::Arc;
use std::sync::PoisonError;
use std::time::{Duration, Instant};
use tokio::time::MissedTickBehavior;

/// A pass of the sweep every so many ticks: what is half-open holds no drain longer than it must.
const TICKS_A_SWEEP: u32 = 5;

/// Freezes what the silences of all connections say, with those that are idle now: at the start of leaving.
pub(crate) fn freeze_rates(shared: &Shared) {
    shared.rates.get_or_init(|| {
        let now = clock::now_ns();
        let mut idle = Vec::new();
        shared.table.each(|row| {
            if row.is_kept_alive() {
                idle.push(row.activity.silence(now));
            }
        });
        Rates::freeze(shared.silences.collect(), idle)
    });
}

/// Drains until nothing is left or the deadline has come.
pub(crate) async fn run(shared: Arc<Shared>) {
    let began_ns = shared.admission.drained_ns();
    let mut hold = new_hold(&shared);
    shared.table.each(|row| begin(row, began_ns));

    let mut ticks = tokio::time::interval(hold::TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for turn in 0_u32.. {
        ticks.tick().await;
        if shared.is_drained() || shared.admission.now() & FORCED != 0 {
            hold.refund(shared.take_refunds());
            shared.expect_raced(hold.expected());
            return;
        }
        if turn % TICKS_A_SWEEP == 0 {
            sweep::pass(&shared);
        }
        let elapsed = Duration::from_nanos(clock::now_ns().saturating_sub(began_ns));
        if let Some(cap) = cap(&shared, elapsed) {
            hold.hold_at_most(cap);
        }
        tick(&shared, &mut hold, elapsed);
    }
}

fn new_hold(shared: &Shared) -> Hold {
    freeze_rates(shared);
    let rates = shared.rates.get().cloned().unwrap_or_else(|| Rates::freeze(hold::Histogram::default(), []));
    let mode = if shared.options.closings.hold { shared.options.idle_hold } else { IdleHold::For(Duration::ZERO) };
    Hold::new(rates, mode)
}

/// One linger before the deadline everything idle is closed, so that its linger still fits. The deadline may have
/// moved.
fn cap(shared: &Shared, elapsed: Duration) -> Option<Duration> {
    let deadline = *shared.deadline.lock().unwrap_or_else(PoisonError::into_inner);
    deadline.map(|deadline| (elapsed + deadline.saturating_duration_since(Instant::now())).saturating_sub(LINGER))
}

fn begin(row: &Arc<Row>, now_ns: u64) {
    match row.protocol() {
        Protocol::Unknown => {}
        Protocol::Http1 => row.orders.give(Order::MEASURE),
        Protocol::Http2 => row.go_away(now_ns),
    }
}

/// One look at all idle connections.
fn tick(shared: &Shared, hold: &mut Hold, elapsed: Duration) {
    hold.refund(shared.take_refunds());
    let now = clock::now_ns();
    let mut idle = Vec::new();
    shared.table.each(|row| {
        if !row.is_settled() && row.is_kept_alive() {
            let window = row.closing.window().unwrap_or_else(|| hold::window(None));
            idle.push(Idle { key: row.clone(), silence: row.activity.silence(now), window });
        }
    });
    for closing in hold.tick(elapsed, idle).close {
        closing.key.close_if_idle(CloseReason::IdleDrained, closing.value);
    }
    shared.expect_raced(hold.expected());
}
