//! `read_to_end`: bounded reads until everything that the daemon holds is stored.
//!
//! Only a bounded read returns a contiguous slice of the daemon's log, so only this declares a
//! gap, and only this makes [`Verified`]. It asks for a short tail, aligns it with the cursor, and
//! asks for more until the stored end is found or a complete answer shows that it is gone.
//! `since` is used on compressed drivers only: elsewhere it makes the daemon decode its whole
//! history (20.4 s on a 1.26 GB log, where `tail=64` takes 1.6 ms).

use std::time::Duration;

use tokio::sync::SemaphorePermit;
use tokio::time::sleep_until;

use super::capture::{Break, Capture};
use super::cursor::{Fingerprint, Origin};
use super::evidence::Beat;
use super::intake::{Finished, Intake, Tally};
use super::report::ReadCause;
use super::shared::Shared;
use super::snapshot::{Backfill, ReadCost};
use crate::config::History;
use crate::docker::{DockerError, LogRequest, LogStream, Step, Tail};
use crate::engine::align::Source;
use crate::model::{
    Away, Batch, EventKind, Lost, Moment, NewSeam, SeamKind, State, Timestamp, Waiting,
};

/// Shortest tail asked for.
const ASK_MIN: u64 = 16;
/// Tails from here on are asked as "all": the daemon's cost is the same and one answer is enough.
const ASK_ALL: u64 = 4_000_000;
/// Tails from here on count as long reads, of which few run at once.
const ASK_LONG: u64 = 20_000;
/// Text of a bounded answer that is held in memory for a second look.
pub(super) const HELD_BYTES: usize = 16 << 20;
/// How far before the cursor `since` begins on compressed drivers.
const SINCE_MARGIN: Duration = Duration::from_mins(1);

/// Proof that every record up to the moment of sending is stored. Made only by `read_to_end`.
#[derive(Debug, Clone)]
pub struct Verified {
    sent_at: Moment,
    new: u64,
}

impl Verified {
    /// When the read that proves it was sent.
    pub fn sent_at(&self) -> Moment {
        self.sent_at
    }

    /// New records found on the way.
    pub fn new_records(&self) -> u64 {
        self.new
    }
}

/// What one answer is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    Last(u64),
    All,
}

impl Ask {
    /// The longest tail that is asked for by its length.
    pub(super) const LONGEST: u64 = ASK_ALL;

    fn of(records: u64) -> Self {
        if records >= ASK_ALL { Self::All } else { Self::Last(records.max(ASK_MIN)) }
    }

    pub(super) fn more(self) -> Self {
        match self {
            Self::Last(n) => Self::of(n.saturating_mul(8)),
            Self::All => Self::All,
        }
    }

    pub(super) fn tail(self) -> Tail {
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
    pub(super) fn first_byte(self) -> Duration {
        let scaled = self.records().map_or(120, |n| 10 + n / 50_000);
        Duration::from_secs(scaled.min(120))
    }
}

/// One answer, fed to the store's cursor.
pub(super) struct Answer {
    /// What it turned out to be.
    pub(super) finished: Finished,
    sent_at: Moment,
    /// Records that came.
    got: u64,
    /// Their fingerprints, of answers that are held back until they are confirmed.
    pub(super) seen: Vec<Fingerprint>,
    /// What the daemon reported in the middle of it.
    pub(super) fault: Option<String>,
}

impl Answer {
    /// Fewer records came than were asked for.
    pub(super) fn is_short(&self, ask: Ask) -> bool {
        ask.records().is_some_and(|asked| self.got < asked)
    }
}

/// An answer that was fed to its end, or to a fault that the daemon reported in it.
struct Drained {
    finished: Finished,
    tally: Tally,
    seen: Vec<Fingerprint>,
    fault: Option<String>,
}

impl Capture {
    /// Reads until everything up to the last request is stored and acknowledged.
    pub(super) async fn read_to_end(&mut self, cause: ReadCause) -> Result<Verified, Break> {
        // What a follow brought is not this read's.
        self.settle().await?;
        let stored_before = self.meter.report().flow.stored;
        let sent_at = match self.committer()?.cursor().origin() {
            Origin::Unadopted => self.adopt().await?,
            Origin::AdoptedEmpty | Origin::Adopted => self.catch_up(cause).await?,
        };
        self.committer()?.adopt();
        self.settle().await?;
        self.verified_at = Some(sent_at);
        self.away = Away::None;
        let new = self.meter.report().flow.stored - stored_before;
        let verified = Verified { sent_at, new };
        self.meter.beat(Beat::verified(verified.clone()));
        Ok(verified)
    }

    /// First sight of a log: takes of its history what the policy says.
    async fn adopt(&mut self) -> Result<Moment, Break> {
        let ask = match (self.whole, self.shared.history) {
            (true, _) | (_, History::All) => Ask::All,
            (false, History::Auto) => Ask::Last(1_000),
            (false, History::Tail(n)) => Ask::Last(n.max(1)),
            (false, History::Now) => Ask::Last(1),
        };
        if ask == Ask::All {
            return match self.answer_from_front(ask, None, ReadCause::Adopt).await? {
                Ok(answer) => Ok(answer.sent_at),
                Err(words) => self.read_around(ask, words).await,
            };
        }
        self.committer()?.seam(not_taken());
        (self.hold_sending, self.front_seam) = (true, Some(not_taken()));
        let answer = self.sound_answer(ask, None, ReadCause::Adopt).await;
        (self.hold_sending, self.front_seam) = (false, None);
        if !matches!(answer, Ok(Ok(_))) {
            // It is not known whether the seam belongs there, so nothing is kept.
            self.close_log();
        }
        let answer = match answer? {
            Ok(answer) => answer,
            Err(_) => return self.adopt_around().await,
        };
        if answer.is_short(ask) {
            self.committer()?.drop_seam();
        } else {
            self.meter.tell(|report| report.backfill = Backfill::Available);
        }
        Ok(answer.sent_at)
    }

    async fn catch_up(&mut self, cause: ReadCause) -> Result<Moment, Break> {
        let mut ask = self.first_ask();
        let mut since = self.since();
        loop {
            let answer = match self.answer_from_front(ask, since, cause).await? {
                Ok(answer) => answer,
                Err(words) => return self.read_around(ask, words).await,
            };
            match answer.finished {
                Finished::CaughtUp => return Ok(answer.sent_at),
                Finished::More | Finished::Absent(_) if since.is_some() => since = None,
                Finished::More => ask = ask.more(),
                Finished::Absent(held) => return self.across_gap(held, answer.sent_at).await,
            }
        }
    }

    /// Records the gap and takes the complete answer whole, from memory or by reading it again:
    /// the daemon's log only grows, so an end that is absent once is absent for ever.
    async fn across_gap(&mut self, held: Option<Batch>, sent: Moment) -> Result<Moment, Break> {
        let first = held.as_ref().and_then(|batch| batch.get(0)).map(|record| record.ts);
        let empty = held.as_ref().is_some_and(Batch::is_empty);
        let seam = self.gap(empty, first)?;
        self.note(EventKind::Gap, seam.detail.clone()).await;
        self.committer()?.cut(seam);
        let Some(batch) = held else {
            return match self.sound_answer(Ask::All, None, ReadCause::CatchUp).await? {
                Ok(answer) => Ok(answer.sent_at),
                Err(words) => self.read_around(Ask::All, words).await,
            };
        };
        self.take_all(&batch).await?;
        Ok(sent)
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

    fn gap(&mut self, empty: bool, first: Option<Timestamp>) -> Result<NewSeam, Break> {
        let rotates = !self.info.log_config.is_trusted();
        let (lost, words) = match (rotates, empty) {
            (true, _) => (Lost::Rotated, "the daemon rotated its file before it was read"),
            (false, true) => (Lost::Truncated, "the daemon's file was emptied"),
            (false, false) => (Lost::Truncated, "the daemon's file was cut or replaced"),
        };
        let away = match (self.away, rotates) {
            (Away::None, true) => Away::Lagging,
            (away, _) => away,
        };
        let t_low = self.committer()?.cursor().last_ts();
        let detail = words.to_owned();
        Ok(NewSeam {
            kind: SeamKind::Gap,
            lost: Some(lost),
            away: Some(away),
            t_low,
            t_high: first,
            detail,
        })
    }

    /// The first tail to ask for. Where it would be a good part of all that the daemon keeps, all
    /// of it: a second, longer read costs more than the rest, and the file may rotate meanwhile.
    fn first_ask(&self) -> Ask {
        let expected = self.expected_records();
        match self.retained_records() {
            Some(retained) if expected > retained / 3 => Ask::All,
            _ => Ask::of(expected),
        }
    }

    /// What a tail must hold to reach back to the cursor, at the rate seen lately.
    fn expected_records(&self) -> u64 {
        // A follow that commits moves the cursor without a read; a probe behind hours of it must not
        // ask for hours.
        let committed = self.meter.report().last_commit.filter(|_| self.is_trusted());
        let last = self.verified_at.max(committed);
        let since = last.map_or(Duration::ZERO, |at| self.shared.clock.now().since(at));
        let grown = 2.0 * self.meter.rate() * since.as_secs_f64();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        let grown = grown.clamp(0.0, 1e9) as u64;
        ASK_MIN + grown.max(self.rung)
    }

    fn since(&self) -> Option<Timestamp> {
        let slow = self.info.log_config.is_compressed() && self.shared.compressed_reads_are_slow();
        let last = self.committer.as_ref().and_then(|c| c.cursor().last_ts());
        last.filter(|_| slow).map(|ts| ts.before(SINCE_MARGIN))
    }

    /// One bounded read, fed to an intake of its own.
    pub(super) async fn answer(
        &mut self,
        ask: Ask,
        since: Option<Timestamp>,
        cause: ReadCause,
    ) -> Result<Answer, Break> {
        let shared = std::sync::Arc::clone(&self.shared);
        let small = self.retained_records().is_some_and(|records| records < ASK_LONG * 4);
        let long = ask.is_long() && !small && !self.whole;
        let _permit = if long { self.long_permit(&shared).await? } else { None };
        let sent_at = shared.clock.now();
        let request = LogRequest {
            id: self.info.id.clone(),
            tty: self.info.tty,
            cuts: self.cuts(),
            tail: ask.tail(),
            since,
            follow: false,
            first_byte: ask.first_byte(),
        };
        let kept = self.kept.take();
        let stream = self.until_ordered(shared.docker().open_log(kept, &request)).await??;
        let all = ask == Ask::All && since.is_none();
        let intake = Intake::new(self.committer()?.cursor(), Source::Read { all });
        let drained = self.drain(stream, intake, ask, since.is_some()).await?;
        let took = shared.clock.now().since(sent_at);
        let got = drained.tally.received;
        self.meter.read(cause, ReadCost { asked: ask.records(), got, took });
        self.last_cost = took;
        let Drained { finished, seen, fault, .. } = drained;
        Ok(Answer { finished, sent_at, got, seen, fault })
    }

    /// A turn among the long reads. Whoever waits for one is queued, not late.
    async fn long_permit<'a>(
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
        let (mut seen, mut fault) = (Vec::new(), None);
        let mut scratch = Batch::new();
        let mut counted = Tally::default();
        let mut times: Option<(Timestamp, Timestamp)> = None;
        loop {
            let step = self.next_of(&mut stream, &mut scratch).await;
            self.meter.received(scratch.len() as u64);
            for record in scratch.iter() {
                let (first, last) = times.get_or_insert((record.ts, record.ts));
                (*first, *last) = ((*first).min(record.ts), (*last).max(record.ts));
                if self.hold_sending {
                    seen.push(Fingerprint::of(&record));
                }
                if self.front_seam.is_some() {
                    self.front_bytes += super::front::stored_size(&record);
                }
                // A bounded read is never doubted; the aligner doubts follows only.
                let _ = intake.feed(&record, self.committer()?);
            }
            scratch.clear();
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
        let span = times.map_or(Duration::ZERO, |(first, last)| last.since(first));
        self.meter.written(fresh, span.mul_f64(fresh as f64 / tally.received.max(1) as f64));
        self.give_up(&tally);
        Ok(Drained { finished, tally, seen, fault })
    }

    /// The next piece of an answer, while orders, acknowledgements and the commit timer are served.
    async fn next_of(&mut self, stream: &mut LogStream, out: &mut Batch) -> Result<Step, Break> {
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

pub(super) fn not_taken() -> NewSeam {
    NewSeam {
        kind: SeamKind::NotTaken,
        lost: None,
        away: None,
        t_low: None,
        t_high: None,
        detail: "older history exists, amount unknown".to_owned(),
    }
}
