//! Ten thousand requests from a generator: whatever comes in, there is no 500, no panic, and every error is JSON.
//!
//! The seed is printed; `LAMEDUCK_TEST_SEED` repeats a run.

use crate::process::Service;
use lameduck_testing::{Client, Response};
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

const REQUESTS: u32 = 10_000;

/// splitmix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.next() as u8).collect()
    }

    /// Characters that may stand in a request target.
    fn word(&mut self, most: u64) -> String {
        const LETTERS: &[u8] = b"abcXYZ019-._~!$&'()*+,;=:@%/";
        (0..self.below(most + 1)).map(|_| char::from(self.one(LETTERS))).collect()
    }
}

#[derive(Debug)]
struct Request {
    method: &'static str,
    bytes: Vec<u8>,
    well_formed: bool,
    has_body: bool,
}

fn target(random: &mut Random) -> String {
    const PATHS: [&str; 12] = [
        "/ping",
        "/submit",
        "/update/a",
        "/update/",
        "/user",
        "/account",
        "/openapi.json",
        "/",
        "*",
        "/bench/slow",
        "/update/%00",
        "/../ping",
    ];
    let mut target = match random.below(4) {
        0 => format!("/{}", random.word(40)),
        1 => format!("/update/{}", random.word(200)),
        _ => random.one(&PATHS).to_owned(),
    };
    if random.below(2) == 0 && target != "*" {
        target.push('?');
        for _ in 0..random.below(4) {
            let name = random.one(&["id", "name", "ms", "", "id[]", "%zz"]);
            target.push_str(&format!("{name}={}&", random.word(30)));
        }
    }
    target
}

fn body(random: &mut Random) -> Vec<u8> {
    match random.below(9) {
        0 => Vec::new(),
        1 => b"{}".to_vec(),
        2 => br#"{"a":{"b":[1,2,{"c":null}]},"d":"\ud83e\udd86"}"#.to_vec(),
        3 => br#"{"a":1,"a":2,"work_ms":99999999999999999999}"#.to_vec(),
        4 => b"[".repeat(random.below(3000) as usize),
        5 => format!("{{\"x\":\"{}\"}}", "y".repeat(random.below(20_000) as usize)).into_bytes(),
        6 => random
            .one(&[&b"null"[..], b"1e999", b"\"\\ud800\"", b"{\"a\":}", b"{} {}", b"\xff\xfe{}", b"{\"\":-0}"])
            .to_vec(),
        _ => random.bytes(300),
    }
}

fn request(random: &mut Random) -> Request {
    const METHODS: [&str; 8] = ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "BREW"];
    const REAL: [(&str, &str); 6] = [
        ("GET", "/ping"),
        ("POST", "/submit"),
        ("POST", "/submit"),
        ("PUT", "/update/a"),
        ("PUT", "/update/b%20c"),
        ("GET", "/user?id=7&name=%41"),
    ];
    let (method, target) = match random.below(2) {
        0 => (random.one(&METHODS), target(random)),
        _ => {
            let (method, target) = random.one(&REAL);
            (method, target.to_owned())
        }
    };
    let mut head = format!("{method} {target} HTTP/1.1\r\nhost: h\r\n");
    if random.below(4) > 0 {
        let kind = random.one(&[
            "application/json",
            "application/json",
            "application/json; charset=utf-8",
            "text/plain",
            "application/vnd.a+json",
            ";;",
        ]);
        head.push_str(&format!("content-type: {kind}\r\n"));
    }
    for _ in 0..random.below(4) {
        let name = random.one(&[
            "x-request-id",
            "authorization",
            "accept",
            "accept-encoding",
            "traceparent",
            "x-a",
            "cookie",
            "expect-ct",
        ]);
        head.push_str(&format!("{name}: {}\r\n", random.word(60)));
    }
    let body = body(random);
    let mut bytes = match random.below(3) {
        0 if !body.is_empty() => {
            let chunk = format!("{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n", body.len());
            [chunk.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat()
        }
        _ => [format!("{head}content-length: {}\r\n\r\n", body.len()).as_bytes(), &body].concat(),
    };
    // One in eight is broken somewhere in its head or its first bytes.
    let well_formed = random.below(8) > 0;
    if !well_formed {
        let at = random.below(bytes.len().min(200) as u64) as usize;
        match random.below(3) {
            0 => bytes[at] = random.next() as u8,
            1 => bytes.truncate(at),
            _ => drop(bytes.splice(at..at, random.bytes(20))),
        }
    }
    Request { method, bytes, well_formed, has_body: !body.is_empty() }
}

fn check(answer: &Response) -> Result<(), &'static str> {
    if answer.status >= 500 {
        return Err("a 5xx");
    }
    if answer.header("x-request-id").is_none() && answer.status != 400 {
        return Err("no request id");
    }
    if answer.status < 400 {
        return Ok(());
    }
    let body: serde_json::Value = serde_json::from_slice(&answer.body).map_err(|_| "an error that is not JSON")?;
    let sentence = body["error"].as_str().ok_or("an error without a sentence")?;
    if sentence.is_empty() || body["request_id"].as_str().is_none_or(str::is_empty) {
        return Err("an error without a sentence or id");
    }
    Ok(())
}

/// Sends a request; a broken one may be answered or dropped, and ends its connection.
fn try_one(client: &mut Option<Client>, service: &Service, request: &Request) -> io::Result<Option<Response>> {
    if client.is_none() {
        *client = Some(Client::connect(service.http)?);
    }
    let connection = client.as_mut().expect("just connected");
    connection.write(&request.bytes)?;
    if !request.well_formed {
        connection.finish()?;
        let answer = connection.read(request.method == "HEAD").ok();
        *client = None;
        return Ok(answer);
    }
    let answer = connection.read(request.method == "HEAD")?;
    // A server that answers without having read the body may close behind the answer: HTTP/1 has no other way to be rid
    // of it.
    let was_read = matches!(answer.status, 200 | 202) && matches!(request.method, "POST" | "PUT");
    if answer.header("connection") == Some("close") || request.has_body && !was_read {
        *client = None;
    }
    Ok(Some(answer))
}

#[test]
fn ten_thousand_generated_requests_never_break_the_service() {
    let seed = std::env::var("LAMEDUCK_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_nanos() as u64));
    println!("LAMEDUCK_TEST_SEED={seed}");
    let mut random = Random(seed);
    let service = crate::process::start(&[("LIMITS__BODY_BYTES", "8KiB"), ("LOG__ACCESS", "errors")]);
    let mut client = None;
    let mut by_status = std::collections::BTreeMap::new();
    for number in 0..REQUESTS {
        let request = request(&mut random);
        let shown = String::from_utf8_lossy(&request.bytes[..request.bytes.len().min(400)]).into_owned();
        match try_one(&mut client, &service, &request) {
            Ok(None) => *by_status.entry(0).or_insert(0) += 1,
            Ok(Some(answer)) => {
                *by_status.entry(answer.status).or_insert(0) += 1;
                let verdict = if request.method == "HEAD" && answer.status < 500 { Ok(()) } else { check(&answer) };
                assert_eq!(verdict, Ok(()), "request {number}: {shown}\nanswer: {answer:?}");
            }
            Err(error) => panic!("request {number} got no answer ({error}): {shown}"),
        }
    }
    println!("by status (0: dropped): {by_status:?}");
    for status in [200, 202, 400, 401, 404, 405, 413, 415, 422] {
        assert!(by_status.contains_key(&status), "the generator never reached {status}: {by_status:?}");
    }
    let ledger = service.drain()["ledger"].clone();
    assert_eq!((&ledger["failed"], &ledger["timed_out"]), (&0.into(), &0.into()), "{ledger}");
    assert!(!service.log().contains("panicked"), "{}", service.log());
}
