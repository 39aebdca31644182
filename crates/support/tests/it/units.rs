//! Durations and sizes, by the tables that other programs are held against, too.

use lameduck_support::{duration, size};
use proptest::prelude::*;
use std::time::Duration;

/// The rows of a table: the text and its meaning, if it has one.
fn rows(table: &str) -> Vec<(&str, Option<u64>)> {
    let rows = table.lines().filter(|line| !line.starts_with('#'));
    rows.map(|line| {
        let (text, meaning) = line.split_once('\t').unwrap_or_else(|| panic!("no tab in {line:?}"));
        let text = if text == "\"\"" { "" } else { text };
        (text, (meaning != "-").then(|| meaning.parse().unwrap_or_else(|_| panic!("no number in {line:?}"))))
    })
    .collect()
}

#[test]
fn durations_are_read_as_the_table_says() {
    let rows = rows(include_str!("../durations.txt"));
    assert!(rows.len() > 30, "{}", rows.len());
    for (text, meaning) in rows {
        assert_eq!(duration::parse(text), meaning.map(Duration::from_millis), "{text:?}");
    }
    assert_eq!(duration::parse("500us"), Some(Duration::from_micros(500)));
    assert_eq!(duration::parse("99999999999999h"), None);
}

#[test]
fn sizes_are_read_as_the_table_says() {
    let rows = rows(include_str!("../sizes.txt"));
    assert!(rows.len() > 10, "{}", rows.len());
    for (text, meaning) in rows {
        assert_eq!(size::parse(text), meaning, "{text:?}");
    }
}

#[test]
fn durations_are_written_as_people_write_them() {
    for (millis, text) in
        [(0, "0s"), (1500, "1s500ms"), (60_000, "60s"), (75_000, "75s"), (150_000, "2m30s"), (86_400_000, "24h")]
    {
        assert_eq!(duration::format(Duration::from_millis(millis)), text);
    }
    assert_eq!(duration::format(Duration::from_secs(3660)), "1h1m");
    assert_eq!(duration::format(Duration::from_nanos(1_500_000_100)), "1s500ms0.1us");
    assert_eq!(duration::millis(Duration::MAX), u64::MAX);
}

#[test]
fn sizes_are_written_with_the_largest_unit_that_fits() {
    assert_eq!([0, 1536, 1 << 20].map(size::format), ["0", "1536", "1MiB"]);
}

proptest! {
    #[test]
    fn every_duration_is_read_back(nanos in 0..86_400_000_000_000_u64) {
        let duration = Duration::from_nanos(nanos);
        let text = duration::format(duration);
        prop_assert_eq!(duration::parse(&text), Some(duration), "{}", text);
    }

    #[test]
    fn every_size_is_read_back(bytes: u64) {
        prop_assert_eq!(size::parse(&size::format(bytes)), Some(bytes));
    }

    #[test]
    fn no_text_makes_the_readers_panic(text in ".{0,20}") {
        let _ = (duration::parse(&text), size::parse(&text));
    }
}
