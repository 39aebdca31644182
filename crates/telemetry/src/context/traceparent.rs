//! W3C Trace Context: `traceparent` and `tracestate`, read strictly and passed on.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header that names trace, parent and flags.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The header with the vendors' own entries.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The longest `tracestate` that is passed on: what the recommendation asks every hop to carry.
const TRACESTATE_BYTES_MAX: usize = 512;

const SAMPLED: u8 = 1;

/// A position in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The trace; never 0.
    pub trace_id: u128,
    /// The span that is the parent of what happens here: this process's own if it records one, else the caller's.
    pub span_id: u64,
    /// Whether the trace is recorded, by the decision of its root.
    pub sampled: bool,
    /// `tracestate` as it came.
    pub state: Option<HeaderValue>,
}

impl Trace {
    /// The trace of an incoming request; `None` without a valid `traceparent`.
    pub fn extract(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(&TRACEPARENT)?;
        let mut trace = Self::parse(value.as_bytes())?;
        // Two traceparents: neither can be trusted.
        if headers.get_all(&TRACEPARENT).iter().nth(1).is_some() {
            return None;
        }
        trace.state = state(headers);
        Some(trace)
    }

    /// `00-32 hex digits-16 hex digits-2 hex digits`; a later version may go on behind that.
    fn parse(text: &[u8]) -> Option<Self> {
        let (head, rest) = text.split_at_checked(55)?;
        let version = hex(&head[..2])?;
        let dashes = [2, 35, 52].iter().all(|&at| head[at] == b'-');
        let ends = rest.is_empty() || version > 0 && rest[0] == b'-';
        if !dashes || !ends || version == 0xff {
            return None;
        }
        let (trace_id, span_id, flags) = (hex(&head[3..35])?, hex(&head[36..52])? as u64, hex(&head[53..55])? as u8);
        let sampled = flags & SAMPLED != 0;
        (trace_id != 0 && span_id != 0).then_some(Self { trace_id, span_id, sampled, state: None })
    }

    /// 32 hexadecimal digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }

    /// 16 hexadecimal digits.
    pub fn span_id(&self) -> String {
        format!("{:016x}", self.span_id)
    }

    /// Sets `traceparent` and `tracestate` unless there is a `traceparent` already.
    pub fn inject(&self, headers: &mut HeaderMap) {
        if headers.contains_key(&TRACEPARENT) {
            return;
        }
        let Self { trace_id, span_id, sampled, state } = self;
        let parent = format!("00-{trace_id:032x}-{span_id:016x}-{:02x}", u8::from(*sampled));
        if let Ok(parent) = HeaderValue::try_from(parent) {
            headers.insert(TRACEPARENT, parent);
        }
        if let Some(state) = state {
            headers.insert(TRACESTATE, state.clone());
        }
    }
}

/// All `tracestate` lines as one, if they are not too long together.
fn state(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut lines = headers.get_all(&TRACESTATE).iter();
    let first = lines.next()?;
    let mut all = first.as_bytes().to_vec();
    for line in lines {
        all.push(b',');
        all.extend_from_slice(line.as_bytes());
    }
    if all.len() > TRACESTATE_BYTES_MAX {
        return None;
    }
    HeaderValue::from_bytes(&all).ok()
}

/// Lower-case hexadecimal digits, at most 32.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn extracted(lines: &[(&'static str, &str)]) -> Option<Trace> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        Trace::extract(&headers)
    }

    #[test]
    fn only_what_the_recommendation_calls_valid_is_a_trace() {
        let trace = extracted(&[("traceparent", GOOD)]).unwrap();
        assert_eq!(trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(trace.span_id(), "b7ad6b7169203331");
        assert!(trace.sampled);
        let valid = |text: &str| extracted(&[("traceparent", text)]).is_some();
        for (text, expected) in [
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", true),
            ("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-later", true),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-later", false),
            ("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01later", false),
            ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false),
            ("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false),
            ("00-00000000000000000000000000000000-b7ad6b7169203331-01", false),
            ("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331", false),
            ("00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false),
            ("", false),
            ("\u{e4}0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false),
        ] {
            assert_eq!(valid(text), expected, "{text}");
        }
        assert_eq!(extracted(&[("traceparent", GOOD), ("traceparent", GOOD)]), None, "two of them");
        assert_eq!(extracted(&[]), None);
    }

    #[test]
    fn what_came_in_goes_out_unchanged() {
        let trace = extracted(&[("traceparent", GOOD), ("tracestate", "a=1"), ("tracestate", "b=2")]).unwrap();
        let mut headers = HeaderMap::new();
        trace.inject(&mut headers);
        assert_eq!(
            (&headers["traceparent"], &headers["tracestate"]),
            (&GOOD.parse().unwrap(), &"a=1,b=2".parse().unwrap())
        );

        let long = "a".repeat(TRACESTATE_BYTES_MAX + 1);
        assert_eq!(extracted(&[("traceparent", GOOD), ("tracestate", &long)]).unwrap().state, None);
    }

    #[test]
    fn a_parent_that_the_handler_has_set_stays() {
        let trace = extracted(&[("traceparent", GOOD)]).unwrap();
        let mut headers = HeaderMap::from_iter([(TRACEPARENT, HeaderValue::from_static("mine"))]);
        trace.inject(&mut headers);
        assert_eq!(headers[TRACEPARENT], "mine");
    }
}
