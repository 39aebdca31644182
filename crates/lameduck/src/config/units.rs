//! Durations, sizes and addresses as people write them, and back again.

use std::time::Duration;

/// The longest duration that any key takes: nothing here waits longer, and sums of a few cannot overflow.
pub(super) const DURATION_MOST: Duration = Duration::from_secs(24 * 60 * 60);

const DURATION_UNITS: [(&str, Duration); 5] = [
    ("h", Duration::from_secs(3600)),
    ("m", Duration::from_secs(60)),
    ("s", Duration::from_secs(1)),
    ("ms", Duration::from_millis(1)),
    ("us", Duration::from_micros(1)),
];

const BYTE_UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// Reads `3s`, `250ms`, `1m30s`, `1.5s` or a bare `0`. `None` if it is anything else, or does not fit.
///
/// A number without a unit is no duration: nobody can tell whether `30` were seconds or milliseconds.
pub fn parse_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    let mut before = DURATION_UNITS.len();
    while !rest.is_empty() {
        let number = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let unit_end = rest[number..].find(|c: char| !c.is_ascii_alphabetic()).map_or(rest.len(), |end| number + end);
        let at = DURATION_UNITS.iter().position(|(unit, _)| *unit == &rest[number..unit_end])?;
        // From large to small and each once: `30s1m` is a slip rather than a notation.
        if before != DURATION_UNITS.len() && at <= before {
            return None;
        }
        before = at;
        total = total.checked_add(parse_decimal(&rest[..number], DURATION_UNITS[at].1)?)?;
        rest = &rest[unit_end..];
    }
    (!text.is_empty()).then_some(total)
}

/// `digits[.digits]` times `unit`, without the detour over floating point. Below a nanosecond is cut off.
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

/// The shortest spelling that [`parse_duration`] reads back: `1m30s`, `250ms`, `0s`.
pub fn format_duration(duration: Duration) -> String {
    if duration.is_zero() {
        return "0s".to_owned();
    }
    let mut text = String::new();
    let mut rest = duration.as_nanos();
    for (unit, length) in DURATION_UNITS {
        // Nobody says 1m15s for 75s.
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
        // Nanoseconds have no unit of their own: the smallest one takes them as its fraction.
        let start = text.strip_suffix("us").map(|text| text.trim_end_matches(|c: char| c.is_ascii_digit()).len());
        let micros = start.map(|start| text.split_off(start).replace("us", "")).unwrap_or_else(|| "0".to_owned());
        let fraction = format!("{rest:03}");
        text.push_str(&format!("{micros}.{}us", fraction.trim_end_matches('0')));
    }
    text
}

/// Reads `64KiB`, `1MiB`, `2GiB`, or a bare number of bytes.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let (number, scale) =
        BYTE_UNITS.iter().find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, *scale))).unwrap_or((text, 1));
    parse_count(number)?.checked_mul(scale)
}

/// The spelling with the largest unit that leaves nothing over.
pub fn format_bytes(bytes: u64) -> String {
    BYTE_UNITS
        .iter()
        .find(|(_, scale)| bytes > 0 && bytes.is_multiple_of(*scale))
        .map_or_else(|| bytes.to_string(), |(unit, scale)| format!("{}{unit}", bytes / scale))
}

/// Reads a whole number: digits only, so that `+5`, `5.0` and `1e3` are no surprise to anybody.
pub(super) fn parse_count(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_carry_a_unit() {
        for (text, millis) in [
            ("0", 0),
            ("0s", 0),
            ("3s", 3000),
            ("250ms", 250),
            ("1m30s", 90_000),
            ("1h", 3_600_000),
            ("1.5s", 1500),
            ("0.25s", 250),
            ("1h0m1s", 3_601_000),
        ] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in
            ["", "5", "s", "-5s", "5 s", "5sec", "5S", "30s1m", "1s1s", "1.s", ".5s", "1.2.3s", "1e3s", "1d", "٣s"]
        {
            assert_eq!(parse_duration(text), None, "{text}");
        }
        assert_eq!(parse_duration("99999999999999h"), None);
    }

    #[test]
    fn durations_are_shown_as_people_say_them() {
        for (millis, text) in [(0, "0s"), (1500, "1s500ms"), (60_000, "60s"), (75_000, "75s"), (150_000, "2m30s")] {
            assert_eq!(format_duration(Duration::from_millis(millis)), text);
        }
        assert_eq!(
            (format_duration(Duration::from_secs(3660)), format_duration(DURATION_MOST)),
            ("1h1m".into(), "24h".into())
        );
        assert_eq!(format_duration(Duration::from_nanos(1_500_000_100)), "1s500ms0.1us");
    }

    #[test]
    fn sizes_are_binary() {
        for (text, bytes) in [("0", 0), ("1024", 1024), ("64KiB", 65_536), ("1MiB", 1 << 20), ("2GiB", 2 << 30)] {
            assert_eq!(parse_bytes(text), Some(bytes), "{text}");
        }
        for text in ["", "KiB", "1MB", "1 MiB", "1.5MiB", "-1", "99999999999GiB", "0x10"] {
            assert_eq!(parse_bytes(text), None, "{text}");
        }
        assert_eq!(
            (format_bytes(0), format_bytes(1536), format_bytes(1 << 20)),
            ("0".into(), "1536".into(), "1MiB".into())
        );
    }

    proptest! {
        #[test]
        fn every_duration_is_read_back(nanos in 0..DURATION_MOST.as_nanos()) {
            let duration = Duration::from_nanos(u64::try_from(nanos).unwrap());
            let text = format_duration(duration);
            prop_assert_eq!(parse_duration(&text), Some(duration), "{}", text);
        }

        #[test]
        fn every_size_is_read_back(bytes: u64) {
            prop_assert_eq!(parse_bytes(&format_bytes(bytes)), Some(bytes));
        }

        #[test]
        fn no_text_makes_the_readers_panic(text in ".{0,20}") {
            let _ = (parse_duration(&text), parse_bytes(&text));
        }
    }
}
