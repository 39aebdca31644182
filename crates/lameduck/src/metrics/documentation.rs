//! docs/metrics.md, from the declarations. `make docs` writes it; the test below holds it to them.

use super::declared::METRICS;
use lameduck_lifecycle::{CloseReason, ConnectionState, Kind, Outcome, PhaseName, Protocol, Stage, WaitEnd};
use std::fmt::Write as _;
use std::path::Path;

const INTRODUCTION: &str = "\
# Metrics

<!-- Generated from crates/lameduck/src/metrics/declared.rs by `make docs`. -->

What the admin port returns at `/metrics`, as OpenMetrics with exemplars or in the text format of Prometheus 0.0.4, as the scraper
asks; compressed by gzip if it accepts that. Base units; every label has a closed set of values, so
the number of series is bounded. Values are computed at each scrape, until the process ends.

";

const QUESTIONS: &str = "\
## Questions

| question | query |
|---|---|
| Did a restart lose anything? | `sum(increase(lameduck_requests_ended_total{outcome=\"aborted\"}[1h])) + sum(increase(lameduck_requests_raced_total[1h])) + sum(increase(lameduck_connections_unserved_total[1h]))` |
| Which pods are leaving, and how long have they been? | `lameduck_drain_phase_seconds and on (pod) lameduck_phase{phase!=\"ready\"} == 1` |
| Was the wait long enough? | `histogram_quantile(0.99, sum by (le) (rate(lameduck_late_arrival_seconds_bucket[1h])))` |
| Which certificates end within a week? | `lameduck_tls_certificate_expiry_timestamp_seconds - time() < 7 * 86400` |
| Does the ledger add up? | `lameduck_requests_started_total - on (pod, protocol) sum by (pod, protocol) (lameduck_requests_ended_total) - on (pod, protocol) sum by (pod, protocol) (lameduck_requests_in_flight)` |

The last value of a process that has gone is only in Prometheus if it was scraped after it was reached: the report
(`drain.report_file`) has it in any case.
";

/// The page.
fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    let mut group = "";
    for metric in METRICS {
        if metric.group != group {
            group = metric.group;
            let _ = write!(page, "## {group}\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n");
        }
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, kind, labels, help) = (metric.name, metric.kind.as_str(), labels.join(", "), metric.help);
        let _ = writeln!(page, "| `{name}` | {kind} | {labels} | {help} |");
        let last = METRICS.iter().rfind(|other| other.group == group) == Some(metric);
        if last {
            page.push('\n');
        }
    }
    page.push_str("## Labels\n\n| label | values |\n|---|---|\n");
    label(&mut page, "phase", &PhaseName::ALL.map(PhaseName::as_str));
    label(&mut page, "stage", &Stage::ALL.map(Stage::as_str));
    label(&mut page, "protocol", &Protocol::ALL.map(Protocol::as_str));
    label(&mut page, "kind", &Kind::ALL.map(Kind::as_str));
    label(&mut page, "outcome", &Outcome::ALL.map(Outcome::as_str));
    label(&mut page, "state", &ConnectionState::ALL.map(ConnectionState::as_str));
    label(&mut page, "reason", &CloseReason::ALL.map(CloseReason::as_str));
    label(&mut page, "result", &["loaded", "failed"]);
    #[cfg(feature = "tls")]
    label(
        &mut page,
        "reason` of `lameduck_tls_handshake_failures_total",
        &lameduck_server::tls::HandshakeFailure::ALL.map(lameduck_server::tls::HandshakeFailure::as_str),
    );
    label(&mut page, "end` of `lameduck_drain_wait_end", &WaitEnd::ALL.map(WaitEnd::as_str));
    page.push('\n');
    page.push_str(QUESTIONS);
    page
}

fn label(page: &mut String, name: &str, values: &[&str]) {
    let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
    let _ = writeln!(page, "| `{name}` | {} |", values.join(", "));
}

#[test]
fn generated_pages_metrics_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    if std::env::var_os("LAMEDUCK_WRITE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "docs/metrics.md is not what the declarations say: run `make docs`");
}
