//! How far two clocks are apart, as far as messages between them can tell. Pure.

/// Another machine's clock beside ours: its reading minus ours, in microseconds, and how wrong that may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Offset {
    pub(crate) us: i64,
    pub(crate) error_us: u64,
}

/// The range in which the offset lies, narrowed by each exchange. Clocks that drift apart make it empty; then the
/// newest exchange counts alone.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Range {
    bounds: Option<(i64, i64)>,
}

impl Range {
    /// An exchange: sent and received by our clock, and between the two the other clock read at least `least` and less
    /// than `most` (a whole second for an HTTP `Date`, the same value for an exact reading). Microseconds since the
    /// epoch.
    pub(crate) fn exchanged(&mut self, sent: i64, received: i64, (least, most): (i64, i64)) {
        let heard = (least - received, most - sent);
        self.bounds = Some(match self.bounds {
            Some((low, high)) if low.max(heard.0) <= high.min(heard.1) => (low.max(heard.0), high.min(heard.1)),
            Some(_) | None => heard,
        });
    }

    /// The middle of the range; `None` before the first exchange.
    pub(crate) fn offset(&self) -> Option<Offset> {
        let (low, high) = self.bounds?;
        Some(Offset { us: low + (high - low) / 2, error_us: high.abs_diff(low).div_ceil(2) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn an_exact_reading_is_sure_to_half_the_round_trip() {
        let mut range = Range::default();
        assert_eq!(range.offset(), None);
        range.exchanged(1_000, 5_000, (13_000, 13_000));
        assert_eq!(range.offset(), Some(Offset { us: 10_000, error_us: 2_000 }));
        range.exchanged(10_000, 11_000, (20_600, 20_600));
        assert_eq!(range.offset(), Some(Offset { us: 10_100, error_us: 500 }));
    }

    #[test]
    fn whole_seconds_at_many_moments_are_surer_than_a_second() {
        let mut range = Range::default();
        let ahead = 340_000;
        for ours in (0..60).map(|step| step * 170_000) {
            let theirs = (ours + ahead) / SECOND * SECOND;
            range.exchanged(ours, ours + 2_000, (theirs, theirs + SECOND));
        }
        let offset = range.offset().unwrap();
        assert!(offset.us.abs_diff(ahead) <= offset.error_us, "{offset:?}");
        assert!(offset.error_us < 20_000, "{offset:?}");
    }

    #[test]
    fn clocks_that_drift_are_believed_anew() {
        let mut range = Range::default();
        range.exchanged(0, 10, (0, 0));
        range.exchanged(100, 110, (5_105, 5_105));
        assert_eq!(range.offset().unwrap().us, 5_000);
    }
}
