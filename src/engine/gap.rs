//! A gap: the stored end is gone from the daemon's log, and nobody can read what followed it.
//!
//! Files are rotated away oldest first, and so everything that stood before a lost end is lost with
//! it: what a complete answer holds is new. Only somebody who empties or cuts the newest of several
//! files takes an end and leaves what stood before it, which must not be stored twice. So the last
//! record that is stored already is looked for, and capture goes on behind it.
//!
//! Records of one moment may be alike, and some may have followed the lost end: of its moment only
//! those count as stored that stand right behind another stored one.

use std::collections::HashSet;

use super::answer::Ask;
use super::capture::{Break, Capture};
use super::cursor::{Cursor, Fingerprint};
use super::intake::Finished;
use super::proof::SILENT;
use super::report::ReadCause;
use crate::docker::DockerError;
use crate::model::{
    Away, Batch, EventKind, LogId, Lost, Moment, NewSeam, RecordRef, SeamKind, Timestamp,
};
use crate::store::{StoreError, StoreReader};

/// Stored records with which an answer is compared, the newest ones.
const COMPARED: usize = 1 << 20;
/// How often the stored blocks are listed, because one of them was merged or evicted meanwhile.
const LISTS: u32 = 8;

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

/// How much of what the daemon holds is stored.
#[derive(Default)]
struct Recalled {
    /// The cursor behind the last stored record, if there is one.
    cursor: Option<Cursor>,
    /// Records behind that.
    behind: u64,
    /// When the first of them was written.
    next: Option<Timestamp>,
}

/// Looks for the last stored record.
struct Recall {
    stored: HashSet<Fingerprint>,
    /// The moment of the lost end.
    moment: Option<Timestamp>,
    /// What was passed of a piece without a hole, and whether the last of it is stored.
    passed: Cursor,
    is_stored: bool,
    found: Recalled,
}

impl Recall {
    fn of(stored: HashSet<Fingerprint>, moment: Option<Timestamp>) -> Self {
        let (passed, found) = (Cursor::default(), Recalled::default());
        Self { stored, moment, passed, is_stored: false, found }
    }

    fn add(&mut self, record: &RecordRef<'_>) {
        let is_known = self.is_stored || self.moment != Some(record.ts);
        let is_stored = is_known && self.stored.contains(&Fingerprint::of(record));
        if !is_stored {
            self.note();
            self.found.behind += 1;
            self.found.next.get_or_insert(record.ts);
        }
        self.passed.push(record);
        self.is_stored = is_stored;
    }

    /// What comes next does not follow what came last.
    fn break_off(&mut self) {
        self.note();
        self.passed = Cursor::default();
    }

    fn note(&mut self) {
        if std::mem::take(&mut self.is_stored) {
            let cursor = Some(self.passed.clone());
            self.found = Recalled { cursor, ..Recalled::default() };
        }
    }

    fn end(mut self) -> Recalled {
        self.note();
        self.found
    }
}

impl Capture {
    /// Records the gap and takes what is new in a complete answer without the stored end: the daemon's
    /// log only grows, so an end that is absent once is absent for ever. `is_again`: this read has gone
    /// back to a stored record already.
    pub(super) async fn across_gap(
        &mut self,
        answer: WithoutEnd,
        cause: ReadCause,
        is_again: bool,
    ) -> Result<Moment, Break> {
        let WithoutEnd { records, oldest, reaches_back, sent_at } = answer;
        let Recalled { cursor, behind, next } = self.recalled(records.as_ref(), oldest).await?;
        if cursor.is_some() || reaches_back {
            match Box::pin(self.around_what_hides(cause)).await {
                Ok(Some(sent_at)) => return Ok(sent_at),
                Ok(None) => {}
                // Nobody can be asked any more: the answer is all there is.
                Err(stop)
                    if records.is_some() && self.is_settled()? && self.is_over(&stop).await? => {}
                Err(stop) => return Err(stop),
            }
        }
        let is_empty = records.as_ref().is_some_and(Batch::is_empty);
        let seam = self.gap(is_empty, cursor.is_some(), next)?;
        match (records, cursor) {
            (Some(mut records), cursor) if behind > 0 || cursor.is_none() => {
                records.keep_last(usize::try_from(behind).unwrap_or(usize::MAX));
                self.cut(seam).await?;
                self.take_all(&records).await?;
                Ok(sent_at)
            }
            (Some(_), Some(cursor)) => {
                self.recall(seam, cursor).await?;
                Ok(sent_at)
            }
            // What was gone back to is in one answer and not in the next.
            (None, Some(_)) if is_again => Err(Self::skips()),
            (None, Some(cursor)) => {
                self.recall(seam, cursor).await?;
                self.settle().await?;
                Box::pin(self.catch_up(cause, true)).await
            }
            (_, None) => {
                self.cut(seam).await?;
                match self.sound_answer(Ask::All, None, ReadCause::CatchUp).await? {
                    Ok(answer) if matches!(answer.finished, Finished::CaughtUp) => {
                        Ok(answer.sent_at)
                    }
                    // The cut was given back with an answer that was not sound.
                    Ok(_) => Err(Self::skips()),
                    Err(words) => self.read_around(Ask::All, words, ReadCause::CatchUp).await,
                }
            }
        }
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
    ) -> Result<Recalled, Break> {
        let stored = self.stored_since(oldest).await?;
        let mut recall = Recall::of(stored, self.committer()?.cursor().last_ts());
        match records {
            Some(records) => records.iter().for_each(|record| recall.add(&record)),
            None if recall.stored.is_empty() => {}
            None if self.skim(Ask::All, |record| recall.add(record)).await? => {}
            None => return Err(Self::skips()),
        }
        Ok(recall.end())
    }

    /// Leaves out of the pieces of a damaged log, in its order, everything up to the last record that
    /// is stored. Where nothing is left, capture goes on there.
    pub(super) async fn leave_out_stored(&mut self, pieces: &mut Vec<Batch>) -> Result<(), Break> {
        let records = pieces.iter().flat_map(Batch::iter);
        let stored = self.stored_since(records.map(|record| record.ts).min()).await?;
        if stored.is_empty() {
            return Ok(());
        }
        let mut recall = Recall::of(stored, self.committer()?.cursor().last_ts());
        for piece in &*pieces {
            piece.iter().for_each(|record| recall.add(&record));
            recall.break_off();
        }
        let Recalled { cursor: Some(cursor), behind, .. } = recall.end() else { return Ok(()) };
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
    async fn stored_since(
        &mut self,
        oldest: Option<Timestamp>,
    ) -> Result<HashSet<Fingerprint>, Break> {
        let (Some(log), Some(oldest)) = (self.log(), oldest) else { return Ok(HashSet::new()) };
        let reader = self.shared.reader.clone();
        let read = move || stored_since(&reader, log, oldest);
        let shared = std::sync::Arc::clone(&self.shared);
        let read = super::tasks::off_the_runtime(&shared.reader, read);
        Ok(self.until_ordered(read).await?.ok_or(StoreError::Closed)??)
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

/// The newest stored records, of blocks that reach to a time or behind it.
fn stored_since(
    reader: &StoreReader,
    log: LogId,
    oldest: Timestamp,
) -> Result<HashSet<Fingerprint>, StoreError> {
    let mut stored = HashSet::new();
    let mut gone = None;
    'lists: for _ in 0..LISTS {
        for block in reader.blocks(Some(&[log]), Some(oldest), None)? {
            match reader.decode(&block) {
                Ok(decoded) => {
                    let records = decoded.records().map(|record| record.captured());
                    stored.extend(records.map(|record| Fingerprint::of(&record)));
                }
                Err(error @ StoreError::Gone { .. }) => {
                    gone = Some(error);
                    continue 'lists;
                }
                Err(error) if error.is_transient() => return Err(error),
                // It tells nothing, and must not keep capture from going on.
                Err(_) => {}
            }
            if stored.len() >= COMPARED {
                return Ok(stored);
            }
        }
        return Ok(stored);
    }
    gone.map_or(Ok(stored), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Fd;

    fn record(ts: i64) -> RecordRef<'static> {
        RecordRef { fd: Fd::Stdout, ts: Timestamp(ts), newline: true, bytes: b"x" }
    }

    fn recall(stored: &[i64], pieces: &[&[i64]]) -> Recalled {
        let mut cursor = Cursor::default();
        for ts in stored {
            cursor.push(&record(*ts));
        }
        let stored = stored.iter().map(|ts| Fingerprint::of(&record(*ts))).collect();
        let mut recall = Recall::of(stored, cursor.last_ts());
        for piece in pieces {
            piece.iter().for_each(|ts| recall.add(&record(*ts)));
            recall.break_off();
        }
        recall.end()
    }

    #[test]
    fn what_follows_the_last_stored_record_is_not_stored() {
        let found = recall(&[2, 3, 4], &[&[1, 2, 3, 7, 8]]);
        assert_eq!((found.behind, found.next), (2, Some(Timestamp(7))));
        let cursor = found.cursor.unwrap();
        assert_eq!((cursor.records(), cursor.last_ts()), (3, Some(Timestamp(3))));
        let whole = recall(&[1, 2, 3, 4], &[&[1, 2, 3]]);
        assert_eq!((whole.behind, whole.next), (0, None));
        assert_eq!(whole.cursor.unwrap().records(), 3);
    }

    #[test]
    fn the_cursor_does_not_reach_over_a_hole() {
        let found = recall(&[1, 2, 4, 9], &[&[1, 2], &[4, 5], &[6]]);
        assert_eq!((found.behind, found.next), (2, Some(Timestamp(5))));
        assert_eq!(found.cursor.unwrap().records(), 1);
        let at_its_end = recall(&[1, 2, 4, 9], &[&[1, 2], &[3, 4], &[6]]);
        assert_eq!((at_its_end.behind, at_its_end.cursor.unwrap().records()), (1, 2));
    }

    #[test]
    fn what_is_like_the_lost_end_is_stored_only_behind_a_stored_record() {
        let goes_on = recall(&[1, 2, 2], &[&[2, 2, 7]]);
        assert!(goes_on.cursor.is_none());
        assert_eq!((goes_on.behind, goes_on.next), (3, Some(Timestamp(2))));
        let cut_off = recall(&[1, 2, 2], &[&[1, 2, 7]]);
        assert_eq!((cut_off.behind, cut_off.cursor.unwrap().records()), (1, 2));
        let behind_a_hole = recall(&[1, 2, 2], &[&[1], &[2, 7]]);
        assert_eq!((behind_a_hole.behind, behind_a_hole.next), (2, Some(Timestamp(2))));
        assert_eq!(behind_a_hole.cursor.unwrap().last_ts(), Some(Timestamp(1)));
    }

    #[test]
    fn where_nothing_is_stored_there_is_no_cursor() {
        let found = recall(&[9], &[&[1, 2]]);
        assert!(found.cursor.is_none());
        assert_eq!((found.behind, found.next), (2, Some(Timestamp(1))));
    }
}
