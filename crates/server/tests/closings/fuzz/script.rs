//! What one client of a round does.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::random::Random;
use super::{http1, http2};

/// How long a client stays that does not leave by itself: beyond every bound of the server.
const STAYS: Duration = Duration::from_secs(8);

/// Bytes and moments, decided beforehand so that a seed repeats them.
pub(crate) struct Script {
    start_after: Duration,
    steps: Vec<Step>,
    ending: Ending,
}

struct Step {
    bytes: Vec<u8>,
    pause: Duration,
}

#[derive(Clone, Copy)]
enum Ending {
    /// Closes at once, with whatever has not been read.
    Leave,
    /// Closes its sending half, reads to the end.
    Finish,
    /// Resets.
    Reset,
    /// Says nothing more, and reads until the server closes.
    Stay,
}

impl Script {
    /// One of everything.
    pub(crate) fn random(random: &mut Random) -> Self {
        let whole = match random.between(0, 9) {
            0 => random.bytes(200),
            1..=3 => http2::conversation(random),
            _ => http1::conversation(random),
        };
        let ending = match random.between(0, 5) {
            0 => Ending::Leave,
            1 => Ending::Finish,
            2 => Ending::Reset,
            _ => Ending::Stay,
        };
        Script { start_after: pause(random, 80), steps: pieces(random, whole), ending }
    }

    /// Plays it. The server may close, reset or refuse whenever it likes.
    pub(crate) async fn play(self, address: SocketAddr) {
        tokio::time::sleep(self.start_after).await;
        let Ok(mut stream) = TcpStream::connect(address).await else { return };
        for Step { bytes, pause } in self.steps {
            // Reading while writing: a client that does not read is another test's.
            let (mut from, mut to) = stream.split();
            let written = tokio::select! {
                written = to.write_all(&bytes) => written.is_ok(),
                () = read_on(&mut from) => false,
            };
            if !written {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = read_on(&mut from) => return,
            }
        }
        match self.ending {
            Ending::Leave => {}
            Ending::Reset => {
                // Best effort: without it, it is one more that leaves.
                let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
            }
            Ending::Finish => {
                let _ = stream.shutdown().await;
                let _ = tokio::time::timeout(STAYS, read_on(&mut stream)).await;
            }
            Ending::Stay => {
                let _ = tokio::time::timeout(STAYS, read_on(&mut stream)).await;
            }
        }
    }
}

/// Reads until the server has closed.
async fn read_on(from: &mut (impl AsyncReadExt + Unpin)) {
    let mut buffer = [0; 16 << 10];
    while from.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

/// Cuts a conversation into writes.
fn pieces(random: &mut Random, mut whole: Vec<u8>) -> Vec<Step> {
    if random.one_in(4) {
        whole.truncate(random.between(0, whole.len()));
    }
    if random.one_in(6) && !whole.is_empty() {
        let at = random.between(0, whole.len() - 1);
        whole[at] ^= 1 << random.between(0, 7);
    }
    let mut steps = Vec::new();
    while !whole.is_empty() {
        let most = if random.one_in(2) { whole.len() } else { whole.len().min(40) };
        let rest = whole.split_off(random.between(1, most));
        steps.push(Step { bytes: std::mem::replace(&mut whole, rest), pause: pause(random, 20) });
    }
    steps
}

fn pause(random: &mut Random, most_ms: usize) -> Duration {
    Duration::from_millis(if random.one_in(2) { 0 } else { random.between(0, most_ms) as u64 })
}
