//! What an answer holds before the first stored records: the older part of a log.
//!
//! The answer is aligned with the *first* stored records. Nothing may be stored before it is sure
//! that they will come by: they may have been rotated away, or the file emptied, and time tells
//! nothing, because the clock may have stepped back. So another read looks for them first
//! ([`before_the_head`]). An answer is contiguous and reaches to the present; one that then begins
//! with one of the records before them holds them, too. Otherwise everything is held until they are
//! found, within a bound.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::align::{Aligner, Ending, Join, Missing, Source, Verdict};
use super::capture::Break;
use super::commit::{Committer, Landed};
use super::cursor::{Cursor, Fingerprint, MAX_RUNS};
use super::intake::{Intake, Sink};
use super::read::{not_readable, not_taken};
use super::shared::Shared;
use crate::docker::{LogRequest, Step, Tail};
use crate::model::{Batch, LogId, RecordRef, Seq};

/// Text held while it is not sure.
const HELD_MAX: usize = 16 << 20;
/// First records that are looked for.
pub(super) const HEAD: usize = 64;
/// Records before them that are remembered between two reads: an answer to the same tail begins
/// later by what was written meanwhile.
const REMEMBERED: usize = 1 << 18;

/// The first stored records, as a pattern to look for.
pub(super) struct Head {
    pattern: Cursor,
    /// The number of the first of them.
    pub(super) first: Seq,
}

impl Head {
    /// The records of the oldest block, or of the one that begins at `first`.
    pub(super) async fn of(
        shared: &Shared,
        log: LogId,
        first: Option<Seq>,
    ) -> Result<Option<Self>, Break> {
        let reader = shared.reader.clone();
        let read = move || -> Result<Option<Self>, Break> {
            let mut blocks = reader.blocks(Some(&[log]), None, None)?;
            blocks.retain(|block| first.is_none_or(|first| block.first_seq == first));
            let Some(block) = blocks.pop() else { return Ok(None) };
            let decoded = reader.decode(&block)?;
            let mut pattern = Cursor::default();
            for at in 0..decoded.len().min(HEAD) {
                let Some(record) = decoded.record(at) else { break };
                if pattern.runs().len() == MAX_RUNS {
                    break;
                }
                pattern.push(&record.captured());
            }
            Ok(Some(Self { pattern, first: block.first_seq }))
        };
        super::tasks::off_the_runtime(&shared.reader, read).await.unwrap_or(Ok(None))
    }
}

/// The first records of an answer, as far as they stand before the head. `None` if it is not there.
pub(super) async fn before_the_head(
    shared: &Shared,
    request: &LogRequest,
    head: &Head,
) -> Result<Option<HashSet<Fingerprint>>, Break> {
    let mut aligner = Aligner::new(&head.pattern, Source::Read { all: false });
    let mut stream = shared.docker().open_log(None, request).await?;
    let mut first = Vec::new();
    let mut piece = Batch::new();
    let overlap = 'found: loop {
        let step = stream.next(&mut piece).await;
        for record in piece.iter() {
            if first.len() < REMEMBERED {
                first.push(Fingerprint::of(&record));
            }
            if let Verdict::Joined(join) = aligner.feed(&record) {
                break 'found join.overlap;
            }
        }
        piece.clear();
        if step? == Step::End {
            match aligner.finish(true) {
                Ending::JoinedAtEnd(join) => break join.overlap,
                _ => return Ok(None),
            }
        }
    };
    let older = usize::try_from(overlap.saturating_sub(head.pattern.records()));
    first.truncate(older.unwrap_or(usize::MAX));
    Ok(Some(first.into_iter().collect()))
}

/// The records behind the cursor of a backfill that broke off.
#[derive(Default)]
struct Fresh {
    records: Batch,
    /// A tie hides where the cursor is: nothing may be put behind it.
    ambiguous: bool,
}

impl Sink for Fresh {
    fn record(&mut self, record: &RecordRef<'_>) {
        self.records.push(*record);
    }

    fn hidden<'a>(&mut self, _: Missing, _: impl Iterator<Item = RecordRef<'a>>) {
        self.ambiguous = true;
    }
}

/// Takes the part of an answer that is older than the head.
pub(super) struct Older {
    aligner: Aligner,
    head_records: u64,
    committer: Committer,
    held: VecDeque<Batch>,
    held_bytes: usize,
    /// Records given to the committer, or skipped because they are the head.
    passed: u64,
    pub(super) received: u64,
    pub(super) stored: u64,
    pub(super) lines: u64,
    pub(super) bytes: u64,
    /// Records that stood before the head a moment ago.
    before: HashSet<Fingerprint>,
    /// It is sure that the head will come by.
    sure: bool,
    /// Until the cursor of a backfill that broke off has come by.
    pub(super) skip: Option<Intake>,
    pub(super) joined: bool,
    /// The place of the head is decided.
    is_found: bool,
    taken: Arc<AtomicU64>,
}

impl Older {
    pub(super) fn new(
        head: &Head,
        before: HashSet<Fingerprint>,
        committer: Committer,
        taken: Arc<AtomicU64>,
    ) -> Self {
        Self {
            aligner: Aligner::new(&head.pattern, Source::Read { all: false }),
            head_records: head.pattern.records(),
            committer,
            held: VecDeque::new(),
            held_bytes: 0,
            passed: 0,
            received: 0,
            stored: 0,
            lines: 0,
            bytes: 0,
            before,
            sure: false,
            skip: None,
            joined: false,
            is_found: false,
            taken,
        }
    }

    pub(super) async fn read(
        &mut self,
        shared: &Shared,
        request: &LogRequest,
    ) -> Result<(), Break> {
        let mut stream = shared.docker().open_log(None, request).await?;
        loop {
            let mut piece = Batch::new();
            let step = stream.next(&mut piece).await;
            let begins = self.received == 0;
            self.received += piece.len() as u64;
            let ends = matches!(step, Ok(Step::End));
            let piece = self.behind_the_cursor(piece, ends);
            // What comes behind the head is only counted: fewer records than were asked for mean
            // that nothing older is left.
            if !self.is_found && self.take(piece, begins) && request.tail == Tail::All {
                self.settle().await?;
                return Ok(());
            }
            if self.committer.is_full() {
                self.committer.send().await?;
                self.count_landed();
            }
            if step? == Step::End {
                self.end();
                self.settle().await?;
                return Ok(());
            }
            if self.held_bytes > HELD_MAX {
                // It is not sure that the head will come by.
                return Ok(());
            }
        }
    }

    /// The part of a piece that was not stored by the backfill that broke off: all of it, if none
    /// did. The answer is contiguous, so behind that cursor the head is sure to come by.
    fn behind_the_cursor(&mut self, piece: Batch, ends: bool) -> Batch {
        let Some(mut intake) = self.skip.take() else { return piece };
        self.sure = true;
        let mut fresh = Fresh::default();
        for record in piece.iter() {
            // Only follows are doubted.
            let _ = intake.feed(&record, &mut fresh);
        }
        if ends {
            let _ = intake.finish(true, &mut fresh);
        } else {
            self.skip = Some(intake);
        }
        if fresh.ambiguous {
            // What it got stays, and so does the seam behind it.
            self.is_found = true;
            return Batch::new();
        }
        fresh.records
    }

    /// Feeds a piece; true when the head was found: nothing behind it is older.
    fn take(&mut self, piece: Batch, begins: bool) -> bool {
        if begins
            && self.skip.is_none()
            && !self.sure
            && let Some(first) = piece.get(0)
        {
            self.sure = self.before.contains(&Fingerprint::of(&first));
        }
        let mut found = None;
        for record in piece.iter() {
            if let Verdict::Joined(join) = self.aligner.feed(&record) {
                found = Some(join);
                break;
            }
        }
        self.hold(piece);
        if let Some(join) = found {
            self.found(join);
            return true;
        }
        if self.sure {
            self.pass(self.aligner.keep_from().saturating_sub(self.head_records));
        }
        false
    }

    fn hold(&mut self, piece: Batch) {
        self.held_bytes += piece.text_bytes();
        self.held.push_back(piece);
    }

    fn end(&mut self) {
        if let Ending::JoinedAtEnd(join) = self.aligner.finish(true) {
            self.found(join);
        }
    }

    /// The head ends at the join: everything before it is older.
    fn found(&mut self, join: Join) {
        if join.missing == Missing::Nothing {
            self.pass(join.overlap.saturating_sub(self.head_records));
            self.joined = true;
        }
        self.held.clear();
        self.held_bytes = 0;
        self.is_found = true;
    }

    /// Gives the committer all records of the answer before index `until`.
    fn pass(&mut self, until: u64) {
        while self.passed < until {
            let Some(mut piece) = self.held.pop_front() else { return };
            let wanted = usize::try_from(until - self.passed).unwrap_or(usize::MAX);
            let (now, all) = (wanted.min(piece.len()), piece.len());
            for record in piece.iter().take(now) {
                self.committer.record(&record);
            }
            self.passed += now as u64;
            self.held_bytes -= piece.text_bytes();
            if now < all {
                piece.keep_last(all - now);
                self.held_bytes += piece.text_bytes();
                self.held.push_front(piece);
            }
        }
        self.taken.store(self.passed, Ordering::Relaxed);
    }

    async fn settle(&mut self) -> Result<(), Break> {
        if self.passed == 0 {
            // There is nothing that a seam could stand before.
            self.committer.drop_seam(&not_taken());
            self.committer.drop_seam(&not_readable());
        }
        self.committer.settle().await?;
        self.count_landed();
        Ok(())
    }

    fn count_landed(&mut self) {
        for Landed { amount, .. } in self.committer.take_landed() {
            self.stored += amount.records;
            self.lines += amount.lines;
            self.bytes += amount.bytes;
        }
    }
}
