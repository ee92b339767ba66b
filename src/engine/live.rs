//! The live part of the loop: listening for new records of a log that is read to its end.
//!
//! A trusted follow commits what it delivers (`follow`); any other is a bell (`bell`). Silence is
//! never taken for health: when there was no evidence for one probe interval, a read proves that
//! there is nothing new, or finds what a stuck follow did not deliver.

use std::time::Duration;

use super::capture::{Break, Capture};
use super::commit::Committer;
use super::orders::Gate;
use super::report::ReopenCause;
use super::snapshot::StreamView;
use crate::docker::{LogRequest, LogStream, Tail};
use crate::model::{EndProof, LiveSource, Moment, State};

/// Records that a new trusted follow repeats, so that it must contain the stored end.
pub(super) const FOLLOW_TAIL: u64 = 64;
/// The same of a log that began while the engine runs, before anything of it was read.
const FIRST_TAIL: u64 = 4_096;

impl Capture {
    /// Whether a follow of this log may commit: the file never rotates, and the daemon's follows
    /// end with an error at a record that they cannot decode, unless it is there already.
    pub(super) fn is_trusted(&self) -> bool {
        let trusted = self.info.log_config.is_trusted() && self.shared.follows_tell_damage();
        // A log of nothing but a broken record reads as empty.
        let held = |committer: &Committer| !committer.cursor().is_empty();
        let is_sure =
            !self.shared.follows_pass_over_damage() || self.committer.as_ref().is_some_and(held);
        trusted && is_sure && !self.hole_behind
    }

    /// Whether what a bell lets by is kept, as it may be the end of a log that nobody can read any
    /// more.
    pub(super) fn keeps_bell(&self) -> bool {
        self.info.auto_remove || self.bell_is_whole()
    }

    /// Whether a bell lets by the log as it is: its file never rotates, so that follows neither
    /// repeat nor skip.
    pub(super) fn bell_is_whole(&self) -> bool {
        self.info.log_config.is_trusted() && !self.shared.is_podman() && !self.hole_behind
    }

    /// Opens the follow that this log needs, or none when reads on a timer have to do.
    pub(super) async fn open_follow(&mut self) -> Result<Option<LogStream>, Break> {
        if !self.is_trusted() && (self.always_ringing || self.shared.bells.available_permits() == 0)
        {
            self.follow_opened = Some(self.shared.clock.now());
            self.listen_on();
            return Ok(None);
        }
        let known = self.committer()?.cursor().records();
        let context = match (self.follow_short, known) {
            (true, _) => known.max(1),
            // Should its container be removed at once, this is all there is of its log.
            (false, 0) if self.whole => FIRST_TAIL,
            (false, _) => known.max(FOLLOW_TAIL - 16) + 16,
        };
        // Every trusted follow is one whose bell would be kept. One that begins with what the daemon
        // cannot decode may end there, whenever it is opened.
        let tail = if self.keeps_bell() && !self.hole_behind { context } else { 0 };
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
        // It repeats what the last one held and no read took.
        self.heard.begin_anew();
        self.listen_on();
        self.follow_reaches_back = false;
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
    pub(super) fn planned_age(&self) -> Duration {
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
            Some(stream) if self.is_trusted() => Box::pin(self.follow(stream)).await,
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

    /// When evidence is to be renewed by a read.
    pub(super) fn probe_at(&self) -> Moment {
        let beat =
            self.meter.report().beat.as_ref().map_or(Moment::default(), super::evidence::Beat::at);
        beat.max(self.verified_at.unwrap_or_default()).after(self.shared.probe())
    }

    pub(super) fn reopen_at(&self) -> Moment {
        let never = Moment(Duration::from_hours(24 * 365));
        self.meter.report().stream.map_or(never, |stream| stream.reopen_at)
    }

    /// Does what the supervisor wants now, as far as it can be done without going to the top.
    pub(super) fn obey(&mut self, has_stream: bool) -> Result<(), Break> {
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
