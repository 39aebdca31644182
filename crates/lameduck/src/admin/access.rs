//! Who may do what not everybody may: the rule of `admin.drain`, for every route that it holds for.

use super::Admin;
use crate::config::{DrainCall, Secret};
use crate::reload::{Files, Reloaded};
use axum::Json;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, HOST, ORIGIN, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use std::net::SocketAddr;
use subtle::ConstantTimeEq;

/// Who may order the process to leave.
#[derive(Clone)]
pub(crate) enum DrainAccess {
    /// Nobody.
    Off,
    /// Whoever is inside the pod, or forwarded into it.
    Loopback,
    /// Whoever has this token.
    Token(Reloaded<Secret<Vec<u8>>>),
}

/// A caller whom the rule allows. A handler that takes it is not called by anybody else.
pub(super) struct Allowed(pub(super) SocketAddr);

impl FromRequestParts<Admin> for Allowed {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, admin: &Admin) -> Result<Self, Response> {
        let ConnectInfo(peer) =
            ConnectInfo::<SocketAddr>::from_request_parts(parts, admin).await.map_err(IntoResponse::into_response)?;
        let refusal = match admin.access.check(peer, &parts.headers) {
            Ok(()) => return Ok(Self(peer)),
            Err(refusal) => refusal,
        };
        let (method, path, sentence) = (&parts.method, parts.uri.path(), refusal.sentence());
        // A page that only looks asks again and again.
        if method == Method::GET {
            tracing::debug!(%peer, "{method} {path} refused: {sentence}");
        } else {
            tracing::warn!(%peer, "{method} {path} refused: {sentence}");
        }
        Err(refusal.into_response())
    }
}

impl DrainAccess {
    /// Reads the token, if there is to be one, and again when its file changes.
    ///
    /// # Errors
    /// Which file cannot be read, or has no token.
    pub(crate) fn new(call: &DrainCall, files: &Files) -> anyhow::Result<Self> {
        let file = match call {
            DrainCall::Off => return Ok(Self::Off),
            DrainCall::Loopback => return Ok(Self::Loopback),
            DrainCall::Token(file) => file,
        };
        let token = files.open("admin.token_file", vec![file.clone()], |contents| {
            let token = contents.iter().flatten().copied().collect::<Vec<_>>().trim_ascii().to_owned();
            anyhow::ensure!(!token.is_empty(), "the file is empty: write the token into it");
            Ok(Secret::new(token))
        })?;
        Ok(Self::Token(token))
    }

    /// Whether the caller may, by the rule of `admin.drain`.
    fn check(&self, peer: SocketAddr, headers: &HeaderMap) -> Result<(), Refusal> {
        match self {
            Self::Off => Err(Refusal::Off),
            Self::Loopback if !peer.ip().to_canonical().is_loopback() => Err(Refusal::NotLoopback),
            // A page in a browser on this machine comes from loopback as well, but it says where it is from.
            Self::Loopback if !same_origin(headers) => Err(Refusal::ForeignOrigin),
            Self::Loopback => Ok(()),
            Self::Token(token) => match bearer(headers) {
                Some(given) if bool::from(given.ct_eq(token.get().expose())) => Ok(()),
                Some(_) | None => Err(Refusal::NoToken),
            },
        }
    }
}

fn same_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let host = headers.get(HOST).map(http::HeaderValue::as_bytes).unwrap_or_default();
    origin.as_bytes().strip_prefix(b"http://") == Some(host)
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Off,
    NotLoopback,
    ForeignOrigin,
    NoToken,
}

impl Refusal {
    fn sentence(self) -> &'static str {
        match self {
            Self::Off => "admin.drain is off, so nobody may call this; to drain, send SIGTERM",
            Self::NotLoopback => "admin.drain is loopback: call from inside the pod, or set it to token",
            Self::ForeignOrigin => "admin.drain is loopback: not for pages of another origin",
            Self::NoToken => "admin.drain is token: send it as `Authorization: Bearer TOKEN`",
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = Json(serde_json::json!({ "error": self.sentence() }));
        match self {
            Self::NoToken => (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], error).into_response(),
            Self::Off | Self::NotLoopback | Self::ForeignOrigin => (StatusCode::FORBIDDEN, error).into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(http::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_whom_the_configuration_names() {
        let inside: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let mapped: SocketAddr = "[::ffff:127.0.0.1]:9".parse().unwrap();
        let outside: SocketAddr = "10.0.0.9:9".parse().unwrap();
        let none = HeaderMap::new();
        assert_eq!(DrainAccess::Off.check(inside, &none), Err(Refusal::Off));
        assert_eq!(DrainAccess::Loopback.check(inside, &none), Ok(()));
        assert_eq!(DrainAccess::Loopback.check(mapped, &none), Ok(()));
        assert_eq!(DrainAccess::Loopback.check(outside, &none), Err(Refusal::NotLoopback));

        let page = headers(&[(ORIGIN, "http://evil.example"), (HOST, "localhost:8081")]);
        let own = headers(&[(ORIGIN, "http://localhost:8081"), (HOST, "localhost:8081")]);
        assert_eq!(DrainAccess::Loopback.check(inside, &page), Err(Refusal::ForeignOrigin));
        assert_eq!(DrainAccess::Loopback.check(inside, &own), Ok(()));

        let token = DrainAccess::Token(Reloaded::fixed(Secret::new(b"s3cret".to_vec())));
        for (given, expected) in [
            (None, Err(Refusal::NoToken)),
            (Some("Bearer s3cre"), Err(Refusal::NoToken)),
            (Some("Basic s3cret"), Err(Refusal::NoToken)),
            (Some("bearer s3cret"), Ok(())),
            (Some("Bearer s3cret"), Ok(())),
        ] {
            let headers = given.map_or_else(HeaderMap::new, |given| headers(&[(AUTHORIZATION, given)]));
            assert_eq!(token.check(outside, &headers), expected, "{given:?}");
        }
    }
}
