//! Where a dependency is: `HOST:PORT` and `http://HOST[:PORT][/PATH]`.

use lameduck_config::{FromValue, Value};
use std::fmt;
use std::str::FromStr;

/// `HOST:PORT`, not resolved: names are looked up when they are needed, for the result changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// A name or an address; an IPv6 one without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// `http://HOST[:PORT][/PATH]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpUrl {
    /// Where to connect; port 80 if the URL has none.
    pub authority: HostPort,
    /// Path and query, beginning with `/`.
    pub path: String,
}

/// The URL cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpUrlError {
    /// It is not one.
    Malformed(&'static str),
    /// It is `https`.
    Tls,
    /// Neither `http` nor `https`.
    Scheme(String),
}

impl fmt::Display for HttpUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "not a URL: {why}"),
            Self::Tls => f.write_str("https is not supported: use an http health endpoint, or `tcp: HOST:PORT`"),
            Self::Scheme(scheme) => write!(f, "unsupported scheme `{scheme}`: expected http://HOST[:PORT][/PATH]"),
        }
    }
}

impl std::error::Error for HttpUrlError {}

impl FromStr for HostPort {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (host, port) = text.rsplit_once(':').ok_or(())?;
        let port = port.bytes().all(|byte| byte.is_ascii_digit()).then(|| port.parse().ok()).flatten();
        let port = port.filter(|port| *port != 0).ok_or(())?;
        let host = match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
            Some(inner) => inner.filter(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok()).ok_or(())?,
            None => Some(host).filter(|host| is_host(host)).ok_or(())?,
        };
        Ok(Self { host: host.to_owned(), port })
    }
}

/// A host name or an IPv4 address. Underscores occur in real names.
fn is_host(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=253).contains(&text.len()) && text.bytes().all(good) && !text.starts_with(['.', '-']) && !text.contains("..")
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromValue for HostPort {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Text(text) = value { text.parse().ok() } else { None }
    }
}

impl FromStr for HttpUrl {
    type Err = HttpUrlError;

    fn from_str(text: &str) -> Result<Self, HttpUrlError> {
        let rest = match text.split_once("://") {
            Some(("http", rest)) => rest,
            Some(("https", _)) => return Err(HttpUrlError::Tls),
            Some((other, _)) => return Err(HttpUrlError::Scheme(other.to_owned())),
            None => return Err(HttpUrlError::Malformed("expected http://HOST[:PORT][/PATH]")),
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if !path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
            return Err(HttpUrlError::Malformed("the path has characters that a URL cannot have"));
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
        let authority = if has_port { authority.parse() } else { format!("{authority}:80").parse() };
        let authority = authority.map_err(|()| HttpUrlError::Malformed("expected HOST or HOST:PORT after http://"))?;
        Ok(Self { authority, path })
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

impl FromValue for HttpUrl {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Text(text) = value { text.parse().ok() } else { None }
    }
}
