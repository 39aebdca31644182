//! `drain`: how the process leaves.

use crate::config::sections::PATH_OR_NONE;
use lameduck_config::{Check, FromValue, Key, Kind, Section, Value, Values};
use lameduck_lifecycle::{Budget, BudgetError, Plan, ReadinessPolicy, Strategy, Timeout};
use lameduck_server::IdleHold;
use lameduck_support::duration;
use std::path::PathBuf;
use std::time::Duration;

const STRATEGIES: [&str; Strategy::ALL.len()] = {
    let mut words = [""; Strategy::ALL.len()];
    let mut at = 0;
    while at < words.len() {
        words[at] = Strategy::ALL[at].as_str();
        at += 1;
    }
    words
};

const READINESS: [&str; ReadinessPolicy::ALL.len()] = {
    let mut words = [""; ReadinessPolicy::ALL.len()];
    let mut at = 0;
    while at < words.len() {
        words[at] = ReadinessPolicy::ALL[at].as_str();
        at += 1;
    }
    words
};

pub(super) const DRAIN: Section = Section {
    name: "drain",
    doc: "How the process leaves. All of it shares one deadline, checked at the start: grace_period must hold \
          pre_stop + wait + timeout + release + flush + margin, where the wait is nothing, delay or delay_max by strategy.",
    keys: &[
        Key::new(
            "drain.strategy",
            Kind::Word(&STRATEGIES),
            "observe",
            "How long to go on serving after the order to stop: not at all, a fixed delay, until no new connection comes, or \
             until the cluster has taken this pod out of its Services.",
        )
        .why("`observe` waits no longer than it must, and falls back to `delay` where there is no cluster to ask."),
        Key::new(
            "drain.delay",
            Kind::DURATION,
            "5s",
            "The plain wait, and what the adaptive strategies fall back to when they cannot tell.",
        ),
        Key::new("drain.floor", Kind::DURATION, "2s", "The least that `quiet` waits, and `observe` after the deregistration.")
            .why("kube-proxy gathers changes for a second before it writes them."),
        Key::new("drain.delay_max", Kind::DURATION, "10s", "The most that `quiet` and `observe` wait."),
        Key::new(
            "drain.timeout",
            Kind::duration_or(&["auto", "none"]),
            "auto",
            "How long requests in flight may take to finish once the listener is closed. `auto`: whatever is left of the grace \
             period. `none`: no bound of our own.",
        )
        .why("With `none` only SIGKILL ends a request that never does, and then nobody reports it."),
        Key::new(
            "drain.readiness",
            Kind::Word(&READINESS),
            "fail",
            "What /readyz says while leaving: 503 at once, 200 to the end of the wait, or 200 only for the last serving endpoint \
             of a Service.",
        ),
        Key::new(
            "drain.idle_hold",
            Kind::duration_or(&["auto"]),
            "auto",
            "How long idle HTTP/1 connections are kept for a last request. `auto`: until closing them is expected to lose next \
             to nothing.",
        )
        .why("A request that crosses the close of its connection is lost; a Deployment does not wait for pods that leave."),
        Key::new(
            "drain.goodbye",
            Kind::DURATION,
            "5s",
            "Over how long the goodbyes of WebSockets and server-sent events are spread once the listener is closed; see \
             docs/streams.md.",
        )
        .why("Their clients reconnect to the other replicas, which should not get all of them at once."),
        Key::new(
            "drain.grace_period",
            Kind::TIMEOUT,
            "30s",
            "The pod's terminationGracePeriodSeconds: what there is between the order to stop and SIGKILL.",
        )
        .why("The chart writes it to both places from one value."),
        Key::new("drain.pre_stop", Kind::DURATION, "0s", "What a preStop hook takes of the grace period before the signal comes.")
            .why("None is needed: the wait happens in the process, which can see when it is over."),
        Key::new("drain.release", Kind::DURATION, "3s", "How long giving back may take: queues, pools, leases, registrations."),
        Key::new("drain.flush", Kind::DURATION, "2s", "How long the report, traces and logs may take to get out."),
        Key::new("drain.margin", Kind::DURATION, "1s", "Kept back, so that the process has ended before SIGKILL comes."),
        Key::new(
            "drain.report_file",
            Kind::Text(PATH_OR_NONE),
            "",
            "Where the final report goes, for example /dev/termination-log, which then holds its compact form.",
        ),
    ],
};

/// How the process leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drain {
    /// How long LameDuck lasts.
    pub strategy: Strategy,
    /// The plain wait.
    pub delay: Duration,
    /// Least wait of the adaptive strategies.
    pub floor: Duration,
    /// Most of it.
    pub delay_max: Duration,
    /// Bound of Draining.
    pub timeout: Timeout,
    /// What /readyz says.
    pub readiness: ReadinessPolicy,
    /// How long idle connections are kept.
    pub idle_hold: IdleHold,
    /// The spread of the goodbyes of long-lived streams.
    pub goodbye: Duration,
    /// From the order to stop to SIGKILL.
    pub grace_period: Duration,
    /// What a hook takes of it.
    pub pre_stop: Duration,
    /// Bound of Releasing.
    pub release: Duration,
    /// Bound of Flushing.
    pub flush: Duration,
    /// Kept back.
    pub margin: Duration,
    /// Where the final report goes.
    pub report_file: Option<PathBuf>,
}

impl Drain {
    pub(super) fn read(values: &Values) -> Self {
        Self {
            strategy: values.get_by("drain.strategy", strategy),
            delay: values.get("drain.delay"),
            floor: values.get("drain.floor"),
            delay_max: values.get("drain.delay_max"),
            timeout: values.get_by("drain.timeout", timeout),
            readiness: values.get_by("drain.readiness", readiness),
            idle_hold: values.get_by("drain.idle_hold", idle_hold),
            goodbye: values.get("drain.goodbye"),
            grace_period: values.get("drain.grace_period"),
            pre_stop: values.get("drain.pre_stop"),
            release: values.get("drain.release"),
            flush: values.get("drain.flush"),
            margin: values.get("drain.margin"),
            report_file: values.get("drain.report_file"),
        }
    }

    /// The machine's plan.
    pub fn plan(&self, readiness_timeout: Duration) -> Plan {
        Plan {
            strategy: self.strategy,
            delay: self.delay,
            floor: self.floor,
            delay_max: self.delay_max,
            timeout: self.timeout,
            readiness: self.readiness,
            grace_period: self.grace_period,
            pre_stop: self.pre_stop,
            release: self.release,
            flush: self.flush,
            margin: self.margin,
            readiness_timeout,
        }
    }

    pub(super) fn check(&self, check: &mut Check<'_>) {
        match Budget::check(&self.plan(Duration::ZERO)) {
            Ok(_) => {}
            Err(BudgetError::DoesNotFit(budget)) => {
                let over = duration::format(budget.total().saturating_sub(budget.grace_period));
                let problem = format!("the exit does not fit into the grace period: {}, {over} too long", sum(&budget));
                check.refuse(&self.budget_keys(), problem);
            }
            Err(BudgetError::AboveCeiling { key, value, delay_max }) => {
                let key = format!("drain.{key}");
                let (value, most) = (duration::format(value), duration::format(delay_max));
                let problem = format!("{key} ({value}) is longer than drain.delay_max ({most})");
                check.refuse(&[&key, "drain.delay_max", "drain.strategy"], problem);
            }
        }
        if self.timeout == Timeout::None {
            check.warn(&["drain.timeout"], "there is no deadline of our own: SIGKILL is the only bound");
        }
        if self.pre_stop >= Duration::from_secs(1) && self.strategy != Strategy::Immediate {
            let hook = duration::format(self.pre_stop);
            check.warn(
                &["drain.pre_stop"],
                format!("the wait of {} comes on top of a preStop hook of {hook}", self.strategy),
            );
        }
    }

    /// The keys of the sum, the one that is most likely wrong first.
    fn budget_keys(&self) -> Vec<&'static str> {
        let wait = match self.strategy {
            Strategy::Immediate => None,
            Strategy::Delay => Some("drain.delay"),
            Strategy::Quiet | Strategy::Observe => Some("drain.delay_max"),
        };
        let mut keys = vec!["drain.grace_period"];
        keys.extend(wait);
        keys.extend([
            "drain.timeout",
            "drain.release",
            "drain.flush",
            "drain.pre_stop",
            "drain.margin",
            "drain.strategy",
        ]);
        keys
    }
}

/// The sum spelled out, in the notation of the configuration.
fn sum(budget: &Budget) -> String {
    let parts: Vec<_> = budget.parts.iter().map(|(name, part)| format!("{name} {}", duration::format(*part))).collect();
    let (total, grace) = (duration::format(budget.total()), duration::format(budget.grace_period));
    format!("{} = {total} of {grace}", parts.join(" + "))
}

fn strategy(value: &Value) -> Option<Strategy> {
    Strategy::ALL.into_iter().find(|strategy| *value == Value::Word(strategy.as_str()))
}

fn readiness(value: &Value) -> Option<ReadinessPolicy> {
    ReadinessPolicy::ALL.into_iter().find(|policy| *value == Value::Word(policy.as_str()))
}

fn timeout(value: &Value) -> Option<Timeout> {
    let word = value.one_of(&[("auto", Timeout::Auto), ("none", Timeout::None)]);
    word.or_else(|| Duration::from_value(value).map(Timeout::After))
}

fn idle_hold(value: &Value) -> Option<IdleHold> {
    value.one_of(&[("auto", IdleHold::Auto)]).or_else(|| Duration::from_value(value).map(IdleHold::For))
}
