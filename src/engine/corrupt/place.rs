//! The place of an answer's begin in the daemon's log.
//!
//! An answer with something broken in it goes on behind that, and where the daemon says nothing it
//! shows neither where, nor how often. A tail is counted from the log's end, whatever is left out of
//! it. So the place of a record is known where a tail begins with it and the tail that is one shorter
//! begins with the next; and two records of an answer have nothing left out between them if they are
//! as far apart in the log as in the answer.

use std::collections::HashSet;

use super::super::capture::{Break, Capture};
use super::super::cursor::Fingerprint;
use super::super::peek::{Lead, Peek};
use crate::model::Batch;

/// Records by which a tail is known again.
const ALIKE: usize = 64;
/// Looks at most for one answer, should the log grow all the time.
const LOOKS: u32 = 40;

/// The first records of an answer that follow one another for sure.
pub(super) struct Piece {
    /// Distance of the first of them from the log's end; the last one's is one.
    pub(super) at: u64,
    /// All of them.
    pub(super) records: Batch,
    /// Whether it begins where the log does, if the answer was to begin before that.
    pub(super) begin: Option<bool>,
}

/// The begin of an answer, whose place is looked for.
struct Begin {
    /// The records that may stand before the broken one, in the answer's order.
    fps: Vec<Fingerprint>,
    /// What is known to stand behind them.
    later: HashSet<Fingerprint>,
    /// Distance of the first of them from the log's end when it was asked for.
    asked: u64,
    /// The record from which growth is counted, unless the log rests.
    anchor: Option<Fingerprint>,
    looks: u32,
}

impl Capture {
    /// How an answer begins. The first `before` of its records may stand before what is broken,
    /// `behind` is known to stand behind it. Growth is counted from the answer's `anchor`, unless the
    /// log rests. `None` if the place cannot be told.
    pub(super) async fn first_piece(
        &mut self,
        peek: &Peek,
        before: usize,
        behind: &HashSet<Fingerprint>,
        anchor: Option<Fingerprint>,
    ) -> Result<Option<Piece>, Break> {
        let Some(mut begin) = Begin::of(peek, before, behind, anchor) else { return Ok(None) };
        if !self.measure(&mut begin).await? {
            return Ok(None);
        }
        // The daemon says where it found something broken.
        let sure = if peek.fault.is_some() { before } else { self.sure(&mut begin).await? };
        let is_begin = begin.asked < peek.asked;
        let is_log_begin = if is_begin { Some(self.is_log_begin(&mut begin).await?) } else { None };
        let mut records = peek.records.clone();
        records.truncate(sure);
        Ok(Some(Piece { at: begin.asked, records, begin: is_log_begin }))
    }

    /// Whether an answer that was measured begins where the log does.
    async fn is_log_begin(&mut self, begin: &mut Begin) -> Result<bool, Break> {
        let longer = begin.asked + 1;
        let (lead, _) = self.look(begin, longer).await?;
        Ok(begin.begins_with(0, lead))
    }

    /// How many of the first records of an answer that was measured follow one another for sure.
    async fn sure(&mut self, begin: &mut Begin) -> Result<usize, Break> {
        let whole = begin.fps.len();
        let (mut sure, mut beyond, mut index) = (0, whole, whole - 1);
        while sure + 1 < beyond && begin.looks < LOOKS {
            match self.stands(begin, index).await? {
                Some(at) if at > sure => sure = at,
                _ => beyond = index,
            }
            index = sure.midpoint(beyond);
        }
        Ok(sure + 1)
    }

    /// Finds out how far from the end the first record stands: an answer that was to be longer than
    /// the log begins where the log does. False if that cannot be told.
    async fn measure(&mut self, begin: &mut Begin) -> Result<bool, Break> {
        let (lead, grown) = self.look(begin, begin.asked - 1).await?;
        if begin.follows(lead, grown + 1) {
            return Ok(true);
        }
        if !begin.begins_with(0, lead) {
            return Ok(false);
        }
        // All that are longer than the log are the same; it is as long as the shortest of them.
        let (mut low, mut high) = (begin.fps.len() as u64, begin.asked - 1);
        let mut step = 1;
        while low + 1 < high && begin.looks < LOOKS {
            let asked = (low + step).min(low.midpoint(high)).max(low + 1);
            let (lead, grown) = self.look(begin, asked).await?;
            let length = asked.saturating_sub(grown);
            if begin.begins_with(0, lead) {
                high = length.max(low + 1);
            } else {
                low = low.max(length).min(high - 1);
                step *= 2;
            }
        }
        begin.asked = high;
        let (second, grown) = self.look(begin, high - 1).await?;
        Ok(low + 1 == high && begin.follows(second, grown + 1))
    }

    /// Whether there is nothing left out between the first record and the one at `index`, or, if the
    /// log grew, one near it: the index for which that is sure.
    async fn stands(&mut self, begin: &mut Begin, index: usize) -> Result<Option<usize>, Break> {
        let asked = begin.asked - index as u64;
        if asked < 2 {
            return Ok(None);
        }
        begin.looks += 1;
        let tail = self.peek(asked, None).await?;
        let Some(grown) = begin.grown(&tail) else { return Ok(None) };
        let at = index + usize::try_from(grown).unwrap_or(usize::MAX - index);
        let Some(expected) = begin.fps.get(at..) else { return Ok(None) };
        let came = tail.fingerprints();
        let alike = expected.iter().copied().take(ALIKE);
        let is_alike = came.take(expected.len().min(ALIKE)).eq(alike) && !expected.is_empty();
        let (next, more) = self.look(begin, asked - 1).await?;
        let begins = index as u64 + 1 + more;
        Ok((is_alike && begins > at as u64 && begin.follows(next, begins)).then_some(at))
    }

    /// How a tail begins, and by how much the log has grown.
    async fn look(&mut self, begin: &mut Begin, asked: u64) -> Result<(Option<Lead>, u64), Break> {
        begin.looks += 1;
        let tail = self.peek(asked, None).await?;
        Ok((tail.lead(), begin.grown(&tail).unwrap_or(0)))
    }
}

impl Begin {
    fn of(
        peek: &Peek,
        before: usize,
        behind: &HashSet<Fingerprint>,
        anchor: Option<Fingerprint>,
    ) -> Option<Self> {
        let mut fps: Vec<_> = peek.fingerprints().collect();
        let later = behind.iter().copied().chain(fps.drain(before..)).collect();
        (before > 0).then_some(Self { fps, later, asked: peek.asked, anchor, looks: 0 })
    }

    /// Records of a tail behind the anchor.
    fn grown(&self, tail: &Peek) -> Option<u64> {
        let Some(anchor) = self.anchor else { return Some(0) };
        tail.up_to_last(anchor).map(|up_to| tail.records.len() as u64 - up_to)
    }

    /// Whether a tail that begins so many records behind the first one, if nothing is left out
    /// between, may begin like this.
    fn follows(&self, lead: Option<Lead>, behind: u64) -> bool {
        let at = usize::try_from(behind).unwrap_or(usize::MAX);
        match lead {
            _ if at < self.fps.len() => self.begins_with(at, lead),
            Some(lead) => self.later.contains(&lead.fp),
            None => true,
        }
    }

    /// Whether a tail that begins like this may begin at the record of this index.
    fn begins_with(&self, at: usize, lead: Option<Lead>) -> bool {
        let (Some(fps), Some(lead)) = (self.fps.get(at..), lead) else { return false };
        lead.run == fps.iter().take_while(|fp| **fp == lead.fp).count()
    }
}
