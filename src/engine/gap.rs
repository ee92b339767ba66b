//! A gap: the stored end is gone from the daemon's log, and nobody can read what followed it.
//!
//! Files are rotated away oldest first, and so everything that stood before a lost end is lost with
//! it: what a complete answer holds is new. Only somebody who empties or cuts the newest of several
//! files takes an end and leaves what stood before it, which must not be stored twice. So the last
//! record that is stored already is looked for (`recall`), and capture goes on behind it. What does
//! not fit into memory is read once more and taken as it comes by (`sieve`).

mod recall;
mod sieve;

use std::collections::HashSet;
use std::sync::Arc;

use self::recall::{Known, Recall, Recalled};
use self::sieve::{Piece, Rest, Sieve};
use super::answer::Ask;
use super::capture::{Break, Capture};
use super::commit::Committer;
use super::cursor::Cursor;
use super::proof::SILENT;
use super::report::ReadCause;
use super::snapshot::ReadCost;
use crate::docker::{DockerError, Step};
use crate::model::{
    Away, Batch, EventKind, Lost, Moment, NewSeam, RecordRef, SeamKind, State, Timestamp,
};
use crate::store::StoreError;

/// A complete answer that does not hold the stored end.
pub(super) struct WithoutEnd {
    /// All of its records, if they fit into memory.
    pub(super) records: Option<Batch>,
    /// The oldest of their timestamps.
    pub(super) oldest: Option<Timestamp>,
    /// That is older than the stored end, which no rotation leaves behind.
    pub(super) reaches_back: bool,
    /// When it was asked for.
    pub(super) sent_at: Moment,
}

/// An answer that was read to its end, or to a fault that the daemon reported in it.
struct Sifted {
    /// Records that came.
    got: u64,
    fault: Option<String>,
}

impl Capture {
    /// Records the gap and takes what is new in a complete answer without the stored end: the daemon's
    /// log only grows, so an end that is absent once is absent for ever.
    pub(super) async fn across_gap(
        &mut self,
        answer: WithoutEnd,
        cause: ReadCause,
    ) -> Result<Moment, Break> {
        let WithoutEnd { records, oldest, reaches_back, sent_at } = answer;
        let (found, known) = self.recalled(records.as_ref(), oldest).await?;
        let Recalled { cursor, behind, next } = found;
        if cursor.is_some() || reaches_back {
            match Box::pin(self.around_what_hides(cause)).await {
                Ok(Some(sent_at)) => return Ok(sent_at),
                Ok(None) => {}
                // Nobody can be asked any more: what is new in the answer is all there is.
                Err(stop)
                    if behind > 0
                        && records.is_some()
                        && self.is_settled()
                        && self.is_over(&stop).await? => {}
                Err(stop) => return Err(stop),
            }
        }
        let Some(mut records) = records else {
            let last = cursor.as_ref();
            let sieve = Sieve::new(self.committer()?.cursor(), last, known, oldest);
            return Box::pin(self.take_as_it_comes(sieve, last.is_some(), cause)).await;
        };
        let is_empty = records.is_empty();
        records.keep_last(usize::try_from(behind).unwrap_or(usize::MAX));
        let seam = self.gap(is_empty, cursor.is_some(), next)?;
        match cursor {
            Some(cursor) if records.is_empty() => self.recall(seam, cursor).await?,
            _ => {
                self.cut(seam).await?;
                self.take_all(&records).await?;
            }
        }
        Ok(sent_at)
    }

    /// The same with one more answer, which does not fit into memory. `last`: whether a stored record
    /// was in the others.
    async fn take_as_it_comes(
        &mut self,
        mut sieve: Sieve,
        last: bool,
        cause: ReadCause,
    ) -> Result<Moment, Break> {
        let sent_at = self.shared.clock.now();
        let Sifted { got, fault } = self.sift(&mut sieve, last).await?;
        let took = self.shared.clock.now().since(sent_at);
        self.meter.read(cause, ReadCost { asked: None, got, took });
        if got == 0 && fault.is_none() {
            // It held more than fits into memory a moment ago.
            return Err(Self::skips());
        }
        let Rest { pieces, behind } = sieve.finish(fault.is_none()).map_err(|_| Self::skips())?;
        self.take_pieces(&pieces, last).await?;
        if let Some(words) = fault {
            return self.read_around(Ask::All, words, cause).await;
        }
        if let Some(behind) = behind {
            let seam = self.gap(false, last, None)?;
            self.recall(seam, behind).await?;
        }
        Ok(sent_at)
    }

    /// Reads everything through a sieve and takes what that lets by on the way.
    async fn sift(&mut self, sieve: &mut Sieve, is_cut_out: bool) -> Result<Sifted, Break> {
        let shared = Arc::clone(&self.shared);
        let _permit = self.long_permit(&shared).await?;
        let mut stream = self.open_bounded(Ask::All, None).await?;
        let (mut came, mut got) = (Batch::new(), 0);
        loop {
            let step = self.next_of(&mut stream, &mut came).await;
            self.meter.received(came.len() as u64);
            self.meter.discarded(came.len() as u64);
            got += came.len() as u64;
            came.iter().for_each(|record| sieve.add(&record));
            came.clear();
            let pieces = sieve.take().map_err(|_| Self::skips())?;
            self.take_pieces(&pieces, is_cut_out).await?;
            if let State::Reading { .. } = self.meter.report().state {
                self.meter.enter(State::Reading { records: got });
            }
            match step {
                Ok(Step::Records(_)) => {}
                Ok(Step::End) => {
                    self.kept = stream.into_kept();
                    return Ok(Sifted { got, fault: None });
                }
                Err(Break::Docker(DockerError::Fault { text })) => {
                    return Ok(Sifted { got, fault: Some(text) });
                }
                Err(broken) => return Err(broken),
            }
        }
    }

    async fn take_pieces(&mut self, pieces: &[Piece], is_cut_out: bool) -> Result<(), Break> {
        for Piece { is_cut, records } in pieces {
            if *is_cut {
                let next = records.get(0).map(|record| record.ts);
                let seam = self.gap(false, is_cut_out, next)?;
                self.cut(seam).await?;
            }
            self.take_all(records).await?;
        }
        Ok(())
    }

    /// Whether nothing of the log is on its way to the store.
    pub(super) fn is_settled(&self) -> bool {
        let is_settled = |committer: &Committer| !committer.has_unsent() && !committer.is_waiting();
        self.committer.as_ref().is_some_and(is_settled)
    }

    /// The daemon's answers do not hold what they should, and it says nothing of it.
    pub(super) fn skips() -> Break {
        DockerError::Fault { text: SILENT.to_owned() }.into()
    }

    /// Forgets what stands before the gap, which is recorded unless one stands there already.
    pub(super) async fn cut(&mut self, seam: NewSeam) -> Result<(), Break> {
        if self.committer()?.cursor().is_broken_off() {
            self.committer()?.cut_again();
            return Ok(());
        }
        self.note(EventKind::Gap, seam.detail.clone()).await;
        self.committer()?.cut(seam);
        Ok(())
    }

    /// Goes back to a stored record, with the gap behind it.
    async fn recall(&mut self, seam: NewSeam, mut stored: Cursor) -> Result<(), Break> {
        self.cut(seam).await?;
        stored.break_off();
        self.committer()?.recall(stored);
        self.heard.forget();
        Ok(())
    }

    /// How much of a complete answer is stored already, which is read again if it did not fit into
    /// memory.
    async fn recalled(
        &mut self,
        records: Option<&Batch>,
        oldest: Option<Timestamp>,
    ) -> Result<(Recalled, Known), Break> {
        let known = self.known_since(oldest).await?;
        let reads = records.is_none() && !known.is_empty();
        let mut recall = Recall::of(known);
        records.iter().flat_map(|records| records.iter()).for_each(|record| recall.add(&record));
        let mut came = records.map_or(0, Batch::len);
        let look = |record: &RecordRef<'_>| {
            came += 1;
            recall.add(record);
        };
        // It held more than fits into memory a moment ago.
        if reads && !(self.skim(Ask::All, look).await? && came > 0) {
            return Err(Self::skips());
        }
        Ok(recall.end())
    }

    /// Leaves out of the pieces of a damaged log, in its order, everything up to the last record that
    /// is stored. Where nothing is left, capture goes on there.
    pub(super) async fn leave_out_stored(&mut self, pieces: &mut Vec<Batch>) -> Result<(), Break> {
        let records = pieces.iter().flat_map(Batch::iter);
        let known = self.known_since(records.map(|record| record.ts).min()).await?;
        if known.is_empty() {
            return Ok(());
        }
        let mut recall = Recall::of(known);
        for piece in &*pieces {
            piece.iter().for_each(|record| recall.add(&record));
            recall.break_off();
        }
        let Recalled { cursor: Some(cursor), behind, .. } = recall.end().0 else { return Ok(()) };
        let mut behind = usize::try_from(behind).unwrap_or(usize::MAX);
        for piece in pieces.iter_mut().rev() {
            let left = piece.len().min(behind);
            piece.keep_last(left);
            behind -= left;
        }
        pieces.retain(|piece| !piece.is_empty());
        if !pieces.is_empty() {
            return Ok(());
        }
        let seam = self.gap(false, true, None)?;
        self.recall(seam, cursor).await
    }

    /// The newest stored records that can be among those which the daemon still holds.
    async fn known_since(&mut self, oldest: Option<Timestamp>) -> Result<Known, Break> {
        let moment = self.committer()?.cursor().last_ts();
        let (Some(log), Some(oldest)) = (self.log(), oldest) else {
            return Ok(Known::new(HashSet::new(), moment));
        };
        let reader = self.shared.reader.clone();
        let read = move || recall::stored_since(&reader, log, oldest);
        let shared = Arc::clone(&self.shared);
        let read = super::tasks::off_the_runtime(&shared.reader, read);
        let stored = self.until_ordered(read).await?.ok_or(StoreError::Closed)??;
        Ok(Known::new(stored, moment))
    }

    fn gap(
        &mut self,
        is_empty: bool,
        is_cut_out: bool,
        next: Option<Timestamp>,
    ) -> Result<NewSeam, Break> {
        let rotates = !self.info.log_config.is_trusted() && !is_cut_out;
        let (lost, words) = match (rotates, is_empty) {
            (true, _) => (Lost::Rotated, "the daemon rotated its file before it was read"),
            (false, true) => (Lost::Truncated, "the daemon's file was emptied"),
            (false, false) => (Lost::Truncated, "the daemon's file was cut or replaced"),
        };
        let away = match (self.away, rotates) {
            (Away::None, true) => Away::Lagging,
            (away, _) => away,
        };
        Ok(NewSeam {
            kind: SeamKind::Gap,
            lost: Some(lost),
            away: Some(away),
            t_low: self.committer()?.cursor().last_ts(),
            t_high: next,
            detail: words.to_owned(),
        })
    }
}
