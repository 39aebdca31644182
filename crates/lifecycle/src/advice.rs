//! What one exit says about the settings of the next: was the wait too short or too long, how much of the grace was
//! needed.

use lameduck_support::closed_set;
use serde::Serialize;
use std::time::Duration;

/// Late requests below which nothing is advised: a share of a few says nothing.
const LATE_MIN: u64 = 20;

/// The share of the late requests that a wait must cover.
const COVERED: f64 = 0.999;

/// What is known when the process has left.
#[derive(Clone, Debug)]
pub struct Evidence<'a> {
    /// When, after the signal, requests still came: upper bounds in seconds with how many came up to there and after
    /// the bound before. The last bound is infinite.
    pub late: &'a [(f64, u64)],
    /// How long LameDuck lasted.
    pub waited: Duration,
    /// From the signal to the last new connection.
    pub last_arrival: Option<Duration>,
    /// From the signal to the end.
    pub took: Duration,
    /// From the signal to the one deadline; `None`: there is none.
    pub grace: Option<Duration>,
    /// Whether the length of the wait is a setting (`drain.strategy: delay`), or found out each time.
    pub fixed: bool,
}

closed_set! {
    /// What to change, if anything.
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    Change {
        /// Nothing.
        Keep = "keep",
        /// Too little late traffic came for advice.
        TooLittleTraffic = "too_little_traffic",
        /// The wait ended while requests still came, or nearly.
        WaitLonger = "wait_longer",
        /// Half of the wait, or more, was for nothing.
        WaitShorter = "wait_shorter",
        /// More than four fifths of the grace period were used.
        MoreGrace = "more_grace",
    }
}

/// Advice for the next exit.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Advice {
    /// The wait that would have covered 99.9 % of the late requests. `null`: too few came.
    pub delay_seconds: Option<f64>,
    /// The share of the grace period that was used. `null`: there was no deadline.
    pub grace_used: Option<f64>,
    /// For programs.
    pub change: Change,
    /// For people. May change at any time.
    pub text: String,
}

impl Advice {
    /// Pure: the same evidence, the same advice.
    pub fn of(evidence: &Evidence<'_>) -> Self {
        let Evidence { waited, took, grace, fixed, .. } = *evidence;
        let delay = covering(evidence);
        let grace_used = grace.map(|grace| took.as_secs_f64() / grace.as_secs_f64().max(f64::MIN_POSITIVE));
        let waited = waited.as_secs_f64();
        let change = match (delay, grace_used) {
            (_, Some(used)) if used > 0.8 => Change::MoreGrace,
            (None, _) => Change::TooLittleTraffic,
            (Some(delay), _) if delay > 0.8 * waited => Change::WaitLonger,
            (Some(delay), _) if fixed && delay < 0.5 * waited && waited - delay > 1.0 => Change::WaitShorter,
            (Some(_), _) => Change::Keep,
        };
        let text = text(change, delay, waited, grace_used);
        Self { delay_seconds: delay.map(rounded), grace_used: grace_used.map(rounded), change, text }
    }
}

/// A thousandth is as much as anybody reads.
fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}

fn covering(evidence: &Evidence<'_>) -> Option<f64> {
    let total: u64 = evidence.late.iter().map(|(_, count)| count).sum();
    if total < LATE_MIN {
        return None;
    }
    let wanted = COVERED * total as f64;
    let mut covered = 0;
    let mut within = |count: &u64| {
        covered += count;
        covered as f64 >= wanted
    };
    let bound = evidence.late.iter().find_map(|(bound, count)| within(count).then_some(*bound))?;
    // Buckets are coarse; requests on new connections are known better, and none came after the end.
    let last = evidence.last_arrival.map_or(f64::INFINITY, |last| last.as_secs_f64());
    let took = evidence.took.as_secs_f64();
    Some(if bound.is_finite() { bound.min(took) } else { last.min(took) })
}

fn text(change: Change, delay: Option<f64>, waited: f64, grace_used: Option<f64>) -> String {
    let delay = delay.unwrap_or_default();
    match change {
        Change::Keep => {
            format!("99.9 % of the late requests came within {delay:.1} s of a wait of {waited:.1} s: change nothing")
        }
        Change::TooLittleTraffic => "too few requests came after the signal for advice".to_owned(),
        Change::WaitLonger => format!(
            "requests still came at the end of the wait of {waited:.1} s: raise drain.delay (or drain.floor) to {:.1} s",
            1.25 * delay
        ),
        Change::WaitShorter => format!(
            "99.9 % of the late requests came within {delay:.1} s: drain.delay is {:.1} s longer than it must be",
            waited - 1.25 * delay
        ),
        Change::MoreGrace => format!(
            "{:.0} % of the grace period were used: raise drain.grace_period, or bound the requests that take so long",
            100.0 * grace_used.unwrap_or_default()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn advice(late: &[(f64, u64)], waited: u64, fixed: bool) -> Advice {
        let (took, grace) = (S(waited + 1), Some(S(29)));
        Advice::of(&Evidence { late, waited: S(waited), last_arrival: None, took, grace, fixed })
    }

    #[test]
    fn the_wait_covers_all_but_a_thousandth() {
        let late = [(0.5, 500), (1.0, 498), (2.5, 1), (5.0, 1), (f64::INFINITY, 0)];
        assert_eq!(advice(&late, 10, true).delay_seconds, Some(2.5));
        let more = [(0.5, 500), (1.0, 497), (2.5, 1), (5.0, 2), (f64::INFINITY, 0)];
        assert_eq!(advice(&more, 10, true).delay_seconds, Some(5.0));
    }

    #[test]
    fn a_wait_is_longer_shorter_or_kept() {
        let late = [(1.0, 999), (5.0, 1), (f64::INFINITY, 0)];
        let change = |waited, fixed| advice(&late, waited, fixed).change;
        assert_eq!(change(1, true), Change::WaitLonger);
        assert_eq!(change(2, true), Change::Keep);
        assert_eq!(change(5, true), Change::WaitShorter);
        assert_eq!(change(5, false), Change::Keep, "its length is not a setting");
        assert!(advice(&late, 5, true).text.contains("3.8 s longer"), "{}", advice(&late, 5, true).text);
    }

    #[test]
    fn a_few_requests_say_nothing_and_a_used_up_grace_comes_first() {
        assert_eq!(advice(&[(1.0, 19), (f64::INFINITY, 0)], 5, true).change, Change::TooLittleTraffic);
        let advice = advice(&[(1.0, 100), (f64::INFINITY, 0)], 25, true);
        assert_eq!(advice.change, Change::MoreGrace);
        assert!(advice.text.starts_with("90 %"), "{}", advice.text);
    }

    #[test]
    fn what_is_beyond_the_buckets_is_bounded_by_the_last_arrival() {
        let late = [(10.0, 10), (f64::INFINITY, 90)];
        let evidence =
            |last_arrival| Evidence { late: &late, waited: S(20), last_arrival, took: S(21), grace: None, fixed: true };
        assert_eq!(Advice::of(&evidence(Some(S(14)))).delay_seconds, Some(14.0));
        assert_eq!(Advice::of(&evidence(None)).delay_seconds, Some(21.0));
        assert_eq!(Advice::of(&evidence(None)).grace_used, None);
    }
}
