//! Backfill: fetches history older than what was adopted at first sight, beside live capture.
//!
//! It is one bounded read, of which is taken what stands before the first stored records (`older`)
//! and goes below them in the store. A backfill that breaks off keeps its own cursor in the store:
//! the next one is first continued from there, until it meets the rest.

use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::align::Source;
use super::capture::{Break, Capture};
use super::commit::Committer;
use super::cursor::{Cursor, Origin};
use super::extent::{Extent, extent};
use super::intake::Intake;
use super::older::{HEAD, Head, Older, before_the_head};
use super::podman;
use super::read::{not_readable, not_taken};
use super::shared::Shared;
use super::snapshot::Backfill;
use crate::config::History;
use crate::docker::{LogRequest, Tail};
use crate::model::{ContainerInfo, EventKind, LogId};
use crate::store::{BackfillRow, Part};

/// Records that the policy `auto` wants of each log.
const AUTO: u64 = 100_000;
/// Sequence numbers left free for one backfill: more records than any log holds.
const SPAN: i64 = 1 << 32;
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
    /// How much of what was asked for could be read without a hole.
    extent: Extent,
    /// It continued one that had broken off.
    resumed: bool,
}

impl Outcome {
    fn of(older: &Older) -> Self {
        let Older { received, stored, lines, bytes, .. } = *older;
        Self { received, stored, lines, bytes, ..Self::default() }
    }
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
                let mut words = format!("{} older records fetched", outcome.stored);
                match outcome.extent {
                    Extent::All => {}
                    Extent::Broken(_) => {
                        words += "; what stands before could not be read without a hole";
                    }
                    Extent::Moving(_) => words += "; what stands before changed with every look",
                }
                self.tell_fetched(words).await;
            }
            Done::Ended(Err(stop)) => {
                self.meter.tell(|report| report.backfill = Backfill::Available);
                self.tell_fetched(format!("broke off: {stop}")).await;
            }
        }
        Ok(())
    }

    /// Says in the details and on the timeline what a backfill came to.
    async fn tell_fetched(&mut self, words: String) {
        self.meter.tell(|report| report.fetched = Some(words.clone()));
        self.note(EventKind::Backfilled, words).await;
    }
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
    let Some(head) = Head::of(&shared, log, None).await? else { return Ok(Outcome::default()) };
    let stored = row.map_or(0, |row| row.records);
    let tail = target.map_or(Tail::All, |n| Tail::Last(n + stored + HEAD as u64));
    let mut request = request(&info, tail);
    if shared.is_podman() {
        let since = podman::since_of_tail(&shared, &request).await?;
        request = LogRequest { tail: Tail::All, since, ..request };
    }
    let extent = extent(&shared, &info, &request).await?;
    request.tail = extent.tail().unwrap_or(request.tail);
    let nothing = Outcome { older: true, extent, ..Outcome::default() };
    let Some(before) = before_the_head(&shared, &request, &head).await? else {
        return Ok(nothing);
    };
    if before.is_empty() && extent != Extent::All {
        return Ok(nothing);
    }
    let first = head.first.offset(-SPAN);
    shared.writer.begin_backfill(log, first, Vec::new()).await?;
    let writer = shared.writer.clone();
    let mut committer = Committer::new(writer, log, Part::Backfill, first, Cursor::empty());
    if request.tail != Tail::All || request.since.is_some() {
        // Until it is known that nothing older exists.
        let is_broken = matches!(extent, Extent::Broken(_));
        committer.seam(if is_broken { not_readable() } else { not_taken() });
    }
    let mut older = Older::new(&head, before, committer, taken);
    // Broken off here, it stays open in the store and is continued the next time.
    older.read(&shared, &request).await?;
    let complete = match request.tail {
        Tail::All => request.since.is_none(),
        Tail::Last(asked) => older.received < asked,
    };
    let rest = extent != Extent::All || !(older.joined && complete);
    shared.writer.finish_backfill(log, older.joined, rest).await?;
    Ok(Outcome { older: rest, extent, ..Outcome::of(&older) })
}

/// Continues a backfill behind its own cursor, up to the part that it was begun for.
async fn resume(
    shared: &Shared,
    info: &ContainerInfo,
    log: LogId,
    (begun, cursor): (&BackfillRow, Cursor),
    taken: Arc<AtomicU64>,
) -> Result<Outcome, Break> {
    let Some(head) = Head::of(shared, log, Some(begun.limit)).await? else {
        return Ok(Outcome::default());
    };
    let mut request = request(info, Tail::All);
    let extent = extent(shared, info, &request).await?;
    // What stands before it may be broken: if the two parts do not meet in it, they stay apart.
    request.tail = extent.tail().unwrap_or(request.tail);
    let skip = Intake::new(&cursor, Source::Read { all: false });
    let committer = Committer::new(shared.writer.clone(), log, Part::Backfill, begun.next, cursor);
    let mut older = Older::new(&head, HashSet::new(), committer, taken);
    older.skip = Some(skip);
    older.read(shared, &request).await?;
    let resumed = older.joined || !matches!(extent, Extent::Moving(_));
    if resumed {
        shared.writer.finish_backfill(log, older.joined, true).await?;
    }
    Ok(Outcome { older: true, extent, resumed, ..Outcome::of(&older) })
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
