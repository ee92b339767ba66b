//! The bell: a follow that is not trusted says only when to read. A log whose bell never stops, or
//! for which there is no file descriptor left, is read on a timer instead.
//!
//! What a bell let by may be the last words of its container, and is kept then (`last_words`).

use std::time::Duration;

use tokio::time::sleep_until;

use super::capture::{Break, Capture};
use super::report::{ReadCause, ReopenCause};
use crate::docker::{LogStream, Step};
use crate::model::{Batch, EndProof, LiveSource, Moment, State};

/// Shortest time between two reads of a ringing log.
const READ_SPACING: Duration = Duration::from_millis(250);
/// A read is never nearer to the last than this, whatever the retention.
const READ_SPACING_MIN: Duration = Duration::from_millis(20);
/// Reads in a row that were due as soon as the spacing allowed, after which the bell is closed.
const ALWAYS_RINGING: u32 = 20;
/// Records a second from which on a bell is closed at once: the daemon would decode everything
/// twice, and that is what a log that rotates fast has no time for.
const TOO_HOT_FOR_A_BELL: f64 = 2_000.0;
/// Bytes that json-file adds to a record at most, apart from escapes.
const JSON_OVERHEAD: u64 = 110;

impl Capture {
    /// Waits for the bell or its timer and reads, again and again.
    pub(super) async fn wait_for_bell(
        &mut self,
        mut bell: Option<LogStream>,
    ) -> Result<EndProof, Break> {
        let last_read = self.shared.clock.now();
        let mut pace = Pace { last_read, busy: 0, idle_since: None, gone_at: None };
        let mut scratch = Batch::new();
        (self.rung, self.first_ring) = (0, None);
        loop {
            let due = self.bell_step(&mut bell, &pace, &mut scratch).await;
            self.ring(&mut scratch);
            if let Some(cause) = due? {
                if pace.gone_at.is_some() {
                    return Err(Break::StreamEnded);
                }
                match self.read_for_bell(cause, &mut pace, bell.is_none()).await {
                    // What the container said last is in the bell, if anywhere.
                    Err(stop) if bell.is_some() && self.is_going(&stop).await? => {
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
                Step::End => {
                    self.heard.end();
                    Err(Break::StreamEnded)
                }
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
        let at_once = self.first_ring.is_some_and(|(rang_at, _)| rang_at <= spaced);
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
    fn ring(&mut self, scratch: &mut Batch) {
        let records = scratch.len() as u64;
        if records == 0 {
            return;
        }
        self.meter.received(records);
        self.meter.discarded(records);
        self.rung += records;
        if let Some(first) = scratch.get(0) {
            self.first_ring.get_or_insert((self.shared.clock.now(), first.ts));
        }
        if self.keeps_bell() {
            self.heard.keep(scratch);
        } else {
            self.heard.pass(scratch);
        }
        scratch.clear();
        let in_flight = self.in_flight();
        self.meter.in_flight(in_flight);
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
