//! The results as a document: versioned, the same for the JSON file and for the page.

mod cluster;
pub(crate) mod html;
mod run;
pub(crate) mod text;

use lameduck_load::{Kind, LoadPlan, Verdict};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use lameduck_support::date;
use serde::Serialize;

use self::run::Run;

use crate::exit::Exit;
use crate::judge::Judged;
use crate::values::words;

/// Raised when a key changes its meaning or goes; new keys do not raise it.
const VERSION: u32 = 1;

/// The document of a drill.
#[derive(Debug, Serialize)]
pub(crate) struct Document {
    version: u32,
    drill_version: &'static str,
    exit: Exit,
    exit_code: u8,
    sentence: String,
    /// What was drilled: the program, or the workload.
    name: String,
    /// RFC 3339, in UTC.
    started_at: String,
    command: Vec<String>,
    /// As text: a number of 64 bits is more than JSON readers keep.
    seed: String,
    machine: Machine,
    load: Load,
    /// What the names of verdicts mean, so that no reader needs a list of its own.
    verdicts: BTreeMap<Verdict, Meaning>,
    runs: Vec<Run>,
}

#[derive(Debug, Serialize)]
struct Machine {
    system: &'static str,
    architecture: &'static str,
    cores: usize,
}

#[derive(Debug, Serialize)]
struct Load {
    clients: Vec<Clients>,
    connections: u64,
    offered_per_second: f64,
    timeout: String,
    look_to_write: String,
    threads: usize,
}

#[derive(Debug, Serialize)]
struct Clients {
    kind: Kind,
    clients: u32,
    rate_per_second: f64,
}

/// A verdict in words, and whether a client that never retries has lost the request.
#[derive(Debug, Serialize)]
struct Meaning {
    words: &'static str,
    lost: bool,
}

/// What was drilled.
pub(crate) struct Drilled<'a> {
    pub(crate) name: String,
    /// What was run, or the command line of a drill in a cluster.
    pub(crate) command: &'a [String],
}

impl<'a> Drilled<'a> {
    /// A command of this machine, named by its program.
    pub(crate) fn program(command: &'a [String]) -> Self {
        let program = command.first().map(Path::new).and_then(Path::file_name);
        let name = program.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Self { name, command }
    }
}

impl Document {
    /// The results of a drill.
    pub(crate) fn new(drilled: &Drilled<'_>, started: SystemTime, load: &LoadPlan, judged: &Judged) -> Self {
        let clients = load.groups.iter().map(|group| Clients {
            kind: group.kind,
            clients: group.clients,
            rate_per_second: group.rate,
        });
        Self {
            version: VERSION,
            drill_version: env!("CARGO_PKG_VERSION"),
            exit: judged.exit,
            exit_code: judged.exit as u8,
            sentence: judged.sentence.clone(),
            name: drilled.name.clone(),
            started_at: date::rfc3339(started),
            command: drilled.command.to_vec(),
            seed: load.seed.to_string(),
            machine: Machine {
                system: std::env::consts::OS,
                architecture: std::env::consts::ARCH,
                cores: std::thread::available_parallelism().map_or(0, usize::from),
            },
            load: Load {
                clients: clients.collect(),
                connections: load.connections(),
                offered_per_second: load.offered(),
                timeout: words(load.timeout),
                look_to_write: words(load.look_to_write),
                threads: load.threads,
            },
            verdicts: Verdict::ALL.map(|one| (one, Meaning { words: one.words(), lost: one.is_lost() })).into(),
            runs: judged.runs.iter().map(|run| Run::new(run, load.series())).collect(),
        }
    }
}
