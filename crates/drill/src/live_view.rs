//! What a person sees while the drill runs: a live view on a terminal, plain lines otherwise, on standard error.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use lameduck_load::{Micros, Stage};
use tokio::task::JoinHandle;

use crate::facts::{ReplicaFacts, Shown};
use crate::plan::Progress;

/// Between two frames of the live view, and between two plain lines.
const FRAME: Duration = Duration::from_millis(200);
const LINE: Duration = Duration::from_secs(5);
/// Most replicas in the live view; the youngest are shown.
const SHOWN_MAX: usize = 12;

/// Where progress goes.
pub(crate) struct LiveView {
    mode: Mode,
    ticking: RefCell<Option<JoinHandle<()>>>,
    epoch: RefCell<Option<Arc<Stage>>>,
}

enum Mode {
    Live(ProgressBar),
    Plain,
    Silent,
}

impl LiveView {
    pub(crate) fn new(progress: Progress) -> Rc<Self> {
        let mode = match progress {
            Progress::None => Mode::Silent,
            Progress::Auto if std::io::stderr().is_terminal() => {
                let bar = ProgressBar::new_spinner();
                bar.set_style(
                    ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()),
                );
                Mode::Live(bar)
            }
            Progress::Auto | Progress::Plain => Mode::Plain,
        };
        Rc::new(Self { mode, ticking: RefCell::default(), epoch: RefCell::default() })
    }

    /// A run begins.
    pub(crate) fn begin(self: &Rc<Self>, name: &str, stage: &Arc<Stage>, replicas: Shown) {
        *self.epoch.borrow_mut() = Some(Arc::clone(stage));
        self.say(&format!("run {name}"));
        let every = match self.mode {
            Mode::Live(_) => FRAME,
            Mode::Plain => LINE,
            Mode::Silent => return,
        };
        let (view, stage, name) = (Rc::clone(self), Arc::clone(stage), name.to_owned());
        let ticking = tokio::task::spawn_local(async move {
            let mut before = (0, 0);
            loop {
                tokio::time::sleep(every).await;
                let now = stage.now();
                let ended = stage.live.ended.load(Ordering::Relaxed);
                let rate = (ended - before.1) as f64 * 1e6 / now.saturating_sub(before.0).max(1) as f64;
                before = (now, ended);
                let frame = Frame { name: &name, now, ended, lost: stage.live.lost.load(Ordering::Relaxed), rate };
                match &view.mode {
                    Mode::Live(bar) => bar.set_message(frame.lines(&replicas.borrow())),
                    Mode::Plain => view.line(&frame.line(&replicas.borrow())),
                    Mode::Silent => {}
                }
            }
        });
        *self.ticking.borrow_mut() = Some(ticking);
    }

    /// The run is over: the live view is cleared.
    pub(crate) fn finish(&self) {
        if let Some(ticking) = self.ticking.borrow_mut().take() {
            ticking.abort();
        }
        if let Mode::Live(bar) = &self.mode {
            bar.set_message("");
            bar.tick();
        }
    }

    /// Something happened.
    pub(crate) fn say(&self, what: &str) {
        let at = self.epoch.borrow().as_ref().map(|stage| stage.now()).unwrap_or_default();
        let line = format!("{:>7.1}s  {what}", at as f64 / 1e6);
        match &self.mode {
            Mode::Live(bar) => bar.println(line),
            Mode::Plain => self.line(&line),
            Mode::Silent => {}
        }
    }

    fn line(&self, line: &str) {
        // A closed standard error is no reason to stop.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

/// One moment of a run.
struct Frame<'a> {
    name: &'a str,
    now: Micros,
    ended: u64,
    lost: u64,
    rate: f64,
}

impl Frame<'_> {
    fn line(&self, replicas: &[Rc<RefCell<ReplicaFacts>>]) -> String {
        let alive = replicas.iter().filter(|replica| replica.borrow().exited.is_none()).count();
        let leaving = replicas.iter().filter(|replica| is_leaving(&replica.borrow())).count();
        format!(
            "{:>7.1}s  {} requests, {:.0}/s, {} lost; {alive} replicas, {leaving} leaving",
            self.now as f64 / 1e6,
            self.ended,
            self.rate,
            self.lost
        )
    }

    fn lines(&self, replicas: &[Rc<RefCell<ReplicaFacts>>]) -> String {
        let mut text = format!(
            "{}  {:.1}s   {:.0} requests/s   {} ended   {} lost",
            self.name,
            self.now as f64 / 1e6,
            self.rate,
            self.ended,
            self.lost
        );
        let shown = replicas.iter().filter(|replica| replica.borrow().exited.is_none()).collect::<Vec<_>>();
        for replica in shown.iter().skip(shown.len().saturating_sub(SHOWN_MAX)) {
            let facts = replica.borrow();
            let phase = facts.phases.last();
            let since = phase.map_or(0, |phase| self.now.saturating_sub(phase.at)) as f64 / 1e6;
            let phase = phase.map_or("starting", |phase| phase.phase.as_str());
            let _ = write!(text, "\n  replica {:<3} {:<21} {phase:<10} {since:.1}s", facts.id.0, facts.address);
        }
        text
    }
}

fn is_leaving(facts: &ReplicaFacts) -> bool {
    facts.marked.is_some() && facts.exited.is_none()
}

#[cfg(test)]
mod tests {
    use lameduck_load::ReplicaId;

    use super::*;

    #[test]
    fn a_frame_reads_well() {
        let mut leaving = ReplicaFacts::new(ReplicaId(0), 0, ([127, 0, 1, 1], 18080).into(), 0);
        leaving.marked = Some(4_000_000);
        leaving.see_phase("lame_duck", 4_100_000);
        let mut gone = ReplicaFacts::new(ReplicaId(1), 1, ([127, 0, 1, 2], 18080).into(), 0);
        gone.exited = Some(3_000_000);
        let replicas = [leaving, gone].map(|facts| Rc::new(RefCell::new(facts)));
        let frame = Frame { name: "as-given", now: 5_300_000, ended: 6_400, lost: 2, rate: 1_234.5 };
        assert_eq!(frame.line(&replicas), "    5.3s  6400 requests, 1234/s, 2 lost; 1 replicas, 1 leaving");
        assert_eq!(
            frame.lines(&replicas),
            "as-given  5.3s   1234 requests/s   6400 ended   2 lost\n  replica 0   127.0.1.1:18080       lame_duck  1.2s"
        );
    }
}
