//! The timeline: requests, losses and latency by slice of time, in a fixed number of slices whose width doubles when
//! the run outgrows them.

use serde::{Deserialize, Serialize};

use crate::micros::Micros;

/// Most slices; at least half of it is in use once the first doubling has happened.
const SLICES_MAX: usize = 600;
/// Width of a slice at the start.
const WIDTH_AT_START: Micros = 100_000;
/// Latency classes: four to each power of two, from one microsecond to some minutes.
const CLASSES: usize = 112;

/// One slice of the timeline.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bucket {
    /// Requests that ended, lost ones included.
    pub ended: u32,
    /// Lost requests.
    pub lost: u32,
    latency: Vec<u32>,
}

impl Bucket {
    fn new() -> Self {
        Self { ended: 0, lost: 0, latency: vec![0; CLASSES] }
    }

    fn add(&mut self, other: &Self) {
        self.ended = self.ended.saturating_add(other.ended);
        self.lost = self.lost.saturating_add(other.lost);
        for (mine, theirs) in self.latency.iter_mut().zip(other.latency.iter()) {
            *mine = mine.saturating_add(*theirs);
        }
    }

    /// The latency below which this share of the answered requests stayed, to a fifth; `None` without any.
    pub fn quantile(&self, share: f64) -> Option<Micros> {
        let total: u64 = self.latency.iter().map(|&count| u64::from(count)).sum();
        let wanted = (share * total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (class, &count) in self.latency.iter().enumerate() {
            seen += u64::from(count);
            if seen >= wanted && total > 0 {
                return Some(upper(class));
            }
        }
        None
    }
}

/// The slices of a run, from its start on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Series {
    width: Micros,
    buckets: Vec<Bucket>,
}

impl Series {
    pub(crate) fn new() -> Self {
        Self { width: WIDTH_AT_START, buckets: Vec::new() }
    }

    /// Width of a slice.
    pub fn width(&self) -> Micros {
        self.width
    }

    /// The slices, the first one beginning with the run.
    pub fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    pub(crate) fn add(&mut self, at: Micros, lost: bool, latency: Option<Micros>) {
        let bucket = self.bucket(at);
        bucket.ended = bucket.ended.saturating_add(1);
        bucket.lost = bucket.lost.saturating_add(u32::from(lost));
        if let Some(latency) = latency {
            let count = &mut bucket.latency[class(latency)];
            *count = count.saturating_add(1);
        }
    }

    /// Turns one request that ended at this time into a lost one.
    pub(crate) fn lose(&mut self, at: Micros) {
        let bucket = self.bucket(at);
        bucket.lost = bucket.lost.saturating_add(1);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        while self.width < other.width {
            self.widen();
        }
        while other.width < self.width {
            other.widen();
        }
        for (index, bucket) in other.buckets.iter().enumerate() {
            self.bucket(index as Micros * self.width).add(bucket);
        }
    }

    /// The same, so many microseconds later, to the nearest slice. What falls before the start is in the first slice.
    pub(crate) fn moved(self, by: i64) -> Self {
        let width = self.width as i64;
        let slices = (by + by.signum() * width / 2) / width;
        let mut moved = Self { width: self.width, buckets: Vec::new() };
        for (index, bucket) in (0_i64..).zip(&self.buckets) {
            moved.bucket((index + slices).max(0) as Micros * self.width).add(bucket);
        }
        moved
    }

    fn bucket(&mut self, at: Micros) -> &mut Bucket {
        while at / self.width >= SLICES_MAX as Micros {
            self.widen();
        }
        let index = (at / self.width) as usize;
        if self.buckets.len() <= index {
            self.buckets.resize_with(index + 1, Bucket::new);
        }
        &mut self.buckets[index]
    }

    fn widen(&mut self) {
        self.width *= 2;
        self.buckets = self
            .buckets
            .chunks(2)
            .map(|pair| {
                let mut sum = pair[0].clone();
                if let Some(second) = pair.get(1) {
                    sum.add(second);
                }
                sum
            })
            .collect();
    }
}

fn class(latency: Micros) -> usize {
    let latency = latency.max(4);
    let power = latency.ilog2();
    let quarter = (latency >> (power - 2)) & 3;
    (((power - 2) * 4) as usize + quarter as usize).min(CLASSES - 1)
}

/// The upper edge of a class.
fn upper(class: usize) -> Micros {
    let (power, quarter) = (class as u32 / 4, class as u64 % 4);
    (5 + quarter) << power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_slices_stays_fixed_and_nothing_is_lost() {
        let mut series = Series::new();
        for second in 0..7_200u64 {
            series.add(second * 1_000_000, second % 100 == 0, Some(900));
        }
        assert!(series.buckets().len() <= SLICES_MAX);
        assert_eq!(series.buckets().iter().map(|b| u64::from(b.ended)).sum::<u64>(), 7_200);
        assert_eq!(series.buckets().iter().map(|b| u64::from(b.lost)).sum::<u64>(), 72);
    }

    #[test]
    fn quantiles_are_right_to_a_quarter() {
        for latency in [1u64, 7, 100, 999, 5_000, 123_456, 9_999_999] {
            let mut series = Series::new();
            series.add(0, false, Some(latency));
            let told = series.buckets()[0].quantile(0.99).unwrap();
            let latency = latency.max(4);
            assert!(told >= latency && told <= latency + latency / 4 + 1, "{latency} told as {told}");
        }
    }

    #[test]
    fn series_of_different_widths_merge() {
        let (mut short, mut long) = (Series::new(), Series::new());
        short.add(50_000, true, None);
        long.add(400_000_000, false, Some(10));
        short.merge(&long);
        assert_eq!(short.buckets().iter().map(|b| b.ended).sum::<u32>(), 2);
        assert_eq!(short.width(), long.width());
    }
}
