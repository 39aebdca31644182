//! The limit of open files: raised where the system allows it, and where it does not, nothing is lost unseen and probes
//! are answered.

use crate::process::{Service, command, eventually};
use lameduck_testing::{self as client, Client};
use std::process::Command;

/// The service under these limits of open files.
fn start(soft: u32, hard: u32, keys: &[(&str, &str)]) -> Service {
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -Sn \"$1\"; ulimit -Hn \"$2\"; shift 2; exec \"$@\"", "sh"]);
    limited.args([soft.to_string(), hard.to_string()]).arg(command().get_program());
    Service::start_command(limited, keys)
}

/// The soft limit of a process.
fn soft_limit(service: &Service) -> u32 {
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", service.pid())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    line.split_whitespace().nth(3).unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn the_soft_limit_becomes_the_hard_one() {
    let service = start(64, 512, &[]);
    assert_eq!(soft_limit(&service), 512);
    let idle: Vec<_> = (0..200)
        .map(|_| {
            let mut client = Client::connect(service.http).unwrap();
            assert_eq!(client.send("GET", "/ping", &[], b"").unwrap().status, 200);
            client
        })
        .collect();
    assert_eq!(client::get(service.admin, "/livez").status, 200);
    let log = service.log();
    assert!(log.contains("limits.connections is 20000") && log.contains("using 384"), "{log}");
    drop(idle);
    service.stop().assert_code(0);
}

#[cfg(target_os = "linux")]
#[test]
fn without_a_descriptor_left_clients_are_answered_in_the_drain_and_probes_always() {
    const CLIENTS: usize = 80;
    let keys = [("BENCH__ENABLED", "true"), ("DRAIN__STRATEGY", "immediate"), ("DRAIN__TIMEOUT", "20s")];
    let service = start(64, 64, &[&keys[..], &[("DRAIN__GRACE_PERIOD", "40s")]].concat());
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| Client::connect(service.http).unwrap()).collect();
    for client in &mut clients {
        client.write(b"GET /bench/slow?ms=300 HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    }
    eventually("some are served", || (service.drain()["ledger"]["in_flight"].as_u64() > Some(8)).then_some(()));
    assert_eq!(client::get(service.admin, "/livez").status, 200);

    service.signal(libc::SIGTERM);
    let answered =
        clients.iter_mut().filter_map(|client| client.read(false).ok()).filter(|it| it.status == 200).count();
    drop(clients);
    let ended = service.wait();
    let unserved = ended.report["ledger"]["unserved"].as_u64().unwrap() as usize;
    assert_eq!((answered, unserved), (CLIENTS, 0), "{}", ended.log);
    ended.assert_code(0);
}
