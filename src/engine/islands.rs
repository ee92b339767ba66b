//! What stands between several broken records.
//!
//! Between two of them a log is whole: an *island*. A tail that begins in one brings what follows up
//! to the next broken record, so the islands are found one by one from the log's end backwards, until
//! the stored end lies in one. All of it holds for a log that rests; one that grows is looked at
//! again, a few times.

use std::collections::HashSet;

use super::answer::{Ask, HELD_BYTES};
use super::before::Front;
use super::capture::{Break, Capture};
use super::cursor::Fingerprint;
use super::peek::{Peek, Since};
use crate::model::{Batch, Moment, RecordRef};

/// First length that is tried before a broken record.
const SIZE_MIN: u64 = 16;
/// Each is so many times the last, until something broken is reached.
const STRIDE: u64 = 4;
/// Steps of one walk at most.
const STEPS: u32 = 200;
/// Probe intervals that it may take: less than half of the time after which a monitor without
/// evidence is replaced (`model::timing`).
const PROBES: u32 = 4;
/// How often a step is tried where the log grows meanwhile.
const TRIES: u32 = 4;
/// Broken records in a row; behind so many the log has ended, or nobody can tell where they do.
const IN_A_ROW: u32 = 8;

/// What was found before the longest whole tail.
#[derive(Default)]
pub(super) struct Islands {
    /// Whole pieces, newest first. Something broken stands behind each and, but for the begin of the
    /// log or the stored end, before it.
    pub(super) found: Vec<Batch>,
    /// What stands between the stored end and the next broken record is taken.
    pub(super) joined: bool,
    /// The oldest piece begins where the log does.
    pub(super) from_begin: bool,
}

/// How far a walk has come. Places are counted from the log's last record, which is one.
struct Walk {
    /// What stood at the end when the walk began.
    anchor: Fingerprint,
    /// Records behind that.
    grown: u64,
    /// Everything up to this place was found. The next one cannot be read.
    up_to: u64,
    /// What was found.
    behind: HashSet<Fingerprint>,
    /// When the walk ends at the latest.
    until: Moment,
    steps: u32,
    text: usize,
}

/// The first records of a tail that follow one another for sure.
struct Piece {
    /// Place of the first of them.
    at: u64,
    records: Batch,
    /// Whether it begins where the log does, if the tail was to begin before that.
    begin: Option<bool>,
}

/// The piece right before a broken record, as far as it is known.
#[derive(Default)]
struct Shore {
    /// Records of it that were found.
    good: u64,
    records: Batch,
    /// One so long is not whole, and how often that was seen.
    bad: Option<(u64, u32)>,
    begin: Option<bool>,
    /// What was tried last was all that a broken record left.
    guessed: bool,
    /// The stored end was in it, and what follows it is taken.
    joined: bool,
}

impl Shore {
    /// The next length to try. `None` if there is no longer one.
    fn next(&self) -> Option<u64> {
        match self.bad {
            _ if self.begin.is_some() => None,
            Some((bad, seen)) if bad <= self.good + 1 => (seen < 2).then_some(bad),
            Some((bad, 0)) if !self.guessed => Some(bad - 1),
            Some((bad, _)) => Some(self.good.midpoint(bad)),
            None => Some((self.good * STRIDE).max(SIZE_MIN)),
        }
    }

    /// Learns what a tail of this length begins with; whether the piece is longer now.
    fn learn(&mut self, up_to: u64, size: u64, piece: Option<Piece>) -> bool {
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

impl Walk {
    fn new(tail: &Peek, until: Moment) -> Option<Self> {
        let behind = tail.records.iter().map(|record| Fingerprint::of(&record)).collect();
        let (up_to, text) = (tail.records.len() as u64, tail.records.text_bytes());
        Some(Self { anchor: tail.last()?, grown: 0, up_to, behind, until, steps: 0, text })
    }

    /// Whether it is worth going on.
    fn goes_on(&self, now: Moment) -> bool {
        now < self.until && self.steps < STEPS && self.text < HELD_BYTES
    }
}

impl Capture {
    /// Finds the pieces before the longest whole tail. Takes what stands between the stored end and
    /// the next broken record.
    pub(super) async fn islands(&mut self, tail: &Peek) -> Result<Islands, Break> {
        let mut islands = Islands::default();
        let until = self.shared.clock.now().after(self.shared.probe() * PROBES);
        let Some(mut walk) = Walk::new(tail, until) else { return Ok(islands) };
        let stored: HashSet<_> = self.committer()?.cursor().runs().map(|run| run.fp).collect();
        let mut in_a_row = 1;
        while self.rests(&mut walk).await?.is_some() && in_a_row < IN_A_ROW {
            let Some(shore) = self.shore(&mut walk).await? else { break };
            if shore.joined {
                islands.joined = true;
                break;
            }
            let is_stored = |record: RecordRef<'_>| stored.contains(&Fingerprint::of(&record));
            if shore.records.iter().any(is_stored) {
                // Not for sure what follows the stored end.
                return Ok(Islands::default());
            }
            walk.up_to += 1 + shore.good;
            in_a_row = if shore.good > 0 { 1 } else { in_a_row + 1 };
            if shore.good > 0 {
                walk.text += shore.records.text_bytes();
                walk.behind.extend(shore.records.iter().map(|record| Fingerprint::of(&record)));
                islands.found.push(shore.records);
            }
            if let Some(begin) = shore.begin {
                islands.from_begin = begin;
                break;
            }
        }
        Ok(islands)
    }

    /// The piece right before what cannot be read, or so much of it that the stored end is in it.
    async fn shore(&mut self, walk: &mut Walk) -> Result<Option<Shore>, Break> {
        let end = self.committer()?.cursor().runs().last().map(|run| run.fp);
        let is_end = |record: RecordRef<'_>| Some(Fingerprint::of(&record)) == end;
        let mut shore = Shore::default();
        while let Some(size) = shore.next() {
            if !walk.goes_on(self.shared.clock.now()) || size >= Ask::LONGEST {
                return Ok(None);
            }
            let Some(piece) = self.piece(walk, size).await? else { return Ok(None) };
            if shore.learn(walk.up_to, size, piece) && shore.records.iter().any(is_end) {
                shore.joined = self.joins(&shore.records, false)?;
                if shore.joined {
                    return Ok(Some(shore));
                }
            }
        }
        shore.joined = self.joins(&shore.records, true)?;
        Ok(Some(shore))
    }

    /// What a tail that begins so many records before the broken one begins with. `None` if that
    /// cannot be told: the log does not rest, or it is too much.
    async fn piece(&mut self, walk: &mut Walk, size: u64) -> Result<Option<Option<Piece>>, Break> {
        walk.steps += 1;
        for _ in 0..TRIES {
            let asked = walk.up_to + 1 + size + walk.grown;
            let mut peek = self.peek(asked, None).await?;
            if peek.fault.is_some() {
                // Only what comes again is the log's and not of the moment.
                peek = self.peek(asked, None).await?;
            }
            if peek.records.text_bytes() >= HELD_BYTES {
                // Not all of it was read.
                break;
            }
            if peek.lead().is_some_and(|lead| lead.run > 1 && lead.run == peek.records.len()) {
                // It could begin at any of them.
                break;
            }
            let piece = self.begin_of(&peek, &walk.behind).await?;
            match self.rests(walk).await? {
                Some(true) => {
                    let grown = walk.grown;
                    let place = |piece: Piece| Piece { at: piece.at - grown, ..piece };
                    let is_before = |piece: &Piece| piece.at > walk.up_to + grown + 1;
                    return Ok(Some(piece.filter(is_before).map(place)));
                }
                Some(false) => {}
                None => break,
            }
        }
        Ok(None)
    }

    async fn begin_of(
        &mut self,
        peek: &Peek,
        behind: &HashSet<Fingerprint>,
    ) -> Result<Option<Piece>, Break> {
        let is_before = |record: &RecordRef<'_>| !behind.contains(&Fingerprint::of(record));
        let before = peek.records.iter().take_while(is_before).count();
        let Some(front) = Front::of(peek, before, behind) else { return Ok(None) };
        // The last record of the answer need not be the log's.
        let mut front = front.at_rest();
        if !self.measure(&mut front).await? {
            return Ok(None);
        }
        let sure = if peek.fault.is_some() { before } else { self.sure(&mut front).await? };
        let is_begin = front.asked < peek.asked;
        let begin = if is_begin { Some(self.is_log_begin(&mut front).await?) } else { None };
        let mut records = Batch::new();
        peek.records.iter().take(sure).for_each(|record| records.push(record));
        Ok(Some(Piece { at: front.asked, records, begin }))
    }

    /// Whether nothing was written since the last look; if something was, how much is known then.
    /// `None` if that cannot be told.
    async fn rests(&mut self, walk: &mut Walk) -> Result<Option<bool>, Break> {
        let Since::Grown(grown) = self.since_last(walk.anchor, walk.grown).await? else {
            return Ok(None);
        };
        let before = std::mem::replace(&mut walk.grown, grown);
        Ok(Some(before == grown))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Fd, Timestamp};

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
