//! One HTTP/1.1 connection of a client: how it looks before it sends, how it sends, how it takes an answer in.

use std::io;
use std::pin::Pin;
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::time::Sleep;

use super::WRITE_LOOK;
use super::response::{AtEnd, Progress, Response};
use crate::client::Worker;
use crate::connect::{connect, handshake_failed};
use crate::endpoints::Endpoint;
use crate::outcome::Outcome;
use crate::stream::{Idle, Stream, TlsStream};
use crate::tls::Tls;
use crate::verdict::Verdict;

/// An established connection.
pub(crate) struct Connection {
    stream: Stream,
    endpoint: Endpoint,
    served: u64,
    pub(crate) response: Response,
    /// One timer for all waits of this connection.
    timer: Pin<Box<Sleep>>,
}

impl Connection {
    /// Connects; the verdict tells why it did not work.
    pub(crate) async fn open(endpoint: Endpoint, tls: Option<&Tls>, timeout: Duration) -> Result<Self, Verdict> {
        let until = Instant::now() + timeout;
        let socket = connect(endpoint, timeout).await?;
        let stream = match tls {
            None => Stream::Plain(socket),
            Some(tls) => {
                let session = tls.http1(endpoint.address).map_err(|_| Verdict::ClientFault)?;
                match tokio::time::timeout_at(until.into(), TlsStream::connect(socket, session)).await {
                    Ok(Ok(stream)) => Stream::Tls(Box::new(stream)),
                    Ok(Err(error)) => return Err(handshake_failed(&error)),
                    Err(_) => return Err(Verdict::ConnectTimedOut),
                }
            }
        };
        let timer = Box::pin(tokio::time::sleep(Duration::ZERO));
        Ok(Self { stream, endpoint, served: 0, response: Response::new(), timer })
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// Answers this connection has carried.
    pub(crate) fn served(&self) -> u64 {
        self.served
    }

    pub(crate) fn has_served(&mut self) {
        self.served += 1;
    }

    pub(crate) fn expect(&mut self, id: &[u8]) {
        self.response.expect(id);
    }

    /// Waits until the next request is due, and returns early when something happens on the connection, as a client
    /// does that watches its idle connections. The last look is a look into the kernel, not into what the runtime
    /// has heard of: what lies there is seen.
    pub(crate) async fn idle_until(&mut self, due: Instant) -> Idle {
        self.timer.as_mut().reset(due.into());
        let mut found = Idle::Quiet;
        loop {
            tokio::select! {
                biased;
                () = self.timer.as_mut() => break,
                readable = self.stream.readable(), if found == Idle::Quiet => {
                    found = if readable.is_ok() { self.found() } else { Idle::Closed };
                    if found == Idle::Closed {
                        // A client that sees the end closes its side, and the server need not linger.
                        let _ = SockRef::from(self.stream.socket()).shutdown(std::net::Shutdown::Both);
                    }
                }
            }
        }
        if found == Idle::Quiet { self.stream.look() } else { found }
    }

    /// Hands bytes to the kernel. `None`: all of them went out.
    pub(crate) async fn send(&mut self, mut bytes: &[u8], deadline: Instant) -> Option<Outcome> {
        loop {
            let step =
                if bytes.is_empty() { self.stream.try_flush().map(|()| 0) } else { self.stream.try_write(bytes) };
            match step {
                Ok(_) if bytes.is_empty() => return None,
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let patience = deadline.min(Instant::now() + WRITE_LOOK);
                    let _ = tokio::time::timeout_at(patience.into(), self.stream.writable()).await;
                    if Instant::now() >= deadline {
                        return Some(Outcome::lost(Verdict::TimedOut));
                    }
                }
                // The peer is gone; an answer may have come before it went, so reading decides.
                Err(_) => return None,
            }
        }
    }

    /// The answer, or what came instead of it by the deadline.
    pub(crate) async fn answer(&mut self, worker: &Worker, deadline: Instant) -> Outcome {
        let outcome = self.answer_until(worker, deadline).await;
        outcome.unwrap_or_else(|| Outcome::lost(Verdict::TimedOut))
    }

    /// The answer if it comes by then, `None` otherwise.
    pub(crate) async fn answer_until(&mut self, worker: &Worker, until: Instant) -> Option<Outcome> {
        self.timer.as_mut().reset(until.into());
        loop {
            tokio::select! {
                biased;
                _ = self.stream.readable() => {
                    let outcome = self.take_in(worker);
                    if outcome.is_some() {
                        return outcome;
                    }
                }
                () = self.timer.as_mut() => return None,
            }
        }
    }

    fn take_in(&mut self, worker: &Worker) -> Option<Outcome> {
        let mut scratch = worker.scratch.borrow_mut();
        loop {
            match self.stream.try_read(&mut scratch) {
                Ok(0) => {
                    return Some(match self.response.at_end() {
                        AtEnd::Nothing => Outcome::lost(Verdict::Closed),
                        AtEnd::Partial => Outcome::lost(Verdict::Truncated),
                        AtEnd::Whole(answer) => Outcome::whole(answer, 0),
                    });
                }
                Ok(read) => match self.response.feed(&scratch[..read]) {
                    Ok(Progress::Whole { answer, left }) => return Some(Outcome::whole(answer, left)),
                    Ok(Progress::More) => {}
                    Err(_) => return Some(Outcome::lost(Verdict::Malformed)),
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(_) if self.response.has_begun() => return Some(Outcome::lost(Verdict::Truncated)),
                Err(_) => return Some(Outcome::lost(Verdict::Reset)),
            }
        }
    }

    /// What made an idle connection readable. A look leaves it there, so that the socket would stay readable: it is
    /// read, which tells the runtime.
    fn found(&mut self) -> Idle {
        if let Stream::Tls(stream) = &mut self.stream {
            return stream.look();
        }
        match self.stream.try_read(&mut [0; 1]) {
            Ok(0) => Idle::Closed,
            Ok(_) => Idle::Bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Idle::Quiet,
            Err(_) => Idle::Closed,
        }
    }

    pub(crate) fn stream(&mut self) -> &mut Stream {
        &mut self.stream
    }
}
