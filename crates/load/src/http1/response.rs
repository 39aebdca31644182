//! A small HTTP/1 response parser: fed with bytes as they come, it keeps nothing of the body and has a limit on
//! everything.

use crate::outcome::Answer;

/// Most bytes of one head, and of one trailer section.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Most bytes of a chunk-size line, extensions included.
const CHUNK_LINE_BYTES_MAX: usize = 256;
/// Most interim (1xx) heads before the answer.
const INTERIM_HEADS_MAX: u8 = 8;

/// What a piece of input led to.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The answer goes on.
    More,
    /// The answer is whole; so many bytes of the input were not part of it.
    Whole { answer: Answer, left: usize },
}

/// Why bytes are no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

/// What an end of the connection means for the answer.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtEnd {
    /// Nothing of it had come.
    Nothing,
    /// It had begun.
    Partial,
    /// Its body was to end with the connection.
    Whole(Answer),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    Fixed { left: u64 },
    ChunkLine,
    ChunkData { left: u64 },
    Trailers,
    UntilEnd,
}

/// The parser of one answer at a time; `expect` makes it ready for the next.
#[derive(Debug)]
pub(crate) struct Response {
    state: State,
    /// The unfinished head, line or trailer section. Empty most of the time.
    pending: Vec<u8>,
    expected_id: Vec<u8>,
    answer: Answer,
    interim_heads: u8,
    begun: bool,
    /// The requests are HEAD: no response has a body, whatever its headers say.
    of_head: bool,
}

impl Response {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Head,
            pending: Vec::new(),
            expected_id: Vec::new(),
            answer: Answer::default(),
            interim_heads: 0,
            begun: false,
            of_head: false,
        }
    }

    /// Whether the requests of this connection are HEAD.
    pub(crate) fn is_of_head(&mut self, of_head: bool) {
        self.of_head = of_head;
    }

    /// Makes ready for the answer to the request with this id.
    pub(crate) fn expect(&mut self, id: &[u8]) {
        self.state = State::Head;
        self.pending.clear();
        self.expected_id.clear();
        self.expected_id.extend_from_slice(id);
        self.answer = Answer::default();
        self.interim_heads = 0;
        self.begun = false;
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// Bytes that no HTTP/1 answer could have, or more of them than the limits allow.
    pub(crate) fn feed(&mut self, mut input: &[u8]) -> Result<Progress, Malformed> {
        self.begun |= !input.is_empty();
        loop {
            let whole = match self.state {
                State::Head => match self.section(&mut input, HEAD_BYTES_MAX)? {
                    false => return Ok(Progress::More),
                    true => self.head()?,
                },
                State::Fixed { left } => {
                    let left = skip(&mut input, left);
                    self.state = State::Fixed { left };
                    left == 0
                }
                State::ChunkLine => match self.line(&mut input)? {
                    false => return Ok(Progress::More),
                    true => self.chunk_line()?,
                },
                State::ChunkData { left } => {
                    let left = skip(&mut input, left);
                    self.state = if left == 0 { State::ChunkLine } else { State::ChunkData { left } };
                    false
                }
                State::Trailers => self.section(&mut input, HEAD_BYTES_MAX)?,
                State::UntilEnd => return Ok(Progress::More),
            };
            if whole {
                return Ok(Progress::Whole { answer: self.answer, left: input.len() });
            }
            if input.is_empty() {
                return Ok(Progress::More);
            }
        }
    }

    /// What it means that the peer ended the connection now.
    pub(crate) fn at_end(&self) -> AtEnd {
        match (self.begun, self.state) {
            (false, _) => AtEnd::Nothing,
            (true, State::UntilEnd) => AtEnd::Whole(self.answer),
            (true, _) => AtEnd::Partial,
        }
    }

    /// Whether any byte of the answer has come.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Collects up to an empty line. A trailer section may be the empty line alone.
    fn section(&mut self, input: &mut &[u8], bytes_max: usize) -> Result<bool, Malformed> {
        while let Some(end) = input.iter().position(|&byte| byte == b'\n') {
            let (line, rest) = input.split_at(end + 1);
            *input = rest;
            self.pending.extend_from_slice(line);
            let ends = self.pending.ends_with(b"\n\r\n") || self.pending.ends_with(b"\n\n");
            if ends || matches!(&self.pending[..], b"\r\n" | b"\n") {
                return Ok(true);
            }
            if self.pending.len() > bytes_max {
                return Err(Malformed("head too long"));
            }
        }
        self.pending.extend_from_slice(input);
        *input = &[];
        if self.pending.len() > bytes_max {
            return Err(Malformed("head too long"));
        }
        if self.state == State::Head && !b"HTTP/1.".iter().zip(&self.pending).all(|(a, b)| a == b) {
            return Err(Malformed("not an HTTP/1 status line"));
        }
        Ok(false)
    }

    fn line(&mut self, input: &mut &[u8]) -> Result<bool, Malformed> {
        let end = input.iter().position(|&byte| byte == b'\n').map_or(input.len(), |at| at + 1);
        let (line, rest) = input.split_at(end);
        *input = rest;
        self.pending.extend_from_slice(line);
        if self.pending.len() > CHUNK_LINE_BYTES_MAX {
            return Err(Malformed("chunk line too long"));
        }
        Ok(self.pending.ends_with(b"\n"))
    }

    fn chunk_line(&mut self) -> Result<bool, Malformed> {
        let line = self.pending.trim_ascii_end();
        // An empty line is the line end behind a chunk's data.
        if !line.is_empty() {
            let digits = line.split(|&byte| byte == b';').next().unwrap_or_default();
            let size = std::str::from_utf8(digits)
                .ok()
                .and_then(|text| u64::from_str_radix(text.trim(), 16).ok())
                .ok_or(Malformed("chunk size is no number"))?;
            self.state = if size == 0 { State::Trailers } else { State::ChunkData { left: size } };
        }
        self.pending.clear();
        Ok(false)
    }

    /// Reads the head collected in `pending`; true when the answer ends with it.
    fn head(&mut self) -> Result<bool, Malformed> {
        let head = Head::parse(&self.pending, &self.expected_id)?;
        self.pending.clear();
        if (100..200).contains(&head.answer.status) && head.answer.status != 101 {
            self.interim_heads += 1;
            return if self.interim_heads > INTERIM_HEADS_MAX {
                Err(Malformed("too many interim heads"))
            } else {
                Ok(false)
            };
        }
        self.answer = head.answer;
        if self.of_head {
            return Ok(true);
        }
        match head.body {
            Body::None => return Ok(true),
            Body::Fixed(0) => return Ok(true),
            Body::Fixed(left) => self.state = State::Fixed { left },
            Body::Chunked => self.state = State::ChunkLine,
            Body::UntilEnd => {
                self.answer.close = true;
                self.state = State::UntilEnd;
            }
        }
        Ok(false)
    }
}

enum Body {
    None,
    Fixed(u64),
    Chunked,
    UntilEnd,
}

struct Head {
    answer: Answer,
    body: Body,
}

impl Head {
    fn parse(bytes: &[u8], expected_id: &[u8]) -> Result<Self, Malformed> {
        let mut lines = bytes.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end);
        let (minor, status) = status_line(lines.next().unwrap_or_default())?;
        let mut answer = Answer { status, close: minor == b'0', ..Answer::default() };
        let (mut length, mut chunked) = (None, false);
        let (mut closes, mut keeps) = (false, false);
        // A line that begins with a blank goes on with the one before: none of those that matter here is folded.
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with(b" ") && !line.starts_with(b"\t")) {
            let line = line.trim_ascii();
            let colon = line.iter().position(|&byte| byte == b':').ok_or(Malformed("header without a colon"))?;
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            if name.eq_ignore_ascii_case(b"content-length") {
                let number = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                let number = number.ok_or(Malformed("content-length is no number"))?;
                if length.replace(number).is_some_and(|before| before != number) {
                    return Err(Malformed("two lengths"));
                }
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                chunked = value.to_ascii_lowercase().ends_with(b"chunked");
            } else if name.eq_ignore_ascii_case(b"connection") {
                let value = value.to_ascii_lowercase();
                for token in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
                    closes |= token == b"close";
                    keeps |= token == b"keep-alive";
                }
            } else if name.eq_ignore_ascii_case(b"retry-after") {
                answer.retry_after = true;
            } else if name.eq_ignore_ascii_case(b"x-request-id") {
                answer.foreign_id = value != expected_id && value.starts_with(series_of(expected_id));
            }
        }
        // HTTP/1.0 closes unless it says otherwise; what says both closes.
        answer.close = closes || answer.close && !keeps;
        let body = match (status, chunked, length) {
            (101 | 204 | 304, _, _) => Body::None,
            (_, true, _) => Body::Chunked,
            (_, false, Some(length)) => Body::Fixed(length),
            (_, false, None) => Body::UntilEnd,
        };
        Ok(Self { answer, body })
    }
}

fn status_line(line: &[u8]) -> Result<(u8, u16), Malformed> {
    let wrong = Malformed("not an HTTP/1 status line");
    let rest = line.strip_prefix(b"HTTP/1.").ok_or(wrong)?;
    let (&[minor @ (b'0' | b'1'), b' '], code) = rest.split_first_chunk::<2>().ok_or(wrong)? else {
        return Err(wrong);
    };
    let code = code.get(..3).and_then(|digits| std::str::from_utf8(digits).ok()).and_then(|text| text.parse().ok());
    match code {
        Some(status @ 100..=999) => Ok((minor, status)),
        _ => Err(wrong),
    }
}

/// The part of an id that all requests of this run share; a server that makes its own ids is no liar.
fn series_of(id: &[u8]) -> &[u8] {
    let end = id.iter().rposition(|&byte| byte == b'-').map_or(id.len(), |at| at + 1);
    &id[..end]
}

/// Drops up to `left` bytes from the front and says how many are still to come.
fn skip(input: &mut &[u8], left: u64) -> u64 {
    let taken = left.min(input.len() as u64);
    *input = &input[taken as usize..];
    left - taken
}

#[cfg(test)]
mod tests;
