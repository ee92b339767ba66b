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
use self::sieve::{Piece, Sieve};
use super::answer::Ask;
use super::capture::{Break, Capture};
use super::cursor::Cursor;
use super::proof::SILENT;
use super::report::ReadCause;
use super::snapshot::ReadCost;
use crate::docker::{DockerError, Step};
use crate::model::{Away, Batch, EventKind, Lost, Moment, NewSeam, SeamKind, State, Timestamp};
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
                        && self.is_settled()?
                        && self.is_over(&stop).await? => {}
                Err(stop) => return Err(stop),
            }
        }
        let Some(mut records) = records else {
            let sieve = Sieve::new(self.committer()?.cursor(), cursor.as_ref(), known, oldest);
            return Box::pin(self.take_as_it_comes(sieve, cursor, cause)).await;
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

    /// The same with one more answer, which does not fit into memory. `last`: the cursor behind the
    /// last record in it that is stored.
    async fn take_as_it_comes(
        &mut self,
        mut sieve: Sieve,
        last: Option<Cursor>,
        cause: ReadCause,
    ) -> Result<Moment, Break> {
        let shared = Arc::clone(&self.shared);
        let _permit = self.long_permit(&shared).await?;
        let sent_at = shared.clock.now();
        let mut stream = self.open_bounded(Ask::All, None).await?;
        let (mut came, mut got, mut is_cut) = (Batch::new(), 0, false);
        let fault = loop {
            let step = self.next_of(&mut stream, &mut came).await;
            self.meter.received(came.len() as u64);
            self.meter.discarded(came.len() as u64);
            got += came.len() as u64;
            came.iter().for_each(|record| sieve.add(&record));
            came.clear();
            let pieces = sieve.take().map_err(|_| Self::skips())?;
            is_cut |= !pieces.is_empty();
            self.take_pieces(&pieces, last.is_some()).await?;
            if let State::Reading { .. } = self.meter.report().state {
                self.meter.enter(State::Reading { records: got });
            }
            match step {
                Ok(Step::Records(_)) => {}
                Ok(Step::End) => break None,
                Err(Break::Docker(DockerError::Fault { text })) => break Some(text),
                Err(broken) => return Err(broken),
            }
        };
        if let Some(words) = fault {
            return self.read_around(Ask::All, words, cause).await;
        }
        self.kept = stream.into_kept();
        let took = shared.clock.now().since(sent_at);
        self.meter.read(cause, ReadCost { asked: None, got, took });
        let rest = sieve.finish().map_err(|_| Self::skips())?;
        is_cut |= !rest.is_empty();
        self.take_pieces(&rest, last.is_some()).await?;
        if !is_cut {
            let seam = self.gap(got == 0, last.is_some(), None)?;
            match last {
                Some(last) => self.recall(seam, last).await?,
                None => self.cut(seam).await?,
            }
        }
        Ok(sent_at)
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
    fn is_settled(&mut self) -> Result<bool, Break> {
        let committer = self.committer()?;
        Ok(!committer.has_unsent() && !committer.is_waiting())
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
        if reads && !self.skim(Ask::All, |record| recall.add(record)).await? {
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
