//! From the configuration to the options of each crate.

use super::sections::Config;
use lameduck_lifecycle::Plan;
use lameduck_server::{Observers, Options};

impl Config {
    /// The plan of the machine.
    pub fn plan(&self) -> Plan {
        self.drain.plan(self.stages.readiness_timeout)
    }

    /// The options of the server.
    pub fn server_options(&self, observers: Observers) -> Options {
        Options {
            limits: self.limits.clone(),
            closings: self.closings,
            idle_hold: self.drain.idle_hold,
            goodbye: self.drain.goodbye,
            observers,
            ..Options::default()
        }
    }

    /// The options of the log.
    pub fn telemetry_options(&self) -> lameduck_telemetry::Options {
        lameduck_telemetry::Options {
            service: self.service.name.clone(),
            // What the downward API says; empty elsewhere.
            instance: std::env::var("POD_NAME").unwrap_or_default(),
            format: self.log.format,
            level: self.log.level.clone(),
            rate: self.log.rate,
            ..lameduck_telemetry::Options::default()
        }
    }
}
