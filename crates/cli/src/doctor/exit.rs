//! Does the exit fit into the grace period, and do the probes notice in time?

use super::Finding;
use super::facts::Facts;
use lameduck_support::duration;
use serde_json::Value;
use std::time::Duration;

/// The budget and the probes, as the chart would refuse them.
pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let place = |key: &str| format!("helm/{}/values.yaml: {}.{key}", facts.name(), facts.name());
    let drain = &facts.values["drain"];
    let mut findings = Vec::new();
    findings.extend(budget(drain).map(|(what, remedy)| Finding::new(place("drain"), what, remedy)));
    findings
        .extend(readiness(&facts.values).map(|(what, remedy)| Finding::new(place("probes.readiness"), what, remedy)));
    findings.extend(startup(&facts.values).map(|(what, remedy)| Finding::new(place("probes.startup"), what, remedy)));
    if facts.values["podSpec"].get("terminationGracePeriodSeconds").is_some() {
        let remedy = "remove it, and set drain.grace_period";
        findings.push(Finding::new(
            place("podSpec.terminationGracePeriodSeconds"),
            "contradicts the budget that the chart checks",
            remedy,
        ));
    }
    findings
}

fn of(map: &Value, key: &str) -> Option<Duration> {
    duration::parse(map.get(key)?.as_str()?)
}

/// Nothing, `delay` or `delay_max`, by strategy.
fn wait(drain: &Value) -> Option<Duration> {
    match drain["strategy"].as_str()? {
        "immediate" => Some(Duration::ZERO),
        "delay" => of(drain, "delay"),
        _ => of(drain, "delay_max"),
    }
}

fn budget(drain: &Value) -> Option<(String, String)> {
    let grace = of(drain, "grace_period")?;
    let timeout = match drain["timeout"].as_str()? {
        "auto" => Duration::from_secs(1),
        "none" => Duration::ZERO,
        text => duration::parse(text)?,
    };
    let parts = [
        of(drain, "pre_stop")?,
        wait(drain)?,
        timeout,
        of(drain, "release")?,
        of(drain, "flush")?,
        of(drain, "margin")?,
    ];
    let sum: Duration = parts.iter().sum();
    (sum > grace).then(|| {
        let what =
            format!("the exit takes up to {}, the grace period is {}", duration::format(sum), duration::format(grace));
        (what, format!("raise drain.grace_period to {}, or lower its parts", duration::format(sum)))
    })
}

/// A pod that gets SIGTERM without being deleted leaves its Services by failing readiness.
fn readiness(values: &Value) -> Option<(String, String)> {
    let (drain, probe) = (&values["drain"], &values["probes"]["readiness"]);
    if drain["strategy"] == "immediate" || drain["readiness"] == "hold" {
        return None;
    }
    let noticed = Duration::from_secs(probe["periodSeconds"].as_u64()? * probe["failureThreshold"].as_u64()?);
    let floor = if drain["strategy"] == "delay" { Duration::ZERO } else { of(drain, "floor")? };
    let wait = wait(drain)?;
    (noticed + floor > wait).then(|| {
        let what = format!(
            "a failing pod is noticed after {}, but leaves {} after SIGTERM",
            duration::format(noticed + floor),
            duration::format(wait)
        );
        (what, "shorten the probe, or raise drain.delay_max (drain.delay with the strategy delay)".to_owned())
    })
}

fn startup(values: &Value) -> Option<(String, String)> {
    let probe = &values["probes"]["startup"];
    let allowed = Duration::from_secs(probe["periodSeconds"].as_u64()? * probe["failureThreshold"].as_u64()?);
    let configured = values["config"]["stages"]["readiness_timeout"].as_str().unwrap_or("30s");
    let timeout = duration::parse(configured)?;
    (allowed <= timeout).then(|| {
        let what = format!(
            "the kubelet kills a start after {}, stages.readiness_timeout is {configured}",
            duration::format(allowed)
        );
        (what, "raise failureThreshold: a slow start can then report which gate is closed".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_budget_that_does_not_fit_is_found_with_the_sum() {
        let drain = |grace: &str, strategy: &str| {
            json!({"strategy": strategy, "delay": "5s", "delay_max": "10s", "floor": "2s", "timeout": "auto", "grace_period": grace,
                   "pre_stop": "0s", "release": "3s", "flush": "2s", "margin": "1s"})
        };
        assert_eq!(budget(&drain("17s", "observe")), None);
        let (what, remedy) = budget(&drain("16s", "observe")).unwrap();
        assert!(what.contains("17s") && remedy.contains("17s"), "{what} {remedy}");
        assert_eq!(budget(&drain("12s", "delay")), None);
        assert_eq!(budget(&drain("7s", "immediate")), None);
    }

    #[test]
    fn probes_that_are_too_slow_or_too_strict_are_found() {
        let values = |readiness: u64, startup: u64| {
            json!({"drain": {"strategy": "observe", "delay_max": "10s", "floor": "2s", "readiness": "fail"},
                   "probes": {"readiness": {"periodSeconds": readiness, "failureThreshold": 1},
                              "startup": {"periodSeconds": 1, "failureThreshold": startup}}})
        };
        assert_eq!(readiness(&values(8, 60)), None);
        assert!(readiness(&values(9, 60)).is_some());
        assert_eq!(startup(&values(2, 31)), None);
        assert!(startup(&values(2, 30)).is_some());
    }
}
