//! The bell: a follow that is not trusted says only when to read. A log whose bell never stops, or
//! for which there is no file descriptor left, is read on a timer instead.
//!
//! Of a container that is removed before its last records were read, what the bell let by is all
//! there is. So it is kept ([`Capture::keeps_bell`]), and taken where it brings the log as it is.

use std::time::Duration;

use tokio::time::sleep_until;

use super::align::Source;
use super::capture::{Break, Capture};
use super::cursor::Origin;
use super::front;
use super::intake::Intake;
use super::read::not_taken;
use super::report::{ReadCause, ReopenCause};
use super::snapshot::Backfill;
use crate::docker::{LogStream, Step};
use crate::model::{
    Away, Batch, EndProof, EventKind, LiveSource, Lost, Moment, NewSeam, SeamKind, State,
};

/// Shortest time between two reads of a ringing log.
const READ_SPACING: Duration = Duration::from_millis(250);
/// A read is never nearer to the last than this, whatever the retention.
const READ_SPACING_MIN: Duration = Duration::from_millis(20);
/// Reads in a row that were due as soon as the spacing allowed, after which the bell is closed.
const ALWAYS_RINGING: u32 = 20;
/// Records a second from which on a bell is closed at once: the daemon would decode everything
/// twice, and that is what a log that rotates fast has no time for.
const TOO_HOT_FOR_A_BELL: f64 = 2_000.0;
/// Text kept of a bell that may hold last words.
const BELL_TAIL_BYTES: usize = 1 << 20;
/// Bytes that json-file adds to a record at most, apart from escapes.
const JSON_OVERHEAD: u64 = 110;

impl Capture {
    /// Waits for the bell or its timer and reads, again and again.
    pub(super) async fn wait_for_bell(
        &mut self,
        mut bell: Option<LogStream>,
    ) -> Result<EndProof, Break> {
        let last_read = self.shared.clock.now();
        let mut pace = Pace { last_read, rung_at: None, busy: 0, idle_since: None, gone_at: None };
        let mut scratch = Batch::new();
        self.rung = 0;
        loop {
            let due = self.bell_step(&mut bell, &pace, &mut scratch).await;
            self.ring(&mut scratch, &mut pace);
            if let Some(cause) = due? {
                if pace.gone_at.is_some() {
                    return Err(Break::StreamEnded);
                }
                match self.read_for_bell(cause, &mut pace, bell.is_none()).await {
                    // What the container said last is in the bell, if anywhere.
                    Err(Break::Docker(error)) if error.means_no_log() && bell.is_some() => {
                        pace.gone_at = Some(self.shared.clock.now());
                    }
                    result => result?,
                }
                if self.is_trusted() {
                    // There is nothing any more that a follow could pass over.
                    return Err(Break::Reopen(ReopenCause::Sure));
                }
                let hot = self.meter.is_hot(TOO_HOT_FOR_A_BELL);
                // Of a container that is removed the bell may hold the last words.
                let closes = (hot || pace.busy >= ALWAYS_RINGING) && !self.keeps_bell();
                if closes && bell.is_some() && pace.gone_at.is_none() {
                    bell = None;
                    self.always_ringing = true;
                    self.meter.stream(None);
                    self.meter.enter(State::Live { source: LiveSource::Timer });
                }
            }
        }
    }

    /// Waits for the next thing to happen to a bell; a read that is due is the answer.
    async fn bell_step(
        &mut self,
        bell: &mut Option<LogStream>,
        pace: &Pace,
        out: &mut Batch,
    ) -> Result<Option<ReadCause>, Break> {
        let clock = self.shared.clock.clone();
        let (at, cause) = self.next_read(pace, bell.is_none());
        let (read, reopen) = (clock.instant(at), clock.instant(self.reopen_at()));
        let has_bell = bell.is_some();
        tokio::select! {
            biased;
            () = self.orders.any() => self.obey(has_bell).map(|()| None),
            step = next_of_bell(bell.as_mut(), out) => match step? {
                Step::Records(_) => Ok(None),
                Step::End => Err(Break::StreamEnded),
            },
            () = sleep_until(read) => Ok(Some(cause)),
            () = sleep_until(reopen), if has_bell => Err(Break::Reopen(ReopenCause::Planned)),
            done = super::backfill::step(&mut self.backfill) => self.backfilled(done).await.map(|()| None),
        }
    }

    async fn read_for_bell(
        &mut self,
        cause: ReadCause,
        pace: &mut Pace,
        timer: bool,
    ) -> Result<(), Break> {
        // Without a bell nothing rings, and the timer is always due.
        let spaced = pace.last_read.after(self.spacing());
        let at_once = pace.rung_at.take().is_some_and(|rung_at| rung_at <= spaced);
        let verified = self.read_to_end(cause).await?;
        let now = self.shared.clock.now();
        pace.last_read = now;
        pace.busy = if at_once { pace.busy + 1 } else { 0 };
        if !timer {
            return Ok(());
        }
        if verified.new_records() > 0 {
            pace.idle_since = None;
        } else if now.since(*pace.idle_since.get_or_insert(now)) >= self.shared.timing.settles.get()
            && self.always_ringing
        {
            self.always_ringing = false;
            return Err(Break::Reopen(ReopenCause::Planned));
        }
        Ok(())
    }

    /// Counts what the bell let by, and keeps the end of it where no read may be possible later.
    fn ring(&mut self, scratch: &mut Batch, pace: &mut Pace) {
        let records = scratch.len() as u64;
        if records == 0 {
            return;
        }
        self.meter.received(records);
        self.meter.discarded(records);
        self.rung += records;
        pace.rung_at.get_or_insert(self.shared.clock.now());
        if self.keeps_bell() {
            if self.bell_tail.text_bytes() > BELL_TAIL_BYTES {
                self.bell_tail.clear();
            }
            scratch.iter().for_each(|record| self.bell_tail.push(record));
        }
        scratch.clear();
        let in_flight = self.in_flight();
        self.meter.in_flight(in_flight);
    }

    /// Empties a follow whose container is gone and takes what was in it.
    pub(super) async fn take_last_words(&mut self, mut follow: LogStream) -> Result<(), Break> {
        let mut scratch = Batch::new();
        let mut is_more = false;
        loop {
            let step = self.until_ordered(follow.next(&mut scratch)).await;
            let records = scratch.len() as u64;
            self.meter.received(records);
            self.meter.discarded(records);
            if self.bell_tail.text_bytes() < BELL_TAIL_BYTES {
                scratch.iter().for_each(|record| self.bell_tail.push(record));
            } else {
                is_more |= records > 0;
            }
            scratch.clear();
            if !matches!(step, Ok(Ok(Step::Records(_)))) {
                break;
            }
        }
        self.take_what_the_bell_held().await?;
        let cursor = self.committer()?.cursor();
        if is_more && !cursor.is_empty() && !cursor.is_broken_off() {
            // No gap says so yet.
            let seam = self.removed_gap()?;
            self.committer()?.break_off(seam);
            self.settle().await?;
        }
        Ok(())
    }

    fn removed_gap(&mut self) -> Result<NewSeam, Break> {
        Ok(NewSeam {
            kind: SeamKind::Gap,
            lost: Some(Lost::Removed),
            away: Some(Away::None),
            t_low: self.committer()?.cursor().last_ts(),
            t_high: None,
            detail: "the container was removed before its last records were read".to_owned(),
        })
    }

    /// The container is gone and no read is possible: what the bell held is all there is.
    pub(super) async fn take_what_the_bell_held(&mut self) -> Result<(), Break> {
        if self.bell_tail.is_empty() {
            return Ok(());
        }
        if self.committer.is_none() {
            // A read that failed may have closed the log.
            self.open_log().await?;
        }
        let held = std::mem::take(&mut self.bell_tail);
        let proves = self.bell_is_whole() || self.cannot_have_rotated(&held);
        if proves {
            self.doubt_what_stands_before(&held).await?;
        }
        let taken = if proves { self.take_behind_the_end(&held)? } else { None };
        let t_low = self.committer()?.cursor().last_ts();
        // A bell that was behind the last read and was cut there has nothing that is missing.
        let ahead = held.iter().last().is_some_and(|last| Some(last.ts) > t_low);
        match taken {
            Some(taken) if taken == held.len() as u64 => {}
            Some(_) => {
                let seam = self.removed_gap()?;
                self.committer()?.break_off(seam);
            }
            None if ahead => {
                let seam = self.removed_gap()?;
                self.committer()?.cut(seam);
            }
            None => {}
        }
        self.settle().await
    }

    /// Where nothing is stored a follow that holds as much as it was to repeat may have begun behind
    /// the log's begin.
    async fn doubt_what_stands_before(&mut self, held: &Batch) -> Result<(), Break> {
        let cursor = self.committer()?.cursor();
        let (is_empty, is_unread) = (cursor.is_empty(), cursor.origin() == Origin::Unadopted);
        if !is_empty || (held.len() as u64) < self.follow_tail {
            return Ok(());
        }
        let seam = if is_unread && !self.whole {
            not_taken()
        } else {
            let seam = self.removed_gap()?;
            let detail = "the container was removed before its first records were read".to_owned();
            self.note(EventKind::Gap, detail.clone()).await;
            NewSeam { lost: Some(Lost::Unknown), detail, ..seam }
        };
        self.committer()?.seam(seam);
        Ok(())
    }

    /// Takes what a bell held behind the stored end, if that is in it: so many of its records are
    /// stored now. What follows a doubt is none of them.
    fn take_behind_the_end(&mut self, held: &Batch) -> Result<Option<u64>, Break> {
        let patience = u64::MAX;
        let mut intake = Intake::new(self.committer()?.cursor(), Source::Follow { patience });
        for record in held.iter() {
            if intake.feed(&record, self.committer()?).is_err() {
                break;
            }
        }
        let tally = intake.tally();
        self.taken_after_all(&tally);
        Ok(intake.is_joined().then_some(tally.overlap + tally.new))
    }

    /// Whether the log is so small that it is still in its first file: follows pass over files that
    /// are rotated away before they get there.
    fn cannot_have_rotated(&self, held: &Batch) -> bool {
        let report = self.meter.report();
        let known_whole = report.stored_before == 0 && report.backfill == Backfill::None;
        let before = report.flow.stored * front::AROUND + report.bytes * front::WIDEST;
        let bytes = before + held.iter().map(|record| front::stored_size(&record)).sum::<u64>();
        known_whole && self.info.log_config.file_bytes().is_some_and(|first| bytes < first)
    }

    /// When the next read of a bell's log is due, and why.
    fn next_read(&self, pace: &Pace, timer: bool) -> (Moment, ReadCause) {
        if let Some(gone_at) = pace.gone_at {
            // Time for the bell to come to its end.
            return (gone_at.after(self.shared.timing.body.get()), ReadCause::Final);
        }
        let spaced = pace.last_read.after(self.spacing());
        if self.rung > 0 || (timer && self.always_ringing) {
            return (spaced, ReadCause::Bell);
        }
        if timer {
            // No bell for want of file descriptors: the timer is all there is.
            return (pace.last_read.after(self.shared.probe() / 10), ReadCause::Bell);
        }
        (self.probe_at(), ReadCause::Probe)
    }

    /// Time between two reads: gentle to the daemon, but never so long that it could rotate its
    /// files away meanwhile.
    fn spacing(&self) -> Duration {
        let population = u32::try_from(*self.shared.population.borrow()).unwrap_or(u32::MAX);
        let crowd = Duration::from_millis(10) * population;
        // The cost of a read of a plain file is that of its records, which have to be read once
        // anyway; elsewhere it is mostly that of files which are read again and again.
        let rest = if self.info.log_config.is_trusted() { 4 } else { 20 };
        let gentle = READ_SPACING.max(crowd).max(self.last_cost * rest);
        let proved = self.shared.probe() / 2;
        gentle.min(proved).min(self.quarter_of_retention()).max(READ_SPACING_MIN)
    }

    fn quarter_of_retention(&self) -> Duration {
        let Some(retained) = self.retained_records() else { return Duration::MAX };
        // Right after a rotation only about half of the bound is there.
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let seconds = retained as f64 / 8.0 / self.meter.rate().max(0.01);
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    /// About how many records the daemon keeps of a log that rotates, by their size so far.
    pub(super) fn retained_records(&self) -> Option<u64> {
        let retention = self.info.log_config.retention_bytes()?;
        let report = self.meter.report();
        let size = report.bytes.checked_div(report.flow.stored).unwrap_or(0) + JSON_OVERHEAD;
        Some(retention / size)
    }
}

/// How reads of a bell's log were spaced so far.
struct Pace {
    last_read: Moment,
    /// When the bell rang first since then.
    rung_at: Option<Moment>,
    busy: u32,
    idle_since: Option<Moment>,
    /// When a read found that the container is gone.
    gone_at: Option<Moment>,
}

async fn next_of_bell(
    bell: Option<&mut LogStream>,
    out: &mut Batch,
) -> Result<Step, crate::docker::DockerError> {
    match bell {
        Some(stream) => stream.next(out).await,
        None => std::future::pending().await,
    }
}
