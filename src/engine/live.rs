//! The live part of the loop: listening for new records of a log that is read to its end.
//!
//! A trusted follow commits what it delivers; any other follow is a bell, and a log whose bell
//! never stops, or for which there is no file descriptor left, is read on a timer. Silence is
//! never taken for health: when there was no evidence for one probe interval, a read proves that
//! there is nothing new, or finds what a stuck follow did not deliver.

use std::time::Duration;

use tokio::time::sleep_until;

use super::align::Source;
use super::capture::{Break, Capture};
use super::intake::{Intake, Tally};
use super::orders::Gate;
use super::report::{ReadCause, ReopenCause};
use super::snapshot::StreamView;
use crate::docker::{LogRequest, LogStream, Step, Tail};
use crate::model::{
    Away, Batch, EndProof, EventKind, LiveSource, Lost, Moment, NewSeam, SeamKind, State,
};

/// Records that a new trusted follow repeats, so that it must contain the stored end.
const FOLLOW_TAIL: u64 = 64;
/// Shortest time between two reads of a ringing log.
const READ_SPACING: Duration = Duration::from_millis(250);
/// A read is never nearer to the last than this, whatever the retention.
const READ_SPACING_MIN: Duration = Duration::from_millis(20);
/// Reads in a row that were due as soon as the spacing allowed, after which the bell is closed.
const ALWAYS_RINGING: u32 = 20;
/// Records a second from which on a bell is closed at once: the daemon would decode everything
/// twice, and that is what a log that rotates fast has no time for.
const TOO_HOT_FOR_A_BELL: f64 = 2_000.0;
/// Text kept of the bell of a container that removes itself.
const BELL_TAIL_BYTES: usize = 1 << 20;
/// Bytes that json-file adds to a record at most, apart from escapes.
const JSON_OVERHEAD: u64 = 110;

/// A follow and what is known of it.
struct Follow {
    stream: LogStream,
    intake: Intake,
    counted: Tally,
    last_record: Moment,
}

impl Capture {
    /// Whether a follow of this log may commit.
    pub(super) fn is_trusted(&self) -> bool {
        self.info.log_config.is_trusted() && !self.shared.is_podman()
    }

    /// Opens the follow that this log needs, or none when reads on a timer have to do.
    pub(super) async fn open_follow(&mut self) -> Result<Option<LogStream>, Break> {
        self.drained = false;
        self.bell_tail.clear();
        if !self.is_trusted() && (self.always_ringing || self.shared.bells.available_permits() == 0)
        {
            self.follow_opened = Some(self.shared.clock.now());
            return Ok(None);
        }
        let known = self.committer()?.cursor().records();
        let context = match self.follow_short {
            true => known.max(1),
            false => known.max(FOLLOW_TAIL - 16) + 16,
        };
        let tail = match (self.is_trusted(), self.info.auto_remove) {
            (true, _) | (false, true) => context,
            (false, false) => 0,
        };
        let request = LogRequest {
            id: self.info.id.clone(),
            tty: self.info.tty,
            cuts: self.cuts(),
            tail: Tail::Last(tail),
            since: None,
            follow: true,
            first_byte: self.shared.timing.header.get(),
        };
        let shared = std::sync::Arc::clone(&self.shared);
        let stream = self.until_ordered(shared.docker().open_log(None, &request)).await??;
        let opened = shared.clock.now();
        self.follow_opened = Some(opened);
        self.follow_tail = tail;
        self.follow_stored = self.meter.report().flow.stored;
        let view = StreamView { opened, reopen_at: opened.after(self.planned_age()) };
        self.meter.stream(Some(view));
        Ok(Some(stream))
    }

    /// The planned age of a follow, spread by the container's id so that they do not all reopen
    /// at once.
    fn planned_age(&self) -> Duration {
        let whole = self.shared.timing.reopen.get();
        let hash = xxhash_rust::xxh3::xxh3_64(self.info.id.as_str().as_bytes());
        let share = u32::try_from(hash % 256).unwrap_or(0);
        whole * 7 / 8 + whole / 8 * share / 256
    }

    /// Listens until a break. Never returns by itself: a log ends by its stream's end.
    pub(super) async fn listen(&mut self, bell: Option<LogStream>) -> Result<EndProof, Break> {
        if self.orders.take_backfill() {
            self.start_backfill(None);
        }
        self.backfill_by_policy();
        match bell {
            Some(stream) if self.is_trusted() => self.follow(stream).await,
            Some(stream) => {
                let shared = std::sync::Arc::clone(&self.shared);
                let _permit = shared.bells.try_acquire().ok();
                self.meter.enter(State::Live { source: LiveSource::Bell });
                self.wait_for_bell(Some(stream)).await
            }
            None => {
                self.meter.enter(State::Live { source: LiveSource::Timer });
                self.wait_for_bell(None).await
            }
        }
    }

    /// Feeds a trusted follow to the store.
    async fn follow(&mut self, stream: LogStream) -> Result<EndProof, Break> {
        self.meter.enter(State::Live { source: LiveSource::Follow });
        // Reads are rare from here on; an idle connection is a file descriptor.
        self.kept = None;
        // Whatever was stored since the follow was opened comes by again before anything new.
        let since_opened = self.meter.report().flow.stored - self.follow_stored;
        let patience = self.follow_tail + since_opened + FOLLOW_TAIL;
        let intake = Intake::new(self.committer()?.cursor(), Source::Follow { patience });
        let last_record = self.shared.clock.now();
        let mut follow = Follow { stream, intake, counted: Tally::default(), last_record };
        let stop = self.follow_until(&mut follow).await;
        let tally = follow.intake.tally();
        self.account(&tally, &mut follow.counted);
        self.meter.discarded(tally.undecided());
        self.follow_held = 0;
        let in_flight = self.in_flight();
        self.meter.in_flight(in_flight);
        if matches!(stop, Break::StreamEnded) {
            self.drained = follow.intake.is_joined();
        }
        Err(stop)
    }

    async fn follow_until(&mut self, follow: &mut Follow) -> Break {
        let mut scratch = Batch::new();
        loop {
            let happened = self.follow_step(follow, &mut scratch).await;
            if let Err(stop) = self.feed_follow(follow, &mut scratch) {
                return stop;
            }
            let turn = match happened {
                Ok(()) => self.flush_if_due().await,
                Err(ended) => Err(ended),
            };
            if let Err(stop) = turn {
                return stop;
            }
        }
    }

    /// Waits for the next thing to happen to a trusted follow.
    async fn follow_step(&mut self, follow: &mut Follow, out: &mut Batch) -> Result<(), Break> {
        let clock = self.shared.clock.clone();
        let (flush, probe) = (self.flush_at(), clock.instant(self.probe_at()));
        let reopen = clock.instant(self.reopen_at());
        let committer = self.committer.as_mut().ok_or(Break::NoLog)?;
        tokio::select! {
            biased;
            () = self.orders.any() => self.obey(true),
            landed = committer.landed() => {
                let landed = landed?;
                let in_flight = self.in_flight();
                self.meter.landed(&landed, in_flight);
                Ok(())
            }
            step = follow.stream.next(out) => match step? {
                Step::Records(_) => Ok(()),
                Step::End => Err(Break::StreamEnded),
            },
            () = sleep_until(flush) => self.send().await,
            () = sleep_until(probe) => self.probe_follow(follow.last_record).await,
            () = sleep_until(reopen) => Err(Break::Reopen(ReopenCause::Planned)),
            done = super::backfill::step(&mut self.backfill) => self.backfilled(done).await,
        }
    }

    fn feed_follow(&mut self, follow: &mut Follow, scratch: &mut Batch) -> Result<(), Break> {
        if scratch.is_empty() {
            return Ok(());
        }
        self.meter.received(scratch.len() as u64);
        follow.last_record = self.shared.clock.now();
        let mut fed = Ok(());
        let mut taken = 0;
        for record in scratch.iter() {
            let committer = self.committer.as_mut().ok_or(Break::NoLog)?;
            taken += 1;
            if let Err(doubt) = follow.intake.feed(&record, committer) {
                fed = Err(Break::Doubt(doubt));
                break;
            }
        }
        // What stood behind a doubted record was never looked at.
        self.meter.discarded(scratch.len() as u64 - taken);
        scratch.clear();
        let tally = follow.intake.tally();
        self.account(&tally, &mut follow.counted);
        self.follow_held = tally.undecided();
        let in_flight = self.in_flight();
        self.meter.in_flight(in_flight);
        fed
    }

    /// No evidence for one probe interval: prove that there is nothing new.
    async fn probe_follow(&mut self, last_record: Moment) -> Result<(), Break> {
        let verified = self.read_to_end(ReadCause::Probe).await?;
        if verified.new_records() == 0 {
            return Ok(());
        }
        let silent = self.shared.clock.now().since(last_record);
        if silent >= self.shared.timing.settles.get() {
            let words = format!(
                "a read found {} records that the follow had not delivered for {} s",
                verified.new_records(),
                silent.as_secs()
            );
            self.meter.doubt("stuck follow");
            self.note(EventKind::ProbeMismatch, words).await;
        }
        Err(Break::Reopen(ReopenCause::Probe))
    }

    /// Waits for the bell or its timer and reads, again and again.
    async fn wait_for_bell(&mut self, mut bell: Option<LogStream>) -> Result<EndProof, Break> {
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
                    Err(Break::Docker(error)) if error.is_not_found() && bell.is_some() => {
                        pace.gone_at = Some(self.shared.clock.now());
                    }
                    result => result?,
                }
                let hot = self.meter.is_hot(TOO_HOT_FOR_A_BELL);
                // The bell of a container that removes itself may hold its last words.
                let closes = (hot || pace.busy >= ALWAYS_RINGING) && !self.info.auto_remove;
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
        self.rung = 0;
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
        if self.info.auto_remove {
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
        loop {
            let step = self.until_ordered(follow.next(&mut scratch)).await;
            let records = scratch.len() as u64;
            self.meter.received(records);
            self.meter.discarded(records);
            scratch.iter().for_each(|record| self.bell_tail.push(record));
            scratch.clear();
            match step {
                Ok(Ok(Step::Records(_))) if self.bell_tail.text_bytes() < BELL_TAIL_BYTES => {}
                _ => break,
            }
        }
        self.take_what_the_bell_held().await
    }

    /// The container is gone and no read is possible: what the bell held is all there is.
    pub(super) async fn take_what_the_bell_held(&mut self) -> Result<(), Break> {
        let held = std::mem::take(&mut self.bell_tail);
        if held.is_empty() || self.committer.is_none() {
            return Ok(());
        }
        let patience = u64::MAX;
        let mut intake = Intake::new(self.committer()?.cursor(), Source::Follow { patience });
        for record in held.iter() {
            if intake.feed(&record, self.committer()?).is_err() {
                break;
            }
        }
        let tally = intake.tally();
        // They were counted as thrown away when the bell rang.
        self.meter.tell(|report| report.flow.discarded -= tally.new + tally.overlap);
        self.meter.overlap(tally.overlap);
        if !intake.is_joined() {
            let t_low = self.committer()?.cursor().last_ts();
            self.committer()?.cut(NewSeam {
                kind: SeamKind::Gap,
                lost: Some(Lost::Removed),
                away: Some(Away::None),
                t_low,
                t_high: None,
                detail: "the container was removed before its last records were read".to_owned(),
            });
        }
        self.settle().await
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
        let gentle = READ_SPACING.max(crowd).max(self.last_cost * 20);
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

    /// When evidence is to be renewed by a read.
    fn probe_at(&self) -> Moment {
        let beat =
            self.meter.report().beat.as_ref().map_or(Moment::default(), super::evidence::Beat::at);
        beat.max(self.verified_at.unwrap_or_default()).after(self.shared.probe())
    }

    fn reopen_at(&self) -> Moment {
        let never = Moment(Duration::from_hours(24 * 365));
        self.meter.report().stream.map_or(never, |stream| stream.reopen_at)
    }

    /// Does what the supervisor wants now, as far as it can be done without going to the top.
    fn obey(&mut self, has_stream: bool) -> Result<(), Break> {
        let wish = self.orders.wish();
        if !wish.gate.lets_read() {
            return Err(Break::Ordered);
        }
        let (wish, done) = self.orders.take();
        self.info = wish.info;
        if wish.reopen != done.reopen {
            return Err(Break::Reopen(ReopenCause::Ordered));
        }
        if wish.attempt != done.attempt {
            return Err(Break::Ordered);
        }
        // An open follow ends by itself when its container stopped, and then everything is in it.
        let over = wish.died != done.died || wish.gate == Gate::Finish;
        if over && !has_stream {
            return Err(Break::StreamEnded);
        }
        if self.orders.take_backfill() {
            self.start_backfill(None);
        }
        Ok(())
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
