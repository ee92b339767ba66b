//! The part of a search that one worker does on its own: one block, decoded, scanned, and reduced
//! to what the coordinator needs, which is a count and at most so many lines.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::lines::long_lines;
use super::query::Query;
use super::scan::{Found, scan};
use super::source::{BlockText, Piece, Source, SourceError};
use crate::model::{Direction, Key, Line, Seq, Timestamp};

/// How often a block may be merged away under a reader before it gives up.
const RETRIES: usize = 8;

/// What every block is asked.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) query: Arc<Query>,
    /// Lines of this moment and later.
    pub(crate) since: Option<Timestamp>,
    /// Lines before this moment.
    pub(crate) until: Option<Timestamp>,
    /// Only lines beyond this position in the direction; the flag says whether it counts itself.
    pub(crate) bound: Option<(Key, bool)>,
    /// Towards which end lines are kept when there are too many: `Older` keeps the newest.
    pub(crate) direction: Direction,
    /// Bytes of a line's text that are kept.
    pub(crate) line_cap: usize,
}

/// What came of one block.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Matching lines, ascending: the nearest ones in the direction, if there were too many.
    pub(crate) lines: VecDeque<Line>,
    /// Matching lines in all.
    pub(crate) total: u64,
    /// Parts that could not be decoded.
    pub(crate) damaged: Vec<Piece>,
    /// Whether the scan was cut short by the cancel flag.
    pub(crate) cancelled: bool,
}

impl Ask {
    /// Whether a block can hold anything that is asked for.
    pub(crate) fn wants(&self, piece: &Piece) -> bool {
        let in_bound = match (self.bound, self.direction) {
            (None, _) => true,
            (Some((key, _)), Direction::Older) => piece.first_key() <= key,
            (Some((key, _)), Direction::Newer) => piece.last_key() >= key,
        };
        in_bound
            && self.since.is_none_or(|since| piece.max_ts >= since)
            && self.until.is_none_or(|until| piece.min_ts < until)
    }

    fn takes(&self, key: Key, ts: Timestamp) -> bool {
        let in_bound = match (self.bound, self.direction) {
            (None, _) => true,
            (Some((bound, itself)), Direction::Older) => key < bound || (itself && key == bound),
            (Some((bound, itself)), Direction::Newer) => key > bound || (itself && key == bound),
        };
        in_bound
            && self.since.is_none_or(|since| ts >= since)
            && self.until.is_none_or(|until| ts < until)
    }
}

/// Scans the block at `at` of its log's blocks in order, and keeps at most `room` lines.
///
/// Blocks are merged while we read. One that is gone is looked for again under the same sequence
/// numbers; whatever is found under none was evicted.
pub(crate) fn run<S: Source>(
    source: &S,
    siblings: &[Piece],
    at: usize,
    ask: &Ask,
    room: usize,
    cancel: &AtomicBool,
) -> Result<Done, SourceError> {
    let Some(piece) = siblings.get(at) else { return Ok(Done::default()) };
    let seqs = piece.first_seq..=piece.last_seq;
    let mut done = Done::default();
    match one(source, siblings, at, ask, &seqs, room, cancel, &mut done) {
        Err(SourceError::Gone) => {}
        other => return other.map(|()| done),
    }
    for _ in 0..RETRIES {
        let mut fresh = source.pieces(Some(&[piece.log]))?;
        fresh.sort_unstable_by_key(|piece| piece.first_seq);
        match again(source, &fresh, ask, &seqs, room, cancel) {
            Err(SourceError::Gone) => {}
            other => return other,
        }
    }
    Err(SourceError::Gone)
}

fn again<S: Source>(
    source: &S,
    siblings: &[Piece],
    ask: &Ask,
    seqs: &RangeInclusive<Seq>,
    room: usize,
    cancel: &AtomicBool,
) -> Result<Done, SourceError> {
    let mut done = Done::default();
    for (at, piece) in siblings.iter().enumerate() {
        if piece.first_seq <= *seqs.end() && piece.last_seq >= *seqs.start() {
            one(source, siblings, at, ask, seqs, room, cancel, &mut done)?;
        }
    }
    Ok(done)
}

#[expect(clippy::too_many_arguments, reason = "a function of all of these, called in two places")]
fn one<S: Source>(
    source: &S,
    siblings: &[Piece],
    at: usize,
    ask: &Ask,
    seqs: &RangeInclusive<Seq>,
    room: usize,
    cancel: &AtomicBool,
    done: &mut Done,
) -> Result<(), SourceError> {
    let Some(piece) = siblings.get(at) else { return Ok(()) };
    let block = match source.decode(piece) {
        Ok(block) => block,
        Err(SourceError::Damaged(_)) => {
            done.damaged.push(*piece);
            return Ok(());
        }
        Err(other) => return Err(other),
    };
    let long = long_lines(source, siblings, at, &block)?;
    let mut keys = Keys { piece, eff: piece.eff_first, next: 0 };
    let mut kept: VecDeque<(Key, Found<'_>)> = VecDeque::new();
    let mut on = |found: Found<'_>| {
        let Some((key, ts)) = keys.of(&block, found.record) else { return };
        if !seqs.contains(&key.seq) || !ask.takes(key, ts) {
            return;
        }
        done.total += 1;
        kept.push_back((key, Found { record: found.record, long: None }));
        if kept.len() > room {
            match ask.direction {
                Direction::Older => kept.pop_front(),
                Direction::Newer => kept.pop_back(),
            };
        }
    };
    done.cancelled |= !scan(&block, &long, &ask.query, cancel, &mut on);
    for (key, found) in kept {
        let long = long.lines.iter().find(|line| line.first == found.record);
        done.lines.extend(line(&block, key, Found { long, ..found }, ask.line_cap));
    }
    Ok(())
}

/// The running maximum of timestamps, moved forward only as far as lines are found.
struct Keys<'a> {
    piece: &'a Piece,
    eff: Timestamp,
    next: usize,
}

impl Keys<'_> {
    fn of<B: BlockText>(&mut self, block: &B, index: usize) -> Option<(Key, Timestamp)> {
        while self.next <= index {
            self.eff = self.eff.max(block.record(self.next)?.ts);
            self.next += 1;
        }
        let record = block.record(index)?;
        let key = Key { eff_ts: self.eff, log: self.piece.log, seq: record.seq };
        Some((key, record.ts))
    }
}

fn line<B: BlockText>(block: &B, key: Key, found: Found<'_>, cap: usize) -> Option<Line> {
    let record = block.record(found.record)?;
    let (text, last_seq) = match found.long {
        Some(long) => (long.text.as_slice(), long.last_seq),
        None => (record.bytes, record.seq),
    };
    Some(Line {
        key,
        last_seq,
        ts: record.ts,
        fd: record.fd,
        level: record.level,
        text: text.get(..cap).unwrap_or(text).into(),
        full_len: text.len() as u64,
    })
}
