use super::*;
use crate::cluster::pods::Deletion;

const REPORT: &str = r#"{"version":2,"phase":"exited","cause":{"kind":"terminate","text":"termination signal"},"wait_end":"observed",
    "last_connection_after_ms":900,"phases":[{"phase":"starting","seconds":0.1},{"phase":"ready","seconds":60.0},
    {"phase":"lame_duck","seconds":2.0},{"phase":"draining","seconds":0.5}],"ledger":{"started":5,"completed":5}}"#;

fn pod() -> Seen {
    Seen {
        name: "web-1".into(),
        uid: "u-1".into(),
        node: "node1".into(),
        address: Some([10, 1, 2, 3].into()),
        ready: true,
        deletion: None,
        restarts: 0,
        runs: true,
        end: None,
        end_before: None,
        waits_for: None,
    }
}

fn ended(code: i32, message: Option<&str>) -> Option<End> {
    Some(End { code, message: message.map(str::to_owned), finished: None })
}

/// What is known after these sightings, a second apart.
fn after(sightings: &[Seen]) -> Vec<ReplicaFacts> {
    let history = PodHistory::new(8081, true);
    for (now, seen) in (1..).zip(sightings) {
        history.apply(now * 1_000_000, seen);
    }
    history.facts()
}

#[test]
fn a_deleted_pod_left_when_it_was_told_and_its_message_is_its_last_word() {
    let leaving = Seen { deletion: Some(Deletion { ordered: 0, grace_seconds: 30 }), ..pod() };
    let gone = Seen { runs: false, ready: false, end: ended(0, Some(REPORT)), ..leaving.clone() };
    let facts = after(&[pod(), leaving.clone(), leaving.clone(), leaving, gone]);
    let [life] = facts.as_slice() else { panic!("{} lives", facts.len()) };
    assert_eq!((life.ready, life.marked, life.exited), (Some(1_000_000), Some(2_000_000), Some(5_000_000)));
    // 2.5 s before its end, by its own word.
    assert_eq!((life.signalled, life.took()), (Some(2_500_000), Some(3_000_000)));
    assert!(matches!(life.ledger, Some((LedgerSource::ReportFile, ledger)) if ledger.completed == 5));
    assert!(!life.died() && life.killed.is_none());
}

#[test]
fn a_kill_is_the_grace_periods_only_if_somebody_had_been_told() {
    let leaving = Seen { deletion: Some(Deletion { ordered: 0, grace_seconds: 1 }), ..pod() };
    let killed = |seen: &Seen| Seen { runs: false, end: ended(137, None), ..seen.clone() };
    let told = after(&[pod(), leaving.clone(), killed(&leaving)]);
    assert!(matches!(told[0].killed, Some((_, Kill::Grace))) && !told[0].died());
    let out_of_memory = after(&[pod(), killed(&pod())]);
    assert!(out_of_memory[0].killed.is_none() && out_of_memory[0].died());
}

#[test]
fn a_container_that_is_started_again_begins_a_new_life() {
    let again = Seen { restarts: 1, end_before: ended(0, Some(REPORT)), ..pod() };
    let facts = after(&[pod(), pod(), pod(), again]);
    assert_eq!(facts.iter().map(ReplicaFacts::name).collect::<Vec<_>>(), ["web-1", "web-1 (restart 1)"]);
    // Told without being deleted, as its report says.
    assert_eq!((facts[0].marked, facts[0].signalled, facts[0].exited), (None, Some(1_500_000), Some(4_000_000)));
    assert!(!facts[0].died() && facts[1].exited.is_none());
    let failed = REPORT.replace("\"terminate\"", "\"part_failed\"");
    let by_itself = Seen { restarts: 1, end_before: ended(1, Some(&failed)), ..pod() };
    assert!(after(&[pod(), by_itself])[0].died(), "nobody had told it");
}

#[test]
fn an_end_that_nobody_told_stays_unknown() {
    let history = PodHistory::new(8081, true);
    history.apply(1, &pod());
    let said = history.forget(2, "u-1").expect("something to say");
    assert!(said.contains("web-1") && said.contains("not heard"), "{said}");
    assert_eq!(history.forget(3, "u-1"), None);
    let life = &history.facts()[0];
    assert_eq!((life.exited, life.status), (Some(2), None));
}

#[test]
fn what_waits_for_a_node_is_no_life_and_a_crash_loop_has_an_end() {
    assert!(after(&[Seen { node: String::new(), ..pod() }]).is_empty());
    let history = PodHistory::new(8081, false);
    for restarts in 0..LIVES_MAX as i32 + 5 {
        history.apply(1, &Seen { restarts, ..pod() });
    }
    assert_eq!(history.facts().len(), LIVES_MAX);
}
