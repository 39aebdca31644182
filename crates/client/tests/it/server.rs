//! A server that does what a test tells it: whole heads in, bytes out.

use bytes::Bytes;
use http::Request;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// What a server does with a request.
#[derive(Clone)]
pub(crate) enum Does {
    /// Writes this, and keeps the connection.
    Answers(&'static str),
    /// Writes this once a permit is there.
    Waits(Arc<Semaphore>, &'static str),
    /// Reads it and closes.
    Closes,
}

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// What it has seen.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    connections: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Seen {
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }

    pub(crate) fn requests(&self) -> usize {
        self.heads.lock().unwrap().len()
    }

    /// Waits until so many requests have come.
    pub(crate) async fn requests_are(&self, count: usize) {
        while self.requests() < count {
            tokio::task::yield_now().await;
        }
    }
}

/// Serves on a free port.
pub(crate) async fn serve(does: Does) -> (SocketAddr, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (listener.local_addr().unwrap(), serve_on(listener, does))
}

/// Serves on `listener`.
pub(crate) fn serve_on(listener: TcpListener, does: Does) -> Seen {
    let seen = Seen::default();
    let told = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            told.connections.fetch_add(1, SeqCst);
            tokio::spawn(connection(stream, does.clone(), told.clone()));
        }
    });
    seen
}

/// One connection.
pub(crate) async fn connection(mut stream: impl AsyncRead + AsyncWrite + Unpin, does: Does, seen: Seen) {
    let mut read = Vec::new();
    loop {
        while !read.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
                return;
            }
        }
        seen.heads.lock().unwrap().push(String::from_utf8(std::mem::take(&mut read)).unwrap());
        let answer = match &does {
            Does::Answers(answer) => answer,
            Does::Waits(gate, answer) => {
                gate.acquire().await.unwrap().forget();
                answer
            }
            Does::Closes => return,
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// GET.
pub(crate) fn get(address: SocketAddr) -> Request<Bytes> {
    Request::get(format!("http://{address}/")).body(Bytes::new()).unwrap()
}
