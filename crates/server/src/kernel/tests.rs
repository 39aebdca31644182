use std::io::{Read, Write};

use super::*;

/// A listener whose runtime has not been told of anything yet, and its address.
async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn pair() -> (std::net::TcpStream, TcpStream) {
    let (listener, address) = listener().await;
    let client = std::net::TcpStream::connect(address).unwrap();
    let (server, _) = listener.accept().await.unwrap();
    (client, server)
}

#[tokio::test]
async fn unread_bytes_are_seen_before_the_runtime_reads_them() {
    let (mut client, server) = pair().await;
    assert_eq!(unread_bytes(&server), Some(0));
    client.write_all(b"GET").unwrap();
    server.readable().await.unwrap();
    let unread = unread_bytes(&server).unwrap();
    assert!(unread == 3 || cfg!(not(unix)) && unread > 0, "{unread}");
}

#[tokio::test]
async fn a_peer_that_only_closed_has_no_unread_bytes() {
    let (client, server) = pair().await;
    drop(client);
    server.readable().await.unwrap();
    assert_eq!(unread_bytes(&server), Some(0));
}

/// Writes until the buffers of both ends are full; how many bytes that took.
#[cfg(any(target_os = "linux", target_os = "macos"))]
async fn fill(server: &TcpStream) -> usize {
    let mut written = 0;
    loop {
        server.writable().await.unwrap();
        match server.try_write(&[b'x'; 64 << 10]) {
            Ok(bytes) => written += bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return written,
            Err(error) => panic!("{error}"),
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
#[tokio::test]
async fn unsent_bytes_are_what_a_slow_reader_has_not_taken() {
    let (mut client, server) = pair().await;
    let written = fill(&server).await;
    assert!(unsent_bytes(&server).unwrap() > 0);

    client.read_exact(&mut vec![0; written]).unwrap();
    while unsent_bytes(&server) != Some(0) {
        tokio::task::yield_now().await;
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_reset_leaves_nothing_unsent() {
    let (client, server) = pair().await;
    fill(&server).await;
    assert!(unsent_bytes(&server).unwrap() > 0);
    // A close with unread bytes is a reset.
    drop(client);
    while unsent_bytes(&server) != Some(0) {
        tokio::task::yield_now().await;
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_round_trip_over_loopback_is_known_and_short() {
    let (mut client, server) = pair().await;
    server.writable().await.unwrap();
    server.try_write(b"x").unwrap();
    client.read_exact(&mut [0]).unwrap();
    let round_trip = least_round_trip(&server).expect("Linux keeps it");
    assert!(round_trip < Duration::from_secs(1), "{round_trip:?}");
}

#[tokio::test]
async fn the_whole_accept_queue_is_found_though_the_runtime_has_not_looked() {
    let (listener, address) = listener().await;
    assert!(accept_queued(&listener).unwrap().is_none());
    let clients: Vec<_> = (0..50).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();

    // This thread is the runtime: it has had no chance to poll for readiness since the connects.
    for client in &clients {
        let (_, peer) = accept_queued(&listener).unwrap().expect("one more is waiting");
        assert_eq!(peer, client.local_addr().unwrap());
    }
    assert!(accept_queued(&listener).unwrap().is_none());
}
