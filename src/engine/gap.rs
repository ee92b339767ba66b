//! A gap: the stored end is gone from the daemon's log, and nobody can read what followed it.
//!
//! Files are rotated away oldest first, and so everything that stood before a lost end is lost with
//! it: what a complete answer holds is new. Only somebody who empties or cuts the newest of several
//! files takes an end and leaves what stood before it, which must not be stored twice. So the last
//! record that is stored already is looked for in the answer, and capture goes on behind it.

use std::collections::HashSet;

use super::align::Source;
use super::answer::Ask;
use super::capture::{Break, Capture};
use super::cursor::{Cursor, Fingerprint};
use super::intake::Intake;
use super::report::ReadCause;
use crate::docker::Step;
use crate::model::{
    Away, Batch, EventKind, LogId, Lost, Moment, NewSeam, RecordRef, SeamKind, Timestamp,
};
use crate::store::{StoreError, StoreReader};

/// Stored records with which an answer is compared, the newest ones.
const COMPARED: usize = 1 << 20;
/// How often the stored blocks are listed anew because they were merged meanwhile.
const LISTS: u32 = 3;

/// A complete answer in which the stored end is missing.
pub(super) struct Without {
    /// All of its records, if they fit into memory.
    pub(super) records: Option<Batch>,
    /// The oldest of their timestamps.
    pub(super) oldest: Option<Timestamp>,
    /// When it was asked for.
    pub(super) sent_at: Moment,
}

/// What of an answer is stored already.
#[derive(Default)]
struct Recalled {
    /// Everything up to its last stored record, if there is one.
    up_to: Option<Cursor>,
    /// Of what it begins with.
    all: Cursor,
    /// When what follows the last stored record was written.
    next: Option<Timestamp>,
}

impl Recalled {
    fn add(&mut self, record: &RecordRef<'_>, stored: &HashSet<Fingerprint>) {
        self.all.push(record);
        if stored.contains(&Fingerprint::of(record)) {
            (self.up_to, self.next) = (Some(self.all.clone()), None);
        } else {
            self.next = self.next.or(Some(record.ts));
        }
    }
}

impl Capture {
    /// Records the gap and takes what is new in a complete answer without the stored end, from memory
    /// or by reading it again: the daemon's log only grows, so an end that is absent once is absent
    /// for ever.
    pub(super) async fn across_gap(
        &mut self,
        answer: Without,
        cause: ReadCause,
    ) -> Result<Moment, Break> {
        let Recalled { up_to, next, .. } = self.recalled(&answer).await?;
        let is_empty = answer.records.as_ref().is_some_and(Batch::is_empty);
        let seam = self.gap(is_empty, up_to.is_some(), next)?;
        self.note(EventKind::Gap, seam.detail.clone()).await;
        self.committer()?.cut(seam);
        if let Some(cursor) = up_to {
            self.committer()?.recall(cursor);
            return Box::pin(self.catch_up(cause)).await;
        }
        let Some(records) = answer.records else {
            return match self.sound_answer(Ask::All, None, ReadCause::CatchUp).await? {
                Ok(answer) => Ok(answer.sent_at),
                Err(words) => self.read_around(Ask::All, words, ReadCause::CatchUp).await,
            };
        };
        self.take_all(&records).await?;
        Ok(answer.sent_at)
    }

    /// What of an answer is stored already, where anything can be.
    async fn recalled(&mut self, answer: &Without) -> Result<Recalled, Break> {
        let mut recalled = Recalled { next: answer.first(), ..Recalled::default() };
        let (Some(log), Some(oldest)) = (self.log(), answer.oldest) else { return Ok(recalled) };
        self.settle().await?;
        let reader = self.shared.reader.clone();
        let read = move || stored_since(&reader, log, oldest);
        let stored = super::tasks::off_the_runtime(&self.shared.reader, read).await;
        let stored = stored.unwrap_or_else(|| Ok(HashSet::new()))?;
        if stored.is_empty() {
            return Ok(recalled);
        }
        recalled.next = None;
        if let Some(records) = &answer.records {
            records.iter().for_each(|record| recalled.add(&record, &stored));
            return Ok(recalled);
        }
        let mut stream = self.open_bounded(Ask::All, None).await?;
        let mut piece = Batch::new();
        while let Step::Records(_) = self.until_ordered(stream.next(&mut piece)).await?? {
            piece.iter().for_each(|record| recalled.add(&record, &stored));
            piece.clear();
        }
        self.kept = stream.into_kept();
        Ok(recalled)
    }

    /// Takes records that were counted as given up when their answer ended, all as new: behind a
    /// seam nothing has to be found first.
    pub(super) async fn take_all(&mut self, batch: &Batch) -> Result<(), Break> {
        let records = batch.len() as u64;
        self.read_held = records;
        self.meter.tell(|report| {
            report.flow.discarded -= records;
            report.flow.in_flight += records;
        });
        let mut intake = Intake::new(self.committer()?.cursor(), Source::Read { all: true });
        for record in batch.iter() {
            self.read_held -= 1;
            if intake.feed(&record, self.committer()?).is_err() {
                break;
            }
            if self.committer()?.is_full() {
                self.send().await?;
            }
        }
        Ok(())
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

impl Without {
    fn first(&self) -> Option<Timestamp> {
        Some(self.records.as_ref()?.get(0)?.ts)
    }
}

/// The newest stored records of blocks that reach to a time or behind it.
fn stored_since(
    reader: &StoreReader,
    log: LogId,
    oldest: Timestamp,
) -> Result<HashSet<Fingerprint>, StoreError> {
    let mut stored = HashSet::new();
    for _ in 0..LISTS {
        let mut merged = false;
        for block in reader.blocks(Some(&[log]), Some(oldest), None)? {
            match reader.decode(&block) {
                Ok(decoded) => {
                    let records = decoded.records().map(|record| record.captured());
                    stored.extend(records.map(|record| Fingerprint::of(&record)));
                }
                Err(StoreError::Gone { .. }) => merged = true,
                // It tells nothing, and must not keep capture from going on.
                Err(_) => {}
            }
            if stored.len() >= COMPARED {
                return Ok(stored);
            }
        }
        if !merged {
            break;
        }
    }
    Ok(stored)
}
