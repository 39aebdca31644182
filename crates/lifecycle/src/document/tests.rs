use super::*;
use crate::{Event, Ledger, Machine, Outcome, Protocol, Signal, StragglerKind, WaitsFor};

const S: fn(u64) -> Duration = Duration::from_secs;

fn snapshot(machine: &Machine, at: Duration) -> Snapshot {
    Snapshot {
        at,
        phase: machine.phase().clone(),
        readiness: machine.readiness(),
        ledger: Ledger::default(),
        jobs: Jobs::default(),
        connections: Connections::default(),
        stragglers: Vec::new(),
    }
}

fn leaving() -> (Machine, Snapshot) {
    let mut machine = Machine::new(Plan::default());
    let _ = machine.on(S(1), Event::Started);
    let _ = machine.on(S(10), Event::Signal(Signal::Terminate));
    let snapshot = snapshot(&machine, S(12));
    (machine, snapshot)
}

fn straggler(name: &str, age_ms: u64) -> Straggler {
    Straggler::new(StragglerKind::Request, name, Duration::from_millis(age_ms), WaitsFor::Handler)
}

/// A document in which every part that may be absent is there.
pub(super) fn full() -> Document {
    let (machine, mut snapshot) = leaving();
    snapshot.stragglers = vec![Straggler {
        protocol: Some(Protocol::Http1),
        kind: Some(crate::Kind::Request),
        request_id: Some("r-1".to_owned()),
        trace_id: Some("0af7651916cd43dd8448eb211c80319c".to_owned()),
        ..straggler("GET /slow", 1)
    }];
    snapshot.connections.add_closed(Protocol::Http1, crate::CloseReason::Finished, 1);
    let mut document = Document::new(&snapshot, machine.plan(), machine.wake_at());
    document.ledger_error = Some("off by one".to_owned());
    document.advice = Some(Advice::of(&crate::Evidence {
        late: &[(1.0, 1000)],
        waited: S(5),
        last_arrival: Some(S(1)),
        took: S(6),
        grace: Some(S(29)),
        fixed: true,
    }));
    document.waits[0].name = Some("database".to_owned());
    document.waits[0].count = Some(1);
    document
}

#[test]
fn the_contract_keys_are_there_while_leaving() {
    let (machine, snapshot) = leaving();
    let document = Document::new(&snapshot, machine.plan(), machine.wake_at());
    let json = serde_json::to_value(&document).unwrap();
    for key in [
        "version",
        "phase",
        "since_ms",
        "cause",
        "deadline_in_ms",
        "waits",
        "ledger",
        "jobs",
        "connections",
        "stragglers",
    ] {
        assert!(json.get(key).is_some(), "{key}");
    }
    assert_eq!(json["phase"], "lame_duck");
    assert_eq!(json["since_ms"], 2_000);
    assert_eq!(json["deadline_in_ms"], 27_000);
    assert_eq!(json["cause"]["kind"], "terminate");
    assert_eq!(json["waits"][0]["for"], "cluster_answer");
    assert_eq!(json["waits"][0]["at_most_ms"], 3_000);
    assert_eq!(json["jobs"]["lost"], serde_json::json!([]));
}

#[test]
fn the_compact_form_fits_and_says_what_is_missing() {
    let (machine, mut snapshot) = leaving();
    snapshot.stragglers = (0..200)
        .map(|id| Straggler {
            protocol: Some(Protocol::Http1),
            ..straggler(&format!("GET /bench/slow #{id}"), 1_000 + id)
        })
        .collect();
    let document = Document::new(&snapshot, machine.plan(), None);
    for bytes_max in [COMPACT_BYTES_MAX, 1_000, 300, 40] {
        let line = document.compact(bytes_max);
        assert!(line.len() <= bytes_max, "{} > {bytes_max}: {line}", line.len());
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(json["version"], 2);
    }
    let json: serde_json::Value = serde_json::from_str(&document.compact(COMPACT_BYTES_MAX)).unwrap();
    assert_eq!(json["left_out"], serde_json::json!(["waits", "stragglers"]));
    assert_eq!(json["stragglers"][0]["name"], "GET /bench/slow #0", "the oldest stay");
}

#[test]
fn a_small_document_is_left_whole() {
    let (machine, snapshot) = leaving();
    let line = Document::new(&snapshot, machine.plan(), None).compact(COMPACT_BYTES_MAX);
    assert!(!line.contains("left_out"), "{line}");
}

#[test]
fn a_broken_law_is_told_at_the_end() {
    let mut machine = Machine::new(Plan::default());
    let _ = machine.on(S(1), Event::Started);
    for _ in 0..4 {
        let _ = machine.on(S(2), Event::Signal(Signal::Interrupt));
    }
    let mut snapshot = snapshot(&machine, S(3));
    snapshot.ledger.add_ended(Protocol::Http1, crate::Kind::Request, Outcome::Completed, 1);
    let document = Document::new(&snapshot, machine.plan(), None);
    assert_eq!(document.ledger_error.as_deref(), Some("ledger of http1: 0 started, but 1 ended + 0 in flight"));
    assert_eq!(document.exit_code, Some(0));
}
