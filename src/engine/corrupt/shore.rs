//! The search for the length of a piece: how far before a broken record the log is whole.
//!
//! Lengths are counted from the broken record backwards, and tried until the piece's begin lies
//! between one that is whole and the next longer one that is not.

use super::place::Piece;
use crate::model::Batch;

/// First length that is tried before a broken record.
const SIZE_MIN: u64 = 16;
/// Each is so many times the last, until something broken is reached.
const STRIDE: u64 = 4;

/// The piece right before a broken record, as far as it is known.
#[derive(Default)]
pub(super) struct Shore {
    /// Records of it that were found.
    pub(super) good: u64,
    pub(super) records: Batch,
    /// One so long is not whole, and how often that was seen.
    bad: Option<(u64, u32)>,
    pub(super) begin: Option<bool>,
    /// What was tried last was all that a broken record left.
    guessed: bool,
    /// The stored end was in it, and what follows it is taken.
    pub(super) joined: bool,
}

impl Shore {
    /// The next length to try. `None` if there is no longer one.
    pub(super) fn next(&self) -> Option<u64> {
        match self.bad {
            _ if self.begin.is_some() => None,
            Some((bad, seen)) if bad <= self.good + 1 => (seen < 2).then_some(bad),
            Some((bad, 0)) if !self.guessed => Some(bad - 1),
            Some((bad, _)) => Some(self.good.midpoint(bad)),
            None => Some((self.good * STRIDE).max(SIZE_MIN)),
        }
    }

    /// Learns what a tail of this length begins with; whether the piece is longer now.
    pub(super) fn learn(&mut self, up_to: u64, size: u64, piece: Option<Piece>) -> bool {
        self.guessed = self.bad.is_some_and(|(bad, seen)| seen == 0 && size + 1 == bad);
        let Some(piece) = piece else {
            self.is_bad(size, 1);
            return false;
        };
        let last = (piece.at + 1).saturating_sub(piece.records.len() as u64);
        if last == up_to + 2 {
            self.is_good(piece.at - up_to - 1, piece);
            return true;
        }
        self.is_bad(size, 1);
        // Something broken stands right behind it, if it was not cut off there.
        let broken = last.saturating_sub(up_to + 2);
        if broken > self.good {
            self.is_bad(broken, 0);
        }
        false
    }

    fn is_bad(&mut self, size: u64, seen: u32) {
        self.bad = match self.bad {
            Some((bad, before)) if bad == size => Some((bad, before + seen)),
            Some((bad, before)) if bad < size => Some((bad, before)),
            _ => Some((size, seen)),
        };
    }

    fn is_good(&mut self, size: u64, piece: Piece) {
        (self.good, self.records, self.begin) = (size, piece.records, piece.begin);
        // It was a fault of the moment.
        self.bad = self.bad.filter(|(bad, _)| *bad > size);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Fd, RecordRef, Timestamp};

    /// What a tail of a log brings, of which some places are broken: the first record up to the next
    /// broken one.
    fn piece(broken: &[bool], up_to: u64, size: u64) -> Option<Piece> {
        let len = broken.len() as u64;
        let at = (up_to + 1 + size).min(len);
        let is_broken = |place: u64| broken[usize::try_from(place - 1).unwrap()];
        let whole = (up_to + 2..=at).rev().take_while(|place| !is_broken(*place));
        let mut records = Batch::new();
        for _ in whole {
            let (ts, fd, newline) = (Timestamp(0), Fd::Stdout, true);
            records.push(RecordRef { ts, fd, newline, bytes: b"" });
        }
        let begin = (at < up_to + 1 + size).then_some(true);
        (!records.is_empty()).then_some(Piece { at, records, begin })
    }

    /// The places of each piece, newest first, and how many steps it took.
    fn walked(broken: &[bool]) -> (Vec<(u64, u64)>, u32) {
        let (mut found, mut steps, mut up_to) = (Vec::new(), 0, 0);
        while up_to + 1 < broken.len() as u64 {
            let mut shore = Shore::default();
            while let Some(size) = shore.next() {
                steps += 1;
                assert!(steps < 10_000, "it ends");
                shore.learn(up_to, size, piece(broken, up_to, size));
            }
            if shore.good > 0 {
                found.push((up_to + 2, up_to + 1 + shore.good));
            }
            up_to += 1 + shore.good;
        }
        (found, steps)
    }

    proptest! {
        /// Whatever is broken, the pieces are just what stands between.
        #[test]
        fn the_pieces_are_what_is_not_broken(
            mut broken in prop::collection::vec(prop::bool::weighted(0.05), 1..600),
        ) {
            broken[0] = true;
            let mut expected: Vec<(u64, u64)> = Vec::new();
            for (place, broken) in (1..).zip(&broken) {
                match expected.last_mut() {
                    _ if *broken => {}
                    Some((_, last)) if *last + 1 == place => *last = place,
                    _ => expected.push((place, place)),
                }
            }
            prop_assert_eq!(walked(&broken).0, expected);
        }
    }

    #[test]
    fn a_long_piece_takes_few_steps() {
        let mut broken = vec![false; 100_001];
        (broken[0], broken[100_000]) = (true, true);
        let (found, steps) = walked(&broken);
        assert_eq!(found, [(2, 100_000)]);
        assert!(steps < 40, "{steps}");
    }
}
