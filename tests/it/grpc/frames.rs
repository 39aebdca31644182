//! An HTTP/2 client by hand: for what a library hides, which frames come, and for peers that do not behave.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What a frame is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    Headers {
        end: bool,
    },
    Data,
    /// With the highest stream that is served.
    GoAway(u32),
    Ping {
        payload: [u8; 8],
    },
    Other,
}

pub(super) struct Frames(TcpStream);

const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

impl Frames {
    pub(super) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut frames = Self(stream);
        frames.0.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        frames.send(SETTINGS, 0, 0, &[]);
        frames
    }

    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
        self.0.write_all(&[&head, payload].concat()).unwrap();
    }

    /// A call with one message, whose fields are encoded already.
    pub(super) fn call(&mut self, stream: u32, path: &str, message: &[u8]) {
        self.call_within(stream, path, "1H", message);
    }

    /// As [`call`](Self::call), with a `grpc-timeout`.
    pub(super) fn call_within(&mut self, stream: u32, path: &str, timeout: &str, message: &[u8]) {
        let mut block = Vec::new();
        let headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "a"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            ("grpc-timeout", timeout),
        ];
        for (name, value) in headers {
            // Literal, not indexed; all lengths are below 127.
            block.push(0);
            for text in [name, value] {
                block.push(u8::try_from(text.len()).unwrap());
                block.extend_from_slice(text.as_bytes());
            }
        }
        self.send(HEADERS, END_HEADERS, stream, &block);
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        self.send(0, END_STREAM, stream, &[&[0], &length[..], message].concat());
    }

    /// The next frame; `None` at the end. Settings are acknowledged.
    pub(super) fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).ok()?;
        let [a, b, c, kind, flags, ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.0.read_exact(&mut payload).ok()?;
        Some(match kind {
            0 => Frame::Data,
            HEADERS => Frame::Headers { end: flags & END_STREAM != 0 },
            GOAWAY => Frame::GoAway(u32::from_be_bytes(payload[..4].try_into().unwrap()) & 0x7fff_ffff),
            PING if flags & ACK == 0 => Frame::Ping { payload: payload.try_into().unwrap() },
            SETTINGS if flags & ACK == 0 => {
                self.send(SETTINGS, ACK, 0, &[]);
                Frame::Other
            }
            _ => Frame::Other,
        })
    }

    /// Skips frames up to one that is as wanted.
    pub(super) fn until(&mut self, wanted: impl Fn(&Frame) -> bool) -> Frame {
        loop {
            let frame = self.next().expect("the frame comes before the end");
            if wanted(&frame) {
                return frame;
            }
        }
    }

    pub(super) fn pong(&mut self, payload: [u8; 8]) {
        self.send(PING, ACK, 0, &payload);
    }
}
