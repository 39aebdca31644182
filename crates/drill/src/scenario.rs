//! Named scenarios: what is done to the replicas, and what must hold for a service that leaves well.

use std::time::Duration;

use crate::plan::Role;
use crate::plan::local::{LocalRun, Propagation, Restart};

/// A scenario of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scenario {
    Kill,
    Freeze,
    ShortGrace,
    PropagationNone,
    PropagationSlow,
    SingleReplica,
    DoubleSignal,
}

/// How long a frozen replica stays frozen: well under the clients' patience.
const FREEZE: Duration = Duration::from_secs(2);
/// A grace period too short for any drain.
const SHORT_GRACE: Duration = Duration::from_secs(1);
/// From the first SIGTERM to the second.
const SECOND_SIGNAL: Duration = Duration::from_millis(300);
/// The slow removal, and the wait that covers it.
const SLOW_REMOVAL: Duration = Duration::from_secs(5);

impl Scenario {
    pub(crate) const ALL: [Self; 7] = [
        Self::Kill,
        Self::Freeze,
        Self::ShortGrace,
        Self::PropagationNone,
        Self::PropagationSlow,
        Self::SingleReplica,
        Self::DoubleSignal,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Freeze => "freeze",
            Self::ShortGrace => "short-grace",
            Self::PropagationNone => "propagation-0s",
            Self::PropagationSlow => "propagation-5s",
            Self::SingleReplica => "single-replica",
            Self::DoubleSignal => "double-signal",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scenario| scenario.name() == name)
    }

    pub(crate) const fn what_happens(self) -> &'static str {
        match self {
            Self::Kill => "a replica is killed (SIGKILL) without notice, and replaced",
            Self::Freeze => "a replica is stopped (SIGSTOP) for 2 s and continued",
            Self::ShortGrace => "the grace period is cut to 1 s, whatever the service is configured for",
            Self::PropagationNone => "endpoints are removed at the deletion",
            Self::PropagationSlow => "endpoints are removed 5 s after the deletion (the wait is set to cover it)",
            Self::SingleReplica => "one replica only",
            Self::DoubleSignal => "SIGTERM comes twice, as from a restarted kubelet",
        }
    }

    pub(crate) const fn must_hold(self) -> &'static str {
        match self {
            Self::Kill => "every loss is on the killed replica; the others lose nothing",
            Self::Freeze => "nothing is lost, and the stall shows in the latency",
            Self::ShortGrace => "every loss is on a replica that was killed at the grace period",
            Self::PropagationNone | Self::PropagationSlow | Self::SingleReplica | Self::DoubleSignal => {
                "nothing is lost, and no replica is killed"
            }
        }
    }

    /// Makes a run into this scenario.
    pub(crate) fn apply(self, run: &mut LocalRun) {
        run.name = self.name().to_owned();
        run.role = Role::Scenario;
        let way = &mut run.way;
        way.scenario = Some(self);
        way.rollouts = 1;
        match self {
            Self::Kill => way.restart = Restart::Crash,
            Self::Freeze => way.restart = Restart::Freeze { lasting: FREEZE },
            Self::ShortGrace => way.service.grace = SHORT_GRACE,
            Self::PropagationNone => way.service.propagation = both(Duration::ZERO),
            Self::PropagationSlow => {
                way.service.propagation = both(SLOW_REMOVAL);
                for (key, value) in [("STRATEGY", "delay"), ("DELAY", "7s"), ("DELAY_MAX", "10s")] {
                    way.env.push((format!("LAMEDUCK_DRAIN__{key}"), value.to_owned()));
                }
            }
            Self::SingleReplica => way.replicas = 1,
            Self::DoubleSignal => way.restart = Restart::TermTwice { after: SECOND_SIGNAL },
        }
    }

    /// How long the stall of this scenario lasts, if it has one: it must show in the latency.
    pub(crate) const fn stall(self) -> Option<Duration> {
        match self {
            Self::Freeze => Some(FREEZE),
            Self::Kill
            | Self::ShortGrace
            | Self::PropagationNone
            | Self::PropagationSlow
            | Self::SingleReplica
            | Self::DoubleSignal => None,
        }
    }
}

fn both(delay: Duration) -> Propagation {
    Propagation { least: delay, most: delay }
}
