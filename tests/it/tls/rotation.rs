//! Certificates that are renewed while the service runs, as the kubelet renews them.

use super::{Rig, metric, ping};
use lameduck_testing::{Client, eventually};
use rustls::pki_types::CertificateDer;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

fn presented(client: &Client) -> CertificateDer<'static> {
    client.session().unwrap().peer_certificates().unwrap()[0].clone()
}

#[test]
fn a_renewed_certificate_is_for_new_connections_and_no_request_fails() {
    let mut rig = Rig::start(&[]);
    let mut old = rig.client();
    let first = presented(&old);
    let (over, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    let (address, trusting) = (rig.service.http, rig.trusting());
    std::thread::scope(|scope| {
        let load = |requests_each: usize| {
            let (over, answered, trusting) = (&over, &answered, &trusting);
            scope.spawn(move || {
                while !over.load(SeqCst) {
                    let mut client = Client::connect_tls(address, trusting.clone()).unwrap();
                    for _ in 0..requests_each {
                        assert_eq!(ping(&mut client).unwrap().status, 200);
                        answered.fetch_add(1, SeqCst);
                    }
                }
            })
        };
        let clients = [load(1), load(50)];
        for _ in 0..3 {
            let renewed = rig.authority.server();
            rig.volume.swap(&[("tls.crt", &renewed.pem()), ("tls.key", &renewed.key_pem())]);
            eventually("new connections see it", || (presented(&rig.client()) == renewed.der()).then_some(()));
            assert_eq!(ping(&mut old).unwrap().status, 200, "an open connection goes on");
        }
        let before = answered.load(SeqCst);
        eventually("the load goes on", || (answered.load(SeqCst) > before + 100).then_some(()));
        over.store(true, SeqCst);
        for client in clients {
            client.join().unwrap();
        }
    });
    assert_eq!(presented(&old), first);
    metric(&rig.service, "lameduck_file_reloads_total{key=\"tls.cert_file\",result=\"loaded\"} 3").unwrap();
    metric(&rig.service, "lameduck_file_reloads_total{key=\"tls.cert_file\",result=\"failed\"} 0").unwrap();
    let ended = rig.service.stop();
    ended.assert_code(0);
    assert_eq!(ended.report["ledger"]["completed"], answered.load(SeqCst) + 3);
}

#[test]
fn files_that_do_not_fit_keep_what_is_in_use_until_they_do() {
    let mut rig = Rig::start(&[]);
    let first = presented(&rig.client());
    let (renewed, other) = (rig.authority.server(), rig.authority.server());
    // As if the two files were written one after the other.
    rig.volume.swap(&[("tls.crt", &renewed.pem()), ("tls.key", &other.key_pem())]);
    eventually("it is noticed", || metric(&rig.service, "lameduck_file_stale{key=\"tls.cert_file\"} 1"));
    assert_eq!(presented(&rig.client()), first);
    rig.volume.swap(&[("tls.crt", &renewed.pem()), ("tls.key", &renewed.key_pem())]);
    eventually("the pair is used", || (presented(&rig.client()) == renewed.der()).then_some(()));
    metric(&rig.service, "lameduck_file_stale{key=\"tls.cert_file\"} 0").unwrap();
    let ended = rig.service.stop();
    ended.assert_code(0);
    let reports = ended.log.matches("the version before stays in use").count();
    assert_eq!(reports, 1, "once in the log:\n{}", ended.log);
    assert!(ended.log.contains("the private key does not belong to the first certificate"), "{}", ended.log);
}
