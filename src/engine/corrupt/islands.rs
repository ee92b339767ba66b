//! What stands between several broken records.
//!
//! Between two of them a log is whole: an *island*. A tail that begins in one brings what follows up
//! to the next broken record, so the islands are found one by one from the log's end backwards, until
//! the stored end lies in one. All of it holds for a log that rests; one that grows is looked at
//! again, a few times.

use std::collections::HashSet;

use super::super::answer::{Ask, HELD_BYTES};
use super::super::capture::{Break, Capture};
use super::super::cursor::Fingerprint;
use super::super::peek::{Peek, Since};
use super::place::Piece;
use super::shore::Shore;
use crate::model::{Batch, Moment, RecordRef};

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

impl Walk {
    fn new(tail: &Peek, until: Moment) -> Option<Self> {
        let behind = tail.fingerprints().collect();
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
        let end = self.committer()?.cursor().end();
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
            let peek = self.peek_surely(asked).await?;
            if peek.is_full() {
                // Not all of it was read.
                break;
            }
            if peek.lead().is_some_and(|lead| lead.run > 1 && lead.run == peek.records.len()) {
                // It could begin at any of them.
                break;
            }
            // The last record of the answer need not be the log's.
            let before = peek.before(&walk.behind);
            let piece = self.first_piece(&peek, before, &walk.behind, None).await?;
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
