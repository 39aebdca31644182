//! One rolling restart: surge 1, unavailable 0. The new one is ready, then the old one is marked; like a Deployment the
//! next step does not wait for the old one's exit unless told to.

use std::rc::Rc;

use super::fleet::Fleet;
use super::replica::Replica;
use crate::exit::Failure;
use crate::plan::local::{Restart, Rollouts};

/// Restarts every replica once, and waits until all old ones have left.
///
/// # Errors
/// A new replica does not start, or does not become ready.
pub(crate) async fn roll(fleet: &Fleet, run: &Rollouts, number: u32) -> Result<(), Failure> {
    fleet.say(&format!("rollout {number} of {}", run.rollouts));
    let mut leaving: Vec<Rc<Replica>> = Vec::new();
    for slot in 0..run.replicas {
        if slot > 0 {
            tokio::time::sleep(run.pause).await;
        }
        fleet.count_restart();
        let Some(old) = fleet.current(slot) else { continue };
        step(fleet, run, &old, slot).await?;
        if run.wait_for_exit {
            old.has_exited().await;
        }
        leaving.push(old);
        if matches!(run.restart, Restart::Crash | Restart::Freeze { .. }) {
            // One accident is enough: what is shown is that the others do not suffer from it.
            break;
        }
    }
    for old in leaving.iter().filter(|_| !matches!(run.restart, Restart::Freeze { .. })) {
        old.has_exited().await;
    }
    Ok(())
}

async fn step(fleet: &Fleet, run: &Rollouts, old: &Rc<Replica>, slot: u16) -> Result<(), Failure> {
    match run.restart {
        Restart::Term | Restart::TermTwice { .. } | Restart::Kill => {
            fleet.start(slot).await?;
            fleet.leave(old);
        }
        Restart::Crash => {
            old.crash();
            old.has_exited().await;
            fleet.start(slot).await?;
        }
        Restart::Freeze { lasting } => old.freeze(lasting).await,
    }
    Ok(())
}
