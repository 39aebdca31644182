//! A thin HTTP/1 client: it writes fixed bytes, and reads a whole answer by its `content-length`.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One connection and what has been read of it.
pub(crate) struct Connection {
    stream: TcpStream,
    read: BytesMut,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, read: BytesMut::with_capacity(4096) })
    }

    /// Sends a request and reads its whole answer, which must be a 200.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.send(request).await?;
        self.answer().await
    }

    /// Sends bytes.
    pub(crate) async fn send(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(request).await.context("send a request")
    }

    /// Reads a whole answer.
    pub(crate) async fn answer(&mut self) -> anyhow::Result<()> {
        let mut left = loop {
            if let Some((head, body)) = head(&self.read)? {
                break head + body;
            }
            self.more().await?;
        };
        // Bodies are thrown away as they come: the client should cost little.
        loop {
            let known = left.min(self.read.len());
            self.read.advance(known);
            left -= known;
            if left == 0 {
                return Ok(());
            }
            self.more().await?;
        }
    }

    /// Reads until this has come.
    pub(crate) async fn until(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        while !self.read.windows(bytes.len()).any(|window| window == bytes) {
            self.more().await?;
        }
        Ok(())
    }

    /// Reads until the server has closed. A reset is an error.
    pub(crate) async fn end(&mut self) -> anyhow::Result<()> {
        loop {
            self.read.clear();
            if self.stream.read_buf(&mut self.read).await.context("read to the end")? == 0 {
                return Ok(());
            }
        }
    }

    async fn more(&mut self) -> anyhow::Result<()> {
        let read = self.stream.read_buf(&mut self.read).await.context("read an answer")?;
        ensure!(read > 0, "the server closed before its answer was whole");
        Ok(())
    }
}

/// A request without a body.
pub(crate) fn request(path: &str, extra: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\n{extra}\r\n").into_bytes()
}

/// Tries until `/ping` is answered; how long the server takes to start is what is measured, so it does not wait.
pub(crate) async fn until_answered(address: SocketAddr) {
    let ping = request("/ping", "connection: close\r\n");
    loop {
        let answered = async { Connection::open(address).await?.exchange(&ping).await };
        if answered.await.is_ok() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Tries until the server takes a connection.
pub(crate) async fn until_accepted(address: SocketAddr) {
    while TcpStream::connect(address).await.is_err() {
        tokio::task::yield_now().await;
    }
}

/// Opens many connections and takes each through `first`, some at a time.
pub(crate) async fn crowd(
    address: SocketAddr,
    count: usize,
    first: &[u8],
    until: &[u8],
) -> anyhow::Result<Vec<Connection>> {
    /// Fewer than any accept queue holds.
    const AT_ONCE: usize = 100;
    let mut connections = Vec::with_capacity(count);
    while connections.len() < count {
        let batch = (0..AT_ONCE.min(count - connections.len())).map(|_| async {
            let mut connection = Connection::open(address).await?;
            connection.send(first).await?;
            connection.until(until).await?;
            connection.read = BytesMut::new();
            anyhow::Ok(connection)
        });
        connections.extend(futures_util::future::try_join_all(batch).await?);
    }
    Ok(connections)
}

/// Waits until a value that grows or shrinks has come to rest; gives up after some seconds and takes it as it is.
pub(crate) async fn at_rest(mut value: impl FnMut() -> anyhow::Result<u64>) -> anyhow::Result<u64> {
    const LOOKS_APART: Duration = Duration::from_millis(200);
    let started = Instant::now();
    let mut last = value()?;
    loop {
        tokio::time::sleep(LOOKS_APART).await;
        let now = value()?;
        if now == last || started.elapsed() > Duration::from_secs(5) {
            return Ok(now);
        }
        last = now;
    }
}

/// Lengths of a whole head and of its body. `None`: the head is not whole yet.
fn head(read: &[u8]) -> anyhow::Result<Option<(usize, usize)>> {
    const END: &[u8] = b"\r\n\r\n";
    let Some(end) = read.windows(END.len()).position(|window| window == END) else { return Ok(None) };
    let head = &read[..end];
    ensure!(head.starts_with(b"HTTP/1.1 200"), "not a 200: {}", String::from_utf8_lossy(head));
    let length = head.split(|byte| *byte == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked("content-length:".len())?;
        name.eq_ignore_ascii_case(b"content-length:").then_some(value)
    });
    let Some(length) = length else { bail!("no content-length: {}", String::from_utf8_lossy(head)) };
    let length = std::str::from_utf8(length)?.trim().parse().context("read the content-length")?;
    Ok(Some((end + END.len(), length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_how_long_the_answer_is() {
        assert_eq!(head(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n").unwrap(), None);
        assert_eq!(head(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab").unwrap(), Some((38, 5)));
        assert!(head(b"HTTP/1.1 503 Gone\r\ncontent-length: 0\r\n\r\n").is_err());
        assert!(head(b"HTTP/1.1 200 OK\r\ndate: today\r\n\r\n").is_err());
    }
}
