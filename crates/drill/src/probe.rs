//! A GET for probes and documents: HTTP/1.0, one connection, a bound on time and bytes.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Most bytes of an answer; a metrics page of a large service fits.
const BYTES_MAX: u64 = 8 * 1024 * 1024;

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Reply {
    /// Whether a readiness probe takes this for a yes.
    pub(crate) fn ready(&self) -> Result<(), String> {
        if self.status < 400 { Ok(()) } else { Err(format!("{} {}", self.status, self.body.trim())) }
    }
}

/// Gets a path; the error is a fragment for "it said …".
pub(crate) async fn get(address: SocketAddr, path: &str, timeout: Duration) -> Result<Reply, String> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        let request = format!(
            "GET {path} HTTP/1.0\r\nhost: {address}\r\nuser-agent: lameduck-drill\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
        let (mut bytes, mut input) = (Vec::new(), stream.take(BYTES_MAX));
        // Up to the end of the connection, or of the body for a server that does not end it.
        while !is_whole(&bytes) && input.read_buf(&mut bytes).await.map_err(|error| error.to_string())? > 0 {}
        parse(&bytes)
    };
    match tokio::time::timeout(timeout, exchange).await {
        Ok(reply) => reply,
        Err(_) => Err(format!("no answer within {timeout:?}")),
    }
}

/// Whether a port accepts.
pub(crate) async fn accepts(address: SocketAddr, timeout: Duration) -> Result<(), String> {
    match tokio::time::timeout(timeout, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no connection within {timeout:?}")),
    }
}

fn is_whole(bytes: &[u8]) -> bool {
    let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let length = String::from_utf8_lossy(&bytes[..head]).lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") { value.trim().parse::<usize>().ok() } else { None }
    });
    length.is_some_and(|length| bytes.len() - head - 4 >= length)
}

fn parse(bytes: &[u8]) -> Result<Reply, String> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").ok_or("not an HTTP answer")?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or("not an HTTP answer")?;
    Ok(Reply { status, body: body.to_owned() })
}

/// Takes `http://ADDRESS:PORT/PATH` apart.
///
/// # Errors
/// Anything else.
pub(crate) fn split_url(url: &str) -> anyhow::Result<(SocketAddr, String)> {
    let rest = url.strip_prefix("http://");
    let parts = rest.map(|rest| rest.split_at(rest.find('/').unwrap_or(rest.len())));
    let parsed = parts.and_then(|(authority, path)| Some((authority.parse().ok()?, path)));
    let (address, path) = parsed
        .ok_or_else(|| anyhow::anyhow!("--ready {url}: expected http://HOST:PORT/PATH with a numeric host, or tcp"))?;
    Ok((address, if path.is_empty() { "/".to_owned() } else { path.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        assert_eq!(split_url("http://127.0.0.1:80").unwrap(), (SocketAddr::from(([127, 0, 0, 1], 80)), "/".into()));
        assert_eq!(split_url("http://127.0.0.1:80/a?b").unwrap().1, "/a?b");
        for wrong in ["https://127.0.0.1:80/", "http://example:80/", "http://127.0.0.1/", "127.0.0.1:80"] {
            assert!(split_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn answers_are_parsed() {
        assert_eq!(parse(b"HTTP/1.0 200 OK\r\na: b\r\n\r\n{}"), Ok(Reply { status: 200, body: "{}".into() }));
        assert!(parse(b"hello").is_err());
    }
}
