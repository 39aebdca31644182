//! `drain`: the graceful shutdown.

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
    doc: "Graceful shutdown. All stages share one deadline, which is checked at the start: grace_period must be at least \
          pre_stop + wait + timeout + release + flush + margin, where the wait is 0, delay or delay_max, depending on strategy.",
    keys: &[
        Key::new(
            "drain.strategy",
            Kind::Word(&STRATEGIES),
            "observe",
            "How long to continue serving after SIGTERM: `immediate`: not at all; `delay`: a fixed time; `quiet`: until no new \
             connections arrive; `observe`: until the cluster has removed this pod from its Services.",
        )
        .why("`observe` waits no longer than necessary, and falls back to `delay` outside of a cluster."),
        Key::new(
            "drain.delay",
            Kind::DURATION,
            "5s",
            "The fixed wait; also the fallback of the adaptive strategies when they have no data.",
        ),
        Key::new("drain.floor", Kind::DURATION, "2s", "Minimum wait of `quiet`, and of `observe` after the pod was removed from its Services.")
            .why("kube-proxy batches changes for one second (`minSyncPeriod`)."),
        Key::new("drain.delay_max", Kind::DURATION, "10s", "Maximum wait of `quiet` and `observe`."),
        Key::new(
            "drain.timeout",
            Kind::duration_or(&["auto", "none"]),
            "auto",
            "Time limit for requests in flight once the listener is closed. `auto`: what remains of the grace period. `none`: no \
             limit.",
        )
        .why("With `none`, a request that never finishes is only ended by SIGKILL, and is not reported."),
        Key::new(
            "drain.readiness",
            Kind::Word(&READINESS),
            "fail",
            "What /readyz returns during the shutdown: `fail`: 503 at once; `hold`: 200 until the end of the wait; `auto`: 200 only \
             for the last serving endpoint of a Service.",
        ),
        Key::new(
            "drain.idle_hold",
            Kind::duration_or(&["auto"]),
            "auto",
            "How long idle HTTP/1 connections are kept open for a last request. `auto`: until the expected loss of closing them is \
             negligible.",
        )
        .why("A request that crosses the close of its connection is lost, and a Deployment does not wait for pods that shut down."),
        Key::new(
            "drain.goodbye",
            Kind::DURATION,
            "5s",
            "Over how long the goodbyes of WebSockets, server-sent events and gRPC subscriptions are spread once the listener is closed; see \
             docs/streams.md.",
        )
        .why("Their clients reconnect to the other replicas, which should not get all of them at once."),
        Key::new(
            "drain.grace_period",
            Kind::TIMEOUT,
            "30s",
            "The pod's terminationGracePeriodSeconds: the time between SIGTERM and SIGKILL.",
        )
        .why("The chart sets both from one value."),
        Key::new("drain.pre_stop", Kind::DURATION, "0s", "Time that a preStop hook uses before SIGTERM arrives.")
            .why("No hook is needed: the process waits by itself, and sees when the wait is over."),
        Key::new("drain.release", Kind::DURATION, "3s", "Time limit for ending workers and releasing dependencies."),
        Key::new("drain.flush", Kind::DURATION, "2s", "Time limit for flushing the report, traces and logs."),
        Key::new(
            "drain.scrape_wait",
            Kind::DURATION,
            "0s",
            "How long the exit waits, within `drain.flush`, until the scrapers of /metrics that are due have read the final numbers.",
        )
        .why("What a pod does in its last seconds is only counted if it is scraped. A little more than the scrape interval is enough."),
        Key::new("drain.margin", Kind::DURATION, "1s", "Safety margin before SIGKILL."),
        Key::new(
            "drain.report_file",
            Kind::Text(PATH_OR_NONE),
            "",
            "File for the final report, for example /dev/termination-log, which gets its compact form.",
        ),
    ],
};

/// The graceful shutdown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drain {
    /// How long LameDuck lasts.
    pub strategy: Strategy,
    /// The fixed wait.
    pub delay: Duration,
    /// Minimum wait of the adaptive strategies.
    pub floor: Duration,
    /// Maximum wait of them.
    pub delay_max: Duration,
    /// Bound of Draining.
    pub timeout: Timeout,
    /// What /readyz returns.
    pub readiness: ReadinessPolicy,
    /// How long idle connections are kept.
    pub idle_hold: IdleHold,
    /// The spread of the goodbyes of long-lived streams.
    pub goodbye: Duration,
    /// From SIGTERM to SIGKILL.
    pub grace_period: Duration,
    /// What a preStop hook uses of it.
    pub pre_stop: Duration,
    /// Bound of Releasing.
    pub release: Duration,
    /// Bound of Flushing.
    pub flush: Duration,
    /// Wait for the last scrape, within [`flush`](Self::flush).
    pub scrape_wait: Duration,
    /// Safety margin.
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
            scrape_wait: values.get("drain.scrape_wait"),
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
        if self.scrape_wait > self.flush {
            check
                .refuse(&["drain.scrape_wait", "drain.flush"], "expected drain.flush to be at least drain.scrape_wait");
        }
        match Budget::check(&self.plan(Duration::ZERO)) {
            Ok(_) => {}
            Err(BudgetError::DoesNotFit(budget)) => {
                let over = duration::format(budget.total().saturating_sub(budget.grace_period));
                let problem = format!("the exit does not fit into the grace period: {}, {over} too long", sum(&budget));
                check.refuse(&self.budget_keys(), problem);
            }
            Err(BudgetError::AboveCeiling { key, value, delay_max }) => {
                let key = format!("drain.{key}");
                let (value, max) = (duration::format(value), duration::format(delay_max));
                let problem = format!("{key} ({value}) is longer than drain.delay_max ({max})");
                check.refuse(&[&key, "drain.delay_max", "drain.strategy"], problem);
            }
        }
        if self.timeout == Timeout::None {
            check.warn(&["drain.timeout"], "no time limit: only SIGKILL ends a request that never finishes");
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
