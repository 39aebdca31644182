use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Action {
    Start(Protocol),
    Turn(usize, Kind),
    End(usize, End),
    Signal,
}

fn action() -> impl Strategy<Value = Action> {
    let end = prop::sample::select(vec![
        End::Answered,
        End::Rejected,
        End::TimedOut,
        End::Aborted,
        End::ClientGone,
        End::Failed,
    ]);
    prop_oneof![
        4 => prop::sample::select(vec![Protocol::Http1, Protocol::Http2]).prop_map(Action::Start),
        1 => (0..64_usize, prop::sample::select(Kind::ALL.to_vec())).prop_map(|(id, kind)| Action::Turn(id, kind)),
        4 => (0..64_usize, end).prop_map(|(id, end)| Action::End(id, end)),
        1 => Just(Action::Signal),
    ]
}

proptest! {
    #[test]
    fn the_law_holds_at_every_step(actions in prop::collection::vec(action(), 0..200)) {
        let mut model = LedgerModel::default();
        let mut signalled = false;
        for action in actions {
            match action {
                Action::Start(protocol) => { model.start(protocol); }
                Action::Turn(id, kind) => model.turn_into(id as u64, kind),
                Action::Signal => { signalled = true; model.signal(); }
                Action::End(id, end) => {
                    let outcome = model.end(id as u64, end);
                    if !signalled {
                        prop_assert!(!matches!(outcome, Some(Outcome::Drained | Outcome::Late)));
                    }
                    prop_assert_eq!(model.end(id as u64, end), None, "an end counts once");
                }
            }
            prop_assert_eq!(model.ledger().check(), Ok(()));
        }
    }
}

#[test]
fn a_lost_guard_breaks_the_law() {
    let mut ledger = Ledger::default();
    ledger.add_started(Protocol::Http1, 2);
    ledger.add_ended(Protocol::Http1, Kind::Request, Outcome::Completed, 1);
    let broken = ledger.check().unwrap_err();
    assert_eq!(broken.to_string(), "ledger of http1: 2 started, but 1 ended + 0 in flight");
}

#[test]
fn what_is_in_flight_at_the_end_is_aborted_and_lost() {
    let mut model = LedgerModel::default();
    model.start(Protocol::Http1);
    let upgraded = model.start(Protocol::Http2);
    model.turn_into(upgraded, Kind::Websocket);
    let mut ledger = model.ledger().clone();
    ledger.abort_in_flight();
    assert_eq!((ledger.in_flight(), ledger.outcome(Outcome::Aborted), ledger.lost()), (0, 2, 2));
    assert_eq!(ledger.ended_by(Protocol::Http2, Kind::Websocket, Outcome::Aborted), 1);
    assert_eq!(ledger.check(), Ok(()));
}

#[test]
fn an_answer_is_named_by_when_it_started_and_ended() {
    assert_eq!(End::Answered.outcome(false, false), Outcome::Completed);
    assert_eq!(End::Answered.outcome(false, true), Outcome::Drained);
    assert_eq!(End::Answered.outcome(true, true), Outcome::Late);
    assert_eq!(End::Aborted.outcome(true, true), Outcome::Aborted);
}

#[test]
fn json_has_the_keys_of_the_contract() {
    let json = serde_json::to_string(&Ledger::default()).unwrap();
    assert_eq!(
        json,
        r#"{"started":0,"in_flight":0,"completed":0,"drained":0,"late":0,"rejected":0,"timed_out":0,"aborted":0,"client_gone":0,"failed":0,"raced":0,"raced_expected":0.0,"unserved":0}"#
    );
}

#[test]
fn the_sentence_says_what_was_lost() {
    let mut model = LedgerModel::default();
    let (first, second) = (model.start(Protocol::Http1), model.start(Protocol::Http2));
    model.signal();
    model.end(first, End::Answered);
    model.end(second, End::Aborted);
    assert_eq!(model.ledger().sentence(), "2 requests: 1 drained, 1 aborted; 1 lost");
}
