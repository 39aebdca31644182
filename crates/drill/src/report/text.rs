//! The results for a terminal: a table, what was lost and how, one sentence.

mod timeline;

use std::fmt::Write;

use hdrhistogram::Histogram;
use lameduck_load::{Kind, Period, Record, Verdict};

use crate::advice::advice;
use crate::exit::Exit;
use crate::judge::{Judged, JudgedRun, count};
use crate::plan::Role;
use crate::scenario::Scenario;

/// Most losses written out one by one.
const LOSSES_SHOWN: usize = 10;

/// The whole text.
pub(crate) fn render(judged: &Judged, seed: u64) -> String {
    let mut text = String::new();
    table(&mut text, judged);
    for run in &judged.runs {
        if run.facts.record.lost() > 0 && run.facts.role != Role::Control {
            losses(&mut text, run);
        }
    }
    for run in judged.runs.iter().filter(|run| run.facts.role == Role::Subject) {
        if let Some(setting) = run.facts.cluster() {
            timeline::timeline(&mut text, &run.facts, setting);
        }
        latency(&mut text, run);
    }
    let word = match judged.exit {
        Exit::Clean => "held",
        Exit::Lost => "LOST",
        Exit::Usage | Exit::Invalid => "INVALID",
    };
    line(&mut text, format_args!("\n{word}: {}", judged.sentence));
    for run in judged.runs.iter().filter(|run| run.facts.role != Role::Control) {
        for advice in advice(&run.facts) {
            line(&mut text, format_args!("advice: {advice}"));
        }
    }
    line(&mut text, format_args!("seed {seed}"));
    text
}

/// The table of named scenarios.
pub(crate) fn scenarios() -> String {
    let mut text = String::new();
    for scenario in Scenario::ALL {
        line(&mut text, format_args!("{}", scenario.name()));
        line(&mut text, format_args!("  what happens  {}", scenario.what_happens()));
        line(&mut text, format_args!("  must hold     {}", scenario.must_hold()));
    }
    text
}

fn table(text: &mut String, judged: &Judged) {
    let width = judged.runs.iter().map(|run| label(run).len()).max().unwrap_or_default().max(3);
    line(
        text,
        format_args!(
            "{:<width$}  {:>9}  {:>6}  {:>8}  {:>8}  {:>8}  {:>6}  ledgers",
            "run", "requests", "lost", "p50", "p99", "max", "killed"
        ),
    );
    for run in &judged.runs {
        let record = &run.facts.record;
        let all = merged(record, Kind::ALL.into_iter().filter(|kind| !kind.is_slow_by_design()), &Period::ALL);
        let (p50, p99, max) = (all.value_at_quantile(0.5), all.value_at_quantile(0.99), all.max());
        line(
            text,
            format_args!(
                "{:<width$}  {:>9}  {:>6}  {:>8}  {:>8}  {:>8}  {:>6}  {}",
                label(run),
                record.total(),
                record.lost(),
                time(p50),
                time(p99),
                time(max),
                run.facts.killed_at_grace(),
                ledgers(run)
            ),
        );
    }
}

fn label(run: &JudgedRun) -> String {
    match run.facts.role {
        Role::Control => format!("{} (control)", run.facts.name),
        Role::Subject | Role::Scenario => run.facts.name.clone(),
    }
}

fn ledgers(run: &JudgedRun) -> String {
    let compared = run.accounts.replicas.iter().filter(|one| one.ledger.is_some()).count();
    let differ = run.accounts.replicas.iter().filter(|one| !one.differences.is_empty()).count();
    match (compared, differ) {
        (0, 0) => "no ledger".to_owned(),
        (compared, 0) if !run.accounts.complete => format!("{compared} read, some missing"),
        (compared, 0) => format!("{compared} agree"),
        (_, differ) => format!("{differ} DISAGREE"),
    }
}

fn losses(text: &mut String, run: &JudgedRun) {
    let record = &run.facts.record;
    line(text, format_args!("\n{}: {} lost", run.facts.name, record.lost()));
    for kind in Kind::ALL {
        for verdict in Verdict::ALL.into_iter().filter(|verdict| verdict.is_lost()) {
            let number = record.by_kind[kind.index()][verdict.index()];
            if number > 0 {
                line(text, format_args!("  {number:>7}  {:<9}  {}", kind.as_str(), verdict.words()));
            }
        }
    }
    let kept = record.lost_on_kept_alive;
    if kept > 0 {
        let (admitted, expected) = (run.accounts.admitted, run.raced_expected());
        let admitted = match run.accounts.replicas.iter().any(|one| one.ledger.is_some()) {
            true => format!("; the service counted {admitted} as raced and had expected {expected:.4}"),
            false => String::new(),
        };
        line(text, format_args!("  {kept} of them on kept-alive connections, before an answer began{admitted}"));
    }
    for loss in record.losses.iter().take(LOSSES_SHOWN) {
        let place = run.facts.place(loss.replica, loss.ended);
        let on = if loss.kept_alive { "kept-alive connection" } else { "new connection" };
        let at = loss.ended as f64 / 1e6;
        line(text, format_args!("  at {at:.3}s  {}, {}, {place}, {on}", loss.kind.as_str(), loss.verdict.words()));
    }
    let more = record.lost().saturating_sub(LOSSES_SHOWN as u64);
    if more > 0 {
        line(text, format_args!("  and {} more", more));
    }
}

fn latency(text: &mut String, run: &JudgedRun) {
    let record = &run.facts.record;
    line(text, format_args!("\n{}: latency of responses (p50 / p99 / max)", run.facts.name));
    line(text, format_args!("  {:<9}  {:>9}  {:>26}  {:>26}  {:>26}", "kind", "requests", "before", "during", "after"));
    for kind in Kind::ALL {
        let requests: u64 = record.by_kind[kind.index()].iter().sum();
        if requests == 0 {
            continue;
        }
        let of = |period| {
            let latency = record.latency(kind, period);
            match latency.is_empty() {
                true => "-".to_owned(),
                false => format!(
                    "{} / {} / {}",
                    time(latency.value_at_quantile(0.5)),
                    time(latency.value_at_quantile(0.99)),
                    time(latency.max())
                ),
            }
        };
        let [before, during, after] = Period::ALL.map(of);
        line(text, format_args!("  {:<9}  {requests:>9}  {before:>26}  {during:>26}  {after:>26}", kind.as_str()));
    }
    let slow = |kind: Kind| kind.is_slow_by_design() && record.by_kind[kind.index()].iter().sum::<u64>() > 0;
    if Kind::ALL.into_iter().any(slow) {
        line(
            text,
            format_args!("  slow, stream and upload ask for slow responses, and wait for their own previous one"),
        );
    }
    let facts = &run.facts;
    line(
        text,
        format_args!(
            "  {} connections opened, {} found closed before a request was sent; the clients ran at most {} late (p99 {})",
            record.connections_opened,
            record.connections_left_in_time,
            time(facts.lag.max().as_micros() as u64),
            time(facts.lag.quantile(0.99).as_micros() as u64),
        ),
    );
    let processor = facts.lag.processor().as_micros() as u64;
    if processor > 0 {
        let each = processor as f64 / record.total().max(1) as f64;
        line(text, format_args!("  the clients took {} of processor time, {each:.1}us per request", time(processor)));
    }
    line(text, format_args!("  {} in {:.1}s", count(u64::from(facts.restarts), "restart"), facts.seconds()));
}

fn merged(record: &Record, kinds: impl Iterator<Item = Kind>, periods: &[Period]) -> Histogram<u64> {
    let mut sum = record.latency(Kind::Hot, Period::Before).clone();
    sum.reset();
    for kind in kinds {
        for period in periods {
            sum.add(record.latency(kind, *period)).expect("all histograms have the same bounds");
        }
    }
    sum
}

/// Microseconds as a person reads them.
fn time(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros}us"),
        1_000..1_000_000 => format!("{:.1}ms", micros as f64 / 1e3),
        _ => format!("{:.2}s", micros as f64 / 1e6),
    }
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // A String takes everything.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests;
