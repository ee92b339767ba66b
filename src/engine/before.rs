//! What can be read before a broken record.
//!
//! An answer that begins before the record goes on behind it, and where the daemon says nothing it
//! shows neither where, nor whether another one before it is broken as well. A tail is counted from
//! the log's end, whatever is left out of it. So the place of a record is known where a tail begins
//! with it and the tail that is one shorter begins with the next; and two records of an answer have
//! nothing left out between them if they are as far apart in the log as in the answer.

use std::collections::HashSet;

use super::align::Source;
use super::answer::{Ask, HELD_BYTES};
use super::capture::{Break, Capture};
use super::cursor::Fingerprint;
use super::intake::Intake;
use super::peek::{Lead, Peek};
use super::proof::SILENT;
use crate::docker::DockerError;
use crate::model::RecordRef;

/// Records by which a tail is known again.
const ALIKE: usize = 64;
/// Looks at most for one answer, should the log grow all the time.
const LOOKS: u32 = 40;

/// The begin of an answer, whose place is looked for.
pub(super) struct Front {
    /// The records that may stand before the broken one, in the answer's order.
    pub(super) fps: Vec<Fingerprint>,
    /// What is known to stand behind them.
    later: HashSet<Fingerprint>,
    /// Distance of the first of them from the log's end when it was asked for.
    pub(super) asked: u64,
    /// The last record of the answer, from which growth is counted, unless the log rests.
    anchor: Option<Fingerprint>,
    looks: u32,
}

impl Capture {
    /// Takes the records that stand between the stored end and the broken record. `behind` are the
    /// fingerprints of what is known to stand behind it, before which `unsure` others may.
    pub(super) async fn take_before(
        &mut self,
        first: Ask,
        behind: &HashSet<Fingerprint>,
        unsure: u64,
    ) -> Result<(), Break> {
        if first == Ask::All {
            // They were in the answer that failed.
            return Ok(());
        }
        let known_empty = self.committer()?.cursor().is_empty();
        // Where nothing is stored they begin where the log begins.
        let mut ask = if known_empty { Ask::Last(Ask::LONGEST) } else { first };
        let mut came = None;
        loop {
            let Some(asked) = ask.records() else { return Ok(()) };
            let peek = self.peek(asked, None).await?;
            let complete = peek.fault.is_some() || (peek.records.len() as u64) < asked;
            let is_before = |record: &RecordRef<'_>| !behind.contains(&Fingerprint::of(record));
            let mut before = peek.records.iter().take_while(is_before).count();
            if peek.fault.is_none() {
                if behind.is_empty() && self.peek(1, None).await?.is_clean() {
                    // What came since can be read, and nobody knows where it begins.
                    return Err(DockerError::Fault { text: SILENT.to_owned() }.into());
                }
                before = self.contiguous(&peek, before, behind, unsure).await?;
            }
            if known_empty && before > 0 {
                self.doubt_front().await?;
            }
            let source = Source::Read { all: known_empty && complete };
            let mut intake = Intake::new(self.committer()?.cursor(), source);
            for record in peek.records.iter().take(before) {
                let _ = intake.feed(&record, self.committer()?);
            }
            let (_, tally) = intake.finish(known_empty && complete, self.committer()?);
            self.taken_after_all(&tally);
            let this = Some((peek.first(), peek.records.len()));
            // Longer ones bring no more.
            let is_same = std::mem::replace(&mut came, this) == this;
            let taken = tally.overlap > 0 || tally.new > 0;
            if taken || is_same || peek.records.text_bytes() >= HELD_BYTES {
                return Ok(());
            }
            ask = ask.more();
        }
    }

    /// How many of the first `before` records of an answer follow one another for sure. The last
    /// `unsure` of them may stand behind the broken record.
    async fn contiguous(
        &mut self,
        peek: &Peek,
        before: usize,
        behind: &HashSet<Fingerprint>,
        unsure: u64,
    ) -> Result<usize, Break> {
        let whole = before.saturating_sub(usize::try_from(unsure).unwrap_or(usize::MAX));
        if self.info.log_config.is_trusted() && self.shared.follows_pass_over_damage() {
            // Of a file with a broken record nothing comes behind it.
            return Ok(whole);
        }
        let Some(mut front) = Front::of(peek, whole, behind) else { return Ok(0) };
        if !self.measure(&mut front).await? {
            return Ok(0);
        }
        let all = self.committer()?.cursor().is_empty();
        if all && !self.is_log_begin(&mut front).await? {
            return Ok(0);
        }
        self.sure(&mut front).await
    }

    /// Whether an answer that was measured begins where the log does.
    pub(super) async fn is_log_begin(&mut self, front: &mut Front) -> Result<bool, Break> {
        let longer = front.asked + 1;
        let (lead, _) = self.look(front, longer).await?;
        Ok(front.begins_with(0, lead))
    }

    /// How many of the first records of an answer that was measured follow one another for sure.
    pub(super) async fn sure(&mut self, front: &mut Front) -> Result<usize, Break> {
        let whole = front.fps.len();
        let (mut sure, mut beyond, mut index) = (0, whole, whole - 1);
        while sure + 1 < beyond && front.looks < LOOKS {
            match self.stands(front, index).await? {
                Some(at) if at > sure => sure = at,
                _ => beyond = index,
            }
            index = sure.midpoint(beyond);
        }
        Ok(sure + 1)
    }

    /// Finds out how far from the end the first record stands: an answer that was to be longer than
    /// the log begins where the log does. False if that cannot be told.
    pub(super) async fn measure(&mut self, front: &mut Front) -> Result<bool, Break> {
        let (lead, grown) = self.look(front, front.asked - 1).await?;
        if front.follows(lead, grown + 1) {
            return Ok(true);
        }
        if !front.begins_with(0, lead) {
            return Ok(false);
        }
        // All that are longer than the log are the same; it is as long as the shortest of them.
        let (mut low, mut high) = (front.fps.len() as u64, front.asked - 1);
        let mut step = 1;
        while low + 1 < high && front.looks < LOOKS {
            let asked = (low + step).min(low.midpoint(high)).max(low + 1);
            let (lead, grown) = self.look(front, asked).await?;
            let length = asked.saturating_sub(grown);
            if front.begins_with(0, lead) {
                high = length.max(low + 1);
            } else {
                low = low.max(length).min(high - 1);
                step *= 2;
            }
        }
        front.asked = high;
        let (second, grown) = self.look(front, high - 1).await?;
        Ok(low + 1 == high && front.follows(second, grown + 1))
    }

    /// Whether there is nothing left out between the first record and the one at `index`, or, if the
    /// log grew, one near it: the index for which that is sure.
    async fn stands(&mut self, front: &mut Front, index: usize) -> Result<Option<usize>, Break> {
        let asked = front.asked - index as u64;
        if asked < 2 {
            return Ok(None);
        }
        front.looks += 1;
        let tail = self.peek(asked, None).await?;
        let Some(grown) = front.grown(&tail) else { return Ok(None) };
        let at = index + usize::try_from(grown).unwrap_or(usize::MAX - index);
        let Some(expected) = front.fps.get(at..) else { return Ok(None) };
        let came = tail.records.iter().map(|record| Fingerprint::of(&record));
        let alike = expected.iter().copied().take(ALIKE);
        let is_alike = came.take(expected.len().min(ALIKE)).eq(alike) && !expected.is_empty();
        let (next, more) = self.look(front, asked - 1).await?;
        let begins = index as u64 + 1 + more;
        Ok((is_alike && begins > at as u64 && front.follows(next, begins)).then_some(at))
    }

    /// How a tail begins, and by how much the log has grown.
    async fn look(&mut self, front: &mut Front, asked: u64) -> Result<(Option<Lead>, u64), Break> {
        front.looks += 1;
        let tail = self.peek(asked, None).await?;
        Ok((tail.lead(), front.grown(&tail).unwrap_or(0)))
    }
}

impl Front {
    /// Of an answer, the first `whole` records of which may stand before a broken one.
    pub(super) fn of(peek: &Peek, whole: usize, behind: &HashSet<Fingerprint>) -> Option<Self> {
        let mut fps: Vec<_> = peek.records.iter().map(|record| Fingerprint::of(&record)).collect();
        let anchor = fps.last().copied().filter(|_| whole > 0)?;
        let later = behind.iter().copied().chain(fps.drain(whole..)).collect();
        Some(Self { fps, later, asked: peek.asked, anchor: Some(anchor), looks: 0 })
    }

    /// The same of a log that rests.
    pub(super) fn at_rest(self) -> Self {
        Self { anchor: None, ..self }
    }

    /// Records of a tail behind the last one of the answer.
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
