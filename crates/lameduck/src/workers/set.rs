//! The running workers, watched from the control thread.

use super::{PendingWorker, Worker};
use crate::events::Events;
use crate::handle::Handle;
use lameduck_lifecycle::{Event, Straggler, StragglerKind, WaitsFor};
use tokio::runtime;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;

/// Workers in the order in which they were registered. A cheap handle.
#[derive(Clone, Debug, Default)]
pub(crate) struct WorkerSet {
    members: watch::Sender<Vec<Member>>,
}

#[derive(Clone, Debug)]
struct Member {
    name: String,
    started: Instant,
    turn: watch::Sender<bool>,
    ended: watch::Receiver<bool>,
}

impl WorkerSet {
    /// Starts the workers on `work`; a task of the calling runtime watches each.
    pub(crate) fn start(&self, idle: Vec<PendingWorker>, handle: &Handle, work: &runtime::Handle, events: &Events) {
        for PendingWorker { name, run } in idle {
            let (turn, my_turn) = watch::channel(false);
            let (end, ended) = watch::channel(false);
            let worker = Worker { name: name.clone(), handle: handle.clone(), turn: my_turn };
            // The closure runs there as well: it may block or panic.
            let running = work.spawn(async move { run(worker).await });
            tokio::spawn(supervise(name.clone(), running, handle.clone(), events.clone(), end));
            let member = Member { name, started: Instant::now(), turn, ended };
            self.members.send_modify(|members| members.push(member));
        }
    }

    /// Names, in reverse order of registration: the order of release.
    pub(crate) fn names_reversed(&self) -> Vec<String> {
        self.members.borrow().iter().rev().map(|member| member.name.clone()).collect()
    }

    /// Tells one worker that it is its turn, and waits until it has ended.
    pub(crate) async fn release(&self, name: &str) {
        let member = self.members.borrow().iter().find(|member| member.name == name).cloned();
        if let Some(mut member) = member {
            member.turn.send_replace(true);
            // A supervisor that has gone has seen the end.
            let _ = member.ended.wait_for(|ended| *ended).await;
        }
    }

    /// Workers that have not ended.
    pub(crate) fn stragglers(&self) -> Vec<Straggler> {
        let members = self.members.borrow();
        let left = members.iter().filter(|member| !*member.ended.borrow());
        left.map(|member| {
            let waits_for = if *member.turn.borrow() { WaitsFor::Work } else { WaitsFor::Turn };
            Straggler::new(StragglerKind::Worker, &member.name, member.started.elapsed(), waits_for)
        })
        .collect()
    }
}

/// Waits for the end of a worker and judges it.
async fn supervise(
    name: String,
    running: JoinHandle<anyhow::Result<()>>,
    handle: Handle,
    events: Events,
    end: watch::Sender<bool>,
) {
    let failure = verdict(running.await, handle.is_leaving());
    end.send_replace(true);
    match failure {
        None => tracing::debug!(worker = %name, "worker {name} has ended"),
        Some(error) => {
            tracing::error!(worker = %name, %error, "worker {name} failed: {error}");
            events.send(Event::PartFailed { part: format!("worker {name}"), error }).await;
        }
    }
}

/// Why this end is a failure, if it is.
fn verdict(ended: Result<anyhow::Result<()>, JoinError>, leaving: bool) -> Option<String> {
    match ended {
        Ok(Ok(())) if leaving => None,
        Ok(Ok(())) => Some("it ended while the service was serving".to_owned()),
        Ok(Err(error)) => Some(format!("{error:#}")),
        Err(error) if error.is_panic() => Some(format!("it panicked: {}", panic_text(error))),
        // Cut with its runtime.
        Err(_) => None,
    }
}

/// What a panic said, as far as it is text.
pub(crate) fn panic_text(error: JoinError) -> String {
    let Ok(payload) = error.try_into_panic() else { return "without a word".to_owned() };
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a word").to_owned()
}
