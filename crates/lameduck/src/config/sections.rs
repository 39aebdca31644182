//! The sections of the engine: a file each, with its keys, its fields, and what does not go together.

mod dependencies;
mod drain;
mod health;
mod limits;
mod listen;
mod small;

pub use dependencies::{Dependency, DependencyTarget, HostPort, HttpUrl, Stages};
pub use drain::Drain;
pub use health::Health;
pub use listen::Listen;
pub use small::{Admin, Cluster, DrainCall, Liveness, Log, Service};

use lameduck_config::{Check, Form, Section, Settings, Values};
use lameduck_server::{Closings, Limits};

/// Everything the engine is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `service`: what this is.
    pub service: Service,
    /// `listen`: where clients and operators come in.
    pub listen: Listen,
    /// `stages`: how the start goes.
    pub stages: Stages,
    /// `dependencies`: what else must be there, in the order in which they were named.
    pub dependencies: Vec<Dependency>,
    /// `drain`: how the process leaves.
    pub drain: Drain,
    /// `admin`: who may do what on the admin port.
    pub admin: Admin,
    /// `health`: readiness on the work port.
    pub health: Health,
    /// `liveness`: when the process counts as stuck.
    pub liveness: Liveness,
    /// `limits`: a bound on everything a client can take.
    pub limits: Limits,
    /// `cluster`: what is known about the cluster beforehand.
    pub cluster: Cluster,
    /// `log`: what is told, and how.
    pub log: Log,
    /// `bench.closings`: for controls of tests, parts of leaving that can be switched off.
    pub closings: Closings,
}

impl Settings for Config {
    const SECTIONS: &'static [Section] = &[
        small::SERVICE,
        listen::LISTEN,
        dependencies::STAGES,
        dependencies::DEPENDENCIES,
        drain::DRAIN,
        small::ADMIN,
        health::HEALTH,
        small::LIVENESS,
        limits::LIMITS,
        small::CLUSTER,
        small::LOG,
        limits::BENCH,
    ];

    fn read(values: &Values) -> Self {
        Self {
            service: Service::read(values),
            listen: Listen::read(values),
            stages: Stages::read(values),
            dependencies: Dependency::read_all(values),
            drain: Drain::read(values),
            admin: Admin::read(values),
            health: Health::read(values),
            liveness: Liveness::read(values),
            limits: limits::read(values),
            cluster: Cluster::read(values),
            log: Log::read(values),
            closings: limits::read_closings(values),
        }
    }

    fn check(&self, check: &mut Check<'_>) {
        dependencies::check(self, check);
        self.drain.check(check);
        self.admin.check(check);
        limits::check(&self.closings, check);
    }
}

/// A path, or nothing.
pub(super) const PATH_OR_NONE: Form =
    Form { expected: "a path, or empty for none", valid: |text| !text.contains(['\0', '\n']) };
