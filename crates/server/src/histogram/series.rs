//! One route's histograms, by method and status, or by the status of gRPC: made when first needed, from closed sets, so
//! their number is bounded.

use super::{CallHistogram, Histogram, RouteHistogram};
use crate::app::METHODS;
use std::sync::{Arc, OnceLock};

/// Status codes with a histogram of their own; any other shares one.
const STATUSES: [u16; 36] = [
    101, 200, 201, 202, 203, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 402, 403, 404, 405, 406, 408, 409, 410,
    411, 412, 413, 414, 415, 416, 422, 425, 429, 500, 502, 503, 504,
];

/// Status codes of gRPC, and the one that stands for those that there are not.
const GRPC_STATUSES: usize = 17;
const GRPC_UNKNOWN: u16 = 2;

const OTHER: usize = STATUSES.len();

/// Position by code, from 100 on.
const SLOTS: [u8; 500] = {
    let mut slots = [OTHER as u8; 500];
    let mut index = 0;
    while index < STATUSES.len() {
        slots[STATUSES[index] as usize - 100] = index as u8;
        index += 1;
    }
    slots
};

type ByStatus = Box<[OnceLock<Box<Histogram>>; STATUSES.len() + 1]>;
type ByGrpcStatus = Box<[OnceLock<Box<Histogram>>; GRPC_STATUSES]>;

/// The histograms of one route.
#[derive(Debug, Default)]
pub(crate) struct Series {
    methods: [OnceLock<ByStatus>; METHODS.len()],
    calls: OnceLock<ByGrpcStatus>,
}

impl Series {
    /// Counts one request.
    #[inline]
    pub(crate) fn observe(&self, method: usize, status: u16, duration_ns: u64) {
        let slot = SLOTS.get(usize::from(status).wrapping_sub(100)).map_or(OTHER, |&slot| usize::from(slot));
        let by_status = self.methods[method].get_or_init(|| Box::new(std::array::from_fn(|_| OnceLock::new())));
        by_status[slot].get_or_init(Box::default).observe(duration_ns);
    }

    /// Counts one call of gRPC.
    #[inline]
    pub(crate) fn observe_call(&self, status: u16, duration_ns: u64) {
        let slot = if usize::from(status) < GRPC_STATUSES { status } else { GRPC_UNKNOWN };
        let by_status = self.calls.get_or_init(|| Box::new(std::array::from_fn(|_| OnceLock::new())));
        by_status[usize::from(slot)].get_or_init(Box::default).observe(duration_ns);
    }

    /// Adds the calls counted to `out`.
    pub(crate) fn collect_calls(&self, route: &Arc<str>, out: &mut Vec<CallHistogram>) {
        for (status, histogram) in (0..).zip(self.calls.get().into_iter().flat_map(|by_status| by_status.iter())) {
            let Some(histogram) = histogram.get() else { continue };
            out.push(CallHistogram { route: route.clone(), status, durations: histogram.snapshot() });
        }
    }

    /// Adds the requests counted to `out`.
    pub(crate) fn collect(&self, route: &Arc<str>, out: &mut Vec<RouteHistogram>) {
        for (method, by_status) in METHODS.into_iter().zip(&self.methods) {
            for (slot, histogram) in by_status.get().into_iter().flat_map(|by_status| by_status.iter()).enumerate() {
                let Some(histogram) = histogram.get() else { continue };
                out.push(RouteHistogram {
                    method,
                    route: route.clone(),
                    status: STATUSES.get(slot).copied(),
                    durations: histogram.snapshot(),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_their_own_status() {
        let series = Series::default();
        for status in [0, 0, 14, 99] {
            series.observe_call(status, 1);
        }
        let mut out = Vec::new();
        series.collect_calls(&Arc::from("/a.B/C"), &mut out);
        let counts: Vec<_> = out.iter().map(|one| (one.status, one.durations.count())).collect();
        assert_eq!(counts, [(0, 2), (2, 1), (14, 1)]);
    }

    #[test]
    fn series_are_bounded_whatever_the_status() {
        let series = Series::default();
        for status in 0..=u16::MAX {
            series.observe(0, status, 1);
        }
        let mut out = Vec::new();
        series.collect(&Arc::from("/ping"), &mut out);
        assert_eq!(out.len(), STATUSES.len() + 1);
        assert_eq!(out.iter().find(|one| one.status == Some(404)).map(|one| one.durations.count()), Some(1));
        assert_eq!(out.iter().map(|one| one.durations.count()).sum::<u64>(), 1 << 16);
    }
}
