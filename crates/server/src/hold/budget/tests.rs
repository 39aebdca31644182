use proptest::prelude::*;

use super::*;
use crate::hold::{Histogram, TICK};

const WINDOW: Duration = Duration::from_millis(1);

/// A connection that speaks `rate` times a second: without data the rate is one over the silence.
fn idle(key: usize, rate: f64) -> Idle<usize> {
    Idle { key, silence: Duration::from_secs_f64(1.0 / rate), window: WINDOW }
}

fn hold(mode: IdleHold) -> Hold {
    Hold::new(Rates::freeze(Histogram::default(), []), mode)
}

fn keys(verdict: &Verdict<usize>) -> Vec<usize> {
    verdict.close.iter().map(|closing| closing.key).collect()
}

#[track_caller]
fn assert_expected(hold: &Hold, expected: f64) {
    assert!((hold.expected() - expected).abs() < 1e-7, "{} is not {expected}", hold.expected());
}

#[test]
fn the_least_likely_close_first_and_the_likely_are_held_until_they_fit() {
    let mut hold = hold(IdleHold::Auto);

    let first = hold.tick(Duration::ZERO, [idle(0, 4.0), idle(1, 0.5), idle(2, 0.02), idle(3, 0.05)]);
    assert_eq!(keys(&first), [2, 3, 1]);
    assert!(!first.stopped, "the last one is worth 0.016 a second");
    assert_expected(&hold, 0.00057);

    let second = hold.tick(TICK, [idle(0, 0.4)]);
    assert_eq!(keys(&second), [0]);
    assert_expected(&hold, 0.00097);
}

#[test]
fn what_gains_nothing_is_not_held() {
    let mut hold = hold(IdleHold::Auto);

    let verdict = hold.tick(Duration::ZERO, (0..200).map(|key| idle(key, 0.016)));

    assert!(verdict.stopped, "the 138 that the budget leaves are worth 0.0000353 a second");
    assert_eq!(verdict.close.len(), 200);
    assert_expected(&hold, 0.0032);
}

#[test]
fn the_budget_alone_pays_for_62_of_200() {
    let hold = hold(IdleHold::Auto);
    let choices: Vec<_> = (0..200).map(|key| hold.choice(idle(key, 0.016))).collect();

    let count = affordable(&choices, BUDGET);

    assert_eq!(count, 62);
    let spent: f64 = choices[..count].iter().map(|choice| choice.closing.value).sum();
    assert!((spent - 0.000992).abs() < 1e-7, "{spent}");
}

#[test]
fn a_value_is_a_probability() {
    let chatty = Idle { key: 0, silence: Duration::ZERO, window: Duration::from_secs(3) };
    let certain = hold(IdleHold::Auto).choice(chatty).closing.value;
    assert_eq!(certain, 1.0);
}

#[test]
fn auto_ends_at_its_cap() {
    let mut hold = hold(IdleHold::Auto);
    assert!(keys(&hold.tick(AUTO_CAP - TICK, [idle(0, 500.0)])).is_empty());
    assert_eq!(keys(&hold.tick(AUTO_CAP, [idle(0, 500.0)])), [0]);
    assert_expected(&hold, 0.5);
}

#[test]
fn a_deadline_ends_the_hold_before_its_cap() {
    let rates = Rates::freeze(Histogram::default(), []);
    for mode in [IdleHold::Auto, IdleHold::For(Duration::from_secs(60))] {
        let mut hold = Hold::new(rates.clone(), mode);
        hold.hold_at_most(Duration::from_secs(2));
        assert!(!hold.tick(Duration::from_millis(1999), [idle(0, 500.0)]).stopped);
        assert!(hold.tick(Duration::from_secs(2), [idle(0, 500.0)]).stopped);
    }
}

#[test]
fn a_duration_holds_all_so_long_and_then_none() {
    let mut hold = hold(IdleHold::For(Duration::from_secs(3)));
    let connections = || (0..5).map(|key| idle(key, 0.001 * (5 - key) as f64));

    assert!(keys(&hold.tick(Duration::from_millis(2999), connections())).is_empty());
    assert_eq!(keys(&hold.tick(Duration::from_secs(3), connections())), [4, 3, 2, 1, 0]);
    assert_expected(&hold, 0.000015);
}

#[test]
fn a_duration_of_zero_holds_nothing() {
    let verdict = hold(IdleHold::For(Duration::ZERO)).tick(Duration::ZERO, [idle(0, 500.0)]);
    assert_eq!(keys(&verdict), [0]);
    assert!(verdict.stopped);
}

#[test]
fn a_connection_that_turns_idle_after_a_stop_is_judged_anew() {
    let mut hold = hold(IdleHold::Auto);
    assert!(hold.tick::<usize>(Duration::ZERO, []).stopped, "nothing is idle: nothing to hold");
    assert!(keys(&hold.tick(TICK, [idle(0, 500.0)])).is_empty(), "its client is about to speak");
}

#[test]
fn what_the_look_spares_is_not_spent() {
    let mut hold = hold(IdleHold::Auto);
    let verdict = hold.tick(Duration::ZERO, [idle(0, 0.9), idle(1, 400.0)]);
    assert_eq!(keys(&verdict), [0]);

    hold.refund(verdict.close[0].value);

    assert_expected(&hold, 0.0);
    assert_eq!(keys(&hold.tick(TICK, [idle(2, 0.9), idle(1, 400.0)])), [2]);
}

/// Connections as a drain meets them: silence at the start of Draining and round-trip time, in microseconds.
fn connections() -> impl Strategy<Value = Vec<(u64, u64)>> {
    proptest::collection::vec((0u64..200_000_000, 0u64..100_000), 0..60)
}

fn gaps() -> impl Strategy<Value = Vec<u64>> {
    proptest::collection::vec(0u64..200_000_000, 0..60)
}

fn learned(gaps: Vec<u64>, connections: &[(u64, u64)]) -> Rates {
    let mut seen = Histogram::default();
    gaps.into_iter().for_each(|gap_us| seen.record_event(gap_us));
    Rates::freeze(seen, connections.iter().map(|(silence_us, _)| Duration::from_micros(*silence_us)))
}

proptest! {
    /// A whole drain in which nobody speaks, tick by tick.
    #[test]
    fn a_drain_stays_in_its_budget_and_closes_each_connection_once(
        connections in connections(),
        gaps in gaps(),
        deadline_ms in proptest::option::of(0u64..20_000),
        held_ms in proptest::option::of(0u64..20_000),
    ) {
        let rates = learned(gaps, &connections);
        let mode = held_ms.map_or(IdleHold::Auto, |ms| IdleHold::For(Duration::from_millis(ms)));
        let mut hold = Hold::new(rates, mode);
        if let Some(ms) = deadline_ms {
            hold.hold_at_most(Duration::from_millis(ms));
        }
        let cap = hold.cap;
        let mut open: Vec<bool> = connections.iter().map(|_| true).collect();
        let mut elapsed = Duration::ZERO;
        let mut published = 0.0;
        loop {
            let silent: Vec<_> = (0..connections.len()).filter(|key| open[*key]).map(|key| {
                let (silence_us, round_trip_us) = connections[key];
                let window = crate::hold::window(Some(Duration::from_micros(round_trip_us)));
                Idle { key, silence: Duration::from_micros(silence_us) + elapsed, window }
            }).collect();
            let verdict = hold.tick(elapsed, silent);

            prop_assert!(verdict.close.is_sorted_by(|one, other| one.value <= other.value), "cheapest first");
            prop_assert!(verdict.close.iter().all(|closing| (0.0..=1.0).contains(&closing.value)));
            prop_assert!(hold.expected() >= published, "monotone");
            prop_assert!(verdict.stopped || hold.expected() <= BUDGET + 1e-12, "spent {}", hold.expected());
            published = hold.expected();
            for closing in verdict.close {
                prop_assert!(std::mem::take(&mut open[closing.key]), "closed twice: {}", closing.key);
            }
            let empty = !open.contains(&true);
            prop_assert_eq!(verdict.stopped && !empty, false, "a stop closes the rest");
            if empty { break }
            prop_assert!(elapsed < cap, "something is open at the cap");
            elapsed += TICK;
        }
    }

    /// Of two connections with one window the one less likely to speak never outlives the other.
    #[test]
    fn what_is_held_is_dearer_than_what_is_closed(connections in connections(), gaps in gaps()) {
        let rates = learned(gaps, &connections);
        let mut hold = Hold::new(rates.clone(), IdleHold::Auto);
        let silent = |key: usize| Idle { key, silence: Duration::from_micros(connections[key].0), window: WINDOW };
        let verdict = hold.tick(Duration::ZERO, (0..connections.len()).map(silent));

        let dearest = verdict.close.last().map_or(0.0, |closing| closing.value);
        let closed = keys(&verdict);
        for key in (0..connections.len()).filter(|key| !closed.contains(key)) {
            prop_assert!((rates.rate(silent(key).silence) * 0.001).min(1.0) >= dearest);
        }
    }
}
