//! What a run prints: one line for each measure, with its goal.
#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

use crate::candidate::Benched;

/// The middle, the least and the most of some rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

/// What a measure must not exceed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    /// The goal itself.
    pub(crate) most: f64,
    /// How far a median of this measure strays by chance on a small shared machine.
    pub(crate) noise: f64,
}

/// One line of the table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// What was measured, about whom.
    pub(crate) name: String,
    /// `ratio`, `us`, `ms`, `KiB`, …
    pub(crate) unit: &'static str,
    /// The rounds.
    pub(crate) spread: Spread,
    /// `None`: for information.
    pub(crate) goal: Option<Goal>,
}

impl Spread {
    /// Of at least one round.
    pub(crate) fn of(mut rounds: Vec<f64>) -> Self {
        rounds.sort_by(f64::total_cmp);
        let middle = rounds.len() / 2;
        let median = if rounds.len().is_multiple_of(2) {
            f64::midpoint(rounds[middle - 1], rounds[middle])
        } else {
            rounds[middle]
        };
        Spread { median, least: rounds[0], most: rounds[rounds.len() - 1] }
    }
}

impl Goal {
    fn is_met(self, spread: Spread) -> bool {
        spread.median <= self.most + self.noise
    }
}

/// Says what is about to run.
pub(crate) fn opening(benched: &Benched, quick: bool) {
    let cores =
        if benched.cores.are_apart() { "server and client on a core each" } else { "server and client share cores" };
    let service = match &benched.service {
        Some(path) => format!("service: {}", path.display()),
        None => "no service binary beside this one: engine only".to_owned(),
    };
    println!("{cores}; {service}{}", if quick { "; quick: too few rounds for a claim" } else { "" });
}

/// The lines of one part of the run, as soon as it is done: the next takes a while.
pub(crate) fn part(name: &str, rows: &[Row]) {
    println!("\n{name:<56} {:<6} {:>9}  {:<21} goal", "unit", "median", "(min..max)");
    for row in rows {
        println!("{}", line(row));
    }
}

/// The verdict: whether every goal is met.
pub(crate) fn closing(rows: &[Row]) -> bool {
    let missed = rows.iter().filter(|row| row.goal.is_some_and(|goal| !goal.is_met(row.spread))).count();
    match missed {
        0 => println!("\nall goals met"),
        missed => println!("\ngoals missed: {missed}"),
    }
    missed == 0
}

fn line(row: &Row) -> String {
    let Spread { median, least, most } = row.spread;
    let range = format!("({}..{})", number(least), number(most));
    let goal = row.goal.map_or_else(String::new, |goal| {
        let verdict = if median <= goal.most {
            "met"
        } else if goal.is_met(row.spread) {
            "met within noise"
        } else {
            "MISSED"
        };
        format!("at most {} (noise {}): {verdict}", number(goal.most), number(goal.noise))
    });
    format!("{:<56} {:<6} {:>9}  {range:<21} {goal}", row.name, row.unit, number(median)).trim_end().to_owned()
}

/// Three digits that matter.
fn number(value: f64) -> String {
    match value.abs() {
        small if small < 10.0 => format!("{value:.2}"),
        middle if middle < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(rounds: Vec<f64>, goal: Option<Goal>) -> Row {
        Row { name: "a thing".into(), unit: "ratio", spread: Spread::of(rounds), goal }
    }

    #[test]
    fn a_spread_is_median_and_ends() {
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]), Spread { median: 2.0, least: 1.0, most: 3.0 });
        assert_eq!(Spread::of(vec![4.0, 1.0]).median, 2.5);
    }

    #[test]
    fn a_goal_is_missed_only_beyond_its_noise() {
        let goal = Some(Goal { most: 1.0, noise: 0.05 });
        assert!(line(&row(vec![0.99], goal)).ends_with(": met"));
        assert!(line(&row(vec![1.04], goal)).ends_with("within noise"));
        assert!(line(&row(vec![1.06], goal)).ends_with("MISSED"));
        assert!(closing(&[row(vec![1.04], goal), row(vec![900.0], None)]));
        assert!(!closing(&[row(vec![1.06], goal)]));
    }
}
