//! The driver in paused time, with rooms that only take notes.

use super::*;
use crate::clock::Clock;
use crate::events::Events;
use lameduck_lifecycle::{Phase, Plan, Signal, Strategy};
use std::sync::{Arc, Mutex};
use tokio::task::JoinHandle;
use tokio::time::Instant;

const S: fn(u64) -> Duration = Duration::from_secs;

#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<(Duration, Effect)>>>);

struct NotingEffects {
    notes: Notes,
    began: Instant,
    answer: Option<Event>,
}

impl Effects for NotingEffects {
    fn perform(&mut self, effect: Effect) -> Option<Event> {
        let answers = effect == Effect::Serve;
        self.notes.0.lock().unwrap().push((self.began.elapsed(), effect));
        self.answer.take_if(|_| answers)
    }
}

struct Rig {
    events: Events,
    view: watch::Receiver<PhaseView>,
    notes: Notes,
    end: JoinHandle<NotingEffects>,
}

fn drive(plan: Plan, answer: Option<Event>) -> Rig {
    let (events, receiver) = Events::channel();
    let (sender, view) = watch::channel(PhaseView::initial());
    let shared = Shared { clock: Clock::start(), plan, view: view.clone(), events: events.clone() };
    let notes = Notes::default();
    let effects = NotingEffects { notes: notes.clone(), began: Instant::now(), answer };
    let end = tokio::spawn(Driver::new(shared, effects, receiver, sender, None).run());
    Rig { events, view, notes, end }
}

impl Rig {
    async fn until(&mut self, phase: PhaseName) {
        self.view.wait_for(|view| view.phase.name() == phase).await.unwrap();
    }

    fn names(&self) -> Vec<String> {
        let notes = self.notes.0.lock().unwrap();
        let first_word = |effect: &Effect| format!("{effect:?}").split([' ', '(']).next().unwrap().to_owned();
        notes.iter().map(|(_, effect)| first_word(effect)).collect()
    }
}

fn delay(seconds: u64) -> Plan {
    Plan { strategy: Strategy::Delay, delay: S(seconds), ..Plan::default() }
}

#[tokio::test(start_paused = true)]
async fn a_life_is_driven_to_its_end_by_facts_and_time() {
    let mut rig = drive(delay(5), None);
    rig.events.send(Event::Started).await;
    rig.until(PhaseName::Ready).await;
    tokio::time::advance(S(60)).await;
    rig.events.send(Event::Signal(Signal::Terminate)).await;
    rig.until(PhaseName::LameDuck).await;
    let signalled = Instant::now();
    rig.until(PhaseName::Draining).await;
    assert_eq!(signalled.elapsed().as_secs(), 5);
    for event in [Event::Drained, Event::Released, Event::Flushed] {
        rig.events.send(event).await;
    }
    (&mut rig.end).await.unwrap();
    let expected = ["Serve", "Leave", "WatchCluster", "GiveNotice", "Drain", "Release", "Flush", "Exit"];
    assert_eq!(rig.names(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_process_whose_rooms_never_answer_ends_at_its_deadline() {
    let mut rig = drive(delay(5), None);
    rig.events.send(Event::Started).await;
    rig.events.send(Event::Signal(Signal::Terminate)).await;
    rig.until(PhaseName::LameDuck).await;
    let signalled = Instant::now();
    (&mut rig.end).await.unwrap();
    assert_eq!(signalled.elapsed().as_secs(), 29, "grace 30 s less the margin");
    let Phase::Exited(leaving) = rig.view.borrow().phase.clone() else { panic!("not exited") };
    assert_eq!(leaving.cut, [PhaseName::Draining, PhaseName::Releasing, PhaseName::Flushing]);
}

#[tokio::test(start_paused = true)]
async fn what_an_order_makes_known_at_once_is_taken_at_once() {
    let failed = Event::PartFailed { part: "listener".to_owned(), error: "taken".to_owned() };
    let mut rig = drive(delay(5), Some(failed));
    rig.events.send(Event::Started).await;
    rig.until(PhaseName::LameDuck).await;
    let cause = rig.view.borrow().phase.leaving().map(|leaving| leaving.cause.to_string());
    assert_eq!(cause.as_deref(), Some("part `listener` failed: taken"));
}

#[tokio::test(start_paused = true)]
async fn facts_in_a_row_are_published_ten_times_a_second_at_most() {
    let mut rig = drive(Plan { strategy: Strategy::Quiet, ..Plan::default() }, None);
    rig.events.send(Event::Started).await;
    rig.events.send(Event::Signal(Signal::Terminate)).await;
    rig.until(PhaseName::LameDuck).await;
    let mut published = 0;
    for _ in 0..1000 {
        rig.events.send(Event::ConnectionArrived).await;
        tokio::time::advance(Duration::from_millis(1)).await;
        tokio::task::yield_now().await;
        published += u32::from(rig.view.has_changed().unwrap());
        rig.view.mark_unchanged();
    }
    assert!((5..=11).contains(&published), "{published} publications in a second");
}
