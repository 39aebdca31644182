//! A thin HTTP/1.1 client over a blocking socket. It hides nothing, retries nothing and pools nothing.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A stuck test fails instead of hanging.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A whole response.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names and values, in their order.
    pub headers: Vec<(String, String)>,
    /// The body, without the framing of its chunks.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is not JSON; the message shows the body.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }
}

/// One connection.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<Stream>,
}

/// What its bytes go through.
#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    #[cfg(feature = "tls")]
    Tls(Box<rustls::StreamOwned<rustls::ClientConnection, TcpStream>>),
}

impl Stream {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.get_ref(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(bytes),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.read(bytes),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.flush(),
        }
    }
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// As the socket says.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(Stream::Plain(stream)) })
    }

    /// Connects to `localhost` by TLS, to the end of the handshake.
    ///
    /// # Errors
    /// As the socket says, or TLS: the certificate of the server is not trusted, for example.
    #[cfg(feature = "tls")]
    pub fn connect_tls(address: SocketAddr, config: std::sync::Arc<rustls::ClientConfig>) -> io::Result<Self> {
        let socket = Self::connect(address)?;
        let Stream::Plain(mut socket) = socket.stream.into_inner() else { return Err(io::ErrorKind::Other.into()) };
        let session = rustls::ClientConnection::new(config, crate::tls::server_name());
        let mut session = session.map_err(io::Error::other)?;
        while session.is_handshaking() {
            session.complete_io(&mut socket)?;
        }
        Ok(Self { stream: BufReader::new(Stream::Tls(Box::new(rustls::StreamOwned::new(session, socket)))) })
    }

    /// The session of TLS; `None`: it is plain.
    #[cfg(feature = "tls")]
    pub fn session(&self) -> Option<&rustls::ClientConnection> {
        match self.stream.get_ref() {
            Stream::Plain(_) => None,
            Stream::Tls(stream) => Some(&stream.conn),
        }
    }

    /// Reads what comes, up to the end, which must be in order: over TLS by `close_notify`.
    ///
    /// # Errors
    /// The connection was reset or cut.
    pub fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// As the socket says.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)?;
        self.stream.get_mut().flush()
    }

    /// Half-closes: no more bytes will be sent.
    ///
    /// # Errors
    /// As the socket says.
    pub fn finish(&mut self) -> io::Result<()> {
        self.stream.get_ref().socket().shutdown(std::net::Shutdown::Write)
    }

    /// Closes by a reset. A client that only closes may still wait for its response.
    ///
    /// # Errors
    /// As the socket says.
    pub fn reset(self) -> io::Result<()> {
        socket2::SockRef::from(self.stream.get_ref().socket()).set_linger(Some(Duration::ZERO))
    }

    /// Sends a request and reads its response.
    ///
    /// # Errors
    /// The connection ended, or what came is not HTTP.
    pub fn send(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Response> {
        let mut head = format!("{method} {target} HTTP/1.1\r\nhost: test\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || matches!(method, "POST" | "PUT") {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        self.write(&[head.as_bytes(), body].concat())?;
        self.read(method == "HEAD")
    }

    /// Reads one response; informational ones (1xx but 101) are skipped. `head`: it is the response to a HEAD request.
    ///
    /// # Errors
    /// The connection ended, or what came is not HTTP.
    pub fn read(&mut self, head: bool) -> io::Result<Response> {
        loop {
            let response = self.read_one(head)?;
            if !(100..200).contains(&response.status) || response.status == 101 {
                return Ok(response);
            }
        }
    }

    /// Reads bytes as they come: behind a 101, or in the middle of a body.
    ///
    /// # Errors
    /// The connection ended before all of them came.
    pub fn read_exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.stream.read_exact(bytes)
    }

    fn read_one(&mut self, head: bool) -> io::Result<Response> {
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| broken(&status))?;
        let mut response = Response { status, headers: Vec::new(), body: Vec::new() };
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| broken(&line))?;
            response.headers.push((name.to_owned(), value.trim().to_owned()));
        }
        if head || matches!(status, 100..200 | 204 | 304) {
            return Ok(response);
        }
        if let Some(length) = response.header("content-length") {
            let length = length.parse().map_err(|_| broken(length))?;
            response.body.resize(length, 0);
            self.stream.read_exact(&mut response.body)?;
        } else if response.header("transfer-encoding").is_some() {
            response.body = self.chunks()?;
        } else {
            self.stream.read_to_end(&mut response.body)?;
        }
        Ok(response)
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let length = usize::from_str_radix(&line, 16).map_err(|_| broken(&line))?;
            let start = body.len();
            body.resize(start + length, 0);
            self.stream.read_exact(&mut body[start..])?;
            self.line()?;
            if length == 0 {
                return Ok(body);
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the connection ended in the middle of an response",
            ));
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(String::from_utf8_lossy(&line).into_owned())
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not HTTP: {what:?}"))
}

/// One request on a separate connection.
///
/// # Panics
/// If there is no response.
#[track_caller]
pub fn request(address: SocketAddr, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
    Client::connect(address)
        .and_then(|mut client| client.send(method, target, headers, body))
        .unwrap_or_else(|error| panic!("{method} {target}: {error}"))
}

/// GET on a separate connection.
///
/// # Panics
/// If there is no response.
#[track_caller]
pub fn get(address: SocketAddr, target: &str) -> Response {
    request(address, "GET", target, &[], b"")
}
