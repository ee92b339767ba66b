//! A gap: the stored end is gone from the daemon's log, and nobody can read what followed it.
//!
//! Files are rotated away oldest first, and so everything that stood before a lost end is lost with
//! it: what a complete answer holds is new. Only somebody who empties or cuts the newest of several
//! files takes an end and leaves what stood before it, which must not be stored twice. So the last
//! record that is stored already is looked for, and capture goes on behind it.

use std::collections::HashSet;

use super::answer::Ask;
use super::capture::{Break, Capture};
use super::cursor::{Cursor, Fingerprint};
use super::intake::{Finished, Sink, Tally};
use super::peek::Back;
use super::proof::SILENT;
use super::report::ReadCause;
use crate::docker::{DockerError, Step};
use crate::model::{
    Away, Batch, EventKind, LogId, Lost, Moment, NewSeam, RecordRef, SeamKind, Timestamp,
};
use crate::store::{StoreError, StoreReader};

/// Stored records with which an answer is compared, the newest ones.
const COMPARED: usize = 1 << 20;
/// How often the stored blocks are listed, because one of them was merged or evicted meanwhile.
const LISTS: u32 = 3;
/// Records that may come while a tail is asked for that has to reach back to one, in the order in
/// which that is tried.
const GROWTH: [u64; 3] = [0, 64, 4_096];

/// A complete answer that does not hold the stored end.
pub(super) struct WithoutEnd {
    /// All of its records, if they fit into memory.
    pub(super) records: Option<Batch>,
    /// The oldest of their timestamps.
    pub(super) oldest: Option<Timestamp>,
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

impl Recalled {
    fn last(&self) -> Option<Fingerprint> {
        Some(self.cursor.as_ref()?.runs().last()?.fp)
    }
}

/// Looks for the last stored record.
struct Recall {
    stored: HashSet<Fingerprint>,
    /// What was passed of a piece without a hole, and whether the last of it is stored.
    passed: Cursor,
    is_stored: bool,
    found: Recalled,
}

impl Recall {
    fn of(stored: HashSet<Fingerprint>) -> Self {
        let (passed, found) = (Cursor::default(), Recalled::default());
        Self { stored, passed, is_stored: false, found }
    }

    fn add(&mut self, record: &RecordRef<'_>) {
        let is_stored = self.stored.contains(&Fingerprint::of(record));
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
    /// log only grows, so an end that is absent once is absent for ever.
    pub(super) async fn across_gap(
        &mut self,
        answer: WithoutEnd,
        cause: ReadCause,
    ) -> Result<Moment, Break> {
        let recalled = Box::pin(self.recalled(&answer)).await?;
        if let Some(last) = recalled.last() {
            // Boxed: rare, and every read would be as large.
            return Box::pin(self.go_on_behind(last, recalled, answer, cause)).await;
        }
        let first = answer.records.as_ref().and_then(|records| records.get(0));
        let is_empty = answer.records.as_ref().is_some_and(Batch::is_empty);
        let seam = self.gap(is_empty, false, first.map(|record| record.ts))?;
        self.note(EventKind::Gap, seam.detail.clone()).await;
        self.committer()?.cut(seam);
        if let Some(records) = answer.records {
            self.take_all(&records).await?;
            return Ok(answer.sent_at);
        }
        match self.sound_answer(Ask::All, None, ReadCause::CatchUp).await? {
            Ok(answer) if matches!(answer.finished, Finished::CaughtUp) => Ok(answer.sent_at),
            // The cut was given back with an answer that was not sound.
            Ok(_) => Err(DockerError::Fault { text: SILENT.to_owned() }.into()),
            Err(words) => self.read_around(Ask::All, words, ReadCause::CatchUp).await,
        }
    }

    /// Takes what stands behind the last stored record of an answer, if it is read without a hole: the
    /// stored end may be hidden and not gone.
    async fn go_on_behind(
        &mut self,
        last: Fingerprint,
        recalled: Recalled,
        answer: WithoutEnd,
        cause: ReadCause,
    ) -> Result<Moment, Break> {
        let behind = recalled.behind;
        let back = match self.back_to(last, behind).await {
            Err(stop) if self.is_over(&stop).await? => {
                // Nobody can be asked any more: the answer is all there is.
                let Some(mut records) = answer.records else { return Err(stop) };
                records.keep_last(usize::try_from(behind).unwrap_or(usize::MAX));
                self.recall(recalled).await?;
                self.take_behind(&records, 0)?;
                return Ok(answer.sent_at);
            }
            back => back?,
        };
        drop(answer);
        let end = self.committer()?.cursor().runs().last().map(|run| run.fp);
        match back {
            Back::Whole { tail, up_to } => {
                if let Some(up_to) = end.and_then(|end| tail.up_to_last(end)) {
                    // It was there all the time.
                    self.take_behind(&tail.records, up_to)?;
                    return Ok(tail.sent_at);
                }
                let mut cursor = Cursor::default();
                let known = usize::try_from(up_to).unwrap_or(usize::MAX);
                tail.records.iter().take(known).for_each(|record| cursor.push(&record));
                self.recall(Recalled { cursor: Some(cursor), ..recalled }).await?;
                self.take_behind(&tail.records, up_to)?;
                Ok(tail.sent_at)
            }
            Back::Full if self.is_whole_from(last, behind, end).await? => {
                self.recall(recalled).await?;
                self.settle().await?;
                Box::pin(self.catch_up(cause)).await
            }
            Back::Full | Back::Broken | Back::Far => {
                self.read_around(Ask::All, SILENT.to_owned(), cause).await
            }
        }
    }

    /// Whether nothing is left out behind a record, where that is too much to be held, and the stored
    /// end is not among it.
    async fn is_whole_from(
        &mut self,
        last: Fingerprint,
        behind: u64,
        end: Option<Fingerprint>,
    ) -> Result<bool, Break> {
        for growth in GROWTH {
            let asked = behind + 1 + growth;
            let (mut holds, mut is_hidden) = (false, false);
            let look = |record: &RecordRef<'_>| {
                let fp = Fingerprint::of(record);
                (holds, is_hidden) = (holds || fp == last, is_hidden || Some(fp) == end);
            };
            let came = self.skim(Ask::Last(asked), look).await?;
            if is_hidden {
                return Ok(false);
            }
            if holds && came.is_some_and(|came| came >= asked) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads an answer and keeps nothing of it: how many records came, unless the daemon reported a
    /// fault.
    async fn skim(
        &mut self,
        ask: Ask,
        mut look: impl FnMut(&RecordRef<'_>),
    ) -> Result<Option<u64>, Break> {
        let mut stream = self.open_bounded(ask, None).await?;
        let (mut piece, mut came) = (Batch::new(), 0);
        loop {
            let step = self.until_ordered(stream.next(&mut piece)).await?;
            piece.iter().for_each(|record| look(&record));
            came += piece.len() as u64;
            self.meter.received(piece.len() as u64);
            self.meter.discarded(piece.len() as u64);
            piece.clear();
            match step {
                Ok(Step::Records(_)) => {}
                Ok(Step::End) => {
                    self.kept = stream.into_kept();
                    return Ok(Some(came));
                }
                Err(DockerError::Fault { .. }) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes records behind the first `up_to`, where the cursor stands.
    fn take_behind(&mut self, records: &Batch, up_to: u64) -> Result<(), Break> {
        let new = records.len() as u64 - up_to;
        for record in records.iter().skip(usize::try_from(up_to).unwrap_or(usize::MAX)) {
            self.committer()?.record(&record);
        }
        self.taken_after_all(&Tally { received: new, new, overlap: 0 });
        self.hole_behind = false;
        Ok(())
    }

    /// Goes back to a stored record, with a gap behind it.
    async fn recall(&mut self, recalled: Recalled) -> Result<(), Break> {
        let Recalled { cursor: Some(mut cursor), next, .. } = recalled else { return Ok(()) };
        // It reads from files that are not the log's any more.
        self.drop_backfill();
        if !self.committer()?.cursor().is_broken_off() {
            let seam = self.gap(false, true, next)?;
            self.note(EventKind::Gap, seam.detail.clone()).await;
            self.committer()?.cut(seam);
        }
        cursor.break_off();
        self.committer()?.recall(cursor);
        Ok(())
    }

    /// How much of an answer is stored already.
    async fn recalled(&mut self, answer: &WithoutEnd) -> Result<Recalled, Break> {
        let stored = self.stored_since(answer.oldest).await?;
        if stored.is_empty() {
            return Ok(Recalled::default());
        }
        let mut recall = Recall::of(stored);
        match &answer.records {
            Some(records) => records.iter().for_each(|record| recall.add(&record)),
            None => self.recall_by_reading(&mut recall).await?,
        }
        Ok(recall.end())
    }

    /// The same for one that did not fit into memory.
    async fn recall_by_reading(&mut self, recall: &mut Recall) -> Result<(), Break> {
        let shared = std::sync::Arc::clone(&self.shared);
        let _permit = self.long_permit(&shared).await?;
        match self.skim(Ask::All, |record| recall.add(record)).await? {
            Some(_) => Ok(()),
            None => Err(DockerError::Fault { text: SILENT.to_owned() }.into()),
        }
    }

    /// Leaves out of the pieces of a damaged log, in its order, everything up to the last record that
    /// is stored. Where nothing is left, capture goes on there.
    pub(super) async fn leave_out_stored(&mut self, pieces: &mut Vec<Batch>) -> Result<(), Break> {
        let records = pieces.iter().flat_map(Batch::iter);
        let stored = self.stored_since(records.map(|record| record.ts).min()).await?;
        if stored.is_empty() {
            return Ok(());
        }
        let mut recall = Recall::of(stored);
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
        self.recall(Recalled { cursor: Some(cursor), ..Recalled::default() }).await
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
    'lists: for _ in 0..LISTS {
        for block in reader.blocks(Some(&[log]), Some(oldest), None)? {
            match reader.decode(&block) {
                Ok(decoded) => {
                    let records = decoded.records().map(|record| record.captured());
                    stored.extend(records.map(|record| Fingerprint::of(&record)));
                }
                Err(StoreError::Gone { .. }) => continue 'lists,
                Err(error) if error.is_transient() => return Err(error),
                // It tells nothing, and must not keep capture from going on.
                Err(_) => {}
            }
            if stored.len() >= COMPARED {
                return Ok(stored);
            }
        }
        break;
    }
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Fd;

    fn record(ts: i64) -> RecordRef<'static> {
        RecordRef { fd: Fd::Stdout, ts: Timestamp(ts), newline: true, bytes: b"x" }
    }

    fn recall(stored: &[i64], pieces: &[&[i64]]) -> Recalled {
        let stored = stored.iter().map(|ts| Fingerprint::of(&record(*ts))).collect();
        let mut recall = Recall::of(stored);
        for piece in pieces {
            piece.iter().for_each(|ts| recall.add(&record(*ts)));
            recall.break_off();
        }
        recall.end()
    }

    #[test]
    fn what_follows_the_last_stored_record_is_not_stored() {
        let found = recall(&[2, 3], &[&[1, 2, 3, 7, 8]]);
        assert_eq!((found.behind, found.next), (2, Some(Timestamp(7))));
        let cursor = found.cursor.unwrap();
        assert_eq!((cursor.records(), cursor.last_ts()), (3, Some(Timestamp(3))));
        let whole = recall(&[1, 2, 3], &[&[1, 2, 3]]);
        assert_eq!((whole.behind, whole.next), (0, None));
        assert_eq!(whole.cursor.unwrap().records(), 3);
    }

    #[test]
    fn the_cursor_does_not_reach_over_a_hole() {
        let found = recall(&[1, 2, 4], &[&[1, 2], &[4, 5], &[6]]);
        assert_eq!((found.behind, found.next), (2, Some(Timestamp(5))));
        assert_eq!(found.cursor.unwrap().records(), 1);
        let at_its_end = recall(&[1, 2, 4], &[&[1, 2], &[3, 4], &[6]]);
        assert_eq!((at_its_end.behind, at_its_end.cursor.unwrap().records()), (1, 2));
    }

    #[test]
    fn where_nothing_is_stored_there_is_no_cursor() {
        let found = recall(&[9], &[&[1, 2]]);
        assert!(found.cursor.is_none() && found.last().is_none());
        assert_eq!((found.behind, found.next), (2, Some(Timestamp(1))));
    }
}
