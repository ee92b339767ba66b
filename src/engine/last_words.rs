//! Last words: of a container that is removed before its last records were read, what its follow let by
//! is all there is. So it is kept ([`Capture::keeps_bell`]), and taken where a follow brings the log as
//! it is. What may be missing before it, or behind it, has a seam.

use std::time::Duration;

use super::align::Source;
use super::capture::{Break, Capture};
use super::cursor::{Fingerprint, Origin};
use super::front;
use super::intake::Intake;
use super::read::not_taken;
use super::snapshot::Backfill;
use crate::docker::{LogStream, Step};
use crate::model::{Away, Batch, EventKind, Guarantee, Lost, NewSeam, SeamKind, Timestamp};
use crate::store::LogRow;

/// Text that is kept.
const KEPT_BYTES: usize = 1 << 20;

/// Silence after which a follow whose container is gone is given up.
const SILENCE: Duration = Duration::from_secs(2);

/// What a follow let by that may be the last words of its container.
#[derive(Default)]
pub(super) struct Heard {
    records: Batch,
    /// Records that came since the follow was opened.
    came: u64,
    /// Records that came since the last read.
    unread: u64,
    /// A read has shown, since the follow was opened, what stood before them.
    is_read: bool,
    /// Of those that came since, the first are not kept.
    lacks_front: bool,
    /// All of it came by an earlier follow.
    is_old: bool,
    /// The last record that came.
    last: Option<Fingerprint>,
    reach: Reach,
}

/// How far a follow was heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Reach {
    /// More may come, or may have come.
    #[default]
    Open,
    /// To the clean end of the log, or a last read has shown it.
    End,
    /// Of what came at last not everything is kept.
    Kept,
}

impl Heard {
    /// A follow that was opened repeats what an earlier one brought, once it brings anything.
    pub(super) fn begin_anew(&mut self) {
        (self.is_old, self.is_read, self.last) = (true, false, None);
    }

    /// The follow came to its clean end.
    pub(super) fn end(&mut self) {
        if self.reach == Reach::Open {
            self.reach = Reach::End;
        }
    }

    /// What there is of the end is stored, or a gap stands for it.
    pub(super) fn settled() -> Self {
        Self { is_read: true, reach: Reach::End, ..Self::default() }
    }

    /// Keeps what came by, the newest of it.
    pub(super) fn keep(&mut self, came: &Batch) {
        self.count(came);
        if self.records.text_bytes() > KEPT_BYTES {
            self.records.clear();
            self.lacks_front = true;
        }
        came.iter().for_each(|record| self.records.push(record));
    }

    /// Notes how far it came, without keeping any of it.
    pub(super) fn pass(&mut self, came: &Batch) {
        self.last = came.last().map(|record| Fingerprint::of(&record)).or(self.last);
    }

    /// Keeps what is left in a follow, the begin of it.
    fn keep_rest(&mut self, came: &Batch) {
        self.count(came);
        if self.records.text_bytes() < KEPT_BYTES {
            came.iter().for_each(|record| self.records.push(record));
        } else if !came.is_empty() {
            self.reach = Reach::Kept;
        }
    }

    fn count(&mut self, came: &Batch) {
        if self.is_old && !came.is_empty() {
            *self = Self { is_read: self.is_read, ..Self::default() };
        }
        self.came += came.len() as u64;
        self.unread += came.len() as u64;
        self.pass(came);
    }

    /// Everything up to now is stored, and only so many records of it are needed.
    pub(super) fn read_up_to_here(&mut self, context: usize) {
        self.records.keep_last(context);
        (self.is_read, self.lacks_front, self.unread) = (true, false, 0);
        if self.reach == Reach::Kept {
            self.reach = Reach::Open;
        }
    }

    /// What came so far does not join any more what is stored.
    pub(super) fn forget(&mut self) {
        self.records.clear();
        self.lacks_front = true;
    }

    /// Whether a follow came to its clean end with this record.
    fn ends_with(&self, end: Option<Fingerprint>) -> bool {
        self.reach == Reach::End && self.last.is_some() && self.last == end
    }

    /// Whether a follow came to its clean end and brought nothing behind the last read. `is_empty`:
    /// nothing is stored, and it was to repeat what there is.
    fn is_silent(&self, is_empty: bool) -> bool {
        self.reach == Reach::End && self.unread == 0 && (self.is_read || self.is_old && is_empty)
    }

    /// What is missing behind it.
    fn lacks(&self) -> Option<Lost> {
        match self.reach {
            Reach::End => None,
            Reach::Open => Some(Lost::Unknown),
            Reach::Kept => Some(Lost::Removed),
        }
    }

    /// Whether it may begin behind the begin of a log of which nothing is stored. The follow was to
    /// repeat so many records.
    fn may_begin_late(&self, follow_tail: u64) -> bool {
        self.lacks_front || !self.is_read && self.came >= follow_tail
    }
}

impl Capture {
    /// More may come than what a follow that has ended brought. Until another is opened, the daemon
    /// may only say that the container runs because it has not noticed its end yet.
    pub(super) fn listen_on(&mut self) {
        self.drained = false;
        if self.heard.reach == Reach::End {
            self.heard.reach = Reach::Open;
        }
    }

    /// Empties a follow whose container is gone.
    pub(super) async fn hear_the_rest(&mut self, mut follow: LogStream) {
        let mut came = Batch::new();
        loop {
            let next = tokio::time::timeout(SILENCE, follow.next(&mut came));
            let step = self.until_ordered(next).await;
            self.meter.received(came.len() as u64);
            self.meter.discarded(came.len() as u64);
            self.heard.keep_rest(&came);
            came.clear();
            match step {
                // How much comes is worth knowing also where it is not kept.
                Ok(Ok(Ok(Step::Records(_)))) => {}
                Ok(Ok(Ok(Step::End))) => return self.heard.end(),
                Ok(_) | Err(_) => return,
            }
        }
    }

    /// The container is gone and no read is possible: what its follow let by is all there is.
    pub(super) async fn take_last_words(&mut self) -> Result<(), Break> {
        if self.heard.unread == 0 || self.heard.records.is_empty() {
            return self.doubt_the_end().await;
        }
        if self.committer.is_none() {
            // A read that failed may have closed the log.
            self.open_log().await?;
        }
        // Whoever breaks off here knows nothing of the end.
        let (heard, rung) = (std::mem::take(&mut self.heard), std::mem::take(&mut self.rung));
        let taken = self.take_heard(&heard).await;
        if taken.is_ok() {
            self.heard = Heard::settled();
        } else {
            // For the next attempt, to which they come anew.
            let records = heard.records.len() as u64;
            self.meter.received(records);
            self.meter.discarded(records);
            (self.heard, self.rung) = (heard, rung);
        }
        taken
    }

    /// Nothing that came behind the last read is known. Whether anything did is, where a follow has
    /// come to its end since.
    async fn doubt_the_end(&mut self) -> Result<(), Break> {
        if self.is_not_claimed() {
            return Ok(());
        }
        if self.committer.is_none() {
            let row = self.open_log().await?;
            if self.was_read_to_its_end(&row) {
                return Ok(());
            }
        }
        let end = self.committer()?.cursor().end();
        let is_empty = end.is_none();
        let is_silent = self.rung == 0 && self.heard.is_silent(is_empty && self.follow_tail > 0);
        let is_known = self.drained || is_silent || self.heard.ends_with(end);
        // A follow that ended with the stored end may have passed over what is broken behind it.
        if is_known && !self.has_run_unheard() && !self.hole_behind {
            self.settle().await?;
            return self.mark_end().await;
        }
        if !self.committer()?.cursor().is_broken_off() {
            let (lost, away) = (Some(Lost::Unknown), Some(self.away));
            let seam = NewSeam { lost, away, ..self.removed_gap()? };
            self.note(EventKind::Gap, seam.detail.clone()).await;
            self.committer()?.break_off(seam);
        }
        self.settle().await?;
        (self.heard, self.rung) = (Heard::settled(), 0);
        self.listened_run = self.newest_run();
        Ok(())
    }

    /// When the last run began, which may be after the last look at the orders.
    fn newest_run(&self) -> Option<Timestamp> {
        self.orders.wish().info.started_at.max(self.info.started_at)
    }

    /// Whether nobody has listened to the last run.
    fn has_run_unheard(&self) -> bool {
        self.listened_run < self.newest_run()
    }

    /// Notes that the end of the log is stored, for engines that will look for the container. A gap
    /// there says as much.
    async fn mark_end(&mut self) -> Result<(), Break> {
        if self.end_is_marked || self.committer()?.cursor().is_broken_off() {
            return Ok(());
        }
        self.mark_ended(Some(self.shared.clock.wall())).await
    }

    /// Whether nobody claims anything of the end of the log.
    fn is_not_claimed(&self) -> bool {
        let report = self.meter.report();
        let never_ran = self.info.started_at.is_none();
        // Of the drivers that can be read a refusal says nothing.
        let is_foreign = self.info.log_config.is_foreign();
        let is_refused = self.refused && report.stored_before + report.flow.stored == 0;
        let is_unreadable =
            is_refused && is_foreign || self.info.guarantee() == Guarantee::Unreadable;
        // What came and went is told as such.
        let is_uncaptured = self.whole && report.beat.is_none() && report.flow.stored == 0;
        never_ran || is_unreadable || is_uncaptured
    }

    /// Whether an earlier monitor has read the log to its end, and the container did not run since, as
    /// far as the clocks tell.
    pub(super) fn was_read_to_its_end(&self, row: &LogRow) -> bool {
        let is_older = |(ended, started)| started < ended;
        self.listened_run.is_none() && row.ended.zip(self.info.started_at).is_some_and(is_older)
    }

    async fn take_heard(&mut self, heard: &Heard) -> Result<(), Break> {
        let is_empty = self.committer()?.cursor().is_empty();
        let is_doubted = is_empty && heard.may_begin_late(self.follow_tail);
        let is_whole = self.bell_is_whole();
        let taken = if is_whole || !is_doubted && self.cannot_have_rotated(&heard.records) {
            if is_doubted {
                self.doubt_what_stands_before().await?;
            }
            self.take_behind_the_end(&heard.records)?
        } else {
            None
        };
        let all = heard.records.len() as u64;
        let is_over = !self.has_run_unheard() && !self.hole_behind;
        let lacks = heard.lacks().or((!is_over).then_some(Lost::Unknown));
        let is_end = match taken {
            Some(taken) if taken == all && lacks.is_none() => true,
            Some(_) if self.committer()?.cursor().is_broken_off() => false,
            Some(taken) => {
                let lost = lacks.filter(|_| taken == all);
                let seam = NewSeam { lost: lost.or(Some(Lost::Removed)), ..self.removed_gap()? };
                self.note(EventKind::Gap, seam.detail.clone()).await;
                self.committer()?.break_off(seam);
                false
            }
            None if is_over && heard.ends_with(self.committer()?.cursor().end()) => true,
            None => {
                let is_lost = heard.lacks_front || self.is_ahead(&heard.records)?;
                let lost = Some(if is_lost { Lost::Removed } else { Lost::Unknown });
                let seam = NewSeam { lost, ..self.removed_gap()? };
                self.cut(seam).await?;
                self.committer()?.gap_is_told();
                false
            }
        };
        self.settle().await?;
        if is_end { self.mark_end().await } else { Ok(()) }
    }

    /// Where nothing is stored, more may stand before what a follow began with.
    async fn doubt_what_stands_before(&mut self) -> Result<(), Break> {
        let is_unread = self.committer()?.cursor().origin() == Origin::Unadopted;
        let seam = if is_unread && !self.whole {
            not_taken()
        } else {
            let detail = "the container was removed before its first records were read".to_owned();
            self.note(EventKind::Gap, detail.clone()).await;
            NewSeam { lost: Some(Lost::Unknown), detail, ..self.removed_gap()? }
        };
        self.committer()?.seam(seam);
        Ok(())
    }

    /// Takes what stands behind the stored end, if that is in it: so many records are stored now. What
    /// follows a doubt is none of them.
    fn take_behind_the_end(&mut self, records: &Batch) -> Result<Option<u64>, Break> {
        let patience = u64::MAX;
        let mut intake = Intake::new(self.committer()?.cursor(), Source::Follow { patience });
        for record in records.iter() {
            if intake.feed(&record, self.committer()?).is_err() {
                break;
            }
        }
        let tally = intake.tally();
        self.taken_after_all(&tally);
        Ok(intake.is_joined().then_some(tally.overlap + tally.new))
    }

    /// Whether the last of these records is none that is stored.
    fn is_ahead(&mut self, records: &Batch) -> Result<bool, Break> {
        let end = self.committer()?.cursor().runs().last().copied();
        let Some(last) = records.last() else { return Ok(false) };
        Ok(end.is_none_or(|end| {
            last.ts > end.ts || last.ts == end.ts && Fingerprint::of(&last) != end.fp
        }))
    }

    /// Whether the log is so small that it is still in its first file: follows pass over files that
    /// are rotated away before they get there.
    fn cannot_have_rotated(&self, records: &Batch) -> bool {
        let report = self.meter.report();
        let known_whole = report.stored_before == 0 && report.backfill == Backfill::None;
        let known_whole = known_whole && !self.hole_behind;
        let before = report.flow.stored * front::AROUND + report.bytes * front::WIDEST;
        let bytes = before + records.iter().map(|record| front::stored_size(&record)).sum::<u64>();
        known_whole && self.info.log_config.file_bytes().is_some_and(|first| bytes < first)
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
}

#[cfg(test)]
#[path = "last_words_tests.rs"]
mod tests;
