//! Clients that keep a service busy while it restarts. They count what they got, and never retry.

use crate::client::Client;
use crate::process::{Ended, Service, eventually};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

const CLIENTS: usize = 4;

/// Responses before the signal: enough for every connection to be in the middle of its work.
const WARM: u64 = 100;

/// What the clients of a restart saw.
#[derive(Debug, Default)]
pub struct Clients {
    /// Requests that got a whole response below 500.
    pub answered: u64,
    /// Requests without one, each in a sentence. A connection that was refused is none: nothing was sent.
    pub lost: Vec<String>,
}

#[derive(Default)]
struct Shared {
    answered: AtomicU64,
    lost: Mutex<Vec<String>>,
    leaving: AtomicBool,
}

impl Shared {
    fn lost(&self) -> MutexGuard<'_, Vec<String>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// SIGTERM to a service while four clients send GET requests for `target`, two of them over kept-alive connections;
/// waits for its end.
///
/// # Panics
/// If the service does not answer before the signal, or does not end within a minute.
#[track_caller]
pub fn restart_under_load(service: Service, target: &str) -> (Clients, Ended) {
    let (shared, address) = (Shared::default(), service.http);
    let ended = std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let shared = &shared;
            scope.spawn(move || run(shared, address, target, client % 2 == 0));
        }
        eventually("the clients get responses", || {
            (shared.answered.load(Ordering::Relaxed) >= WARM || !shared.lost().is_empty()).then_some(())
        });
        shared.leaving.store(true, Ordering::Relaxed);
        service.stop()
    });
    let lost = std::mem::take(&mut *shared.lost());
    (Clients { answered: shared.answered.into_inner(), lost }, ended)
}

/// One client, until no connection can be made any more.
fn run(shared: &Shared, address: SocketAddr, target: &str, keep_alive: bool) {
    let mut kept = None;
    loop {
        let mut client = match kept.take().map_or_else(|| Client::connect(address), Ok) {
            Ok(client) => client,
            Err(error) => {
                if !shared.leaving.load(Ordering::Relaxed) {
                    shared.lost().push(format!("connection: {error}"));
                }
                return;
            }
        };
        match client.send("GET", target, &[], b"") {
            Ok(response) if response.status < 500 => {
                shared.answered.fetch_add(1, Ordering::Relaxed);
                let asked_to_leave = response.header("connection").is_some_and(|value| value.contains("close"));
                kept = (keep_alive && !asked_to_leave).then_some(client);
            }
            Ok(response) => shared.lost().push(format!("{target}: {} {}", response.status, response.text())),
            Err(error) => shared.lost().push(format!("{target}: {error}")),
        }
    }
}
