//! Every few seconds while leaving: who is left.

use crate::observer::Observer;
use lameduck_lifecycle::{Snapshot, Straggler};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

const EVERY: Duration = Duration::from_secs(2);

/// Names in one line.
const NAMED_MAX: usize = 5;

/// Reports for ever. To be aborted.
pub(crate) async fn report(observer: Observer) {
    let mut ticks = interval_at(Instant::now() + EVERY, EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let snapshot = observer.snapshot();
        let sentence = sentence(&snapshot);
        observer.telemetry.tell_exit(&snapshot, Some(&sentence));
        tracing::info!(
            phase = %snapshot.phase.name(),
            in_flight = snapshot.ledger.in_flight(),
            connections = snapshot.connections.open(),
            "{sentence}",
        );
    }
}

/// `draining: 2 requests in flight on 3 connections; left: GET /slow (1.5 s, handler has not answered)`.
fn sentence(snapshot: &Snapshot) -> String {
    let (in_flight, connections) = (snapshot.ledger.in_flight(), snapshot.connections.open());
    let name = snapshot.phase.name();
    let mut text = format!("{name}: {in_flight} requests in flight on {connections} connections");
    let named: Vec<String> = snapshot.stragglers.iter().take(NAMED_MAX).map(describe).collect();
    if !named.is_empty() {
        let more = snapshot.stragglers.len().saturating_sub(NAMED_MAX);
        let and_more = if more == 0 { String::new() } else { format!(", and {more} more") };
        text = format!("{text}; left: {}{and_more}", named.join(", "));
    }
    text
}

fn describe(straggler: &Straggler) -> String {
    let Straggler { what, name, age_ms, text, .. } = straggler;
    format!("{what} {name} ({:.1} s, {text})", *age_ms as f64 / 1e3)
}
