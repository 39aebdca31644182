//! Proves a rolling restart from the client's side.
//!
//! The drill knows a service by its public surfaces only: HTTP, signals, files. One driver does every run against a
//! target (`local` or `cluster`). Facts flow one way: target and clients (crate `lameduck-load`) produce them, the
//! judge compares them with what was promised, the report shows both. The endpoint table is all that target and
//! clients share.
//!
//! | module | what it knows |
//! |---|---|
//! | `cli`, `values`, `placeholders` | what was written on the command line |
//! | `plan`, `scenario` | what is going to be done, checked |
//! | `driver` | the course of a run, the same for every target |
//! | `local` | a target: processes, signals, probes, rollouts |
//! | `cluster`, `load_pod` | a target: pods, endpoint slices, what makes pods leave; the load inside the cluster |
//! | `clock` | how far two clocks are apart |
//! | `ledger`, `reconcile` | the service's own account, compared with the clients' |
//! | `facts`, `judge`, `advice` | what happened, what it means, what would have helped |
//! | `report`, `live_view` | how a person gets to see it |

// Without its driver, what is known about clusters (plans, facts, their part of the report) is there and not used.
#![cfg_attr(not(feature = "cluster"), expect(dead_code))]

mod advice;
mod cli;
mod clock;
#[cfg(feature = "cluster")]
mod cluster;
mod descriptors;
mod driver;
mod exit;
mod facts;
mod interrupt;
mod judge;
mod ledger;
mod live_view;
#[cfg(feature = "cluster")]
mod load_pod;
mod local;
mod placeholders;
mod plan;
mod probe;
mod process;
mod reconcile;
mod report;
mod scenario;
mod session;
mod values;

pub use exit::Exit;
pub use session::{run, run_as_plugin};
