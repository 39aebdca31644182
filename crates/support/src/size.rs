//! Sizes as `64KiB`, `1MiB`, `2GiB`, or a number of bytes; and whole numbers.

const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// Reads `64KiB`, `1MiB`, `2GiB`, or a bare number of bytes.
pub fn parse(text: &str) -> Option<u64> {
    let (number, scale) =
        UNITS.iter().find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, *scale))).unwrap_or((text, 1));
    parse_count(number)?.checked_mul(scale)
}

/// The spelling with the largest unit that leaves nothing over.
pub fn format(bytes: u64) -> String {
    UNITS
        .iter()
        .find(|(_, scale)| bytes > 0 && bytes.is_multiple_of(*scale))
        .map_or_else(|| bytes.to_string(), |(unit, scale)| format!("{}{unit}", bytes / scale))
}

/// Reads a whole number: digits only, so `+5`, `5.0` and `1e3` are refused.
pub fn parse_count(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
