//! Backfill: fetches history older than what was adopted at first sight, beside live capture.
//!
//! It is one bounded read, aligned with the *first* stored records: everything before the place
//! where they stand is older and goes below them in the store. Nothing may be stored before it is
//! sure that they will come by. An answer is contiguous and reaches to the present, so where the
//! file cannot rotate that is sure as soon as its first record is clearly older than the first
//! stored one. Where they may have been rotated away, and time tells nothing because the clock may
//! have stepped back, another read looks for them first; an answer that then begins with one of the
//! records before them holds them, too. Otherwise everything is held until they are found, within a
//! bound. A backfill that breaks off keeps its own cursor in the store: the next one is first
//! continued from there, until it meets the rest.

use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::align::{Aligner, Ending, Join, Missing, Source, Verdict};
use super::capture::{Break, Capture};
use super::commit::{Committer, Landed};
use super::cursor::{Cursor, Fingerprint, MAX_RUNS, Origin};
use super::intake::{Intake, Sink};
use super::shared::Shared;
use super::snapshot::Backfill;
use crate::config::History;
use crate::docker::{LogRequest, Step, Tail};
use crate::model::{Batch, ContainerInfo, EventKind, LogId, RecordRef, Seq, Timestamp};
use crate::store::{BackfillRow, Part};

/// Records that the policy `auto` wants of each log.
const AUTO: u64 = 100_000;
/// Sequence numbers left free for one backfill: more records than any log holds.
const SPAN: i64 = 1 << 32;
/// How much older the first record must be to make the end of the search sure.
const CLEARLY: Duration = Duration::from_secs(1);
/// Text held while it is not sure.
const HELD_MAX: usize = 16 << 20;
/// First records that are looked for.
const HEAD: usize = 64;
/// Records before them that are remembered between two reads: an answer to the same tail begins
/// later by what was written meanwhile.
const REMEMBERED: usize = 1 << 18;
/// Time between two looks at the progress.
const LOOK: Duration = Duration::from_millis(500);

type Job = Pin<Box<dyn Future<Output = Result<Outcome, Break>> + Send>>;

/// What a backfill brought.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Outcome {
    received: u64,
    stored: u64,
    lines: u64,
    bytes: u64,
    /// Whether the daemon may hold still older history.
    older: bool,
    /// It continued one that had broken off.
    resumed: bool,
}

/// What happened to a running backfill.
pub(super) enum Done {
    Progress(u64),
    Ended(Result<Outcome, Break>),
}

/// The backfill of one monitor: at most one, polled inside its task.
#[derive(Default)]
pub(super) struct Backfills {
    job: Option<Job>,
    taken: Arc<AtomicU64>,
    target: Option<u64>,
}

/// The next thing that happens to the backfill; pending while there is none. Cancel safe.
pub(super) async fn step(backfills: &mut Backfills) -> Done {
    let Some(job) = backfills.job.as_mut() else { return std::future::pending().await };
    tokio::select! {
        biased;
        ended = job => {
            backfills.job = None;
            Done::Ended(ended)
        }
        () = tokio::time::sleep(LOOK) => Done::Progress(backfills.taken.load(Ordering::Relaxed)),
    }
}

impl Capture {
    /// Begins the backfill that the policy asks for, once after adoption.
    pub(super) fn backfill_by_policy(&mut self) {
        let report = self.meter.report();
        if report.backfill != Backfill::Available || self.auto_backfilled {
            return;
        }
        self.auto_backfilled = true;
        let missing = AUTO.saturating_sub(report.stored_before + report.flow.stored);
        match self.shared.history {
            _ if self.backfill_broke_off => self.start_backfill(None),
            History::All => self.start_backfill(None),
            History::Auto if missing > 0 => self.start_backfill(Some(missing)),
            History::Auto | History::Tail(_) | History::Now => {}
        }
    }

    /// Breaks the backfill off: nobody may keep a turn among the long reads without reading.
    pub(super) fn drop_backfill(&mut self) {
        if self.backfill.job.take().is_some() {
            self.meter.tell(|report| report.backfill = Backfill::Available);
        }
    }

    /// Begins a backfill of at most `target` records, or of everything.
    pub(super) fn start_backfill(&mut self, target: Option<u64>) {
        let Some(log) = self.log() else { return };
        if self.backfill.job.is_some() {
            return;
        }
        let (shared, info) = (Arc::clone(&self.shared), Arc::clone(&self.info));
        let taken = Arc::<AtomicU64>::default();
        self.backfill.taken = Arc::clone(&taken);
        self.backfill.target = target;
        self.backfill.job = Some(Box::pin(fetch(shared, info, log, target, taken)));
        self.meter.tell(|report| report.backfill = Backfill::Running { taken: 0, target });
    }

    /// Shows progress and takes the outcome into the books.
    pub(super) async fn backfilled(&mut self, done: Done) -> Result<(), Break> {
        let target = self.backfill.target;
        match done {
            Done::Progress(taken) => {
                self.meter.tell(|report| report.backfill = Backfill::Running { taken, target });
            }
            Done::Ended(Ok(outcome)) => {
                self.meter.tell(|report| {
                    report.flow.received += outcome.received;
                    report.flow.stored += outcome.stored;
                    report.lines += outcome.lines;
                    report.bytes += outcome.bytes;
                    report.flow.discarded += outcome.received - outcome.stored;
                    let more = outcome.older;
                    report.backfill = if more { Backfill::Available } else { Backfill::None };
                });
                if outcome.resumed {
                    // Its two parts have met; the policy may want more below them.
                    self.backfill_broke_off = false;
                    self.auto_backfilled = false;
                    self.backfill_by_policy();
                }
                let words = format!("{} older records fetched", outcome.stored);
                self.note(EventKind::Backfilled, words).await;
            }
            Done::Ended(Err(stop)) => {
                self.meter.tell(|report| report.backfill = Backfill::Available);
                self.note(EventKind::Backfilled, format!("broke off: {stop}")).await;
            }
        }
        Ok(())
    }
}

/// The first stored records, as a pattern to look for.
struct Head {
    pattern: Cursor,
    first: Seq,
    oldest: Timestamp,
}

/// The records of the oldest block, or of the one that begins at `first`.
async fn head_of(shared: &Shared, log: LogId, first: Option<Seq>) -> Result<Option<Head>, Break> {
    let reader = shared.reader.clone();
    let read = move || -> Result<Option<Head>, Break> {
        let mut blocks = reader.blocks(Some(&[log]), None, None)?;
        blocks.retain(|block| first.is_none_or(|first| block.first_seq == first));
        let Some(block) = blocks.pop() else { return Ok(None) };
        let decoded = reader.decode(&block)?;
        let mut pattern = Cursor::default();
        let mut oldest = Timestamp(i64::MAX);
        for at in 0..decoded.len().min(HEAD) {
            let Some(record) = decoded.record(at) else { break };
            let record = RecordRef {
                fd: record.fd,
                ts: record.ts,
                newline: record.newline,
                bytes: record.bytes,
            };
            if pattern.runs().len() == MAX_RUNS {
                break;
            }
            pattern.push(&record);
            oldest = oldest.min(record.ts);
        }
        Ok(Some(Head { pattern, first: block.first_seq, oldest }))
    };
    super::tasks::off_the_runtime(&shared.reader, read).await.unwrap_or(Ok(None))
}

async fn fetch(
    shared: Arc<Shared>,
    info: Arc<ContainerInfo>,
    log: LogId,
    target: Option<u64>,
    taken: Arc<AtomicU64>,
) -> Result<Outcome, Break> {
    let _permit = shared.backfills.acquire().await.ok();
    let row = shared.reader.log_by_container(&info.id)?;
    if let Some(begun) = row.as_ref().and_then(|row| row.backfill.as_ref())
        && let Ok(cursor) = Cursor::decode(&begun.cursor)
        && cursor.origin() == Origin::Adopted
    {
        return resume(&shared, &info, log, (begun, cursor), taken).await;
    }
    let Some(head) = head_of(&shared, log, None).await? else { return Ok(Outcome::default()) };
    let stored = row.map_or(0, |row| row.records);
    let tail = target.map_or(Tail::All, |n| Tail::Last(n + stored + HEAD as u64));
    let request = request(&info, tail);
    let mut before = None;
    if !info.log_config.is_trusted() {
        before = before_the_head(&shared, &request, &head).await?;
        if before.is_none() {
            return Ok(Outcome { older: true, ..Outcome::default() });
        }
    }
    let first = head.first.offset(-SPAN);
    shared.writer.begin_backfill(log, first, Vec::new()).await?;
    let committer =
        Committer::new(shared.writer.clone(), log, Part::Backfill, first, Cursor::empty());
    let mut older = Older::new(&head, committer, taken);
    older.before = before;
    // Broken off here, it stays open in the store and is continued the next time.
    older.read(&shared, &request).await?;
    let complete = match tail {
        Tail::All => true,
        Tail::Last(asked) => older.received < asked,
    };
    let rest = !(older.joined && complete);
    shared.writer.finish_backfill(log, older.joined, rest).await?;
    Ok(Outcome { older: rest, ..older.outcome() })
}

/// The first records of an answer, as far as they stand before the head. `None` if it is not there.
async fn before_the_head(
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

/// Continues a backfill behind its own cursor, up to the part that it was begun for.
async fn resume(
    shared: &Shared,
    info: &ContainerInfo,
    log: LogId,
    (begun, cursor): (&BackfillRow, Cursor),
    taken: Arc<AtomicU64>,
) -> Result<Outcome, Break> {
    let Some(head) = head_of(shared, log, Some(begun.limit)).await? else {
        return Ok(Outcome::default());
    };
    let request = request(info, Tail::All);
    let skip = Intake::new(&cursor, Source::Read { all: false });
    let committer = Committer::new(shared.writer.clone(), log, Part::Backfill, begun.next, cursor);
    let mut older = Older::new(&head, committer, taken);
    older.skip = Some(skip);
    older.read(shared, &request).await?;
    shared.writer.finish_backfill(log, older.joined, true).await?;
    Ok(Outcome { older: true, resumed: true, ..older.outcome() })
}

/// The bounded read that a backfill makes; nobody waits for it, so its first byte may be late.
fn request(info: &ContainerInfo, tail: Tail) -> LogRequest {
    LogRequest {
        id: info.id.clone(),
        tty: info.tty,
        cuts: Vec::new(),
        tail,
        since: None,
        follow: false,
        first_byte: Duration::from_mins(2),
    }
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
struct Older {
    aligner: Aligner,
    head_records: u64,
    oldest: Timestamp,
    committer: Committer,
    held: VecDeque<Batch>,
    held_bytes: usize,
    /// Records given to the committer, or skipped because they are the head.
    passed: u64,
    received: u64,
    stored: u64,
    lines: u64,
    bytes: u64,
    /// Records that stood before the head a moment ago, if the file can rotate.
    before: Option<HashSet<Fingerprint>>,
    /// It is sure that the head will come by.
    sure: bool,
    /// Until the cursor of a backfill that broke off has come by.
    skip: Option<Intake>,
    joined: bool,
    /// The place of the head is decided.
    is_found: bool,
    taken: Arc<AtomicU64>,
}

impl Older {
    fn new(head: &Head, committer: Committer, taken: Arc<AtomicU64>) -> Self {
        Self {
            aligner: Aligner::new(&head.pattern, Source::Read { all: false }),
            head_records: head.pattern.records(),
            oldest: head.oldest,
            committer,
            held: VecDeque::new(),
            held_bytes: 0,
            passed: 0,
            received: 0,
            stored: 0,
            lines: 0,
            bytes: 0,
            before: None,
            sure: false,
            skip: None,
            joined: false,
            is_found: false,
            taken,
        }
    }

    async fn read(&mut self, shared: &Shared, request: &LogRequest) -> Result<(), Break> {
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
                let landed = self.committer.send().await?;
                self.count(&landed);
            }
            if step? == Step::End {
                self.end();
                self.settle().await?;
                return Ok(());
            }
            if self.held_bytes > HELD_MAX {
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
            self.sure = match &self.before {
                None => first.ts < self.oldest.before(CLEARLY),
                Some(before) => before.contains(&Fingerprint::of(&first)),
            };
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
            let Some(piece) = self.held.pop_front() else { return };
            let wanted = usize::try_from(until - self.passed).unwrap_or(usize::MAX);
            let (now, later) = (wanted.min(piece.len()), piece.len());
            for record in piece.iter().take(now) {
                self.committer.record(&record);
            }
            self.passed += now as u64;
            self.held_bytes -= piece.text_bytes();
            if now < later {
                let mut rest = Batch::new();
                piece.iter().skip(now).for_each(|record| rest.push(record));
                self.held_bytes += rest.text_bytes();
                self.held.push_front(rest);
            }
        }
        self.taken.store(self.passed, Ordering::Relaxed);
    }

    async fn settle(&mut self) -> Result<(), Break> {
        let landed = self.committer.settle().await?;
        self.count(&landed);
        Ok(())
    }

    fn count(&mut self, landed: &[Landed]) {
        for Landed { amount, .. } in landed {
            self.stored += amount.records;
            self.lines += amount.lines;
            self.bytes += amount.bytes;
        }
    }

    fn outcome(&self) -> Outcome {
        let Self { received, stored, lines, bytes, .. } = *self;
        Outcome { received, stored, lines, bytes, ..Outcome::default() }
    }
}
