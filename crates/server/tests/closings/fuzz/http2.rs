//! HTTP/2 frames in any order. The client never answers a PING, so the server has to find out by itself.

use super::random::Random;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A preface, settings, and frames.
pub(crate) fn conversation(random: &mut Random) -> Vec<u8> {
    let mut bytes = PREFACE.to_vec();
    if !random.one_in(8) {
        bytes.extend(frame(SETTINGS, 0, 0, &settings(random)));
        bytes.extend(frame(SETTINGS, 1, 0, &[]));
    }
    let mut stream = 1;
    for _ in 0..random.between(0, 12) {
        bytes.extend(if random.one_in(3) { any(random) } else { request(random, stream) });
        stream += 2;
    }
    bytes
}

/// A request that a handler sees: whole, or with a body that comes later or never.
fn request(random: &mut Random, stream: u32) -> Vec<u8> {
    let path = random.pick(&["/ok", "/echo", "/bytes/100000", "/panic", "/none"]);
    let post = random.one_in(2);
    // Static table: :method GET or POST, :scheme http; then :authority and :path as literals.
    let mut block = vec![if post { 0x83 } else { 0x82 }, 0x86, 0x01, 1, b't', 0x04, path.len() as u8];
    block.extend_from_slice(path.as_bytes());
    let ends = !post || random.one_in(3);
    let mut bytes = frame(HEADERS, END_HEADERS | if ends { END_STREAM } else { 0 }, stream, &block);
    if !ends {
        let last = if random.one_in(3) { 0 } else { END_STREAM };
        bytes.extend(frame(DATA, last, stream, &random.bytes(5000)));
    }
    if random.one_in(6) {
        bytes.extend(frame(RST_STREAM, 0, stream, &8u32.to_be_bytes()));
    }
    bytes
}

fn any(random: &mut Random) -> Vec<u8> {
    let stream = random.between(0, 30) as u32;
    let number = (random.next() as u32).to_be_bytes();
    match random.between(0, 7) {
        0 => frame(SETTINGS, 0, 0, &settings(random)),
        1 => frame(PING, 0, 0, &random.next().to_be_bytes()),
        2 => frame(WINDOW_UPDATE, 0, stream, &number),
        3 => frame(RST_STREAM, 0, stream, &number),
        4 => frame(GOAWAY, 0, 0, &[number, [0; 4]].concat()),
        5 => frame(HEADERS, random.next() as u8, stream, &random.bytes(50)),
        6 => frame(random.next() as u8, random.next() as u8, stream, &random.bytes(100)),
        _ => random.bytes(40),
    }
}

fn settings(random: &mut Random) -> Vec<u8> {
    let mut payload = Vec::new();
    for _ in 0..random.between(0, 3) {
        let value = random.pick(&[&0u32, &1, &100, &16_384, &65_535, &0x7fff_ffff, &u32::MAX]);
        payload.extend_from_slice(&(random.between(1, 8) as u16).to_be_bytes());
        payload.extend_from_slice(&value.to_be_bytes());
    }
    payload
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}
