//! Whether a bounded answer is whole, before anything of it is sent to the store.
//!
//! A record that the daemon cannot decode makes holes in its answers, on some versions without a
//! word (`corrupt`). So a short answer (fewer records than were asked for) is *confirmed*: where
//! nothing was left out of `n` records, the tail of `n` is whole and the same. A short answer to
//! `since` is proved as well, because what `since` leaves out may stand anywhere.
//!
//! Of answers of more than [`CHECKED`] records, and of all where so many are stored, the records are
//! counted (`count`).
//!
//! Not covered: whole answers with much that is new that may not fit into one file of a log that
//! rotates and of which little is stored, logs that grow with every look, and terminals. Empty answers
//! are confirmed everywhere.

use std::sync::Arc;

use super::answer::{ASK_MIN, Answer, Ask};
use super::capture::{Break, Capture};
use super::count::{self, Whole};
use super::cursor::Fingerprint;
use super::front::HOLD;
use super::intake::Finished;
use super::peek::Peek;
use super::report::ReadCause;
use crate::model::{Away, EventKind, Lost, NewSeam, RunState, SeamKind, Timestamp};

/// Answers that are not longer than this are confirmed when they come short.
pub(super) const CHECKED: u64 = 20_000;
/// Why a log is taken for broken when the daemon says nothing.
pub(super) const SILENT: &str = "the daemon's answers skip records without saying so";
/// Answers that fail their confirmation before the log is taken for broken: it may also have grown
/// or rotated between the two requests.
const CONFIRMATIONS: u32 = 3;
/// Tails of 1, 2, 4, ... records that must all be empty. A read that fails before its first record
/// can end as an empty answer (27 of 200 of a file that was removed, 20.10.24).
const EMPTY_TAILS: u32 = 4;
/// The same where something of the log is stored.
const EMPTIED_TAILS: u32 = 8;

/// What was found out about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// Nothing speaks against it.
    Whole,
    /// Something is left out of it.
    Hole,
    /// Nobody can be asked any more: what was read is all there is.
    Gone,
}

/// What was asked for, and what was known then.
#[derive(Clone, Copy)]
struct Asked {
    ask: Ask,
    since: Option<Timestamp>,
    /// The stored end, and when it was written.
    end: Option<Fingerprint>,
    low: Option<Timestamp>,
    /// The daemon finds records by counting lines.
    counts: bool,
    /// Nothing of the answer was sent to the store.
    unsent: bool,
}

impl From<bool> for Proof {
    fn from(is_whole: bool) -> Self {
        if is_whole { Self::Whole } else { Self::Hole }
    }
}

impl Capture {
    /// A bounded read whose answer is sound, or why the log is taken for broken. Of an answer that
    /// is not sound nothing is kept but what stands before a fault that the daemon reported.
    pub(super) async fn sound_answer(
        &mut self,
        ask: Ask,
        since: Option<Timestamp>,
        cause: ReadCause,
    ) -> Result<Result<Answer, String>, Break> {
        let mut since = since;
        let (front, mut is_damaged) = (self.front_seam.is_some(), self.hole_behind);
        for _ in 0..=CONFIRMATIONS {
            let sifted = since.is_some() && !self.shared.is_podman();
            let counts = since.is_none() && self.shared.reads_lines(&self.info);
            let checked = sifted || counts;
            let cursor = self.committer()?.cursor();
            let (end, low) = (cursor.end(), cursor.last_ts());
            self.hold_sending = checked || front;
            let hold_max = self.hold_max;
            self.hold_max = if checked { HOLD } else { hold_max };
            let answer = self.answer(ask, since, cause).await;
            self.hold_max = hold_max;
            let unsent = std::mem::replace(&mut self.hold_sending, front) && checked;
            let asked = Asked { ask, since, end, low, counts, unsent };
            let proved = match answer {
                Ok(answer) if checked || answer.is_empty() => {
                    let proof = self.prove(&answer, asked).await;
                    proof.map(|proof| (answer, proof))
                }
                answer => answer.map(|answer| (answer, Proof::Whole)),
            };
            let (answer, proof) = match proved {
                Ok(proved) => proved,
                Err(stop) => {
                    // Whoever comes next would send what nobody has proved.
                    if unsent && self.committer()?.has_unsent() {
                        self.close_log();
                    }
                    return Err(stop);
                }
            };
            if let Some(text) = answer.fault {
                return Ok(Err(text));
            }
            if proof == Proof::Gone && is_damaged {
                self.doubt_the_last(&answer, low).await?;
            }
            if proof != Proof::Hole {
                // Of one that does not reach back to the stored end this says nothing.
                self.hole_behind &= !matches!(answer.finished, Finished::CaughtUp);
                return Ok(Ok(answer));
            }
            is_damaged |= self.hole_behind || self.is_sure_of_damage(&answer, asked);
            self.hole_behind = true;
            self.forget_unsent().await?;
            since = None;
        }
        Ok(Err(SILENT.to_owned()))
    }

    /// Whether an answer with a hole is one of a damaged log, rather than of one that was written, or
    /// rotated, while it was looked at.
    fn is_sure_of_damage(&self, answer: &Answer, asked: Asked) -> bool {
        let is_counted = asked.counts && (!asked.unsent || self.is_long(answer, asked.ask));
        is_counted || !answer.is_empty() && self.info.log_config.is_trusted()
    }

    /// Whether the records of an answer are counted only.
    fn is_long(&self, answer: &Answer, ask: Ask) -> bool {
        answer.seen.len() as u64 > CHECKED || !self.is_checked(ask)
    }

    /// Proves an answer in the way that its length and what was asked for allow.
    async fn prove(&mut self, answer: &Answer, asked: Asked) -> Result<Proof, Break> {
        let Asked { ask, since, end, low, counts, unsent } = asked;
        if answer.fault.is_some() {
            return Ok(Proof::Whole);
        }
        if since.is_none() && answer.is_empty() {
            return self.is_empty_log().await;
        }
        if !answer.is_short(ask) {
            return Ok(Proof::Whole);
        }
        match (counts, unsent) {
            (true, false) => Box::pin(self.count_behind(answer, low)).await,
            (true, true) if self.is_long(answer, ask) => Box::pin(self.is_counted(answer)).await,
            (false, false) => Ok(Proof::Whole),
            _ if self.can_be_confirmed(ask, answer) => self.is_whole(answer, end, since).await,
            _ => self.is_whole_behind(answer, end).await,
        }
    }

    /// Goes back to the stored cursor.
    async fn forget_unsent(&mut self) -> Result<(), Break> {
        self.close_log();
        self.open_log().await?;
        if let Some(seam) = self.front_seam.clone() {
            self.committer()?.seam(seam);
        }
        Ok(())
    }

    /// Whether a short answer to this is to be read once more. Of a long log long answers come, of
    /// which the records are only counted.
    fn is_checked(&self, ask: Ask) -> bool {
        let report = self.meter.report();
        let is_small = report.stored_before + report.flow.stored < CHECKED;
        is_small || ask.records().is_some_and(|n| n < CHECKED)
    }

    /// Whether the records of a long answer with the stored end in it stand in the log without a hole,
    /// by their number. One that does not hold that end is not believed without proof anyway.
    async fn is_counted(&mut self, answer: &Answer) -> Result<Proof, Break> {
        let (Finished::CaughtUp, Some(stretch)) = (&answer.finished, answer.stretch) else {
            return Ok(Proof::Whole);
        };
        if self.info.log_config.is_compressed() && self.shared.compressed_reads_are_slow() {
            // The daemon would unpack all of it for each look.
            return Ok(Proof::Whole);
        }
        let request = self.bounded(Ask::of(stretch.behind), None);
        let shared = Arc::clone(&self.shared);
        let began = shared.clock.now();
        let count = count::is_whole(&shared, &request, stretch);
        let whole = match self.until_ordered(count).await? {
            Err(stop) if self.is_over(&stop).await? => return Ok(Proof::Gone),
            counted => counted?,
        };
        self.last_cost += shared.clock.now().since(began);
        Ok(Proof::from(whole != Whole::No))
    }

    /// The same for one of which too much came to be held back: a gap behind it says then that some
    /// are missing in it. `low` is when the stored end before it was written.
    async fn count_behind(
        &mut self,
        answer: &Answer,
        low: Option<Timestamp>,
    ) -> Result<Proof, Break> {
        if answer.new == 0 {
            return Ok(Proof::Whole);
        }
        let first = self.is_counted(answer).await?;
        if first != Proof::Hole {
            return Ok(first);
        }
        if self.is_counted(answer).await? != Proof::Whole {
            let seam = self.hole_within(answer.new, low)?;
            self.note(EventKind::Gap, seam.detail.clone()).await;
            self.committer()?.seam(seam);
        }
        Ok(Proof::Whole)
    }

    /// The last answer of a log that is known to be damaged, which nobody can confirm any more.
    async fn doubt_the_last(
        &mut self,
        answer: &Answer,
        low: Option<Timestamp>,
    ) -> Result<(), Break> {
        if answer.new == 0 && self.committer()?.cursor().is_broken_off() {
            return Ok(());
        }
        let seam = self.hole_within(answer.new, low)?;
        self.note(EventKind::Gap, seam.detail.clone()).await;
        self.committer()?.break_off(seam);
        Ok(())
    }

    /// The gap behind so many new records, of which some are missing.
    fn hole_within(&mut self, new: u64, low: Option<Timestamp>) -> Result<NewSeam, Break> {
        let detail = match new {
            0 => format!("behind the last record some may be missing: {SILENT}"),
            _ => format!("of the last {new} records some are missing: {SILENT}"),
        };
        Ok(NewSeam {
            kind: SeamKind::Gap,
            lost: Some(Lost::Corrupt(SILENT.to_owned())),
            away: Some(Away::None),
            t_low: low,
            t_high: self.committer()?.cursor().last_ts(),
            detail,
        })
    }

    /// Whether a short answer is of a file that will hardly rotate before it is looked at again.
    fn can_be_confirmed(&self, ask: Ask, answer: &Answer) -> bool {
        let stays = self.info.log_config.file_bytes().is_none_or(|file| answer.size < file);
        stays || ask.records().is_some()
    }

    /// Whether an answer of several files left nothing out behind the stored end. Older files may be
    /// gone by now, but hardly those behind it, as long as they are the smaller part.
    async fn is_whole_behind(
        &mut self,
        answer: &Answer,
        end: Option<Fingerprint>,
    ) -> Result<Proof, Break> {
        let stay = self.info.log_config.full_files_bytes().is_some();
        let few = matches!(answer.finished, Finished::CaughtUp) && answer.new < answer.overlap;
        let Some(end) = end.filter(|_| few && stay && answer.overlap > 0) else {
            return Ok(Proof::Whole);
        };
        let (all, mut asked) = (answer.new + answer.overlap, answer.new + 1);
        while asked <= all {
            let Some(tail) = self.peek_again(asked, None).await? else { return Ok(Proof::Gone) };
            if tail.is_full() || tail.up_to_last(end).is_some() && tail.is_clean() {
                return Ok(Proof::Whole);
            }
            if !tail.is_clean() {
                return Ok(Proof::Hole);
            }
            // It has grown.
            asked = asked * 2 + ASK_MIN;
        }
        Ok(Proof::Whole)
    }

    /// Whether a short answer left nothing out. `end` was the stored end when it was asked for.
    async fn is_whole(
        &mut self,
        answer: &Answer,
        end: Option<Fingerprint>,
        since: Option<Timestamp>,
    ) -> Result<Proof, Break> {
        match (since, end) {
            (None, _) => self.is_confirmed(answer).await,
            // It says that it holds no stored end, and is not believed without proof anyway.
            (Some(_), _) if !matches!(answer.finished, Finished::CaughtUp) => Ok(Proof::Whole),
            (Some(from), Some(end)) => self.is_unsifted(end, answer.new, from).await,
            (Some(_), None) => Ok(Proof::Hole),
        }
    }

    /// Whether an answer that came short left nothing out: the tail of just its length is whole and
    /// the same. If the log has grown, that tail begins inside the answer and says nothing of what
    /// stands before; so it is asked for again, longer, until it reaches back to the stored end.
    async fn is_confirmed(&mut self, answer: &Answer) -> Result<Proof, Break> {
        let seen = &answer.seen;
        // Where a tie hides the stored end, that is nowhere.
        let is_known = !self.committer()?.cursor().is_broken_off();
        let end = answer.overlap.checked_sub(1).filter(|_| is_known);
        let mut asked = seen.len() as u64;
        for _ in 0..=CONFIRMATIONS {
            let Some(again) = self.peek_again(asked, None).await? else { return Ok(Proof::Gone) };
            if again.is_full() {
                return Ok(Proof::Whole);
            }
            let Some(begins) = again.begins_in(seen).filter(|_| again.is_clean()) else {
                return Ok(Proof::Hole);
            };
            match end {
                Some(end) if begins as u64 <= end => return Ok(Proof::Whole),
                None if begins == 0 => return self.begins_there(seen).await,
                _ => asked += begins as u64,
            }
        }
        // It grows with every look, and nothing speaks against it.
        Ok(Proof::Whole)
    }

    /// Whether a log that seems to be empty is. Nobody knows of one that is removed before that is
    /// sure. Where something is stored it may also end and begin
    /// with broken records.
    async fn is_empty_log(&mut self) -> Result<Proof, Break> {
        let report = self.meter.report();
        let is_known = report.stored_before + report.flow.stored > 0;
        let tails = if is_known { EMPTIED_TAILS } else { EMPTY_TAILS };
        for asked in (0..tails).map(|nth| 1 << nth) {
            let again = self.peek(asked, None).await?;
            if again.fault.is_some() || !again.records.is_empty() {
                return Ok(Proof::Hole);
            }
        }
        Ok(Proof::Whole)
    }

    /// Whether a whole answer begins where the log does: what was left out may all stand before it.
    /// A tail of one more then begins with one of those.
    pub(super) async fn begins_there(&mut self, seen: &[Fingerprint]) -> Result<Proof, Break> {
        let mut asked = seen.len() as u64 + 1;
        for _ in 0..CONFIRMATIONS {
            let Some(again) = self.peek_again(asked, None).await? else { return Ok(Proof::Gone) };
            if again.is_full() {
                return Ok(Proof::Whole);
            }
            let begins = again.begins_in(seen).filter(|_| again.fault.is_none());
            let Some(grown) = begins.filter(|begins| *begins == 0 || again.is_clean()) else {
                return Ok(Proof::Hole);
            };
            if !again.is_clean() {
                return Ok(Proof::Whole);
            }
            if again.last().as_ref() == seen.last() {
                // It has not grown, and there is one more.
                return Ok(Proof::Hole);
            }
            asked = (seen.len() + 2 + grown) as u64;
        }
        // It grows with every look, and nothing speaks against it.
        Ok(Proof::Whole)
    }

    /// Whether a look failed because the container is removed, or is about to be.
    pub(super) async fn is_over(&mut self, stop: &Break) -> Result<bool, Break> {
        let Break::Docker(error) = stop else { return Ok(false) };
        if !error.means_no_log() {
            return Ok(false);
        }
        match self.inspected().await? {
            Ok(info) => Ok(!error.is_not_found() && info.run != RunState::Running),
            Err(error) => Ok(error.is_not_found()),
        }
    }

    /// Another look at a log. `None` if nobody can be asked any more: what was read is all there is.
    /// A daemon that only says so by mistake has not said anything.
    async fn peek_again(
        &mut self,
        asked: u64,
        since: Option<Timestamp>,
    ) -> Result<Option<Peek>, Break> {
        match self.peek(asked, since).await {
            Ok(again) => Ok(Some(again)),
            Err(stop) if self.is_over(&stop).await? => Ok(None),
            Err(stop) => Err(stop),
        }
    }

    /// Whether `since` left nothing out between the stored end and what followed it. Up to 23 it
    /// drops every older record wherever it stands, so that what was written after the clock had
    /// stepped back is missing from the answer (moby e278d3f185). A tail of which nothing is left
    /// out is as long as was asked for; if the stored end is in one, so is all behind it.
    async fn is_unsifted(
        &mut self,
        end: Fingerprint,
        new: u64,
        since: Timestamp,
    ) -> Result<Proof, Break> {
        let mut asked = new + 1;
        for _ in 0..CONFIRMATIONS {
            let Some(again) = self.peek_again(asked, Some(since)).await? else {
                return Ok(Proof::Gone);
            };
            if !again.is_clean() {
                return Ok(Proof::Hole);
            }
            let fps = again.records.iter().map(|record| Fingerprint::of(&record));
            let behind = (1..).zip(fps).find(|(_, fp)| *fp == end).map(|(nth, _)| asked - nth);
            if behind.is_some_and(|behind| behind >= new) {
                return Ok(Proof::Whole);
            }
            // The log has grown since.
            asked += ASK_MIN;
        }
        Ok(Proof::Hole)
    }
}
