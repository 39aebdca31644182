//! `x-request-id`: the client's if it is fit to be passed on and logged, else a new one.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use lameduck_support::hash;
use std::cell::Cell;

/// The header.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken over from a client.
const LENGTH_MAX: usize = 128;

/// The id of a request with these headers, which stay as they are.
pub(crate) fn of(headers: &HeaderMap) -> HeaderValue {
    match headers.get(&X_REQUEST_ID) {
        Some(given) if is_valid(given.as_bytes()) => given.clone(),
        _ => make(),
    }
}

/// The id of a request with these headers, which carry it afterwards.
pub(crate) fn settle(headers: &mut HeaderMap) -> HeaderValue {
    if let Some(given) = headers.get(&X_REQUEST_ID)
        && is_valid(given.as_bytes())
    {
        return given.clone();
    }
    let id = make();
    headers.insert(X_REQUEST_ID, id.clone());
    id
}

/// Letters, digits and a few marks: nothing that could break a log line, a header or a shell.
fn is_valid(id: &[u8]) -> bool {
    let fit = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:=+/".contains(byte);
    !id.is_empty() && id.len() <= LENGTH_MAX && id.iter().all(fit)
}

/// A new id: 32 hexadecimal digits. Unique, not secret.
pub(crate) fn make() -> HeaderValue {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let random = u128::from(next()) << 64 | u128::from(next());
    let mut text = [0; 32];
    for (index, digit) in text.iter_mut().enumerate() {
        *digit = DIGITS[(random >> (4 * index)) as usize & 15];
    }
    HeaderValue::from_maybe_shared(Bytes::copy_from_slice(&text)).unwrap_or_else(|_| HeaderValue::from_static("0"))
}

thread_local! { static STATE: Cell<u64> = Cell::new(hash::random_seed()) }

/// splitmix64, seeded for each thread by the system.
fn next() -> u64 {
    let state = STATE.get();
    STATE.set(state.wrapping_add(1));
    hash::mix(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_id_is_taken_only_if_it_is_fit() {
        let settled = |id: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(X_REQUEST_ID, HeaderValue::from_bytes(id).unwrap());
            let settled = settle(&mut headers);
            assert_eq!(headers[X_REQUEST_ID], settled);
            settled == id
        };
        assert!(settled(b"abc-DEF_1.2:3"));
        assert!(settled(&[b'a'; LENGTH_MAX]));
        assert!(!settled(&[b'a'; LENGTH_MAX + 1]));
        assert!(!settled(b""));
        assert!(!settled(b"a b"));
        assert!(!settled(b"a\"b"));
        assert!(!settled("ä".as_bytes()));
    }

    #[test]
    fn made_ids_are_valid_and_differ() {
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| make().as_bytes().to_vec()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() == 32 && is_valid(id)));
    }
}
