//! Which idle connections to close now: the least likely to speak first, from a budget of expected losses.

use std::time::Duration;

use super::{AUTO_CAP, BUDGET, IdleHold, LEAST_GAIN_PER_SECOND, Rates};

/// An idle connection, as the drain sees it at one tick.
#[derive(Clone, Copy, Debug)]
pub struct Idle<Key> {
    /// What the caller knows it by.
    pub key: Key,
    /// How long it has been silent.
    pub silence: Duration,
    /// How long a request and our FIN can cross on it: [`super::window`].
    pub window: Duration,
}

/// A connection to close, and what that costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Closing<Key> {
    /// The caller's key.
    pub key: Key,
    /// The probability that a request crosses the close and is lost: 0 to 1.
    pub value: f64,
}

/// What one tick decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict<Key> {
    /// Connections to close now, the least likely to speak first.
    pub close: Vec<Closing<Key>>,
    /// Holding has ended: these are all that were idle, whatever they cost.
    pub stopped: bool,
}

/// The holding of one drain, from the start of Draining until the connection table is empty.
///
/// Guarantees: as long as no tick has stopped, the closes are expected to lose at most [`BUDGET`] requests together; at
/// the cap, and at every tick after it, everything that is idle closes. A stop before the cap is about the connections
/// that are idle at that tick: one that becomes idle later is judged anew.
/// Does not guarantee that no more requests are lost: the rates are an estimate.
#[derive(Clone, Debug)]
pub struct Hold {
    rates: Rates,
    mode: IdleHold,
    cap: Duration,
    expected: f64,
}

impl Hold {
    /// Holds as `mode` says, without a deadline: [`hold_at_most`](Self::hold_at_most) brings one.
    pub fn new(rates: Rates, mode: IdleHold) -> Self {
        let cap = match mode {
            IdleHold::Auto => AUTO_CAP,
            IdleHold::For(hold) => hold,
        };
        Hold { rates, mode, cap, expected: 0.0 }
    }

    /// There is a deadline, or it moved: holds no longer than `cap` from the start of Draining (one linger before it).
    /// A later one changes nothing.
    pub fn hold_at_most(&mut self, cap: Duration) {
        self.cap = self.cap.min(cap);
    }

    /// Decides about the connections that are idle now, `elapsed` after the start of Draining.
    ///
    /// The caller leaves out what it has already closed. What the look into the kernel's buffer saves from a close
    /// decided here goes back with [`Hold::refund`].
    pub fn tick<Key>(&mut self, elapsed: Duration, idle: impl IntoIterator<Item = Idle<Key>>) -> Verdict<Key> {
        let mut choices: Vec<Choice<Key>> = idle.into_iter().map(|idle| self.choice(idle)).collect();
        choices.sort_by(|one, other| one.closing.value.total_cmp(&other.closing.value));

        let affordable = match self.mode {
            IdleHold::Auto => affordable(&choices, BUDGET - self.expected),
            IdleHold::For(_) => 0,
        };
        let stopped = elapsed >= self.cap || self.mode == IdleHold::Auto && not_worth_holding(&choices[affordable..]);
        if !stopped {
            choices.truncate(affordable);
        }

        let close: Vec<_> = choices.into_iter().map(|choice| choice.closing).collect();
        self.expected += close.iter().map(|closing| closing.value).sum::<f64>();
        Verdict { close, stopped }
    }

    /// A close that was decided did not happen: the look found that the connection had spoken.
    pub fn refund(&mut self, value: f64) {
        self.expected = (self.expected - value).max(0.0);
    }

    /// The requests that the closes decided so far are expected to lose (`raced_expected`).
    pub fn expected(&self) -> f64 {
        self.expected
    }

    fn choice<Key>(&self, idle: Idle<Key>) -> Choice<Key> {
        let rate = self.rates.rate(idle.silence);
        let window = idle.window.as_secs_f64();
        Choice {
            closing: Closing { key: idle.key, value: (rate * window).min(1.0) },
            gain_per_second: rate * rate * window,
        }
    }
}

/// A connection with its price now, and what a second more of holding takes off that price.
struct Choice<Key> {
    closing: Closing<Key>,
    gain_per_second: f64,
}

/// How many of the cheapest `choices` a budget pays for.
fn affordable<Key>(choices: &[Choice<Key>], budget: f64) -> usize {
    let mut spent = 0.0;
    choices
        .iter()
        .take_while(|choice| {
            spent += choice.closing.value;
            spent <= budget
        })
        .count()
}

/// Whether a second more would take next to nothing off what closing these costs.
fn not_worth_holding<Key>(rest: &[Choice<Key>]) -> bool {
    rest.iter().map(|choice| choice.gain_per_second).sum::<f64>() <= LEAST_GAIN_PER_SECOND
}

#[cfg(test)]
mod tests;
