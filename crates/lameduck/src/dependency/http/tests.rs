//! Servers as they are, each response in one write.

use super::*;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

/// What the server does after its response.
#[derive(Clone, Copy, Debug)]
enum Then {
    Close,
    WaitForTheClient,
}

/// Answers each connection with `response`, in one write.
fn server(response: &'static str, then: Then) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            read_head(&mut stream);
            stream.write_all(response.as_bytes()).unwrap();
            if let Then::WaitForTheClient = then {
                thread::spawn(move || stream.read(&mut [0; 16]));
            }
        }
    });
    address
}

fn read_head(stream: &mut TcpStream) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
        head.push(byte[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_in_one_write_opens_whatever_the_server_does_next() {
    for response in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nok",
        "HTTP/1.0 200 OK\r\n\r\nok",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 301 Moved Permanently\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: https://elsewhere/\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ] {
        for then in [Then::Close, Then::WaitForTheClient] {
            let http = Http::new(&format!("http://{}/", server(response, then))).unwrap();
            for attempt in 0..20 {
                let connected = http.connect().await;
                assert_eq!(connected, Ok(()), "attempt {attempt}, {then:?}, {response:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_responses_and_none_say_why() {
    for (response, expected) in [
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "returned 404 Not Found"),
        ("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno", "returned 503 Service Unavailable"),
        ("", "connection closed"),
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", "invalid HTTP"),
    ] {
        let url = format!("http://{}/health", server(response, Then::Close));
        let error = Http::new(&url).unwrap().connect().await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("GET {url}")) && error.contains(expected), "{error}");
    }
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = Http::new(&format!("http://{unused}/")).unwrap().connect().await.unwrap_err().to_string();
    assert!(error.contains("refused"), "{error}");
}

#[test]
fn only_http_urls_with_a_host() {
    for good in ["http://db.internal:8080/health", "http://[::1]:8080/", "http://db", "http://db?ready"] {
        assert!(Http::new(good).is_ok(), "{good}");
    }
    assert_eq!(Http::new("https://db").unwrap_err(), HttpUrlError::Tls);
    assert_eq!(Http::new("ftp://db").unwrap_err(), HttpUrlError::Scheme("ftp".to_owned()));
    for wrong in ["/health", "db:5432", "http://", "http:///x", "http://user@db/", "http://db/#x", "http://db/a b"] {
        assert!(matches!(Http::new(wrong), Err(HttpUrlError::Malformed(_))), "{wrong}");
    }
}
