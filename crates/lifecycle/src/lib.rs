//! The life of a service process as a pure machine.
//!
//! Everything that happens outside (signals, finished stages, what the cluster says, the last connection that ended) is
//! an [`Event`]; [`Machine::on`] takes it together with the time and answers with a [`Step`]: the [`Effect`]s that the
//! rooms around it must carry out. The machine owns no socket, no clock and no task, so every life can be told in a
//! test.
//!
//! ```
//! use lameduck_lifecycle::{Effect, Event, Machine, Plan, Signal, Strategy};
//! use std::time::Duration;
//!
//! let at = Duration::from_millis;
//! let mut machine = Machine::new(Plan { strategy: Strategy::Delay, delay: at(5_000), ..Plan::default() });
//! machine.on(at(10), Event::Started);
//! let step = machine.on(at(60_000), Event::Signal(Signal::Terminate));
//! assert!(step.effects.contains(&Effect::GiveNotice));
//! let step = machine.on(at(65_000), Event::Tick);
//! assert!(step.effects.iter().any(|effect| matches!(effect, Effect::Drain { .. })));
//! ```
//!
//! Time is a [`Duration`](std::time::Duration) since the start of the process and comes in with each event. The crate
//! knows `std` and `serde`: no tokio, no HTTP, no Kubernetes, no metrics, no clock.

mod advice;
mod budget;
mod document;
mod effect;
mod event;
mod exit;
mod jobs;
mod ledger;
mod machine;
mod phase;
mod plan;
mod report;
mod schedule;
mod snapshot;
mod vocabulary;
mod wait;

pub use advice::{Advice, Change, Evidence};
pub use budget::{Budget, BudgetError};
pub use document::{COMPACT_BYTES_MAX, CauseReported, DOCUMENT_VERSION, Document, Waiting};
pub use effect::{Effect, Step};
pub use event::{Cause, CauseKind, ClusterFact, Event, Signal};
pub use exit::Exit;
pub use jobs::{Jobs, JobsError};
pub use ledger::{End, Ledger, LedgerMismatch, LedgerModel};
pub use machine::Machine;
pub use phase::{Leaving, Phase, PhaseSeconds, Readiness, Startup};
pub use plan::{Plan, ReadinessPolicy, Strategy, Timeout};
pub use report::Report;
pub use schedule::Schedule;
pub use snapshot::{Connections, Snapshot, Straggler, StragglerKind, WaitsFor};
pub use vocabulary::{CloseReason, ConnectionState, Kind, Outcome, PhaseName, Protocol, Stage, WaitingFor};
pub use wait::{Wait, WaitEnd};
