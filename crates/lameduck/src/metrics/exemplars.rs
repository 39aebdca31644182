//! For each bucket of the request durations, the trace of one recorded request that fell into it: the latest.

use lameduck_server::BOUNDS_SECONDS;
use prometheus::proto::LabelPair;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Series with exemplars; their labels are from closed sets, so there are rarely as many.
#[cfg(any(feature = "traces", test))]
const SERIES_MAX: usize = 2048;

const BUCKETS: usize = BOUNDS_SECONDS.len() + 1;

/// One recorded request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Exemplar {
    pub(crate) trace_id: u128,
    pub(crate) seconds: f64,
    /// In seconds of Unix time.
    pub(crate) at: f64,
}

type Buckets = [Option<Exemplar>; BUCKETS];

/// Method, route, status: the labels of a series.
type Series = (String, String, String);

/// The exemplars of all series. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exemplars(Arc<Mutex<HashMap<Series, Buckets>>>);

impl Exemplars {
    /// Keeps a recorded request: requests are recorded with traces only.
    #[cfg(any(feature = "traces", test))]
    pub(crate) fn record(&self, method: &str, route: &str, status: u16, seconds: f64, trace_id: u128) {
        use std::time::{SystemTime, UNIX_EPOCH};
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let bucket = BOUNDS_SECONDS.iter().filter(|&&bound| seconds > bound).count();
        let status = status.to_string();
        let series = (method.to_owned(), route.to_owned(), status);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < SERIES_MAX || all.contains_key(&series) {
            all.entry(series).or_insert([None; BUCKETS])[bucket] = Some(Exemplar { trace_id, seconds, at });
        }
    }

    /// Those of one series, bucket by bucket.
    pub(crate) fn of(&self, metric: &str, labels: &[LabelPair]) -> Option<Buckets> {
        if metric != super::declared::REQUEST_DURATION.name {
            return None;
        }
        let value = |name: &str| labels.iter().find(|label| label.name() == name).map(|label| label.value().to_owned());
        let series = (value("http_request_method")?, value("http_route")?, value("http_response_status_code")?);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&series).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_of_each_bucket_is_kept_and_series_are_bounded() {
        let exemplars = Exemplars::default();
        exemplars.record("GET", "/", 200, 0.004, 1);
        exemplars.record("GET", "/", 200, 0.005, 2);
        exemplars.record("GET", "/", 200, 11.0, 3);
        for status in 0..=u16::MAX {
            exemplars.record("GET", "/", status, 0.1, 4);
        }
        let all = exemplars.0.lock().unwrap();
        assert_eq!(all.len(), SERIES_MAX);
        let buckets = all[&("GET".to_owned(), "/".to_owned(), "200".to_owned())];
        assert_eq!(buckets[0].map(|exemplar| exemplar.trace_id), Some(2));
        assert_eq!(buckets[BUCKETS - 1].map(|exemplar| exemplar.trace_id), Some(3));
    }
}
