//! The intake of one answer: records go in, new ones come out, each exactly once.
//!
//! It holds back what is not decided yet, in bounded memory, so that an answer in which the stored
//! end turns out to be absent can be taken whole. It decides nothing itself: the aligner does. It
//! declares no gap either: it says [`Finished::Absent`] and the read does the rest, or tells its sink
//! what a tie hides.

use super::align::{Aligner, Doubt, Ending, Join, Missing, Source, Verdict};
use super::cursor::{Cursor, Fingerprint};
use crate::model::{Batch, RecordRef};

/// Most bytes of undecided text held back; beyond, the answer is read again when needed.
pub(super) const HELD_MAX: usize = 16 << 20;
/// Most undecided records held back.
pub(super) const HELD_RECORDS_MAX: usize = 400_000;

/// Where new records go.
pub trait Sink {
    /// Takes a record that directly follows everything taken so far.
    fn record(&mut self, record: &RecordRef<'_>);
    /// Is told that records may be missing here, because a tie hides the place: an amount that is
    /// not [`Missing::Nothing`]. `before` are all records that are known to stand in the daemon's log
    /// right before the next one, whether they are stored or missing.
    fn hidden<'a>(&mut self, missing: Missing, before: impl Iterator<Item = RecordRef<'a>>);
}

/// How an answer ended.
#[derive(Debug)]
pub enum Finished {
    /// Everything up to its end is stored or on its way.
    CaughtUp,
    /// The stored end is not in it although it is complete. All its records, if they fitted.
    Absent(Option<Batch>),
    /// It did not reach back to the stored end: ask for more.
    More,
}

/// Where the records of an answer went so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Fed.
    pub received: u64,
    /// Found to be stored already.
    pub overlap: u64,
    /// Given to the sink.
    pub new: u64,
    /// The record of the answer behind which everything is new. Where a tie hides the place of the
    /// stored end, that is one of the tie.
    pub end: Option<Fingerprint>,
}

impl Tally {
    /// Records that are held back, or were when the answer was given up.
    pub fn undecided(&self) -> u64 {
        self.received - self.overlap - self.new
    }
}

/// One answer being taken in.
#[derive(Debug)]
pub struct Intake {
    aligner: Aligner,
    held: Batch,
    /// Index of the first held record in the answer.
    base: u64,
    tally: Tally,
}

impl Intake {
    /// An intake of one answer from `source`, to be continued from `cursor`.
    pub fn new(cursor: &Cursor, source: Source) -> Self {
        let aligner = Aligner::new(cursor, source);
        Self { aligner, held: Batch::new(), base: 0, tally: Tally::default() }
    }

    /// Where its records went so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Whether it is known where the answer continues the log.
    pub fn is_joined(&self) -> bool {
        self.aligner.is_joined()
    }

    /// Takes the next record.
    pub fn feed(&mut self, record: &RecordRef<'_>, sink: &mut impl Sink) -> Result<(), Doubt> {
        self.tally.received += 1;
        match self.aligner.feed(record) {
            Verdict::New => self.emit(record, sink),
            Verdict::Seeking => self.hold(record, sink),
            Verdict::Joined(join) => {
                self.held.push(*record);
                self.join(join, sink);
            }
            Verdict::Doubt(doubt) => return Err(doubt),
        }
        Ok(())
    }

    /// Ends the answer. `complete` as in [`Aligner::finish`].
    pub fn finish(mut self, complete: bool, sink: &mut impl Sink) -> (Finished, Tally) {
        let finished = match self.aligner.finish(complete) {
            Ending::CaughtUp => Finished::CaughtUp,
            // What stands behind the join was not kept: only a longer answer brings it again.
            Ending::JoinedAtEnd(join) if join.overlap < self.base => Finished::More,
            Ending::JoinedAtEnd(join) => {
                self.join(join, sink);
                Finished::CaughtUp
            }
            Ending::Absent if self.base == 0 => Finished::Absent(Some(self.held)),
            Ending::Absent => Finished::Absent(None),
            Ending::More => Finished::More,
        };
        (finished, self.tally)
    }

    fn emit(&mut self, record: &RecordRef<'_>, sink: &mut impl Sink) {
        self.tally.new += 1;
        sink.record(record);
    }

    fn hold(&mut self, record: &RecordRef<'_>, sink: &mut impl Sink) {
        self.held.push(*record);
        if self.held.text_bytes() <= HELD_MAX && self.held.len() <= HELD_RECORDS_MAX {
            return;
        }
        if let Some(join) = self.aligner.force() {
            self.join(join, sink);
        } else {
            self.base += self.held.len() as u64;
            self.held.clear();
        }
    }

    /// Everything behind the join is new.
    fn join(&mut self, join: Join, sink: &mut impl Sink) {
        self.tally.overlap += join.overlap;
        let known = usize::try_from(join.overlap.saturating_sub(self.base)).unwrap_or(usize::MAX);
        let held = std::mem::take(&mut self.held);
        let end = known.checked_sub(1).and_then(|last| held.get(last));
        self.tally.end = end.map(|record| Fingerprint::of(&record));
        if join.missing != Missing::Nothing {
            sink.hidden(join.missing, held.iter().take(known));
        }
        for record in held.iter().skip(known) {
            self.emit(&record, sink);
        }
    }
}

#[cfg(test)]
#[path = "intake_tests.rs"]
mod tests;
