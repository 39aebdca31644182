//! SIGKILL at random moments: what was acknowledged is there, what was repeated counts once, and every order is added
//! up exactly once.

use crate::support::{all_orders, place, start, total};
use lameduck_testing::eventually;
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

const CLIENTS: u64 = 4;
/// How often it is killed, unless `OUTBOX_KILLS` says otherwise.
const KILLS: u64 = 6;

/// What clients know.
#[derive(Default)]
struct Known {
    /// The id of the order that was placed under a key.
    acknowledged: Mutex<HashMap<String, String>>,
    next: AtomicU64,
    stop: AtomicBool,
}

/// A client that never gives up on a request: it is sent under its key until it is answered.
fn client(known: &Known, address: &Mutex<SocketAddr>, customer: &str, progress: &mpsc::Sender<()>) {
    while !known.stop.load(SeqCst) {
        let number = known.next.fetch_add(1, SeqCst);
        let key = format!("{customer}-{number}");
        loop {
            let at = *address.lock().unwrap();
            match place(at, &key, customer, 1 + (number % 7).cast_signed()) {
                Ok(response) if response.status == 201 => {
                    let id = response.json()["id"].as_str().unwrap().to_owned();
                    known.acknowledged.lock().unwrap().insert(key, id);
                    let _ = progress.send(());
                    break;
                }
                Ok(response) => {
                    assert!(matches!(response.status, 409 | 503), "{}: {}", response.status, response.text());
                }
                Err(_) if known.stop.load(SeqCst) => return,
                // It is being started again.
                Err(_) => std::thread::park_timeout(Duration::from_millis(5)),
            }
        }
    }
}

#[test]
fn killed_at_random_moments_it_loses_nothing_and_does_nothing_twice() {
    let kills = std::env::var("OUTBOX_KILLS").map_or(KILLS, |kills| kills.parse().expect("OUTBOX_KILLS is a number"));
    let seed = std::process::id();
    println!("{kills} kills, seed {seed}");
    let folder = tempfile::tempdir().unwrap();
    let mut service = start(folder.path());
    let (known, address) = (Known::default(), Mutex::new(service.http));
    // Another run may have used the same database.
    let customers: Vec<_> = (0..CLIENTS).map(|number| format!("customer-{seed}-{number}")).collect();
    service = std::thread::scope(|scope| {
        let (progress, placed) = mpsc::channel();
        for customer in &customers {
            let (known, address, progress) = (&known, &address, progress.clone());
            scope.spawn(move || client(known, address, customer, &progress));
        }
        drop(progress);
        let mut random = u64::from(seed);
        for _ in 0..kills {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // After some orders, and then at any moment of the next ones.
            for _ in 0..random >> 60 {
                placed.recv_timeout(Duration::from_secs(60)).expect("orders are placed");
            }
            spin(Duration::from_micros(random >> 32 & 0x7fff));
            service.signal(libc::SIGKILL);
            drop(service.wait());
            service = start(folder.path());
            *address.lock().unwrap() = service.http;
        }
        for _ in 0..2 * CLIENTS {
            placed.recv_timeout(Duration::from_secs(60)).expect("orders are placed");
        }
        known.stop.store(true, SeqCst);
        service
    });
    println!("{}", judge(&known, &customers, service.http));
    service.stop().assert_code(0);
}

fn judge(known: &Known, customers: &[String], address: SocketAddr) -> String {
    let acknowledged = known.acknowledged.lock().unwrap();
    let ids: HashSet<_> = acknowledged.values().collect();
    assert_eq!(ids.len(), acknowledged.len(), "two keys have the same order");
    let orders = all_orders(address);
    let lost: Vec<_> = ids.iter().filter(|id| !orders.contains_key(id.as_str())).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let ours = orders.values().filter(|(customer, _)| customers.contains(customer)).count();
    // Each client may have given up one request at the end, which may have been committed.
    assert!(ours <= acknowledged.len() + customers.len(), "{ours} orders for {} keys", acknowledged.len());
    let began = Instant::now();
    for customer in customers {
        let own: Vec<_> = orders.values().filter(|(of, _)| of == customer).map(|(_, cents)| cents).collect();
        let expected = (own.len() as i64, own.into_iter().sum::<i64>());
        eventually("the totals follow", || (total(address, customer) >= expected).then_some(()));
        assert_eq!(total(address, customer), expected, "an event counted twice, or never");
    }
    let behind = began.elapsed();
    format!("{} acknowledged, {ours} stored, 0 lost, 0 double; the totals were {behind:?} behind", acknowledged.len())
}

/// A random part of the work of an order: too short for a timer.
fn spin(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        std::hint::spin_loop();
    }
}
