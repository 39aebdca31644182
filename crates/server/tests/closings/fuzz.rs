//! Anything may come while a drain runs: no panic, no guard leaked, no drain held beyond its bounds.
//!
//! Each round has a seed, and a failing one prints it. `cargo test` runs a fixed set of seeds, a few seconds long.
//! `LAMEDUCK_FUZZ_SECONDS=300 cargo test -p lameduck-server --test closings fuzz` goes on for so long with new seeds;
//! `LAMEDUCK_FUZZ_SEED=…` runs one again.

mod http1;
mod http2;
mod random;
mod script;

use std::any::Any;
use std::panic::Location;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lameduck_server::{IdleHold, Limits, Options};

use crate::rig::{ON_PURPOSE, Rig, SOON, THREAD_NAME};
use random::Random;
use script::Script;

/// Rounds of a plain `cargo test`.
const ROUNDS: u64 = 16;

/// The longest way that a drain can go here: hold, then a head or a body that never ends, then the linger, each below a
/// second, with room for a busy machine.
const BOUND: Duration = Duration::from_secs(10);

static PANICS: AtomicUsize = AtomicUsize::new(0);

#[test]
fn a_drain_survives_anything() {
    count_panics();
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
    if let Some(seed) = number("LAMEDUCK_FUZZ_SEED") {
        return round(seed);
    }
    match number("LAMEDUCK_FUZZ_SECONDS") {
        None => (0..ROUNDS).for_each(round),
        Some(seconds) => {
            let until = Instant::now() + Duration::from_secs(seconds);
            let mut seeds = Random::new(std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_nanos() as u64);
            let rounds = std::iter::from_fn(|| (Instant::now() < until).then(|| round(seeds.next()))).count();
            note(&format!("{rounds} rounds"));
        }
    }
}

/// One server, some clients, one drain.
fn round(seed: u64) {
    let _name = NamedOnPanic(seed);
    let mut random = Random::new(seed);
    let panics = PANICS.load(Ordering::SeqCst);
    let rig = Rig::with(options(&mut random));
    let scripts: Vec<Script> = (0..random.between(4, 24)).map(|_| Script::random(&mut random)).collect();
    let forced = random.one_in(4);
    let (notice_after, drain_after, force_after) = (pause(&mut random), pause(&mut random), pause(&mut random));

    let clients = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let address = rig.address;
    let playing = scripts.into_iter().map(|script| script.play(address));
    let playing = clients.block_on(async {
        let playing: Vec<_> = playing.map(tokio::spawn).collect();
        tokio::time::sleep(notice_after).await;
        rig.lame_duck();
        tokio::time::sleep(drain_after).await;
        rig.drain();
        if forced {
            tokio::time::sleep(force_after).await;
            rig.force();
        }
        playing
    });
    // The clients go on while the server is waited for.
    let server = std::thread::spawn(move || {
        rig.drained(if forced { SOON } else { BOUND });
        rig
    });
    clients.block_on(async {
        for client in playing {
            client.await.expect("a client never panics");
        }
    });
    if let Err(cause) = server.join() {
        std::panic::resume_unwind(cause);
    }
    assert_eq!(PANICS.load(Ordering::SeqCst), panics, "the server panicked");
}

fn options(random: &mut Random) -> Options {
    let short = Duration::from_millis(200);
    let limits = Limits {
        connections: random.between(8, 64),
        requests_in_flight: random.between(2, 64),
        header_timeout: short,
        first_byte_timeout: short,
        idle_timeout: short * 4,
        request_timeout: short,
        body_bytes: random.between(0, 4096),
        write_stall: short * 10,
        connection_age: if random.one_in(3) { short } else { Duration::ZERO },
        connection_age_grace: short,
    };
    let idle_hold = if random.one_in(3) { IdleHold::Auto } else { IdleHold::For(pause(random)) };
    let mut options = Options { limits, idle_hold, ..Options::default() };
    options.http2.keep_alive_interval = short;
    options.http2.keep_alive_timeout = short;
    options
}

fn pause(random: &mut Random) -> Duration {
    Duration::from_millis(random.between(0, 60) as u64)
}

/// Counts panics of server threads, but for the handler that panics on purpose, which prints nothing.
fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let is_servers = std::thread::current().name() == Some(THREAD_NAME);
            if is_servers && (message(panic.payload()) == Some(ON_PURPOSE) || is_debug_only(panic.location())) {
                return;
            }
            if is_servers {
                PANICS.fetch_add(1, Ordering::SeqCst);
            }
            usual(panic);
        }));
    });
}

/// h2 asserts, in debug builds only, that no stream outlives its connection; one whose connection is cut does, for the
/// moment until its own task is dropped.
fn is_debug_only(location: Option<&Location<'_>>) -> bool {
    location.is_some_and(|location| location.file().replace('\\', "/").ends_with("src/proto/streams/counts.rs"))
}

fn message(payload: &dyn Any) -> Option<&str> {
    payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// Prints its seed if the round fails.
struct NamedOnPanic(u64);

impl Drop for NamedOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            note(&format!("again: LAMEDUCK_FUZZ_SEED={}", self.0));
        }
    }
}

#[expect(clippy::print_stderr, reason = "a test's output is for the person who runs it")]
fn note(what: &str) {
    eprintln!("fuzz: {what}");
}
