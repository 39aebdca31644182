//! HTTP/1 as clients send it, and as they should not.

use super::random::Random;

const METHODS: [&str; 9] = ["GET", "GET", "POST", "POST", "HEAD", "PUT", "OPTIONS", "CONNECT", "BR EW"];
const PATHS: [&str; 10] =
    ["/ok", "/ok", "/echo", "/echo", "/bytes/5000", "/bytes/x", "/panic", "/none", "*", "http://test/ok?a=%zz"];
const VERSIONS: [&str; 8] = ["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/9.9", ""];
const HEADERS: [&str; 18] = [
    "host: test",
    "host: test",
    "connection: close",
    "connection: keep-alive",
    "connection: upgrade\r\nupgrade: websocket",
    "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk",
    "expect: 100-continue",
    "content-length: 5",
    "content-length: 18446744073709551616",
    "content-length: -1",
    "transfer-encoding: chunked",
    "transfer-encoding: gzip, chunked",
    "x-request-id: \u{7f}\u{0}\u{80}",
    "x-request-id: from-the-client",
    "accept: */*\r\n folded: line",
    "no colon at all",
    ": no name",
    "content-type: application/json",
];

/// Some requests on one connection, one after the other without waiting.
pub(crate) fn conversation(random: &mut Random) -> Vec<u8> {
    (0..random.between(1, 4)).flat_map(|_| request(random)).collect()
}

fn request(random: &mut Random) -> Vec<u8> {
    // Every second one is right, so that handlers are reached too.
    if random.one_in(2) { valid(random) } else { any(random) }
}

fn valid(random: &mut Random) -> Vec<u8> {
    let path = random.pick(&PATHS[..7]);
    match random.between(0, 2) {
        0 => format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n").into_bytes(),
        1 => {
            let body = random.bytes(6000);
            let head = format!("POST {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n", body.len());
            [head.into_bytes(), body].concat()
        }
        _ => {
            let head = format!("POST {path} HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n");
            [head.into_bytes(), chunks(random, true)].concat()
        }
    }
}

fn any(random: &mut Random) -> Vec<u8> {
    let mut head = format!("{} {} {}\r\n", random.pick(&METHODS), random.pick(&PATHS), random.pick(&VERSIONS));
    for _ in 0..random.between(0, 6) {
        head.push_str(random.pick(&HEADERS));
        head.push_str("\r\n");
    }
    if random.one_in(10) {
        head.push_str(&format!("x-long: {}\r\n", "x".repeat(random.between(0, 100_000))));
    }
    if random.one_in(10) {
        (0..random.between(0, 200)).for_each(|index| head.push_str(&format!("x-{index}: many\r\n")));
    }
    head.push_str("\r\n");
    let body = match random.between(0, 3) {
        0 => Vec::new(),
        1 => random.bytes(100),
        2 => chunks(random, true),
        _ => chunks(random, false),
    };
    [head.into_bytes(), body].concat()
}

fn chunks(random: &mut Random, valid: bool) -> Vec<u8> {
    let mut body = Vec::new();
    for _ in 0..random.between(0, 5) {
        let chunk: Vec<u8> = [vec![b'c'], random.bytes(2000)].concat();
        let size = if valid || random.one_in(2) {
            format!("{:x}", chunk.len())
        } else {
            random.pick(&["", "zz", "ffffffffffffffff", "-1", "5;name=value", "0x5"]).to_owned()
        };
        body.extend_from_slice(format!("{size}\r\n").as_bytes());
        body.extend_from_slice(&chunk);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(if valid || random.one_in(2) { b"0\r\n\r\n" } else { b"0\r\ntrailer: x\r\n\r" });
    body
}
