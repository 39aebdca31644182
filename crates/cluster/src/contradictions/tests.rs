use super::*;
use crate::pod::ReadinessProbe;

const S: fn(u64) -> Duration = Duration::from_secs;

fn pod() -> PodFacts {
    PodFacts {
        grace_period: S(30),
        pre_stop: PreStop::None,
        readiness: Some(ReadinessProbe { period: S(2), failure_threshold: 1 }),
        probe_grace_period: None,
        previous_exit: None,
        container: Some("web".to_owned()),
    }
}

fn names(pod: &PodFacts, plan: &Plan) -> Vec<&'static str> {
    contradictions(pod, plan).iter().map(Contradiction::name).collect()
}

#[test]
fn the_defaults_of_chart_and_plan_agree() {
    assert_eq!(names(&pod(), &Plan::default()), [""; 0]);
}

#[test]
fn each_contradiction_has_its_name() {
    let check = |change: fn(&mut PodFacts), expected: &[&str]| {
        let mut pod = pod();
        change(&mut pod);
        assert_eq!(names(&pod, &Plan::default()), expected, "{pod:?}");
    };
    check(|pod| pod.grace_period = S(20), &["grace_shorter"]);
    check(|pod| pod.grace_period = S(60), &["grace_longer"]);
    check(|pod| pod.pre_stop = PreStop::Sleep(S(5)), &["pre_stop_longer"]);
    check(|pod| pod.pre_stop = PreStop::Unknown, &["pre_stop_unplanned"]);
    check(|pod| pod.readiness = None, &["no_readiness_probe"]);
    check(|pod| pod.probe_grace_period = Some(S(10)), &["probe_grace_shorter"]);
    check(|pod| pod.probe_grace_period = Some(S(30)), &[]);
    // The worst first.
    check(
        |pod| {
            pod.grace_period = S(60);
            pod.pre_stop = PreStop::Unknown;
        },
        &["pre_stop_unplanned", "grace_longer"],
    );
}

#[test]
fn readiness_must_be_noticed_within_the_wait() {
    let check = |period, failure_threshold, plan: Plan, expected: &[&str]| {
        let readiness = Some(ReadinessProbe { period: S(period), failure_threshold });
        assert_eq!(names(&PodFacts { readiness, ..pod() }, &plan), expected, "{period} x {failure_threshold}");
    };
    let late: &[&str] = &["readiness_noticed_late"];
    let delay = |delay| Plan { strategy: Strategy::Delay, delay: S(delay), ..Plan::default() };
    check(8, 1, Plan::default(), &[]);
    check(9, 1, Plan::default(), late);
    check(10, 3, Plan::default(), late);
    check(5, 1, delay(5), &[]);
    check(3, 2, delay(5), late);
    check(10, 3, Plan { strategy: Strategy::Immediate, ..Plan::default() }, &[]);
    check(10, 3, Plan { readiness: ReadinessPolicy::Hold, ..Plan::default() }, &[]);
}

#[test]
fn an_unknown_container_is_not_judged() {
    let pod = PodFacts { container: None, readiness: None, ..pod() };
    assert_eq!(names(&pod, &Plan::default()), [""; 0]);
}

#[test]
fn sentences_say_what_to_do() {
    let pod = PodFacts { pre_stop: PreStop::Sleep(S(5)), ..pod() };
    assert_eq!(
        contradictions(&pod, &Plan::default())[0].to_string(),
        "the preStop hook sleeps 5s of the grace period, but drain.pre_stop says 0s: set drain.pre_stop to 5s, or remove \
         the hook"
    );
}
