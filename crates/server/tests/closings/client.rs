//! A client by raw socket: it never retries, and tells a lost request from an answered one.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::rig::PATIENCE;

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

/// Why a request has no answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The server closed before its answer was whole; so many bytes of it came.
    Closed(usize),
    /// The connection was reset; so many bytes of an answer came before.
    Reset(usize),
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Status line and headers.
    pub(crate) head: String,
    /// The body, without its chunks' framing.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Whether it is told to leave.
    pub(crate) fn says_close(&self) -> bool {
        self.header("connection") == Some("close")
    }

    fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.head.lines().filter_map(|line| line.split_once(": ")).find(|(key, _)| *key == name)?;
        Some(value)
    }
}

impl Client {
    /// Connects.
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        Self::over(TcpStream::connect(address)?)
    }

    /// Connects with a receive buffer that the kernel makes as small as it can: what the client does not read stays
    /// with the server.
    pub(crate) fn connect_narrow(address: SocketAddr) -> io::Result<Self> {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        socket.set_recv_buffer_size(1)?;
        socket.connect(&address.into())?;
        Self::over(socket.into())
    }

    fn over(stream: TcpStream) -> io::Result<Self> {
        // A bound, so that a test fails and does not hang.
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Client { stream, read: Vec::new() })
    }

    /// Sends bytes. An error only says that the kernel already knows of a reset.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Asks for a path and waits for the whole answer.
    pub(crate) fn ask(&mut self, path: &str) -> Result<Answer, Lost> {
        // If the server has gone, reading tells more than writing.
        let _ = self.send(&get(path));
        self.answer()
    }

    /// Waits for one whole answer.
    pub(crate) fn answer(&mut self) -> Result<Answer, Lost> {
        loop {
            if let Some((answer, length)) = whole(&self.read) {
                self.read.drain(..length);
                return Ok(answer);
            }
            self.more()?;
        }
    }

    /// Reads what comes until so many bytes are there.
    pub(crate) fn read_at_least(&mut self, bytes: usize) -> Result<(), Lost> {
        while self.read.len() < bytes {
            self.more()?;
        }
        Ok(())
    }

    /// Reads to the end of the connection; everything that came with it.
    pub(crate) fn end(&mut self) -> (Vec<u8>, Lost) {
        loop {
            if let Err(lost) = self.more() {
                return (std::mem::take(&mut self.read), lost);
            }
        }
    }

    /// Waits until the server's FIN is here, and takes nothing: the client of a test speaks into a close that it could
    /// have seen, as one that is busy elsewhere does.
    pub(crate) fn wait_for_fin(&self) {
        let peeked = self.stream.peek(&mut [0]).expect("the server closes by FIN");
        assert_eq!(peeked, 0, "the server says something instead of closing");
    }

    /// Whether the server has closed, as far as this side knows.
    pub(crate) fn sees_close(&self) -> bool {
        self.stream.set_nonblocking(true).unwrap();
        let peeked = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false).unwrap();
        matches!(peeked, Ok(0))
    }

    /// Waits until the server has closed, by whatever.
    pub(crate) fn wait_for_close(&self) {
        assert!(matches!(self.stream.peek(&mut [0]), Ok(0) | Err(_)), "the server says something instead of closing");
    }

    fn more(&mut self) -> Result<(), Lost> {
        let mut buffer = [0; 64 << 10];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err(Lost::Closed(self.read.len())),
            Ok(read) => {
                self.read.extend_from_slice(&buffer[..read]);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("no answer and no end in {PATIENCE:?}"),
            Err(_) => Err(Lost::Reset(self.read.len())),
        }
    }
}

/// A request without a body.
pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n").into_bytes()
}

/// The first answer in `read` and its length, if it is there to its end.
fn whole(read: &[u8]) -> Option<(Answer, usize)> {
    let end = find(read, b"\r\n\r\n")? + 4;
    let answer = Answer { head: String::from_utf8_lossy(&read[..end]).into_owned(), body: Vec::new() };
    let (body, length) = match answer.header("content-length") {
        Some(length) => {
            let length: usize = length.parse().unwrap();
            (read.get(end..end + length)?.to_vec(), end + length)
        }
        None => chunks(read, end)?,
    };
    Some((Answer { body, ..answer }, length))
}

fn chunks(read: &[u8], mut at: usize) -> Option<(Vec<u8>, usize)> {
    let mut body = Vec::new();
    loop {
        let line = at + find(&read[at..], b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&read[at..line]).ok()?, 16).ok()?;
        let chunk = read.get(line + 2..line + 2 + size + 2)?;
        body.extend_from_slice(&chunk[..size]);
        at = line + 2 + size + 2;
        if size == 0 {
            return Some((body, at));
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
