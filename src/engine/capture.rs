//! What a monitor captures with: its cursor in a committer, a connection to read on, the meter, and
//! the supervisor's wishes. The monitor loop, the reads and the live parts all work on this.
//!
//! Whatever goes wrong ends in a [`Break`], and every break leads to the top of the monitor loop.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;

use super::align::Doubt;
use super::backfill::Backfills;
use super::commit::Committer;
use super::cursor::{Cursor, CursorError};
use super::intake::Tally;
use super::last_words::Heard;
use super::meter::Meter;
use super::orders::{MonitorEvent, Orders, Told};
use super::report::ReopenCause;
use super::shared::Shared;
use super::snapshot::Backfill;
use crate::docker::{DockerError, KeptConnection, LineCut};
use crate::model::{
    Away, ContainerInfo, EventKind, LogId, Moment, MonitorEpoch, NewSeam, Timestamp,
};
use crate::store::{LogIdentity, LogPatch, LogRow, Part, StoreError};

/// Text of a log's first answer that is held until it is known whether older history exists.
pub(super) const HOLD_MAX: usize = 4 << 20;

/// Why work on a log stopped and the loop starts over.
#[derive(Debug, thiserror::Error)]
pub enum Break {
    /// The supervisor wants something else.
    #[error("ordered by the supervisor")]
    Ordered,
    /// The log is not open in the store yet; a fault of this program.
    #[error("the log is not open in the store")]
    NoLog,
    /// A follow cannot be trusted from here on.
    #[error("{}", .0.as_str())]
    Doubt(Doubt),
    /// A follow ended.
    #[error("the stream ended")]
    StreamEnded,
    /// A follow is to be opened again.
    #[error("reopen: {}", .0.as_str())]
    Reopen(ReopenCause),
    /// The daemon or the way to it failed.
    #[error(transparent)]
    Docker(#[from] DockerError),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stored cursor is not usable.
    #[error("cursor of the log: {0}")]
    Cursor(#[from] CursorError),
}

/// Everything a monitor works with.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not a state")]
pub struct Capture {
    /// Shared by all monitors.
    pub(super) shared: Arc<Shared>,
    /// The container.
    pub(super) info: Arc<ContainerInfo>,
    /// Take the log whole at first sight: it began while the engine ran.
    pub(super) whole: bool,
    /// This incarnation.
    pub(super) epoch: MonitorEpoch,
    /// Counts and publishes.
    pub(super) meter: Meter,
    /// The supervisor's wishes.
    pub(super) orders: Orders,
    /// To the supervisor.
    pub(super) events: mpsc::Sender<MonitorEvent>,
    /// The way to the store, once the log is open there.
    pub(super) committer: Option<Committer>,
    /// An idle connection for the next read.
    pub(super) kept: Option<KeptConnection>,
    /// When the last proof was sent.
    pub(super) verified_at: Option<Moment>,
    /// Why nothing was read since then.
    pub(super) away: Away,
    /// Records that the bell let by since the last read.
    pub(super) rung: u64,
    /// When it rang first since then, and when what rang was written.
    pub(super) first_ring: Option<(Moment, Timestamp)>,
    /// Time that the last read took.
    pub(super) last_cost: Duration,
    /// A turn among the openings, while this one lasts.
    pub(super) opening: Option<OwnedSemaphorePermit>,
    /// When the follow in use was opened.
    pub(super) follow_opened: Option<Moment>,
    /// Records that it repeats from before its opening.
    pub(super) follow_tail: u64,
    /// Records stored when it was opened.
    pub(super) follow_stored: u64,
    /// Records that the live follow's intake holds undecided.
    pub(super) follow_held: u64,
    /// Records that the read under way holds undecided.
    pub(super) read_held: u64,
    /// The start of the run that is being listened to.
    pub(super) listened_run: Option<Timestamp>,
    /// What may be the last words of the container, should no read be possible.
    pub(super) heard: Heard,
    /// A trusted follow was aligned and drained to its clean end, and all of it is stored.
    pub(super) drained: bool,
    /// The store knows an end of the log.
    pub(super) end_is_marked: bool,
    /// The daemon has said that this log cannot be read.
    pub(super) refused: bool,
    /// The bell rang all the time: read on a timer instead.
    pub(super) always_ringing: bool,
    /// Older history being fetched.
    pub(super) backfill: Backfills,
    /// The store holds a backfill that broke off.
    pub(super) backfill_broke_off: bool,
    /// The policy's own backfill was begun.
    pub(super) auto_backfilled: bool,
    /// A broken record stands close before the stored end: a follow must not reach back to it.
    pub(super) follow_short: bool,
    /// The follow in use begins before a broken record that was found since.
    pub(super) follow_reaches_back: bool,
    /// Something behind the stored end seems to be broken, and no gap says so yet: a follow must not
    /// pass over it.
    pub(super) hole_behind: bool,
    /// Nothing is sent yet: a seam may still be dropped, or the answer turn out not to be whole.
    pub(super) hold_sending: bool,
    /// Text that is held then at most.
    pub(super) hold_max: usize,
    /// The seam before the first record, while it may still be dropped.
    pub(super) front_seam: Option<NewSeam>,
    unsent_since: Option<Moment>,
}

impl Capture {
    /// A capture that has not opened its log yet.
    pub fn new(
        shared: Arc<Shared>,
        (epoch, whole, away): (MonitorEpoch, bool, Away),
        meter: Meter,
        orders: Orders,
        events: mpsc::Sender<MonitorEvent>,
    ) -> Self {
        let info = orders.wish().info;
        Self {
            shared,
            info,
            whole,
            epoch,
            meter,
            orders,
            events,
            committer: None,
            kept: None,
            verified_at: None,
            away,
            rung: 0,
            first_ring: None,
            last_cost: Duration::ZERO,
            opening: None,
            follow_opened: None,
            follow_tail: 0,
            follow_stored: 0,
            follow_held: 0,
            read_held: 0,
            listened_run: None,
            heard: Heard::default(),
            drained: false,
            end_is_marked: false,
            refused: false,
            always_ringing: false,
            backfill: Backfills::default(),
            backfill_broke_off: false,
            auto_backfilled: false,
            follow_short: false,
            follow_reaches_back: false,
            hole_behind: false,
            hold_sending: false,
            hold_max: HOLD_MAX,
            front_seam: None,
            unsent_since: None,
        }
    }

    /// The open log's committer.
    pub(super) fn committer(&mut self) -> Result<&mut Committer, Break> {
        self.committer.as_mut().ok_or(Break::NoLog)
    }

    /// Where lines of the log are known to end without a newline.
    pub(super) fn cuts(&self) -> Vec<LineCut> {
        self.committer.as_ref().map(|c| c.cursor().cuts()).unwrap_or_default()
    }

    /// Opens the log in the store, at its stored cursor.
    pub(super) async fn open_log(&mut self) -> Result<LogRow, Break> {
        let row = self.shared.writer.open_log(self.identity()).await?;
        let cursor = row.cursor.as_deref().map(Cursor::decode).transpose()?.unwrap_or_default();
        self.backfill_broke_off = row.backfill.is_some();
        self.end_is_marked = row.ended.is_some();
        let writer = self.shared.writer.clone();
        self.committer = Some(Committer::new(writer, row.id, Part::Live, row.next_seq, cursor));
        self.unsent_since = None;
        self.meter.tell(|report| {
            if report.log.is_none() {
                report.stored_before = row.records;
                report.gaps_before = row.gaps;
                report.last_record = row.last_ts;
            }
            // What an aborted monitor had under way may have been stored after all.
            let uncounted = row.records.saturating_sub(report.flow.stored);
            report.stored_before = report.stored_before.max(uncounted);
            report.log = Some(row.id);
            if (row.older_exists || row.backfill.is_some()) && report.backfill == Backfill::None {
                report.backfill = Backfill::Available;
            }
            report.next_seq = Some(row.next_seq);
            report.gaps = row.gaps;
        });
        Ok(row)
    }

    /// Forgets everything that was not acknowledged; the stored cursor is the truth.
    pub(super) fn close_log(&mut self) {
        self.committer = None;
        self.kept = None;
        self.hold_sending = false;
        self.read_held = 0;
        // What a live follow holds is its own.
        let lost = self.meter.report().flow.in_flight - self.follow_held;
        self.drained &= lost == 0;
        self.meter.discarded(lost);
        self.meter.in_flight(self.follow_held);
    }

    /// Describes the log for the store.
    fn identity(&self) -> LogIdentity {
        let info = &self.info;
        let owned = |text: Option<&str>| text.map(str::to_owned);
        LogIdentity {
            container_id: info.id.clone(),
            host: self.shared.host.clone(),
            daemon: self.shared.daemon_id(),
            name: info.name.clone(),
            project: owned(info.project()),
            service: owned(info.service()),
            replica: owned(info.replica()),
            image: info.image.clone(),
            tty: info.tty,
            driver: info.log_config.driver.clone(),
            class: info.guarantee(),
            first_seen: self.shared.clock.wall(),
        }
    }

    /// Notes in the store whether the log has ended.
    pub(super) async fn mark_ended(&mut self, ended: Option<Timestamp>) -> Result<(), Break> {
        let Some(log) = self.log() else { return Ok(()) };
        let patch = LogPatch { ended: Some(ended), ..LogPatch::default() };
        self.shared.writer.update_log(log, patch).await?;
        self.end_is_marked = ended.is_some();
        Ok(())
    }

    /// The open log.
    pub(super) fn log(&self) -> Option<LogId> {
        self.meter.report().log
    }

    /// Sends what waits, as far as there is room.
    pub(super) async fn send(&mut self) -> Result<(), Break> {
        let sent = self.committer()?.send().await;
        self.count_landed()?;
        Ok(sent?)
    }

    /// Sends what waits and waits for every acknowledgement.
    pub(super) async fn settle(&mut self) -> Result<(), Break> {
        let settled = self.committer()?.settle().await;
        self.count_landed()?;
        Ok(settled?)
    }

    fn count_landed(&mut self) -> Result<(), Break> {
        self.unsent_since = None;
        let landed = self.committer()?.take_landed();
        let in_flight = self.in_flight();
        for landed in landed {
            self.meter.landed(&landed, in_flight);
        }
        self.meter.in_flight(in_flight);
        Ok(())
    }

    /// Records taken, or held back by a follow or a read, and not yet acknowledged.
    pub(super) fn in_flight(&self) -> u64 {
        self.follow_held + self.read_held + self.committer.as_ref().map_or(0, Committer::in_flight)
    }

    /// Moves what an intake decided since `counted` into the meter.
    pub(super) fn account(&mut self, tally: &Tally, counted: &mut Tally) {
        self.meter.overlap(tally.overlap - counted.overlap);
        self.meter.noticed(tally.new - counted.new);
        *counted = *tally;
    }

    /// Moves records that were counted as thrown away, and are taken now, in the books: all at once,
    /// because pictures are taken between any two changes.
    pub(super) fn taken_after_all(&mut self, tally: &Tally) {
        self.meter.noticed(tally.new);
        let in_flight = self.in_flight();
        self.meter.tell(|report| {
            report.flow.discarded -= tally.new + tally.overlap;
            report.flow.overlap += tally.overlap;
            report.flow.in_flight = in_flight;
        });
    }

    /// When the open batch is to be sent: the commit interval after its first record.
    pub(super) fn flush_at(&mut self) -> Instant {
        let clock = &self.shared.clock;
        let unsent = self.committer.as_ref().is_some_and(Committer::has_unsent);
        if !unsent || self.hold_sending {
            return Instant::now() + Duration::from_hours(24);
        }
        let since = *self.unsent_since.get_or_insert_with(|| clock.now());
        clock.instant(since.after(self.shared.timing.commit.get()))
    }

    /// Sends a full block at once, and anything that waited for the commit interval.
    pub(super) async fn flush_if_due(&mut self) -> Result<(), Break> {
        let hold_max = self.hold_max;
        if self.hold_sending && self.committer()?.unsent_bytes() < hold_max {
            return Ok(());
        }
        self.hold_sending = false;
        if self.committer()?.is_full() || self.flush_at() <= Instant::now() {
            self.send().await?;
        }
        Ok(())
    }

    /// Waits for something, unless capture is to stop.
    pub(super) async fn until_ordered<T>(
        &mut self,
        work: impl Future<Output = T>,
    ) -> Result<T, Break> {
        tokio::select! {
            biased;
            () = self.orders.changed() => Err(Break::Ordered),
            done = work => Ok(done),
        }
    }

    /// Tells the supervisor.
    pub(super) async fn tell(&mut self, what: Told) {
        let event = MonitorEvent { id: self.info.id.clone(), epoch: self.epoch, what };
        let _ = self.events.send(event).await;
    }

    /// Puts something on the timeline.
    pub(super) async fn note(&mut self, kind: EventKind, words: impl Into<String>) {
        self.tell(Told::Note(kind, words.into())).await;
    }
}
