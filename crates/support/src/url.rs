//! URLs as they may be shown: without passwords, and without what queries carry.

use std::borrow::Cow;

/// What may be in a URL without ending its authority.
const ENDS_AUTHORITY: [char; 9] = ['/', '?', '#', ' ', '"', '\'', ',', ']', '\n'];

/// A URL without the name and password before its host, and with its query as [`redacted_query`] has it.
pub fn redacted(url: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = url.split_once("://") else { return Cow::Borrowed(url) };
    let end = rest.find(ENDS_AUTHORITY).unwrap_or(rest.len());
    let rest = rest[..end].rfind('@').map_or(rest, |at| &rest[at + 1..]);
    match rest.split_once('?') {
        Some((path, query)) => Cow::Owned(format!("{scheme}://{path}?{}", redacted_query(query))),
        None if scheme.len() + 3 + rest.len() == url.len() => Cow::Borrowed(url),
        None => Cow::Owned(format!("{scheme}://{rest}")),
    }
}

/// Values in a query may be secrets: the names stay, and values become `REDACTED`.
pub fn redacted_query(query: &str) -> String {
    let parts = query.split('&').map(|part| match part.split_once('=') {
        Some((name, value)) if !value.is_empty() => format!("{name}=REDACTED"),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("&")
}

/// The text with `(not shown)` for the name and password of every URL in it. For texts whose URLs are well-formed: an
/// `@` in a path is none.
pub fn without_passwords(text: &str) -> Cow<'_, str> {
    let mut parts = text.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    let mut hidden = false;
    for part in parts {
        let end = part.find(ENDS_AUTHORITY).unwrap_or(part.len());
        let at = part[..end].rfind('@');
        hidden |= at.is_some();
        shown.push_str("://");
        shown.push_str(at.map_or("", |_| "(not shown)"));
        shown.push_str(&part[at.unwrap_or(0)..]);
    }
    if hidden { Cow::Owned(shown) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_query_are_not_exported() {
        assert_eq!(redacted_query("token=s3cret&page=2&flag&empty="), "token=REDACTED&page=REDACTED&flag&empty=");
    }

    #[test]
    fn a_password_is_not_shown() {
        for (url, shown) in [
            ("http://collector:4317", "http://collector:4317"),
            ("https://user:s3cret@collector/v1/traces", "https://collector/v1/traces"),
            ("https://s3cret@collector", "https://collector"),
            ("https://a:b@c:d@host/@path", "https://host/@path"),
            ("http://host/?key=s3cret", "http://host/?key=REDACTED"),
            ("http://host?key=a/b@c", "http://host?key=REDACTED"),
            ("not a URL", "not a URL"),
        ] {
            assert_eq!(redacted(url), shown, "{url}");
        }
    }

    #[test]
    fn a_text_keeps_everything_else() {
        for (text, shown) in [
            ("a@b", "a@b"),
            ("http://host/@x", "http://host/@x"),
            ("\"postgres://me:s3cret@db:5432/x\"", "\"postgres://(not shown)@db:5432/x\""),
            ("[redis://:p@a, http://b, https://t@c]", "[redis://(not shown)@a, http://b, https://(not shown)@c]"),
        ] {
            assert_eq!(without_passwords(text), shown, "{text}");
        }
    }
}
