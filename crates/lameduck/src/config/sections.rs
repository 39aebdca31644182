//! The sections of the engine: a file each, with its keys, its fields, and what does not go together.

mod dependencies;
mod drain;
mod health;
mod limits;
mod listen;
mod small;
mod telemetry;
#[cfg(feature = "tls")]
mod tls;

pub(crate) use dependencies::{Declared, EVERY_DEPENDENCY, HTTP, KindKeys, TCP};
pub use dependencies::{Dependency, HostPort, HttpUrl, HttpUrlError, Need, Pace, Stages};
pub use drain::Drain;
pub use health::Health;
pub use listen::Listen;
pub use small::{Admin, Cluster, DrainCall, Liveness, Service};
pub use telemetry::Log;
#[cfg(feature = "traces")]
pub use telemetry::Traces;
#[cfg(feature = "tls")]
pub use tls::Tls;

use crate::config::ServiceKeys;
use lameduck_config::{Check, Form, Section, Values};
use lameduck_server::{Closings, Limits};

/// The configuration of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `service`: the service's identity.
    pub service: Service,
    /// `listen`: listen addresses.
    pub listen: Listen,
    /// `stages`: start-up stages.
    pub stages: Stages,
    /// `dependencies`: external dependencies, in the order in which they were named.
    pub dependencies: Vec<Dependency>,
    /// `drain`: the graceful shutdown.
    pub drain: Drain,
    /// `tls`: TLS at the work ports; `None`: off.
    #[cfg(feature = "tls")]
    pub tls: Option<Tls>,
    /// `admin`: access to the admin port.
    pub admin: Admin,
    /// `health`: readiness on the work port.
    pub health: Health,
    /// `liveness`: when /livez reports the process as hung.
    pub liveness: Liveness,
    /// `limits`: resource limits.
    pub limits: Limits,
    /// `cluster`: cluster facts that cannot be observed.
    pub cluster: Cluster,
    /// `log`: logging.
    pub log: Log,
    /// `traces`: where spans go.
    #[cfg(feature = "traces")]
    pub traces: Traces,
    /// `bench.closings`: shutdown steps that tests can disable.
    pub closings: Closings,
}

impl Config {
    /// The declarations, without those of the kinds of dependencies.
    pub(crate) const SECTIONS: &'static [Section] = &[
        small::SERVICE,
        listen::LISTEN,
        #[cfg(feature = "tls")]
        tls::TLS,
        dependencies::STAGES,
        dependencies::DEPENDENCIES,
        drain::DRAIN,
        small::ADMIN,
        health::HEALTH,
        small::LIVENESS,
        limits::LIMITS,
        small::CLUSTER,
        telemetry::LOG,
        #[cfg(feature = "traces")]
        telemetry::TRACES,
        limits::BENCH,
    ];

    pub(crate) fn read(values: &Values, schema: &ServiceKeys) -> Self {
        let stages = Stages::read(values);
        Self {
            service: Service::read(values),
            listen: Listen::read(values),
            #[cfg(feature = "tls")]
            tls: Tls::read(values, schema),
            dependencies: Dependency::read_all(values, &stages, schema),
            stages,
            drain: Drain::read(values),
            admin: Admin::read(values),
            health: Health::read(values),
            liveness: Liveness::read(values),
            limits: limits::read(values),
            cluster: Cluster::read(values),
            log: Log::read(values),
            #[cfg(feature = "traces")]
            traces: Traces::read(values),
            closings: limits::read_closings(values),
        }
    }

    pub(crate) fn check(&self, check: &mut Check<'_>, schema: &ServiceKeys) {
        dependencies::check(self, check, schema);
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            tls.check(check, schema);
        }
        self.drain.check(check);
        self.admin.check(check);
        limits::check(&self.closings, check);
    }
}

/// A path, or nothing.
pub(super) const PATH_OR_NONE: Form =
    Form { expected: "a path, or empty for none", valid: |text| !text.contains(['\0', '\n']) };
