//! The service's own account, as its public surfaces tell it: the `/drain` document, the report file, `/metrics`.
//!
//! The drill has its own types for them. It reads what it compares, ignores the rest, and takes an absent count for
//! zero, as the compact form of the document leaves zeros out.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The versions of the document that the drill understands. Version 1 has no words for programs: its cause is a
/// sentence.
const VERSIONS: std::ops::RangeInclusive<u32> = 1..=2;

/// What the drill reads of the `/drain` document.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Document {
    version: u32,
    #[serde(default)]
    pub(crate) phase: String,
    #[serde(default)]
    pub(crate) ledger: Ledger,
    /// Why it leaves.
    pub(crate) cause: Option<Cause>,
    /// How the wait for the cluster ended.
    pub(crate) wait_end: Option<String>,
    pub(crate) deregistered_after_ms: Option<u64>,
    pub(crate) last_connection_after_ms: Option<u64>,
    /// How long the finished phases took.
    #[serde(default)]
    phases: Vec<PhaseSeconds>,
}

/// Why a process left.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Cause {
    /// A word from a closed set, and the sentence for people.
    Word {
        kind: String,
        #[serde(default)]
        text: String,
    },
    /// Version 1: a sentence alone, which says nothing to a program.
    Sentence(String),
}

impl Cause {
    /// Whether the process left because it was asked to: by SIGTERM or by its admin port.
    pub(crate) fn is_request(&self) -> bool {
        matches!(self, Self::Word { kind, .. } if kind == "terminate" || kind == "requested")
    }

    /// For people.
    pub(crate) fn into_text(self) -> String {
        match self {
            Self::Word { text, .. } | Self::Sentence(text) => text,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct PhaseSeconds {
    phase: String,
    seconds: f64,
}

impl Document {
    /// # Errors
    /// Text that is no such document, or one of another version, in words.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let document: Self = serde_json::from_str(text).map_err(|error| format!("not a /drain document: {error}"))?;
        if !VERSIONS.contains(&document.version) {
            let (oldest, newest) = (VERSIONS.start(), VERSIONS.end());
            return Err(format!("a /drain document of version {}, expected {oldest} to {newest}", document.version));
        }
        Ok(document)
    }

    /// How long it has been leaving, by its own clock: the finished phases after `ready`.
    pub(crate) fn leaving(&self) -> Duration {
        let phases = self.phases.iter().filter(|phase| !matches!(phase.phase.as_str(), "starting" | "ready"));
        let seconds: f64 = phases.map(|phase| phase.seconds).sum();
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }
}

/// The service's counts of its requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Ledger {
    pub(crate) started: u64,
    pub(crate) in_flight: u64,
    pub(crate) completed: u64,
    pub(crate) drained: u64,
    pub(crate) late: u64,
    pub(crate) rejected: u64,
    pub(crate) timed_out: u64,
    pub(crate) aborted: u64,
    pub(crate) client_gone: u64,
    pub(crate) failed: u64,
    pub(crate) raced: u64,
    pub(crate) raced_expected: f64,
}

impl Ledger {
    /// Requests that ended, however.
    pub(crate) fn ended(&self) -> u64 {
        self.answered() + self.failed + self.aborted + self.client_gone
    }

    /// The sum of two processes.
    pub(crate) fn plus(&self, other: &Self) -> Self {
        let sum = self.with(other, u64::saturating_add);
        Self {
            in_flight: self.in_flight + other.in_flight,
            raced_expected: self.raced_expected + other.raced_expected,
            ..sum
        }
    }

    /// What was counted since an earlier reading of the same process; what is in flight is not counted but there.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let raced_expected = (self.raced_expected - earlier.raced_expected).max(0.0);
        Self { in_flight: self.in_flight, raced_expected, ..self.with(earlier, u64::saturating_sub) }
    }

    fn with(&self, other: &Self, both: fn(u64, u64) -> u64) -> Self {
        Self {
            started: both(self.started, other.started),
            completed: both(self.completed, other.completed),
            drained: both(self.drained, other.drained),
            late: both(self.late, other.late),
            rejected: both(self.rejected, other.rejected),
            timed_out: both(self.timed_out, other.timed_out),
            aborted: both(self.aborted, other.aborted),
            client_gone: both(self.client_gone, other.client_gone),
            failed: both(self.failed, other.failed),
            raced: both(self.raced, other.raced),
            ..Self::default()
        }
    }

    /// Requests for which the service says that it handed a whole answer over; `failed` may or may not be among them.
    pub(crate) fn answered(&self) -> u64 {
        self.completed + self.drained + self.late + self.rejected + self.timed_out
    }
}

/// What the drill reads of a metrics page: sums over all labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Metrics {
    pub(crate) started: u64,
    pub(crate) ended: u64,
    pub(crate) in_flight: i64,
    pub(crate) raced: u64,
}

impl Metrics {
    /// Sums the counters of the contract; `None` on a page that has none of them.
    pub(crate) fn parse(page: &str) -> Option<Self> {
        let started = sum(page, "lameduck_requests_started_total")?;
        let of = |name| sum(page, name).unwrap_or_default();
        Some(Self {
            started: started as u64,
            ended: of("lameduck_requests_ended_total") as u64,
            in_flight: of("lameduck_requests_in_flight") as i64,
            raced: of("lameduck_requests_raced_total") as u64,
        })
    }
}

fn sum(page: &str, name: &str) -> Option<f64> {
    let samples = page.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        if !rest.starts_with(['{', ' ']) {
            return None;
        }
        rest.rsplit(['}', ' ']).find(|part| !part.is_empty())?.parse::<f64>().ok()
    });
    samples.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_counts_are_zero_and_unknown_keys_are_ignored() {
        let document = r#"{"version":1,"phase":"exited","ledger":{"started":5,"completed":3,"late":2},"new":[1]}"#;
        let document = Document::parse(document).unwrap();
        assert_eq!(document.phase, "exited");
        assert_eq!((document.ledger.ended(), document.ledger.raced), (5, 0));
    }

    #[test]
    fn a_cause_is_read_by_its_word_and_never_by_its_sentence() {
        let request = |cause: &str| {
            let document = format!(r#"{{"version":2,"cause":{cause}}}"#);
            Document::parse(&document).unwrap().cause.unwrap().is_request()
        };
        assert!(request(r#"{"kind":"terminate","text":"reworded"}"#));
        assert!(request(r#"{"kind":"requested","text":""}"#));
        assert!(!request(r#"{"kind":"part_failed","text":"termination signal"}"#));
        assert!(!request(r#""told to terminate""#), "version 1 has only a sentence");
    }

    #[test]
    fn readings_are_subtracted_and_processes_added() {
        let earlier = Ledger { started: 10, completed: 9, in_flight: 1, raced_expected: 0.5, ..Ledger::default() };
        let later = Ledger { started: 15, completed: 12, late: 3, raced: 1, raced_expected: 0.75, ..Ledger::default() };
        let since = later.since(&earlier);
        assert_eq!((since.started, since.completed, since.late, since.raced, since.in_flight), (5, 3, 3, 1, 0));
        assert_eq!(since.raced_expected, 0.25);
        let sum = since.plus(&earlier);
        assert_eq!((sum.started, sum.completed, sum.late, sum.raced, sum.in_flight), (15, 12, 3, 1, 1));
        assert_eq!(sum.raced_expected, 0.75);
    }

    #[test]
    fn another_version_is_not_guessed_at() {
        assert_eq!(Document::parse(r#"{"version":3}"#), Err("a /drain document of version 3, expected 1 to 2".into()));
        assert!(Document::parse("null").is_err());
    }

    #[test]
    fn metrics_are_summed_over_their_labels() {
        let page = "# TYPE lameduck_requests_started_total counter\n\
            lameduck_requests_started_total{protocol=\"http1\"} 7\n\
            lameduck_requests_started_total{protocol=\"http2\"} 3\n\
            lameduck_requests_ended_total{protocol=\"http1\",kind=\"request\",outcome=\"late\"} 9\n\
            lameduck_requests_raced_total 1\n\
            lameduck_requests_raced_total_other 5\n";
        let metrics = Metrics::parse(page).unwrap();
        assert_eq!(metrics, Metrics { started: 10, ended: 9, in_flight: 0, raced: 1 });
        assert_eq!(Metrics::parse("go_threads 3\n"), None);
    }
}
