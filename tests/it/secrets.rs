//! Secrets that change while the service runs, as the kubelet changes them: under load, without a wrong answer.

use crate::process::{metric, start};
use crate::volume::Volume;
use lameduck_testing::{eventually, request};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

const STABLE: &str = "0123456789abcdef-stable";

fn account(address: SocketAddr, key: &str) -> (u16, String) {
    let bearer = format!("Bearer {key}");
    let response = request(address, "GET", "/account", &[("authorization", &bearer)], b"");
    (response.status, response.text())
}

fn key(number: u32) -> String {
    format!("fedcba9876543210-{number}")
}

#[test]
fn keys_are_rotated_under_load_without_a_wrong_answer() {
    let stable = format!("stable {STABLE}\n");
    let mut volume = Volume::new(&[("keys", &format!("{stable}ann {}\n", key(0)))]);
    let service = start(&[("AUTH__KEYS_FILE", volume.path("keys").to_str().unwrap())]);
    let (address, over, answered) = (service.http, AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let load = || {
            while !over.load(SeqCst) {
                assert_eq!(account(address, STABLE), (200, "{\"name\":\"stable\"}".to_owned()));
                answered.fetch_add(1, SeqCst);
            }
        };
        let clients = [scope.spawn(load), scope.spawn(load)];
        for number in 1..=3 {
            // Old and new together, as one rotates: the old key is right until it is removed.
            volume.swap(&[("keys", &format!("{stable}ann {}\nann {}\n", key(number - 1), key(number)))]);
            eventually("the new key is known", || {
                assert_eq!(account(address, &key(number - 1)).0, 200, "the old one still is");
                (account(address, &key(number)).0 == 200).then_some(())
            });
            volume.swap(&[("keys", &format!("{stable}ann {}\n", key(number)))]);
            eventually("the old key is refused", || (account(address, &key(number - 1)).0 == 401).then_some(()));
            assert_eq!(account(address, &key(number)).0, 200);
        }
        volume.swap(&[("keys", "ann short\n")]);
        eventually("the broken file is noticed", || metric(&service, "lameduck_file_stale{key=\"auth.keys_file\"} 1"));
        assert_eq!(account(address, &key(3)).0, 200, "the version before stays in use");
        volume.swap(&[("keys", &stable)]);
        eventually("the mended file is used", || (account(address, &key(3)).0 == 401).then_some(()));
        over.store(true, SeqCst);
        for client in clients {
            client.join().unwrap();
        }
    });
    assert!(answered.load(SeqCst) > 100, "{answered:?} under load");
    metric(&service, "lameduck_file_reloads_total{key=\"auth.keys_file\",result=\"loaded\"} 7").unwrap();
    metric(&service, "lameduck_file_reloads_total{key=\"auth.keys_file\",result=\"failed\"} 1").unwrap();
    metric(&service, "lameduck_file_stale{key=\"auth.keys_file\"} 0").unwrap();
    let ended = service.stop();
    ended.assert_code(0);
    let reports = ended.log.matches("the version before stays in use").count();
    assert_eq!(reports, 1, "once in the log:\n{}", ended.log);
    assert!(ended.log.contains("the key of ann has 5 bytes") && !ended.log.contains(&key(1)), "{}", ended.log);
}

#[test]
fn the_admin_token_is_rotated() {
    let mut volume = Volume::new(&[("token", "first\n")]);
    let path = volume.path("token");
    let service = start(&[
        ("ADMIN__DRAIN", "token"),
        ("ADMIN__TOKEN_FILE", path.to_str().unwrap()),
        ("DRAIN__STRATEGY", "immediate"),
    ]);
    let drain = |token: &str| {
        let bearer = format!("Bearer {token}");
        request(service.admin, "POST", "/drain", &[("authorization", &bearer)], b"").status
    };
    assert_eq!(drain("second"), 401);
    volume.swap(&[("token", "second\n")]);
    eventually("the new token is read", || {
        metric(&service, "lameduck_file_reloads_total{key=\"admin.token_file\",result=\"loaded\"} 1")
    });
    assert_eq!(drain("first"), 401);
    assert_eq!(drain("second"), 202);
    service.wait().assert_code(0);
}
