//! How a replica is made to leave: marked, taken out of the table, signalled, and killed when its time is up.

use std::rc::Rc;
use std::time::Duration;

use lameduck_load::Micros;

use super::Replica;
use crate::facts::Kill;
use crate::plan::local::{Restart, Service};
use crate::process::Signal;

impl Replica {
    /// Marks it as terminating. From here on everything runs by itself: each view forgets it after its delay, the
    /// signal comes after the preStop hook, SIGKILL at the end of the grace period.
    pub(crate) fn leave(self: &Rc<Self>, delays: Vec<Duration>, service: Service, restart: Restart) {
        self.facts.borrow_mut().marked = Some(self.stage.now());
        self.retire(delays);
        let replica = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let deadline = tokio::time::Instant::now() + service.grace;
            // A control must lose: it is killed at once, while every node still sends it clients.
            if restart != Restart::Kill {
                tokio::time::sleep(service.pre_stop).await;
            }
            match restart {
                Restart::Kill => replica.kill(Kill::Purpose),
                Restart::Term | Restart::Crash | Restart::Freeze { .. } => replica.tell(Signal::Term),
                Restart::TermTwice { after } => {
                    replica.tell(Signal::Term);
                    tokio::time::sleep(after).await;
                    replica.tell(Signal::Term);
                }
            }
            if tokio::time::timeout_at(deadline, replica.has_exited()).await.is_err() {
                replica.kill(Kill::Grace);
            }
        });
    }

    /// Kills it without notice.
    pub(crate) fn crash(&self) {
        self.kill(Kill::Purpose);
    }

    /// Stops it for a while and lets it go on.
    pub(crate) async fn freeze(&self, lasting: Duration) {
        let from = self.stage.now();
        self.signal(Signal::Stop);
        self.facts.borrow_mut().see_phase("frozen", from);
        tokio::time::sleep(lasting).await;
        self.signal(Signal::Continue);
        let now = self.stage.now();
        let mut facts = self.facts.borrow_mut();
        facts.frozen = Some((from, now));
        facts.see_phase("ready", now);
    }

    /// Ends it because the drill is over: asked, if there is time for it, and killed after that.
    ///
    /// A service with a ledger is asked by SIGINT, which spares it the wait for clients that are gone already.
    pub(crate) fn end(self: &Rc<Self>, patience: Duration, has_ledger: bool) {
        if !self.is_alive() {
            return;
        }
        if patience.is_zero() {
            self.kill(Kill::CleanUp);
            return;
        }
        self.tell(if has_ledger { Signal::Int } else { Signal::Term });
        let replica = Rc::clone(self);
        tokio::task::spawn_local(async move {
            if tokio::time::timeout(patience, replica.has_exited()).await.is_err() {
                replica.kill(Kill::CleanUp);
            }
        });
    }

    fn tell(&self, signal: Signal) {
        let now = self.stage.now();
        {
            let mut facts = self.facts.borrow_mut();
            if facts.signalled.is_none() {
                facts.signalled = Some(now);
                facts.see_phase("signalled", now);
            }
        }
        self.signal(signal);
    }

    fn kill(&self, why: Kill) {
        let now: Micros = self.stage.now();
        if self.is_alive() {
            self.facts.borrow_mut().killed.get_or_insert((now, why));
            self.signal(Signal::Kill);
        }
    }
}
