//! The small blocks at the growing end of a part, and when they are merged.
//!
//! A quiet log writes a tiny block per commit; sixty-four neighbours of one tier become one block
//! of the next tier, and whatever reaches a mebibyte becomes a full block. So a record is rewritten
//! at most a few times, and a log's end is never more than some dozen blocks long.

use std::ops::Range;

/// A block with this much text is not merged again.
pub(crate) const FULL: usize = 1 << 20;
/// A batch of at least this size is written as full blocks at once.
pub(crate) const HOT: usize = FULL / 2;
/// The tier of full blocks.
pub(crate) const TIER_FULL: u8 = 255;
const PIECES: usize = 64;

/// A small block at the end of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) raw: usize,
    pub(crate) tier: u8,
}

/// Which trailing pieces become one now, and the tier of the result.
pub(crate) fn merge_plan(tail: &[Piece]) -> Option<(Range<usize>, u8)> {
    let raw: usize = tail.iter().map(|piece| piece.raw).sum();
    if raw >= FULL {
        return Some((0..tail.len(), TIER_FULL));
    }
    let tier = tail.last()?.tier;
    let same = tail.iter().rev().take_while(|piece| piece.tier == tier).count();
    (same >= PIECES).then(|| (tail.len() - same..tail.len(), tier.saturating_add(1).min(254)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(raw: usize, tier: u8) -> Piece {
        Piece { first: 0, last: 0, raw, tier }
    }

    #[test]
    fn sixty_four_of_a_tier_climb_and_a_mebibyte_is_full() {
        let mut tail = vec![piece(10, 1)];
        tail.extend([piece(10, 0); 63]);
        assert_eq!(merge_plan(&tail), None);
        tail.push(piece(10, 0));
        assert_eq!(merge_plan(&tail), Some((1..65, 1)));
        tail.push(piece(FULL, 0));
        assert_eq!(merge_plan(&tail), Some((0..66, TIER_FULL)));
        assert_eq!(merge_plan(&[]), None);
    }
}
