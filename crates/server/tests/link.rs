//! The crossing of a request and our FIN, over a link that takes time. Needs Linux and root: it makes a network
//! namespace of its own, in which nothing but itself can be reached. `make test-link`.
//!
//! On loopback a window of 1 ms is all there is, so that a wrong round-trip time would go unnoticed. Here the way takes
//! 25 ms each way, and what the server expects to lose must grow with it.

#[path = "link/delaying.rs"]
mod delaying;

use axum::routing::get;
use delaying::DelayingLink;
use lameduck_server::{App, Bound, Closings, IdleHold, Numbers, Options, Server};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ONE_WAY: Duration = Duration::from_millis(25);
const CONNECTIONS: usize = 20;

/// Test and link share one thread, whose namespace is its own.
fn in_own_network(test: impl AsyncFnOnce(DelayingLink)) {
    let link =
        DelayingLink::new(ONE_WAY).expect("a network namespace and a TUN device: run as root (`make test-link`)");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    runtime.block_on(test(link));
}

fn serve(link: &DelayingLink, idle_hold: IdleHold, closings: Closings) -> (Server, SocketAddr) {
    let server = Server::new(Options { idle_hold, closings, ..Options::default() });
    let bound = Bound::bind(SocketAddr::new(link.near(), 0)).expect("bind");
    let address = server.serve(bound, App::new().route("/", get(|| async { "here" }))).expect("serve");
    (server, address)
}

async fn connected(address: SocketAddr) -> TcpStream {
    let mut client = TcpStream::connect(address).await.expect("connect");
    ask(&mut client).await.expect("the first answer");
    client
}

/// One request; the answer, or `None` if the connection ended instead.
async fn ask(client: &mut TcpStream) -> Option<String> {
    client.write_all(b"GET / HTTP/1.1\r\nhost: link\r\n\r\n").await.ok()?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"here") {
        let mut buffer = [0; 1024];
        match client.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => answer.extend_from_slice(&buffer[..read]),
        }
    }
    String::from_utf8(answer).ok()
}

/// What a server expects to lose when it closes connections that have been silent for `silence`.
async fn expected_loss(link: &DelayingLink, far: bool, silence: Duration) -> Numbers {
    let (server, address) = serve(link, IdleHold::For(Duration::ZERO), Closings::default());
    let address = if far { SocketAddr::new(link.far(), address.port()) } else { address };
    // All at once: one after the other, the far ones would be silent for longer than the near ones.
    let mut clients = futures_util::future::join_all((0..CONNECTIONS).map(|_| connected(address))).await;
    // As the server sees it: the answer has travelled already.
    tokio::time::sleep(silence - if far { ONE_WAY } else { Duration::ZERO }).await;
    server.drain(None);
    // Clients that see the FIN close, so that nothing lingers.
    for client in &mut clients {
        let _ = client.read(&mut [0; 64]).await;
    }
    drop(clients);
    server.drained().await;
    server.snapshot()
}

#[test]
fn the_expected_loss_grows_with_the_round_trip() {
    in_own_network(async |link| {
        // In the middle of a bucket of the histogram: a few milliseconds more or less learn the same rate.
        let silence = Duration::from_millis(360);
        let near = expected_loss(&link, false, silence).await.ledger.raced_expected;
        let far = expected_loss(&link, true, silence).await.ledger.raced_expected;
        println!("expected losses of {CONNECTIONS} closes: {near:.5} near, {far:.5} over {:?}", 2 * ONE_WAY);
        // The window is the round trip and 1 ms: 51 against 1.
        assert!(near > 0.0 && (20.0..120.0).contains(&(far / near)), "{near} near, {far} far");
    });
}

/// A request written while our FIN is on its way: lost when closed at once, and counted; kept by the hold.
async fn speak_while_the_fin_travels(link: &DelayingLink, hold: bool) -> (Option<String>, u64) {
    let (server, address) = serve(link, IdleHold::For(4 * ONE_WAY), Closings { hold, ..Closings::default() });
    let mut client = connected(SocketAddr::new(link.far(), address.port())).await;
    server.drain(Some(Instant::now() + Duration::from_secs(10)));
    let answer = ask(&mut client).await;
    drop(client);
    server.drained().await;
    (answer, server.snapshot().ledger.raced)
}

#[test]
fn a_request_that_crosses_our_fin_is_counted_and_the_hold_prevents_it() {
    in_own_network(async |link| {
        let (answer, raced) = speak_while_the_fin_travels(&link, false).await;
        assert_eq!((answer.is_some(), raced), (false, 1), "without the hold it is lost, and the server says so");
        let (answer, raced) = speak_while_the_fin_travels(&link, true).await;
        let answer = answer.expect("held");
        assert!(answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
        assert_eq!(raced, 0);
    });
}
