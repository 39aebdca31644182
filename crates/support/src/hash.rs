//! Numbers that spread: splitmix64, for ids, jitter, choices and tests. Never for secrets.

use std::hash::{BuildHasher as _, DefaultHasher, Hash, Hasher, RandomState};

/// 2^64 divided by the golden ratio: its multiples fall evenly over all numbers.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A generator; the same seed gives the same numbers on every machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// Starts at `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number. Named so because it never ends.
    #[inline]
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        finish(self.0)
    }

    /// Uniform in `0.0..1.0`.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// `key` spread over all numbers: neighbours end up far apart, and every bit is usable.
#[inline]
pub const fn mix(key: u64) -> u64 {
    finish(key.wrapping_add(GOLDEN))
}

/// `key` times the golden ratio: one multiplication, enough to spread neighbours where only the upper 32 bits are used.
#[inline]
pub const fn scatter(key: u64) -> u64 {
    key.wrapping_mul(GOLDEN)
}

/// One number for anything that can be hashed, the same in each process of the same program.
pub fn of(key: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

/// A seed that differs each time. The standard library seeds its hash maps from the system.
pub fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

const fn finish(state: u64) -> u64 {
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_splitmix64() {
        // From the reference implementation (Vigna, 2015), seed 1234567.
        let mut random = SplitMix64::new(1_234_567);
        assert_eq!([random.next(), random.next()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
        assert_eq!(mix(1_234_567), 6_457_827_717_110_365_317);
    }

    #[test]
    fn fractions_are_even() {
        let mut random = SplitMix64::new(7);
        let mean = (0..10_000).map(|_| random.unit()).sum::<f64>() / 1e4;
        assert!((0.48..0.52).contains(&mean), "{mean}");
    }

    #[test]
    fn seeds_differ() {
        let seeds: std::collections::BTreeSet<_> = (0..100).map(|_| random_seed()).collect();
        assert_eq!(seeds.len(), 100);
        assert!(of("a") == of("a") && of("a") != of("b"));
    }
}
