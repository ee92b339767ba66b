//! Reading around records that the daemon cannot decode.
//!
//! A record that was written by halves (the daemon's disk was full, the power failed) breaks the
//! one promise that capture rests on: that a bounded read is contiguous. Measured on 20.10.24: its
//! decoder drops what it had read ahead and goes on, so that `tail=1100` over one broken line
//! answered 977 records, with a hole of 123 and no error; other versions send a type-3 frame there,
//! or skip the rest of the file. Tails that begin behind the broken record are whole in all of them.
//!
//! Whether an answer is whole is found out in `proof`. Where it is not, the longest clean tail is
//! searched (`clean`); if the stored end is not in it, what stands before it is taken piece by piece
//! (`islands`), or, of a log that does not rest, up to the first broken record (`before`), and a gap
//! [`Lost::Corrupt`] stands behind each piece.

mod before;
mod clean;
mod islands;
mod place;
mod shore;

use std::collections::HashSet;

use self::clean::Clean;
use self::islands::Islands;
use super::align::Source;
use super::answer::Ask;
use super::capture::{Break, Capture};
use super::cursor::Fingerprint;
use super::intake::Intake;
use super::peek::Since;
use super::proof::SILENT;
use super::read::{not_readable, not_taken};
use super::report::ReadCause;
use super::snapshot::Backfill;
use crate::docker::DockerError;
use crate::model::{Away, Batch, EventKind, Lost, Moment, NewSeam, SeamKind, Timestamp};

impl Capture {
    /// First sight of a log with a broken record in it: takes what can be read behind it.
    pub(super) async fn adopt_around(&mut self) -> Result<Moment, Break> {
        self.open_log().await?;
        let Some(Clean { tail, bounded, .. }) = self.longest_clean().await? else {
            self.hole_behind = true;
            return Ok(self.shared.clock.now());
        };
        (self.follow_short, self.hole_behind) = (true, false);
        self.committer()?.seam(if bounded { not_readable() } else { not_taken() });
        self.meter.tell(|report| report.backfill = Backfill::Available);
        self.take_all(&tail.records).await?;
        Ok(tail.sent_at)
    }

    /// Takes what can be read of a log with a broken record in it. `ask` is what failed.
    pub(super) async fn read_around(
        &mut self,
        ask: Ask,
        words: String,
        cause: ReadCause,
    ) -> Result<Moment, Break> {
        let Some(Clean { tail, bounded, unsure, is_cut }) = self.longest_clean().await? else {
            return self.before_the_last(ask, &words, cause).await;
        };
        let is_broken = bounded || is_cut && (words == SILENT || !self.skim(ask, |_| ()).await?);
        self.shorten_follow();
        if self.joins(&tail.records, bounded)? {
            self.hole_behind = false;
            return Ok(tail.sent_at);
        }
        if !is_broken {
            // Every length is clean now: it was a fault of the moment.
            return Err(DockerError::Fault { text: words }.into());
        }
        let mut islands = Islands::default();
        if unsure == 0 {
            islands = self.islands(&tail).await?;
        }
        let Islands { found, joined, from_begin } = islands;
        let (last, sent_at) = (tail.last(), tail.sent_at);
        let mut pieces: Vec<Batch> = found.into_iter().rev().chain([tail.records]).collect();
        let is_first = from_begin && self.committer()?.cursor().is_empty();
        if !is_first && !joined {
            let records = pieces.iter().flat_map(Batch::iter);
            let behind: HashSet<_> = records.map(|record| Fingerprint::of(&record)).collect();
            // Of an answer that was not believed nothing was kept.
            let ask = if words == SILENT {
                ask.within(unsure.saturating_add(behind.len() as u64))
            } else {
                ask
            };
            self.take_before(ask, &behind, unsure).await?;
        }
        if self.is_another_log(last).await? {
            // What was found before and since then is not of one log. Nothing of it was sent.
            self.close_log();
            return Err(DockerError::Fault { text: words }.into());
        }
        if is_first {
            self.doubt_front().await?;
            self.take_all(&pieces.remove(0)).await?;
        } else if !joined {
            self.leave_out_stored(&mut pieces).await?;
        }
        for piece in &pieces {
            self.cut_before(piece, &words).await?;
            self.take_all(piece).await?;
        }
        self.follow_reaches_back = true;
        self.hole_behind = false;
        Ok(sent_at)
    }

    /// The next follow begins behind what is broken; one that is open already may reach back over it.
    fn shorten_follow(&mut self) {
        self.follow_reaches_back |= !self.follow_short;
        self.follow_short = true;
    }

    /// Reads around what hides the stored end in complete answers. `None` if nothing does: it is gone.
    pub(super) async fn around_what_hides(
        &mut self,
        cause: ReadCause,
    ) -> Result<Option<Moment>, Break> {
        if !self.shared.reads_lines(&self.info) {
            return Ok(None);
        }
        let clean = self.longest_clean().await?;
        let is_bounded = clean.as_ref().is_some_and(|clean| clean.bounded);
        if is_bounded {
            self.shorten_follow();
        }
        if let Some(Clean { tail, .. }) = &clean
            && self.joins(&tail.records, is_bounded)?
        {
            self.hole_behind = false;
            return Ok(Some(tail.sent_at));
        }
        if clean.is_some() && !is_bounded {
            return Ok(None);
        }
        self.read_around(Ask::All, SILENT.to_owned(), cause).await.map(Some)
    }

    /// The last record is broken: what stands before it is all there is, and if nothing will follow
    /// it, the loss has to be told now.
    async fn before_the_last(
        &mut self,
        ask: Ask,
        words: &str,
        cause: ReadCause,
    ) -> Result<Moment, Break> {
        if words != SILENT {
            let last = self.peek(1, None).await?;
            if last.fault.is_none() && last.records.is_empty() {
                // The log is empty: it was a fault of the moment.
                return Err(DockerError::Fault { text: words.to_owned() }.into());
            }
        }
        let now = self.shared.clock.now();
        // Of an answer that was not believed nothing was kept.
        let is_kept = words != SILENT || ask != Ask::All;
        let ask = if is_kept { ask } else { Ask::Last(Ask::LONGEST) };
        self.take_before(ask, &HashSet::new(), 0).await?;
        self.hole_behind = true;
        if cause == ReadCause::Final && !self.committer()?.cursor().is_broken_off() {
            let seam = self.corrupt_gap(words, None)?;
            self.note(EventKind::Gap, seam.detail.clone()).await;
            self.committer()?.break_off(seam);
        }
        Ok(now)
    }

    /// Whether a tail's last record is not in the log any more: its file was emptied or replaced meanwhile.
    async fn is_another_log(&mut self, last: Option<Fingerprint>) -> Result<bool, Break> {
        let Some(last) = last else { return Ok(false) };
        Ok(matches!(self.since_last(last, 0).await?, Since::Gone))
    }

    /// A gap before what can be read again.
    async fn cut_before(&mut self, piece: &Batch, words: &str) -> Result<(), Break> {
        let seam = self.corrupt_gap(words, piece.get(0).map(|record| record.ts))?;
        self.cut(seam).await
    }

    fn corrupt_gap(&mut self, words: &str, t_high: Option<Timestamp>) -> Result<NewSeam, Break> {
        Ok(NewSeam {
            kind: SeamKind::Gap,
            lost: Some(Lost::Corrupt(words.to_owned())),
            away: Some(Away::None),
            t_low: self.committer()?.cursor().last_ts(),
            t_high,
            detail: format!("the daemon cannot decode a record of its own log: {words}"),
        })
    }

    /// Takes the new records of a clean tail, if the stored end is in it. A bounded one begins right
    /// behind the broken record, where the cursor may begin too: it is all there is from there on.
    pub(super) fn joins(&mut self, records: &Batch, bounded: bool) -> Result<bool, Break> {
        if self.committer()?.cursor().is_empty() {
            return Ok(false);
        }
        let mut intake = Intake::new(self.committer()?.cursor(), Source::Read { all: bounded });
        for record in records.iter() {
            // A bounded read is never doubted.
            let _ = intake.feed(&record, self.committer()?);
        }
        let (_, tally) = intake.finish(bounded, self.committer()?);
        self.taken_after_all(&tally);
        Ok(tally.overlap > 0)
    }
}
