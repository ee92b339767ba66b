//! The committer: carries new records of one log to the store, in order, with the cursor that
//! describes them, and counts what is under way.
//!
//! It keeps up to two appends under way so that a read can fill the next while one is written.
//! When an append is refused, everything behind it is void: the committer is thrown away and the
//! monitor starts again from the stored cursor. Until then a refused append counts as under way, and
//! what was acknowledged before it can still be asked for. It decides nothing about what is new.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;

use super::align::Missing;
use super::cursor::Cursor;
use super::intake::Sink;
use crate::model::{Away, Batch, LogId, Lost, NewSeam, RecordRef, SeamKind, Seq, Timestamp};
use crate::store::{Append, Appended, Part, PendingAppend, StoreAck, StoreError, StoreWriter};

/// Bytes of text at which an append is sent: one full block of the store.
const FULL_BYTES: usize = 1 << 20;
/// The same in records.
const FULL_RECORDS: usize = 65_536;
/// Appends under way at once; beyond, reading waits and so the daemon waits (back-pressure).
const UNDER_WAY: usize = 2;

/// What the records of one append amount to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// Records.
    pub records: u64,
    /// Records that end a line.
    pub lines: u64,
    /// Bytes of content.
    pub bytes: u64,
    /// Timestamp of the last one.
    pub last_ts: Option<Timestamp>,
}

/// A commit that the store acknowledged.
#[derive(Debug)]
pub struct Landed {
    /// What it stored.
    pub amount: Amount,
    /// The proof, when there was at least one record.
    pub ack: Option<StoreAck>,
    /// The next sequence number of the log.
    pub next_seq: Seq,
    /// Whether it recorded a gap.
    pub gap: bool,
}

/// Records between two seams, waiting to be sent.
#[derive(Debug, Default)]
struct Segment {
    seam: Option<NewSeam>,
    records: Batch,
    lines: u64,
    cursor: Option<Vec<u8>>,
}

struct UnderWay {
    append: Pin<Box<PendingAppend>>,
    amount: Amount,
    gap: bool,
}

/// Carries one log's new records to the store.
pub struct Committer {
    writer: StoreWriter,
    log: LogId,
    part: Part,
    next_seq: Seq,
    cursor: Cursor,
    closed: VecDeque<Segment>,
    open: Segment,
    cursor_dirty: bool,
    under_way: VecDeque<UnderWay>,
    /// Acknowledged, and not asked for yet.
    landed: Vec<Landed>,
    /// Records of appends that were refused.
    refused: u64,
}

impl Committer {
    /// A committer that continues `log` at `next_seq`, behind `cursor`.
    pub fn new(writer: StoreWriter, log: LogId, part: Part, next_seq: Seq, cursor: Cursor) -> Self {
        Self {
            writer,
            log,
            part,
            next_seq,
            cursor,
            closed: VecDeque::new(),
            open: Segment::default(),
            cursor_dirty: false,
            under_way: VecDeque::new(),
            landed: Vec::new(),
            refused: 0,
        }
    }

    /// The cursor behind the last record taken.
    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// Notes that a read has seen the log, also when it held nothing.
    pub fn adopt(&mut self) {
        let before = self.cursor.origin();
        self.cursor.adopt();
        self.cursor_dirty |= self.cursor.origin() != before;
    }

    /// Puts a seam before the next record and forgets what stood before it.
    pub fn cut(&mut self, seam: NewSeam) {
        self.seam(seam);
        self.cursor.cut();
        self.cursor_dirty = true;
    }

    /// Puts a seam before the next record, where the end of the log cannot be read. What stands
    /// before it is still what the next answer continues.
    pub fn break_off(&mut self, seam: NewSeam) {
        self.seam(seam);
        self.cursor.break_off();
        self.cursor_dirty = true;
    }

    /// Goes on behind records that are stored already, further back than the seam before the next
    /// one.
    pub fn recall(&mut self, stored: Cursor) {
        self.cursor = stored;
        self.cursor_dirty = true;
    }

    /// Forgets what stands before a seam that is recorded already.
    pub fn cut_again(&mut self) {
        self.cursor.cut();
        self.cursor_dirty = true;
    }

    /// Notes that the gap before the next record is recorded already.
    pub fn gap_is_told(&mut self) {
        self.cursor.break_off();
        self.cursor_dirty = true;
    }

    /// Puts a seam before the next record; the cursor goes on across it.
    pub fn seam(&mut self, seam: NewSeam) {
        self.close_segment();
        self.open.seam = Some(seam);
    }

    /// Drops this seam before the first record, as long as nothing was sent. Whether it did.
    pub fn drop_seam(&mut self, seam: &NewSeam) -> bool {
        let first = self.closed.front_mut().unwrap_or(&mut self.open);
        first.seam.take_if(|first| *first == *seam).is_some()
    }

    /// Whether a full block waits to be sent.
    pub fn is_full(&self) -> bool {
        self.open.is_full() || !self.closed.is_empty()
    }

    /// Whether anything waits to be sent.
    pub fn has_unsent(&self) -> bool {
        self.cursor_dirty
            || !self.closed.is_empty()
            || !self.open.records.is_empty()
            || self.open.seam.is_some()
    }

    /// Bytes of text that wait to be sent.
    pub fn unsent_bytes(&self) -> usize {
        let closed: usize = self.closed.iter().map(|s| s.records.text_bytes()).sum();
        closed + self.open.records.text_bytes()
    }

    /// Whether anything waits for its acknowledgement.
    pub fn is_waiting(&self) -> bool {
        !self.under_way.is_empty()
    }

    /// Records taken and not yet acknowledged.
    pub fn in_flight(&self) -> u64 {
        let unsent: usize = self.closed.iter().map(|s| s.records.len()).sum();
        let sent: u64 = self.under_way.iter().map(|u| u.amount.records).sum();
        self.refused + sent + (unsent + self.open.records.len()) as u64
    }

    /// Sends everything that waits, after making room by waiting for acknowledgements.
    pub async fn send(&mut self) -> Result<(), StoreError> {
        self.close_segment();
        while !self.closed.is_empty() {
            while self.under_way.len() >= UNDER_WAY {
                self.land().await?;
            }
            if let Some(segment) = self.closed.pop_front() {
                self.send_segment(segment).await?;
            }
        }
        Ok(())
    }

    /// Sends everything and waits for every acknowledgement.
    pub async fn settle(&mut self) -> Result<(), StoreError> {
        self.send().await?;
        while self.is_waiting() {
            self.land().await?;
        }
        Ok(())
    }

    /// Waits for the next acknowledgement and keeps it.
    async fn land(&mut self) -> Result<(), StoreError> {
        let landed = self.landed().await?;
        self.landed.push(landed);
        Ok(())
    }

    /// What was acknowledged while sending, also before a refusal.
    pub fn take_landed(&mut self) -> Vec<Landed> {
        std::mem::take(&mut self.landed)
    }

    /// The next acknowledgement; pending for ever while nothing is under way. Cancel safe.
    pub async fn landed(&mut self) -> Result<Landed, StoreError> {
        let answer = poll_fn(|context| match self.under_way.front_mut() {
            Some(first) => first.append.as_mut().poll(context),
            None => std::task::Poll::Pending,
        })
        .await;
        let sent = self.under_way.pop_front();
        let (amount, gap) = sent.map_or((Amount::default(), false), |s| (s.amount, s.gap));
        let Appended { ack, next_seq } = answer.inspect_err(|_| self.refused += amount.records)?;
        Ok(Landed { amount, ack, next_seq, gap })
    }

    async fn send_segment(&mut self, segment: Segment) -> Result<(), StoreError> {
        let amount = segment.amount();
        let gap = segment.seam.as_ref().is_some_and(|seam| seam.kind.is_gap());
        let jump = i64::from(segment.seam.is_some());
        let append = Append {
            log: self.log,
            part: self.part,
            expected: self.next_seq,
            records: segment.records,
            seam: segment.seam,
            cursor: segment.cursor.unwrap_or_default(),
        };
        let submitted = self.writer.submit(append).await;
        let pending = submitted.inspect_err(|_| self.refused += amount.records)?;
        let records = i64::try_from(amount.records).unwrap_or(i64::MAX);
        self.next_seq = self.next_seq.offset(records + jump);
        self.under_way.push_back(UnderWay { append: Box::pin(pending), amount, gap });
        Ok(())
    }

    /// Closes the open segment with the cursor behind its last record.
    fn close_segment(&mut self) {
        let empty = self.open.records.is_empty() && self.open.seam.is_none();
        if empty && !self.cursor_dirty {
            return;
        }
        let mut segment = std::mem::take(&mut self.open);
        segment.cursor = Some(self.cursor.encode());
        self.cursor_dirty = false;
        self.closed.push_back(segment);
    }
}

impl Segment {
    /// Whether it is as much as one append carries.
    fn is_full(&self) -> bool {
        self.records.text_bytes() >= FULL_BYTES || self.records.len() >= FULL_RECORDS
    }

    fn amount(&self) -> Amount {
        Amount {
            records: self.records.len() as u64,
            lines: self.lines,
            bytes: self.records.text_bytes() as u64,
            last_ts: self.records.last().map(|record| record.ts),
        }
    }
}

impl Sink for Committer {
    fn record(&mut self, record: &RecordRef<'_>) {
        self.cursor.push(record);
        self.open.records.push(*record);
        self.open.lines += u64::from(record.newline);
        if self.open.is_full() {
            self.close_segment();
        }
    }

    fn hidden<'a>(&mut self, missing: Missing, before: impl Iterator<Item = RecordRef<'a>>) {
        let mut cursor = self.cursor.clone();
        cursor.cut();
        before.for_each(|record| cursor.push(&record));
        // Where all that is known still lies inside the tie, the next answer hides as much again.
        let missing = if cursor.is_one_tie() { Missing::Unknown } else { missing };
        let (lost, amount) = match missing {
            Missing::Nothing => return,
            Missing::AtMost(n) => (Lost::Ambiguous(n), format!("at most {n} are missing")),
            Missing::Unknown => (Lost::Unknown, "nobody can tell how many are missing".to_owned()),
        };
        let (is_said, last_ts) = (self.cursor.is_broken_off(), self.cursor.last_ts());
        if !is_said {
            self.seam(NewSeam {
                kind: SeamKind::Gap,
                lost: Some(lost),
                away: Some(Away::None),
                t_low: last_ts,
                t_high: last_ts,
                detail: format!("records of one moment hide the place; {amount}"),
            });
        }
        if missing == Missing::Unknown {
            // However many more of them are found here, nobody can tell either.
            cursor.break_off();
        }
        self.cursor = cursor;
        self.cursor_dirty = true;
    }
}
