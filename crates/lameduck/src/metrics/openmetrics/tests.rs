//! Lines as a scraper gets them.

#![expect(clippy::disallowed_methods, reason = "a test takes the short way; its labels cannot collide")]

use super::*;
use prometheus::{Encoder as _, HistogramOpts, HistogramVec, IntCounter, IntGaugeVec, Opts, Registry, TextEncoder};

fn registry() -> Registry {
    let registry = Registry::new();
    let counter = IntCounter::new("visits_total", "Visits.\nOf \"all\".").unwrap();
    counter.inc_by(3);
    let gauge = IntGaugeVec::new(Opts::new("rooms", "Rooms."), &["name"]).unwrap();
    gauge.with_label_values(&["a\"b\\c\nd"]).set(-2);
    let options = HistogramOpts::new("http_server_request_duration_seconds", "Durations.").buckets(vec![0.005, 1.0]);
    let labels = ["http_request_method", "http_route", "http_response_status_code"];
    let histogram = HistogramVec::new(options, &labels).unwrap();
    histogram.with_label_values(&["GET", "/ping", "200"]).observe(0.25);
    registry.register(Box::new(counter)).unwrap();
    registry.register(Box::new(gauge)).unwrap();
    registry.register(Box::new(histogram)).unwrap();
    registry
}

#[test]
fn the_format_is_that_of_the_specification() {
    let exemplars = Exemplars::default();
    exemplars.record("GET", "/ping", 200, 0.25, 0xabc);
    let text = text(&registry().gather(), &exemplars);
    for line in [
        "# TYPE visits counter\n",
        "# HELP visits Visits.\\nOf \\\"all\\\".\n",
        "visits_total 3.0\n",
        "rooms{name=\"a\\\"b\\\\c\\nd\"} -2.0\n",
        "_bucket{http_request_method=\"GET\",http_response_status_code=\"200\",http_route=\"/ping\",le=\"0.005\"} 0\n",
        ",le=\"+Inf\"} 1\n",
        "http_server_request_duration_seconds_count{http_request_method=\"GET\",http_response_status_code=\"200\",http_route=\"/ping\"} 1\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(text.ends_with("\n# EOF\n"));
}

#[test]
fn both_formats_say_the_same_numbers() {
    let families = registry().gather();
    let mut plain = Vec::new();
    TextEncoder::new().encode(&families, &mut plain).unwrap();
    let samples = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum::<f64>()
    };
    assert_eq!(samples(&String::from_utf8(plain).unwrap()), samples(&text(&families, &Exemplars::default())));
}
