//! The exit as a picture in text: when each phase is over at the latest.

use crate::config::format_duration;
use lameduck_lifecycle::{Budget, Plan, Schedule, Strategy, Timeout};
use std::fmt::Write as _;
use std::time::Duration;

/// Columns of the bars: with label, times and remark a line stays below 78.
const BAR_COLUMNS: u32 = 30;

struct Row {
    label: &'static str,
    from: Duration,
    /// `None`: no bound of our own.
    until: Option<Duration>,
    remark: String,
}

/// At most 78 columns wide. Times count from the order to stop; each phase takes as long as it may, so that a real exit
/// is never later and mostly much earlier.
pub fn timeline(plan: &Plan) -> String {
    let grace = plan.grace_period;
    let mut text = format!("The exit at its latest, within a grace period of {}:\n\n", format_duration(grace));
    for row in rows(plan) {
        let (bar, length) = match row.until {
            Some(until) => (bar(row.from, until, grace), format_duration(rounded(until.saturating_sub(row.from)))),
            None => (bar(row.from, grace, grace), "no bound".to_owned()),
        };
        let from = format_duration(rounded(row.from));
        let line = format!("{:10} {from:>7} {bar} {length:>8}  {}", row.label, row.remark);
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let _ = writeln!(text, "{:10} {:>7} {}^", "SIGKILL", format_duration(grace), " ".repeat(BAR_COLUMNS as usize));
    let budget = Budget::new(plan);
    let parts: Vec<_> = budget.parts.iter().map(|(name, part)| format!("{name} {}", format_duration(*part))).collect();
    let verdict = if budget.total() <= grace { "fits into" } else { "does not fit into" };
    let total = format_duration(budget.total());
    let _ = writeln!(text, "\n{}\n= {total}, {verdict} {}", parts.join(" + "), format_duration(grace));
    text
}

fn rows(plan: &Plan) -> Vec<Row> {
    let began = plan.pre_stop;
    // The schedule counts from the signal, the picture from the order to stop, of which a hook may take its part.
    let schedule = Schedule::new(plan, Duration::ZERO, Schedule::deadline(plan, Duration::ZERO, plan.grace_period));
    let wait = match plan.strategy {
        Strategy::Immediate => Duration::ZERO,
        Strategy::Delay => plan.delay,
        Strategy::Quiet | Strategy::Observe => plan.delay_max,
    };
    let mut rows = Vec::new();
    if !plan.pre_stop.is_zero() {
        let remark = "before the signal".to_owned();
        rows.push(Row { label: "preStop", from: Duration::ZERO, until: Some(began), remark });
    }
    let remark = match plan.strategy {
        Strategy::Immediate | Strategy::Delay => plan.strategy.to_string(),
        Strategy::Quiet | Strategy::Observe => format!("{}, at most", plan.strategy),
    };
    rows.push(Row { label: "LameDuck", from: began, until: Some(began + wait), remark });
    let drained = schedule.drain_cut(plan, wait);
    let remark = match plan.timeout {
        Timeout::Auto => "auto: what is left",
        Timeout::After(_) => "at most",
        Timeout::None => "ends with SIGKILL",
    };
    rows.push(Row {
        label: "Draining",
        from: began + wait,
        until: drained.map(|until| began + until),
        remark: remark.to_owned(),
    });
    let Some(drained) = drained else { return rows };
    let released = schedule.release_cut(plan, drained);
    let flushed = schedule.flush_cut(plan, released);
    let at_most = || "at most".to_owned();
    rows.push(Row { label: "Releasing", from: began + drained, until: Some(began + released), remark: at_most() });
    rows.push(Row { label: "Flushing", from: began + released, until: Some(began + flushed), remark: at_most() });
    let left = began + flushed;
    rows.push(Row { label: "Exited", from: left, until: Some(plan.grace_period), remark: "to spare".to_owned() });
    rows
}

/// The share of the grace period from `from` to `until`, to the column.
fn bar(from: Duration, until: Duration, grace: Duration) -> String {
    let column = |at: Duration| {
        let share = at.as_secs_f64() / grace.as_secs_f64().max(f64::MIN_POSITIVE) * f64::from(BAR_COLUMNS);
        (share.round() as usize).min(BAR_COLUMNS as usize)
    };
    let (start, end) = (column(from), column(until));
    let mark = if end > start { "=".repeat(end - start) } else { String::new() };
    format!("{:width$}", " ".repeat(start) + &mark, width = BAR_COLUMNS as usize)
}

/// For people: milliseconds are enough.
fn rounded(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
