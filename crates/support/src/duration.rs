//! Durations as `3s`, `250ms`, `1m30s`: one grammar for configuration, options and messages.

use std::time::Duration;

const UNITS: [(&str, Duration); 5] = [
    ("h", Duration::from_secs(3600)),
    ("m", Duration::from_secs(60)),
    ("s", Duration::from_secs(1)),
    ("ms", Duration::from_millis(1)),
    ("us", Duration::from_micros(1)),
];

/// Reads `3s`, `250ms`, `1m30s`, `1.5s` or a bare `0`. `None` if it is anything else, or does not fit.
///
/// A number without a unit is refused: `30` could be seconds or milliseconds.
pub fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    let mut before = UNITS.len();
    while !rest.is_empty() {
        let number = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let unit_end = rest[number..].find(|c: char| !c.is_ascii_alphabetic()).map_or(rest.len(), |end| number + end);
        let at = UNITS.iter().position(|(unit, _)| *unit == &rest[number..unit_end])?;
        // From large to small and each once: `30s1m` is a typing error rather than a notation.
        if before != UNITS.len() && at <= before {
            return None;
        }
        before = at;
        total = total.checked_add(parse_decimal(&rest[..number], UNITS[at].1)?)?;
        rest = &rest[unit_end..];
    }
    (!text.is_empty()).then_some(total)
}

/// `digits[.digits]` times `unit`, without floating point. Below a nanosecond is cut off.
fn parse_decimal(text: &str, unit: Duration) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() || fraction.len() > 9 || text.ends_with('.') || fraction.contains('.') {
        return None;
    }
    let whole = unit.checked_mul(whole.parse().ok()?)?;
    if fraction.is_empty() {
        return Some(whole);
    }
    let parts = unit.as_nanos() * fraction.parse::<u128>().ok()? / 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    whole.checked_add(Duration::from_nanos(u64::try_from(parts).ok()?))
}

/// The shortest spelling that [`parse`] reads back: `1m30s`, `250ms`, `0s`.
pub fn format(duration: Duration) -> String {
    if duration.is_zero() {
        return "0s".to_owned();
    }
    let mut text = String::new();
    let mut rest = duration.as_nanos();
    for (unit, length) in UNITS {
        // 75s is easier to read than 1m15s.
        if unit == "m" && text.is_empty() && rest < 2 * length.as_nanos() {
            continue;
        }
        let count = rest / length.as_nanos();
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
            rest %= length.as_nanos();
        }
    }
    if rest > 0 {
        // Nanoseconds have no unit: the smallest one takes them as its fraction.
        let start = text.strip_suffix("us").map(|text| text.trim_end_matches(|c: char| c.is_ascii_digit()).len());
        let micros = start.map(|start| text.split_off(start).replace("us", "")).unwrap_or_else(|| "0".to_owned());
        let fraction = format!("{rest:03}");
        text.push_str(&format!("{micros}.{}us", fraction.trim_end_matches('0')));
    }
    text
}

/// Whole milliseconds; as many as fit.
#[inline]
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
