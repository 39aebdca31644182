//! What a collector gets of a request: its span, and below it one for each statement.

use crate::support::{place, start_with};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// All bodies that were sent to it. Text in a protobuf message is there as it is.
type Bodies = Arc<Mutex<Vec<u8>>>;

/// A collector of OTLP by HTTP.
fn collector() -> (SocketAddr, Bodies) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let bodies = Bodies::default();
    let all = bodies.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let all = all.clone();
            std::thread::spawn(move || while take(&stream, &all).is_some() {});
        }
    });
    (address, bodies)
}

/// One request of a connection.
fn take(stream: &TcpStream, all: &Bodies) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    all.lock().unwrap().extend(body);
    let mut stream = stream;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n").ok()
}

#[test]
fn a_recorded_request_has_a_span_for_each_statement() {
    let (address, bodies) = collector();
    let folder = tempfile::tempdir().unwrap();
    let endpoint = format!("http://{address}");
    let service = start_with(folder.path(), &[("traces.endpoint", &endpoint), ("traces.protocol", "http/protobuf")]);
    assert_eq!(place(service.http, "key", "a secret customer", 1).unwrap().status, 201);
    service.stop().assert_code(0);
    // The exit has flushed.
    let bodies = String::from_utf8_lossy(&bodies.lock().unwrap()).into_owned();
    for expected in ["POST /orders", "INSERT orders", "COMMIT", "db.system.name", "db.query.text", "INSERT INTO orders"]
    {
        assert!(bodies.contains(expected), "{expected}");
    }
    assert!(!bodies.contains("a secret customer"), "values of parameters are not in a span");
}
