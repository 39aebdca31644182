//! A rollout under load: two processes on one database are restarted by SIGTERM, one after the other.

use crate::support::{all_orders, place, start, total};
use lameduck_testing::eventually;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

const CLIENTS: usize = 4;
const ROUNDS: usize = 2;

/// Sends each order once. A refused connection has sent nothing: the next process gets it. Everything else must be
/// answered.
fn client(
    addresses: &Mutex<Vec<SocketAddr>>,
    customer: &str,
    next: &AtomicU64,
    stop: &AtomicBool,
    answered: &mpsc::Sender<()>,
) {
    while !stop.load(SeqCst) {
        let number = next.fetch_add(1, SeqCst);
        let key = format!("{customer}-{number}");
        let mut attempt = number as usize;
        loop {
            let address = {
                let addresses = addresses.lock().unwrap();
                addresses[attempt % addresses.len()]
            };
            attempt += 1;
            match place(address, &key, customer, 1) {
                Ok(response) => {
                    assert_eq!(response.status, 201, "{}", response.text());
                    let _ = answered.send(());
                    break;
                }
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(error) => panic!("a request was lost: {error}"),
            }
        }
    }
}

#[test]
fn a_rollout_under_load_loses_no_request_and_no_event() {
    let folder = tempfile::tempdir().unwrap();
    let mut services: Vec<_> = (0..2).map(|_| start(folder.path())).collect();
    let addresses = Mutex::new(services.iter().map(|service| service.http).collect::<Vec<_>>());
    let customer = format!("rollout-{}", std::process::id());
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let count = std::thread::scope(|scope| {
        let (answered, answers) = mpsc::channel();
        for _ in 0..CLIENTS {
            let (addresses, customer, next, stop, answered) = (&addresses, &customer, &next, &stop, answered.clone());
            scope.spawn(move || client(addresses, customer, next, stop, &answered));
        }
        drop(answered);
        let mut count = 0;
        for _ in 0..ROUNDS * services.len() {
            for _ in 0..10 {
                answers.recv_timeout(Duration::from_secs(60)).expect("orders are placed");
                count += 1;
            }
            let old = services.remove(0);
            let new = start(folder.path());
            *addresses.lock().unwrap() = vec![new.http, services[0].http, old.http];
            old.stop().assert_code(0);
            *addresses.lock().unwrap() = vec![new.http, services[0].http];
            services.push(new);
        }
        stop.store(true, SeqCst);
        count + answers.iter().count()
    });
    let address = services[0].http;
    let orders = all_orders(address);
    assert_eq!(orders.values().filter(|(of, _)| *of == customer).count(), count, "answered and stored are the same");
    eventually("the totals follow", || (total(address, &customer) == (count as i64, count as i64)).then_some(()));
    println!("{count} requests across {} restarts, 0 lost", ROUNDS * 2);
    for service in services {
        service.stop().assert_code(0);
    }
}
