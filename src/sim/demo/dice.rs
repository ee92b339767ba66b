//! Chance that repeats: a seed and a count, hashed. The same seed throws the same forever.

use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A stream of numbers that follows from its seed alone.
#[derive(Debug, Clone)]
pub(super) struct Dice {
    seed: u64,
    thrown: u64,
}

impl Dice {
    /// The dice of one actor.
    pub(super) fn new(seed: u64, actor: &str) -> Self {
        Self { seed: xxh3_64_with_seed(actor.as_bytes(), seed), thrown: 0 }
    }

    fn throw(&mut self) -> u64 {
        self.thrown = self.thrown.wrapping_add(1);
        xxh3_64_with_seed(&self.thrown.to_le_bytes(), self.seed)
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        let span = high.saturating_sub(low).saturating_add(1);
        low + self.throw() % span.max(1)
    }

    /// Whether something that happens in `percent` of all cases happens now.
    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.throw() % 100 < percent
    }

    /// One of these; the default of an empty list.
    pub(super) fn pick<T: Copy + Default>(&mut self, of: &[T]) -> T {
        let index = usize::try_from(self.throw() % (of.len().max(1) as u64)).unwrap_or(0);
        of.get(index).copied().unwrap_or_default()
    }

    /// A pause between two bounds in milliseconds, short ones more often, as in life.
    pub(super) fn pause(&mut self, (low, high): (u64, u64)) -> Duration {
        let one = self.between(low, high);
        Duration::from_millis(one.min(self.between(low, high)))
    }

    /// Hexadecimal digits, as request ids have them.
    pub(super) fn hex(&mut self, digits: usize) -> String {
        let all = format!("{:016x}", self.throw());
        all.get(..digits.min(all.len())).unwrap_or_default().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_throws_the_same_and_another_does_not() {
        let throws = |seed, actor| {
            let mut dice = Dice::new(seed, actor);
            (0..20).map(|_| dice.between(0, 1_000_000)).collect::<Vec<_>>()
        };
        assert_eq!(throws(7, "web"), throws(7, "web"));
        assert_ne!(throws(7, "web"), throws(8, "web"));
        assert_ne!(throws(7, "web"), throws(7, "db"));
    }

    #[test]
    fn bounds_are_kept() {
        let mut dice = Dice::new(1, "x");
        for _ in 0..1000 {
            assert!((3..=5).contains(&dice.between(3, 5)));
            assert!(dice.pause((10, 20)) <= Duration::from_millis(20));
        }
        assert_eq!((dice.between(4, 4), dice.hex(8).len(), dice.pick::<&str>(&[])), (4, 8, ""));
    }
}
