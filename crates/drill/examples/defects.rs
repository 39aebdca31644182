//! A small server that leaves well, and on request has one known defect: the drill's own tests and a playground.
//!
//! `defects MODE HOST:PORT [EVERY [COUNTS_FILE [REPORT_FILE]]]` does what MODE says to one in EVERY requests and keeps
//! their number in COUNTS_FILE, so that a drill's count can be compared with the truth. Into REPORT_FILE it writes a
//! ledger when it leaves.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// From SIGTERM to the end of accepting; the drills of the tests remove endpoints sooner.
const LAME_DUCK: Duration = Duration::from_secs(2);
/// For the peer's end of a connection that was closed.
const LINGER: Duration = Duration::from_millis(200);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// No defect.
    Good,
    /// Stops listening at SIGTERM, while endpoints still point to it.
    Refuse,
    /// Resets the connection instead of answering.
    Reset,
    /// Answers half and closes.
    Truncate,
    /// Answers twice.
    Twice,
    /// Ignores SIGTERM.
    Stay,
    /// Closes a kept-alive connection with a request on it.
    Race,
    /// Says 503 and `Retry-After`.
    Shed,
    /// Says 500.
    Fail,
    /// Does not answer at all.
    Hang,
    /// Says something that is not HTTP.
    Babble,
    /// Claims one answer too many in its ledger.
    Lie,
}

fn mode(name: &str) -> Option<Mode> {
    Some(match name {
        "good" => Mode::Good,
        "refuse" => Mode::Refuse,
        "reset" => Mode::Reset,
        "truncate" => Mode::Truncate,
        "twice" => Mode::Twice,
        "stay" => Mode::Stay,
        "race" => Mode::Race,
        "shed" => Mode::Shed,
        "fail" => Mode::Fail,
        "hang" => Mode::Hang,
        "babble" => Mode::Babble,
        "lie" => Mode::Lie,
        _ => return None,
    })
}

struct Server {
    mode: Mode,
    every: u64,
    requests: AtomicU64,
    defects: AtomicU64,
    answered: AtomicU64,
    counts: Option<PathBuf>,
    report: Option<PathBuf>,
    leaving: AtomicBool,
    connections: AtomicUsize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let parsed = (
        arguments.first().and_then(|name| mode(name)),
        arguments.get(1).and_then(|address| address.parse::<SocketAddr>().ok()),
        arguments.get(2).map_or(Some(1_000), |every| every.parse::<u64>().ok()),
    );
    let (Some(mode), Some(address), Some(every)) = parsed else {
        return ExitCode::from(2);
    };
    let server = Arc::new(Server {
        mode,
        every: every.max(1),
        requests: AtomicU64::new(0),
        defects: AtomicU64::new(0),
        answered: AtomicU64::new(0),
        counts: arguments.get(3).map(PathBuf::from),
        report: arguments.get(4).map(PathBuf::from),
        leaving: AtomicBool::new(false),
        connections: AtomicUsize::new(0),
    });
    match serve(server, address).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

async fn serve(server: Arc<Server>, address: SocketAddr) -> std::io::Result<()> {
    let mut term = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let listener = socket.listen(4096)?;
    let (close, closing) = watch::channel(false);
    loop {
        tokio::select! {
            accepted = listener.accept() => spawn(&server, accepted?.0, closing.clone()),
            _ = term.recv() => if server.mode != Mode::Stay { break },
            _ = interrupt.recv() => break,
        }
    }
    server.leaving.store(true, Ordering::Relaxed);
    if server.mode != Mode::Refuse {
        accept_on(&server, &listener, &closing).await;
    }
    drop(listener);
    close.send_replace(true);
    while server.connections.load(Ordering::Relaxed) > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    report(&server)
}

fn report(server: &Server) -> std::io::Result<()> {
    let Some(file) = &server.report else { return Ok(()) };
    let answered = server.answered.load(Ordering::Relaxed) + u64::from(server.mode == Mode::Lie);
    let ledger = format!(r#"{{"started":{answered},"completed":{answered}}}"#);
    std::fs::write(file, format!(r#"{{"version":2,"phase":"exited","ledger":{ledger}}}"#))
}

/// Goes on accepting until the wait is over and the queue is empty.
async fn accept_on(server: &Arc<Server>, listener: &TcpListener, closing: &watch::Receiver<bool>) {
    let end = tokio::time::Instant::now() + LAME_DUCK;
    while let Ok(Ok((stream, _))) = tokio::time::timeout_at(end, listener.accept()).await {
        spawn(server, stream, closing.clone());
    }
    while let Ok(Ok((stream, _))) = tokio::time::timeout(Duration::ZERO, listener.accept()).await {
        spawn(server, stream, closing.clone());
    }
}

fn spawn(server: &Arc<Server>, stream: TcpStream, closing: watch::Receiver<bool>) {
    let server = Arc::clone(server);
    server.connections.fetch_add(1, Ordering::Relaxed);
    tokio::spawn(async move {
        // A connection that breaks is the client's to tell.
        let _ = talk(&server, stream, closing).await;
        server.connections.fetch_sub(1, Ordering::Relaxed);
    });
}

async fn talk(server: &Server, mut stream: TcpStream, mut closing: watch::Receiver<bool>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = Vec::new();
    let mut served = 0u64;
    loop {
        let head = match find(&input) {
            Some(end) => input.drain(..end).collect::<Vec<u8>>(),
            None => {
                let mut buffer = [0; 4096];
                let wait = async {
                    // A connection that has just been accepted is about to speak.
                    let _ = closing.wait_for(|closing| *closing).await;
                    if served == 0 {
                        tokio::time::sleep(LINGER).await;
                    }
                };
                let read = tokio::select! {
                    biased;
                    read = stream.read(&mut buffer) => read?,
                    () = wait => return linger(stream).await,
                };
                if read == 0 {
                    return Ok(());
                }
                input.extend_from_slice(&buffer[..read]);
                continue;
            }
        };
        served += 1;
        if !answer(server, &mut stream, &head, served).await? {
            return linger(stream).await;
        }
    }
}

fn find(input: &[u8]) -> Option<usize> {
    input.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// Answers one request; false when the connection ends with it.
async fn answer(server: &Server, stream: &mut TcpStream, head: &[u8], served: u64) -> std::io::Result<bool> {
    let number = server.requests.fetch_add(1, Ordering::Relaxed) + 1;
    // A race needs a connection that has been used; other defects take any.
    let due = number.is_multiple_of(server.every) && (server.mode != Mode::Race || served > 1);
    let leaving = server.leaving.load(Ordering::Relaxed);
    let asked_to_close = head.windows(17).any(|window| window.eq_ignore_ascii_case(b"connection: close"));
    let close = leaving || asked_to_close;
    let whole = response("200 OK", if close { "connection: close\r\n" } else { "" }, &id(head));
    if !due || matches!(server.mode, Mode::Good | Mode::Refuse | Mode::Stay | Mode::Lie) {
        server.answered.fetch_add(1, Ordering::Relaxed);
        stream.write_all(whole.as_bytes()).await?;
        return Ok(!close);
    }
    count(server);
    match server.mode {
        Mode::Reset => {
            socket2::SockRef::from(&*stream).set_linger(Some(Duration::ZERO))?;
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        Mode::Truncate => stream.write_all(&whole.as_bytes()[..whole.len() - 3]).await?,
        Mode::Twice => stream.write_all(whole.repeat(2).as_bytes()).await?,
        Mode::Shed => {
            let text = response("503 Service Unavailable", "retry-after: 1\r\n", &id(head));
            stream.write_all(text.as_bytes()).await?;
            return Ok(true);
        }
        Mode::Fail => {
            stream.write_all(response("500 Internal Server Error", "", &id(head)).as_bytes()).await?;
            return Ok(true);
        }
        Mode::Hang => std::future::pending().await,
        Mode::Babble => stream.write_all(b"hello\r\n\r\n").await?,
        Mode::Race | Mode::Good | Mode::Refuse | Mode::Stay | Mode::Lie => {}
    }
    Ok(false)
}

fn count(server: &Server) {
    let defects = server.defects.fetch_add(1, Ordering::Relaxed) + 1;
    if let Some(file) = &server.counts {
        // A count that cannot be written fails the comparison that needs it.
        let _ = std::fs::write(file, defects.to_string());
    }
}

fn id(head: &[u8]) -> String {
    let text = String::from_utf8_lossy(head);
    text.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap_or("none").to_owned()
}

fn response(status: &str, headers: &str, id: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: 5\r\nx-request-id: {id}\r\n{headers}\r\nhello")
}

/// Half-closes, and reads what still comes, so that no reset destroys what was sent.
async fn linger(mut stream: TcpStream) -> std::io::Result<()> {
    stream.shutdown().await?;
    let mut buffer = [0; 1024];
    let drained = async { while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {} };
    let _ = tokio::time::timeout(LINGER, drained).await;
    Ok(())
}
