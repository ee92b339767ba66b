//! The one source of chance: a seed in, the same numbers out, on every machine and for ever.

use std::time::Duration;

/// `SplitMix64`: small, and good enough to choose faults.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    /// Another stream for each purpose, so that one more choice here moves nothing there.
    pub(crate) fn new(seed: u64, purpose: &str) -> Self {
        Self(xxhash_rust::xxh3::xxh3_64_with_seed(purpose.as_bytes(), seed))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n.max(1) as u64).unwrap()
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn within(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// True in so many cases of a hundred.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    pub(crate) fn millis(&mut self, low: usize, high: usize) -> Duration {
        Duration::from_millis(self.within(low, high) as u64)
    }
}
