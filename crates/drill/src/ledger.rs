//! The service's own account, as its public surfaces tell it: the `/drain` document, the report file, `/metrics`.
//!
//! The drill has its own types for them. It reads what it compares, ignores the rest, and takes an absent count for
//! zero, as the compact form of the document leaves zeros out.

use serde::{Deserialize, Serialize};

/// The version of the document that the drill understands.
const VERSION: u32 = 1;

/// What the drill reads of the `/drain` document.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Document {
    version: u32,
    #[serde(default)]
    pub(crate) phase: String,
    #[serde(default)]
    pub(crate) ledger: Ledger,
}

impl Document {
    /// # Errors
    /// Text that is no such document, or one of another version, in words.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let document: Self = serde_json::from_str(text).map_err(|error| format!("not a /drain document: {error}"))?;
        if document.version != VERSION {
            return Err(format!("a /drain document of version {}, expected {VERSION}", document.version));
        }
        Ok(document)
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
    fn another_version_is_not_guessed_at() {
        assert_eq!(Document::parse(r#"{"version":2}"#), Err("a /drain document of version 2, expected 1".into()));
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
