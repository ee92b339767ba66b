//! One bounded answer: what is asked for, how it is fed to an intake while orders and
//! acknowledgements are served, and what came.

use std::time::Duration;

use tokio::sync::SemaphorePermit;
use tokio::time::sleep_until;

use super::align::Source;
use super::capture::{Break, Capture};
use super::count::Stretch;
use super::cursor::Fingerprint;
use super::intake::{Finished, HELD_RECORDS_MAX, Intake, Sink, Tally};
use super::proof::CHECKED;
use super::report::ReadCause;
use super::shared::Shared;
use super::snapshot::ReadCost;
use crate::docker::{DockerError, LogRequest, LogStream, Step, Tail};
use crate::model::{Batch, Moment, RecordRef, State, Timestamp, Waiting};

/// Shortest tail asked for.
pub(super) const ASK_MIN: u64 = 16;
/// Tails from here on are asked as "all": the daemon's cost is the same and one answer is enough.
const ASK_ALL: u64 = 4_000_000;
/// Tails from here on count as long reads, of which few run at once.
const ASK_LONG: u64 = 20_000;
/// A clock that went back by more was set; outputs that race are less apart.
const STEP_BACK: Duration = Duration::from_secs(1);
/// Text of a bounded answer that is held in memory for a second look.
pub(super) const HELD_BYTES: usize = 16 << 20;

/// What one answer is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    Last(u64),
    All,
}

impl Ask {
    /// The longest tail that is asked for by its length.
    pub(super) const LONGEST: u64 = ASK_ALL;

    /// A tail of about so many records.
    pub(super) fn of(records: u64) -> Self {
        if records >= ASK_ALL { Self::All } else { Self::Last(records.max(ASK_MIN)) }
    }

    /// A tail that begins before the last so many records, instead of all.
    pub(super) fn within(self, records: u64) -> Self {
        if self == Self::All { Self::of(records.saturating_mul(2)) } else { self }
    }

    pub(super) fn more(self) -> Self {
        match self {
            Self::Last(n) => Self::of(n.saturating_mul(8)),
            Self::All => Self::All,
        }
    }

    fn tail(self) -> Tail {
        match self {
            Self::Last(n) => Tail::Last(n),
            Self::All => Tail::All,
        }
    }

    pub(super) fn records(self) -> Option<u64> {
        match self {
            Self::Last(n) => Some(n),
            Self::All => None,
        }
    }

    fn is_long(self) -> bool {
        self.records().is_none_or(|n| n >= ASK_LONG)
    }

    /// A daemon finds a long tail by reading its file backwards before it sends the first byte.
    fn first_byte(self) -> Duration {
        let scaled = self.records().map_or(120, |n| 10 + n / 50_000);
        Duration::from_secs(scaled.min(120))
    }
}

/// One answer, fed to the store's cursor.
pub(super) struct Answer {
    /// What it turned out to be.
    pub(super) finished: Finished,
    /// When it was asked for.
    pub(super) sent_at: Moment,
    /// Records that came.
    pub(super) got: u64,
    /// What came behind the stored end, or all of it where that is not in it.
    pub(super) stretch: Option<Stretch>,
    /// The oldest of their timestamps.
    pub(super) oldest: Option<Timestamp>,
    /// From that to the newest.
    pub(super) span: Duration,
    /// One of them is clearly older than the one before it: a clock was set.
    pub(super) went_back: bool,
    /// Their fingerprints, up to one more than are confirmed, of answers that are held back.
    pub(super) seen: Vec<Fingerprint>,
    /// Bytes that the daemon needs for those at most.
    pub(super) size: u64,
    /// How many of its records were stored already.
    pub(super) overlap: u64,
    /// How many of its records were new.
    pub(super) new: u64,
    /// What the daemon reported in the middle of it.
    pub(super) fault: Option<String>,
}

impl Answer {
    /// Nothing came.
    pub(super) fn is_empty(&self) -> bool {
        self.got == 0
    }

    /// Fewer records came than were asked for: nothing stands before them.
    pub(super) fn is_short(&self, ask: Ask) -> bool {
        ask.records().is_none_or(|asked| self.got < asked)
    }
}

/// An answer that was fed to its end, or to a fault that the daemon reported in it.
struct Drained {
    finished: Finished,
    tally: Tally,
    seen: Seen,
    fault: Option<String>,
}

/// What is noted of the records of an answer as they go by.
#[derive(Default)]
struct Seen {
    /// Their fingerprints, up to one more than are confirmed, of answers that are held back.
    fps: Vec<Fingerprint>,
    /// Bytes that the daemon needs for those at most.
    size: u64,
    /// The oldest and the newest timestamp.
    times: Option<(Timestamp, Timestamp)>,
    /// The last timestamp, and whether one was clearly older than the one before it.
    last_ts: Option<Timestamp>,
    went_back: bool,
    /// The first and the last record.
    ends: Option<(Fingerprint, Fingerprint)>,
}

impl Seen {
    fn note(&mut self, record: &RecordRef<'_>, holds: bool, sizes: bool) {
        let before = self.last_ts.replace(record.ts);
        self.went_back |= before.is_some_and(|before| before.since(record.ts) > STEP_BACK);
        let (first, last) = self.times.get_or_insert((record.ts, record.ts));
        (*first, *last) = ((*first).min(record.ts), (*last).max(record.ts));
        if holds && self.fps.len() as u64 <= CHECKED {
            self.fps.push(Fingerprint::of(record));
        }
        if sizes {
            self.size += super::front::stored_size(record);
        }
    }

    fn note_ends(&mut self, came: &Batch) {
        let Some((first, last)) = came.get(0).zip(came.last()) else { return };
        let last = Fingerprint::of(&last);
        let (_, end) = self.ends.get_or_insert_with(|| (Fingerprint::of(&first), last));
        *end = last;
    }

    fn span(&self) -> Duration {
        self.times.map_or(Duration::ZERO, |(oldest, newest)| newest.since(oldest))
    }

    /// What came behind the stored end, or all of it where that did not come by.
    fn stretch(&self, tally: &Tally) -> Option<Stretch> {
        let (first, last) = self.ends?;
        Some(match tally.end {
            Some(first) => Stretch { first, behind: tally.new, last },
            None => Stretch { first, behind: tally.received - 1, last },
        })
    }
}

impl Capture {
    /// One bounded read, fed to an intake of its own.
    pub(super) async fn answer(
        &mut self,
        ask: Ask,
        since: Option<Timestamp>,
        cause: ReadCause,
    ) -> Result<Answer, Break> {
        let shared = std::sync::Arc::clone(&self.shared);
        let small = self.retained_records().is_some_and(|records| records < ASK_LONG * 4);
        let is_first = self.whole && self.committer()?.cursor().is_empty();
        let long = ask.is_long() && !small && !is_first;
        let _permit = if long { self.long_permit(&shared).await? } else { None };
        let sent_at = shared.clock.now();
        let stream = self.open_bounded(ask, since).await?;
        let all = ask == Ask::All && since.is_none();
        let intake = Intake::new(self.committer()?.cursor(), Source::Read { all });
        let drained = self.drain(stream, intake, ask, since.is_some()).await?;
        let took = shared.clock.now().since(sent_at);
        let got = drained.tally.received;
        self.meter.read(cause, ReadCost { asked: ask.records(), got, took });
        self.last_cost = took;
        let Drained { finished, tally, seen, fault } = drained;
        Ok(Answer {
            finished,
            sent_at,
            got,
            stretch: seen.stretch(&tally),
            oldest: seen.times.map(|(oldest, _)| oldest),
            span: seen.span(),
            went_back: seen.went_back,
            seen: seen.fps,
            size: seen.size,
            overlap: tally.overlap,
            new: tally.new,
            fault,
        })
    }

    /// Opens the answer to a bounded read, on the kept connection if there is one.
    pub(super) async fn open_bounded(
        &mut self,
        ask: Ask,
        since: Option<Timestamp>,
    ) -> Result<LogStream, Break> {
        let request = self.bounded(ask, since);
        let (docker, kept) = (self.shared.docker(), self.kept.take());
        Ok(self.until_ordered(docker.open_log(kept, &request)).await??)
    }

    /// A request for a bounded answer.
    pub(super) fn bounded(&self, ask: Ask, since: Option<Timestamp>) -> LogRequest {
        LogRequest {
            id: self.info.id.clone(),
            tty: self.info.tty,
            cuts: self.cuts(),
            tail: ask.tail(),
            since,
            follow: false,
            first_byte: ask.first_byte(),
        }
    }

    /// A turn among the long reads. Whoever waits for one is queued, not late.
    pub(super) async fn long_permit<'a>(
        &mut self,
        shared: &'a Shared,
    ) -> Result<Option<SemaphorePermit<'a>>, Break> {
        if let Ok(permit) = shared.long_reads.try_acquire() {
            return Ok(Some(permit));
        }
        let state = self.meter.report().state.clone();
        // Others may open meanwhile.
        self.opening = None;
        self.meter.enter(State::Waiting { why: Waiting::Queued });
        let permit = self.until_ordered(shared.long_reads.acquire()).await?.ok();
        self.meter.enter(state);
        Ok(permit)
    }

    /// Feeds a bounded answer to its end.
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 53 bits")]
    async fn drain(
        &mut self,
        mut stream: LogStream,
        mut intake: Intake,
        ask: Ask,
        filtered: bool,
    ) -> Result<Drained, Break> {
        let (mut seen, mut fault) = (Seen::default(), None);
        let mut scratch = Batch::new();
        let mut counted = Tally::default();
        let patience = self.shared.clock.now().after(self.shared.probe());
        loop {
            let step = self.next_of(&mut stream, &mut scratch).await;
            self.meter.received(scratch.len() as u64);
            let (holds, sizes) =
                (self.hold_sending, self.hold_sending || self.front_seam.is_some());
            for record in scratch.iter() {
                seen.note(&record, holds, sizes);
                // A bounded read is never doubted; the aligner doubts follows only.
                let _ = intake.feed(&record, self.committer()?);
            }
            seen.note_ends(&scratch);
            scratch.clear();
            let is_much = intake.tally().new > HELD_RECORDS_MAX as u64;
            let is_slow = seen.fps.len() as u64 > CHECKED && self.shared.clock.now() > patience;
            if (is_much || is_slow) && self.front_seam.is_none() {
                // What comes is kept, whatever happens to the rest of it.
                self.hold_sending = false;
            }
            self.account(&intake.tally(), &mut counted);
            self.show_progress(&intake.tally());
            match step {
                Ok(Step::Records(_)) => self.flush_if_due().await?,
                Ok(Step::End) => break,
                Err(Break::Docker(DockerError::Fault { text })) => {
                    fault = Some(text);
                    break;
                }
                Err(broken) => {
                    self.give_up(&intake.tally());
                    return Err(broken);
                }
            }
        }
        self.kept = stream.into_kept();
        let got = intake.tally().received;
        // A terminal's unfinished lines can merge in an answer, so that fewer come than were asked
        // for; there only everything is complete.
        let short = |asked| !self.info.tty && got < asked;
        let complete = fault.is_none() && !filtered && ask.records().is_none_or(short);
        let (finished, tally) = intake.finish(complete, self.committer()?);
        self.account(&tally, &mut counted);
        // What is stored already says nothing: a tail that was long would make the next longer.
        let fresh = tally.received - tally.overlap;
        self.meter.written(fresh, seen.span().mul_f64(fresh as f64 / tally.received.max(1) as f64));
        self.give_up(&tally);
        Ok(Drained { finished, tally, seen, fault })
    }

    /// Takes records that were counted as given up when their answer ended, all as new: they follow a
    /// seam, or what was taken last.
    pub(super) async fn take_all(&mut self, batch: &Batch) -> Result<(), Break> {
        let records = batch.len() as u64;
        self.read_held = records;
        self.meter.tell(|report| {
            report.flow.discarded -= records;
            report.flow.in_flight += records;
        });
        for record in batch.iter() {
            self.read_held -= 1;
            self.committer()?.record(&record);
            if self.committer()?.is_full() {
                self.send().await?;
            }
        }
        Ok(())
    }

    /// The next piece of an answer, while orders, acknowledgements and the commit timer are served.
    pub(super) async fn next_of(
        &mut self,
        stream: &mut LogStream,
        out: &mut Batch,
    ) -> Result<Step, Break> {
        loop {
            let flush = self.flush_at();
            let committer = self.committer.as_mut().ok_or(Break::NoLog)?;
            tokio::select! {
                biased;
                () = self.orders.changed() => return Err(Break::Ordered),
                landed = committer.landed() => {
                    let landed = landed?;
                    let in_flight = self.in_flight();
                    self.meter.landed(&landed, in_flight);
                }
                step = stream.next(out) => return Ok(step?),
                () = sleep_until(flush) => {
                    self.send().await?;
                    if !out.is_empty() {
                        return Ok(Step::Records(out.len()));
                    }
                }
            }
        }
    }

    /// Shows how far a read has come; what its intake holds is in flight.
    fn show_progress(&mut self, tally: &Tally) {
        self.read_held = tally.undecided();
        let in_flight = self.in_flight();
        self.meter.in_flight(in_flight);
        if let State::Reading { .. } = self.meter.report().state {
            self.meter.enter(State::Reading { records: tally.received });
        }
    }

    /// What an intake still held when its answer was given up was thrown away.
    fn give_up(&mut self, tally: &Tally) {
        self.meter.discarded(tally.undecided());
        self.read_held = 0;
        let in_flight = self.in_flight();
        self.meter.in_flight(in_flight);
    }
}
