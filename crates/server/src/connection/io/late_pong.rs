//! The end of an HTTP/2 connection in two steps, with room for a client that answers before it sends.
//!
//! hyper ends a connection by GOAWAY with the highest id and a PING; when the PING is answered it takes every stream
//! that it has not seen for refused (RFC 9113, 6.8, asks for a round trip). But an answer to a PING overtakes the heads
//! that the client has already queued, and with a client that is behind, those requests are refused. So the answer is
//! held back for a moment, while everything else goes on to hyper.

use bytes::{Bytes, BytesMut};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Sleep;

/// How long after the answer to a PING the streams may come that were opened before it.
const ROOM: Duration = Duration::from_millis(50);

/// `PRI * HTTP/2.0 …`: comes before the first frame.
const PREFACE_BYTES: usize = 24;
const HEADER_BYTES: usize = 9;
const PING: u8 = 6;
const ACK: u8 = 1;
const PONG_BYTES: usize = HEADER_BYTES + 8;

/// Follows the frames of a connection from its first byte, so that the answer can be found in them.
#[derive(Debug)]
pub(super) struct LatePong {
    /// Of the frame that is being read, as far as it has come.
    header: [u8; HEADER_BYTES],
    header_read: usize,
    /// Bytes until the next frame begins.
    left: usize,
    hold: Hold,
}

#[derive(Debug)]
enum Hold {
    /// No GOAWAY was sent: bytes are followed, and pass.
    Following,
    /// From here on each frame is looked at before it passes.
    Waiting { begun: BytesMut },
    /// An answer has come.
    Holding { begun: BytesMut, pongs: BytesMut, room: Pin<Box<Sleep>> },
    /// It was given to hyper.
    Over,
}

impl LatePong {
    /// A connection whose preface has not been read.
    pub(super) fn new() -> Self {
        Self { header: [0; HEADER_BYTES], header_read: 0, left: PREFACE_BYTES, hold: Hold::Following }
    }

    /// GOAWAY goes out.
    pub(super) fn go_away(&mut self) {
        if matches!(self.hold, Hold::Following) {
            self.hold = Hold::Waiting { begun: BytesMut::new() };
        }
    }

    /// Whether bytes must go through [`Self::pass`] instead of to hyper.
    pub(super) fn filters(&self) -> bool {
        matches!(self.hold, Hold::Waiting { .. } | Hold::Holding { .. })
    }

    /// Bytes that have gone to hyper.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let payload = self.left.min(bytes.len());
            self.left -= payload;
            bytes = &bytes[payload..];
            let header = (HEADER_BYTES - self.header_read).min(bytes.len());
            self.header[self.header_read..][..header].copy_from_slice(&bytes[..header]);
            self.header_read += header;
            bytes = &bytes[header..];
            if self.header_read == HEADER_BYTES {
                self.left = length(&self.header);
                self.header_read = 0;
            }
        }
    }

    /// Takes bytes that were read and gives those that go on to hyper now.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Bytes {
        let mut passed = BytesMut::with_capacity(bytes.len() + PONG_BYTES);
        let mut rest = bytes;
        // What hyper has the beginning of goes on to its end.
        let mut inside = self.left;
        if self.header_read > 0 {
            let header = (HEADER_BYTES - self.header_read).min(rest.len());
            self.follow(&rest[..header]);
            passed.extend_from_slice(&rest[..header]);
            rest = &rest[header..];
            inside = self.left;
        }
        let inside = inside.min(rest.len());
        self.follow(&rest[..inside]);
        passed.extend_from_slice(&rest[..inside]);
        rest = &rest[inside..];
        while !rest.is_empty() {
            rest = self.pass_frame(rest, &mut passed);
        }
        passed.freeze()
    }

    /// One frame, or as much of it as there is: held while nobody can say what it is, or if it is an answer.
    fn pass_frame<'a>(&mut self, rest: &'a [u8], passed: &mut BytesMut) -> &'a [u8] {
        let (Hold::Waiting { begun } | Hold::Holding { begun, .. }) = &mut self.hold else {
            self.follow(rest);
            passed.extend_from_slice(rest);
            return &[];
        };
        let wanted = if begun.len() < HEADER_BYTES { HEADER_BYTES } else { PONG_BYTES };
        let taken = (wanted - begun.len()).min(rest.len());
        begun.extend_from_slice(&rest[..taken]);
        if begun.len() < wanted {
            return &rest[taken..];
        }
        let pong = length(begun) + HEADER_BYTES == PONG_BYTES && begun[3] == PING && begun[4] & ACK != 0;
        if pong && wanted == PONG_BYTES {
            let pong = begun.split();
            self.holds(&pong);
        } else if !pong {
            let header = begun.split();
            passed.extend_from_slice(&header);
            self.follow(&header);
            let payload = self.left.min(rest.len() - taken);
            passed.extend_from_slice(&rest[taken..taken + payload]);
            self.follow(&rest[taken..taken + payload]);
            return &rest[taken + payload..];
        }
        &rest[taken..]
    }

    fn holds(&mut self, pong: &[u8]) {
        match &mut self.hold {
            Hold::Holding { pongs, .. } => pongs.extend_from_slice(pong),
            hold @ (Hold::Following | Hold::Waiting { .. } | Hold::Over) => {
                let room = Box::pin(tokio::time::sleep(ROOM));
                *hold = Hold::Holding { begun: BytesMut::new(), pongs: pong.into(), room };
            }
        }
    }

    /// Nothing more came: the answer, once its time is over. What is of the next frame follows it.
    pub(super) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        let Hold::Holding { begun, pongs, room } = &mut self.hold else { return Poll::Pending };
        std::task::ready!(room.as_mut().poll(cx));
        let mut all = std::mem::take(pongs);
        all.unsplit(std::mem::take(begun));
        self.hold = Hold::Over;
        Poll::Ready(all.freeze())
    }
}

/// Of a frame's payload.
fn length(header: &[u8]) -> usize {
    usize::from(header[0]) << 16 | usize::from(header[1]) << 8 | usize::from(header[2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags, 0, 0, 0, 1];
        frame.extend_from_slice(payload);
        frame
    }

    fn pong() -> Vec<u8> {
        frame(PING, ACK, b"shutdown")
    }

    /// Frames before GOAWAY, frames after it, and where the stream is cut into reads.
    fn streams() -> impl Strategy<Value = (Vec<Vec<u8>>, Vec<Vec<u8>>, Vec<usize>)> {
        let any_frame = || {
            prop_oneof![
                (0..10_u8, any::<u8>(), prop::collection::vec(any::<u8>(), 0..40)).prop_map(
                    |(kind, flags, payload)| {
                        let flags = if kind == PING && payload.len() == 8 { flags & !ACK } else { flags };
                        frame(kind, flags, &payload)
                    }
                ),
                Just(frame(PING, 0, b"question")),
            ]
        };
        let frames = || prop::collection::vec(any_frame(), 0..6);
        (frames(), frames(), prop::collection::vec(1..30_usize, 1..80))
    }

    proptest! {
        #[test]
        fn everything_passes_in_order_but_the_answer_which_comes_last(
            (before, after, cuts) in streams(),
            at in any::<prop::sample::Index>(),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            runtime.block_on(async {
                let mut sent = vec![b'P'; PREFACE_BYTES];
                sent.extend(before.concat());
                let go_away_at = at.index(sent.len() + 1);
                let mut expected = sent.clone();
                let at = at.index(after.len() + 1);
                sent.extend([after[..at].concat(), pong(), after[at..].concat()].concat());
                expected.extend(after.concat());
                expected.extend(pong());

                let (mut late, mut got, mut from) = (LatePong::new(), Vec::new(), 0);
                let mut cuts = cuts.into_iter().cycle();
                while from < sent.len() {
                    let mut to = (from + cuts.next().unwrap()).min(sent.len());
                    if from < go_away_at { to = to.min(go_away_at); } else { late.go_away(); }
                    if late.filters() {
                        got.extend(late.pass(&sent[from..to]));
                    } else {
                        late.follow(&sent[from..to]);
                        got.extend(&sent[from..to]);
                    }
                    from = to;
                }
                got.extend(std::future::poll_fn(|cx| late.poll_over(cx)).await);
                assert_eq!(got, expected);
                assert!(!late.filters());
            });
        }
    }
}
