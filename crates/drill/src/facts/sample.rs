//! Made-up runs for the tests of what is pure.

use std::time::Duration;

use lameduck_load::{Ended, Kind, Period, Verdict};

use super::cluster::{ClockFacts, ClusterSetting, PodEnd, PodFacts};
use super::*;
use crate::clock::Offset;
use crate::plan::cluster::{Action, Leaving};
use crate::plan::local::{Propagation, Restart, Service};

/// A run of one replica that was restarted once, with these verdicts on `hot` requests of 2 ms each.
pub(crate) fn run(name: &str, role: Role, verdicts: &[(Verdict, u64)]) -> RunFacts {
    let delay = Duration::from_millis(100);
    let mut record = Record::new();
    let mut id = 0;
    for &(verdict, count) in verdicts {
        for _ in 0..count {
            id += 1;
            record.end(&ended(id, verdict), Period::During);
        }
    }
    let mut old = ReplicaFacts::new(ReplicaId(0), 0, ([127, 0, 1, 1], 18080).into(), 0);
    for (phase, at) in [("starting", 0), ("ready", 20_000), ("signalled", 3_000_000), ("gone", 4_500_000)] {
        old.see_phase(phase, at);
    }
    (old.ready, old.marked, old.signalled) = (Some(20_000), Some(3_000_000), Some(3_000_000));
    (old.exited, old.status) = (Some(4_500_000), Some(ExitStatus { code: Some(0), signal: None }));
    let way = Rollouts {
        scenario: None,
        env: Vec::new(),
        replicas: 1,
        rollouts: 1,
        pause: delay,
        wait_for_exit: false,
        restart: Restart::Term,
        service: Service {
            views: 1,
            propagation: Propagation { least: delay, most: delay },
            pre_stop: Duration::ZERO,
            grace: Duration::from_secs(30),
        },
    };
    let offered = id as f64 / 6.0;
    RunFacts {
        name: name.to_owned(),
        role,
        setting: Setting::Local(way),
        record,
        lag: Lag::new(),
        replicas: vec![old],
        restarts: 1,
        load: (0, 6_000_000),
        offered,
        interrupted: false,
        problem: None,
    }
}

/// The same in a cluster.
pub(crate) fn cluster(verdicts: &[(Verdict, u64)], exclusive: bool) -> RunFacts {
    let mut facts = run("rollout-restart", Role::Subject, verdicts);
    facts.setting = Setting::Cluster(ClusterSetting {
        way: Leaving { action: Action::RolloutRestart, times: 1 },
        workload: "deployment/web in namespace shop of dev".to_owned(),
        service: "web (10.96.0.10:80)".to_owned(),
        version: "v1.34.1".to_owned(),
        source: "2 pods".to_owned(),
        exclusive,
        clocks: vec![ClockFacts { of: "API server".into(), offset: Offset { us: -12_000, error_us: 8_000 } }],
        evictions_refused: 0,
        notes: Vec::new(),
    });
    let pod = &mut facts.replicas[0];
    pod.removed = Some((3_030_000, 3_030_000));
    pod.pod = Some(PodFacts {
        name: "web-1".to_owned(),
        uid: "u-1".to_owned(),
        node: "node1".to_owned(),
        restarts: 0,
        grace_seconds: Some(30),
        ordered: None,
        finished: None,
        end: Some(PodEnd {
            cause: Some("SIGTERM".to_owned()),
            wait_end: Some("observed".to_owned()),
            deregistered_after_ms: Some(40),
            last_connection_after_ms: Some(900),
        }),
    });
    facts
}

fn ended(id: u64, verdict: Verdict) -> Ended {
    Ended {
        id,
        kind: Kind::Hot,
        verdict,
        replica: Some(ReplicaId(0)),
        kept_alive: true,
        due: 3_998_000,
        sent: Some(3_999_000),
        ended: 4_000_000,
        status: 200,
    }
}
