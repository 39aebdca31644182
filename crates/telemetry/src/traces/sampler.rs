//! Which traces are recorded: what the parent says, else a share of all.

use std::cell::Cell;
use std::hash::{BuildHasher, Hasher, RandomState};

/// Decides by the trace id, so that every process decides alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sampler {
    /// The share of traces that begin here.
    pub(super) ratio: f64,
    /// A trace that began elsewhere goes by its parent's decision.
    pub(super) parent_based: bool,
}

impl Sampler {
    pub(super) fn samples(self, trace_id: u128, parent: Option<bool>) -> bool {
        match parent.filter(|_| self.parent_based) {
            Some(parent) => parent,
            None if self.ratio >= 1.0 => true,
            // As the SDKs of OpenTelemetry do it: 63 bits of the id.
            None => (trace_id as u64 >> 1) < (self.ratio.max(0.0) * (1_u64 << 63) as f64) as u64,
        }
    }
}

/// A new trace id: never 0.
pub(super) fn new_trace_id() -> u128 {
    (u128::from(random()) << 64 | u128::from(random())).max(1)
}

/// A new span id: never 0.
pub(super) fn new_span_id() -> u64 {
    random().max(1)
}

thread_local! { static STATE: Cell<u64> = Cell::new(RandomState::new().build_hasher().finish()) }

/// splitmix64, seeded for each thread by the system.
fn random() -> u64 {
    let state = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    STATE.set(state);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_decides_and_else_the_share() {
        let tenth = Sampler { ratio: 0.1, parent_based: true };
        assert!(tenth.samples(u128::MAX, Some(true)));
        assert!(!tenth.samples(0, Some(false)));
        let taken = (0..100_000).filter(|_| tenth.samples(new_trace_id(), None)).count();
        // Ten standard deviations of a fair share are 950.
        assert!((9_050..=10_950).contains(&taken), "{taken}");
        let own = Sampler { parent_based: false, ..tenth };
        assert!(own.samples(0, Some(false)));
        for ratio in [0.0, -1.0, f64::NAN] {
            assert!(!Sampler { ratio, parent_based: true }.samples(0, None), "{ratio}");
        }
        assert!(Sampler { ratio: 1.0, parent_based: true }.samples(u128::MAX, None));
    }
}
