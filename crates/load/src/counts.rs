//! A histogram as counted values: how it travels from one process to another.

use hdrhistogram::Histogram;

/// A histogram as the values that occurred, each with its count.
pub(crate) type Counts = Vec<(u64, u64)>;

/// The values that occurred in a histogram.
pub(crate) fn counts(histogram: &Histogram<u64>) -> Counts {
    histogram.iter_recorded().map(|value| (value.value_iterated_to(), value.count_at_value())).collect()
}

/// Adds counted values to a histogram; none above `most` is taken at its word.
pub(crate) fn fill(histogram: &mut Histogram<u64>, counts: &[(u64, u64)], most: u64) {
    for &(value, count) in counts {
        histogram.saturating_record_n(value.min(most), count);
    }
}
