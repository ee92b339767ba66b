//! `read_to_end`: bounded reads until everything that the daemon holds is stored.
//!
//! Only a bounded read returns a contiguous slice of the daemon's log, so only this declares a
//! gap (`gap`), and only this makes [`Verified`]. It asks for a short tail, aligns it with the cursor, and
//! asks for more until the stored end is found or a complete answer shows that it is gone.
//! `since` is used on compressed drivers and on Podman only: elsewhere it makes the daemon decode its
//! whole history (20.4 s on a 1.26 GB log, where `tail=64` takes 1.6 ms).

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use super::answer::{ASK_MIN, Answer, Ask};
use super::capture::{Break, Capture};
use super::cursor::{Fingerprint, Origin};
use super::evidence::Beat;
use super::gap::WithoutEnd;
use super::intake::Finished;
use super::podman;
use super::proof::{CHECKED, Proof};
use super::report::ReadCause;
use super::snapshot::Backfill;
use crate::config::History;
use crate::docker::DockerError;
use crate::model::{Away, Batch, Lost, Moment, NewSeam, SeamKind, Timestamp};

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

impl Capture {
    /// Reads until everything up to the last request is stored and acknowledged.
    pub(super) async fn read_to_end(&mut self, cause: ReadCause) -> Result<Verified, Break> {
        // What a follow brought is not this read's.
        self.settle().await?;
        let stored_before = self.meter.report().flow.stored;
        let sent_at = match self.committer()?.cursor().origin() {
            Origin::Unadopted => self.adopt(cause).await?,
            Origin::AdoptedEmpty | Origin::Adopted => self.catch_up(cause).await?,
        };
        self.committer()?.adopt();
        self.settle().await?;
        self.verified_at = Some(sent_at);
        self.refused = false;
        self.away = Away::None;
        if !self.hole_behind {
            // What rang so far is stored. Only where the stored end lies is needed of it.
            let context = self.committer()?.cursor().records();
            self.heard.read_up_to_here(usize::try_from(context).unwrap_or(usize::MAX));
        }
        (self.rung, self.first_ring) = (0, None);
        let new = self.meter.report().flow.stored - stored_before;
        let verified = Verified { sent_at, new };
        self.meter.beat(Beat::verified(verified.clone()));
        Ok(verified)
    }

    /// First sight of a log: takes of its history what the policy says.
    async fn adopt(&mut self, cause: ReadCause) -> Result<Moment, Break> {
        let ask = match (self.whole, self.shared.history) {
            (true, _) | (_, History::All) => Ask::All,
            (false, History::Auto) => Ask::Last(1_000),
            (false, History::Tail(n)) => Ask::Last(n.max(1)),
            (false, History::Now) => Ask::Last(1),
        };
        let (ask, since) = if self.shared.is_podman() {
            (Ask::All, self.since_of_tail(ask).await?)
        } else {
            (ask, None)
        };
        if ask == Ask::All && since.is_none() {
            return self.adopt_whole(cause).await;
        }
        self.committer()?.seam(not_taken());
        (self.hold_sending, self.front_seam) = (true, Some(not_taken()));
        let answer = self.sound_answer(ask, since, ReadCause::Adopt).await;
        (self.hold_sending, self.front_seam) = (false, None);
        if !matches!(answer, Ok(Ok(_))) {
            // It is not known whether the seam belongs there, so nothing is kept.
            self.close_log();
        }
        let answer = match answer? {
            Ok(answer) => answer,
            Err(text) if self.shared.is_podman() => return Err(DockerError::Fault { text }.into()),
            Err(_) => return self.adopt_around().await,
        };
        if answer.went_back && since.is_some() {
            // What was left out may stand between what came.
            self.close_log();
            self.open_log().await?;
            return self.adopt_whole(cause).await;
        }
        if since.is_none() && answer.is_short(ask) {
            self.committer()?.drop_seam(&not_taken());
        } else {
            self.meter.tell(|report| report.backfill = Backfill::Available);
        }
        Ok(answer.sent_at)
    }

    async fn adopt_whole(&mut self, cause: ReadCause) -> Result<Moment, Break> {
        match self.answer_from_front(Ask::All, None, ReadCause::Adopt).await? {
            Ok(answer) => Ok(answer.sent_at),
            Err(words) => self.read_around(Ask::All, words, cause).await,
        }
    }

    /// From when on to ask Podman for what a tail would bring; `None` if that is the whole log.
    async fn since_of_tail(&mut self, ask: Ask) -> Result<Option<Timestamp>, Break> {
        let (shared, request) = (Arc::clone(&self.shared), self.bounded(ask, None));
        self.until_ordered(podman::since_of_tail(&shared, &request)).await?
    }

    /// Takes what stands behind the stored end, or records that it is gone.
    async fn catch_up(&mut self, cause: ReadCause) -> Result<Moment, Break> {
        let mut ask = self.first_ask();
        let mut since = self.since(ask);
        let mut asked_again = false;
        let answer = loop {
            let answer = match self.answer_from_front(ask, since, cause).await? {
                Ok(answer) => answer,
                Err(words) => return self.read_around(ask, words, cause).await,
            };
            // What holds something older may be the begin of an answer that was cut off where it
            // could have ended.
            let end = self.committer()?.cursor().last_ts();
            let Answer { sent_at, oldest, .. } = answer;
            let order = oldest.zip(end).map(|(oldest, end)| oldest.cmp(&end));
            let (is_younger, reaches_back) =
                (order == Some(Ordering::Greater), order == Some(Ordering::Less));
            let without_end = |records| WithoutEnd { records, oldest, reaches_back, sent_at };
            match answer.finished {
                Finished::CaughtUp => return Ok(answer.sent_at),
                Finished::More | Finished::Absent(_) if since.is_some() => since = None,
                // Nothing longer can be asked for.
                Finished::More if ask == Ask::All => break without_end(None),
                Finished::More => ask = ask.more(),
                // It came short, and nobody has confirmed that of so long a one.
                Finished::Absent(records) if ask.records().is_some_and(|n| n >= CHECKED) => {
                    match Box::pin(self.around_a_short_tail(records.as_ref(), cause)).await {
                        Ok(Some(sent_at)) => return Ok(sent_at),
                        Ok(None) if is_younger && records.is_some() => break without_end(records),
                        Ok(None) => ask = Ask::All,
                        // Nobody can be asked any more: the answer is all there is.
                        Err(stop)
                            if records.is_some()
                                && self.is_settled()
                                && self.is_over(&stop).await? =>
                        {
                            break without_end(records);
                        }
                        Err(stop) => return Err(stop),
                    }
                }
                Finished::Absent(records) if asked_again || is_younger => {
                    break without_end(records);
                }
                Finished::Absent(_) => asked_again = true,
            }
        };
        // What was proved of it is proved: it does not hold the stored end.
        self.hole_behind = false;
        self.across_gap(answer, cause).await
    }

    /// Reads around what made a long tail come short, unless that is the whole log: then the tail of
    /// just the length that came is the same, but for what has come or was rotated away since.
    async fn around_a_short_tail(
        &mut self,
        records: Option<&Batch>,
        cause: ReadCause,
    ) -> Result<Option<Moment>, Break> {
        if let Some(records) = records.filter(|records| !records.is_empty()) {
            let seen: Vec<_> = records.iter().map(|record| Fingerprint::of(&record)).collect();
            let tail = self.peek(seen.len() as u64, None).await?;
            let is_same =
                tail.fault.is_none() && !tail.is_full() && tail.begins_in(&seen).is_some();
            if is_same && self.begins_there(&seen).await? != Proof::Hole {
                return Ok(None);
            }
        }
        self.around_what_hides(cause).await
    }

    /// The first tail to ask for. Where it would be a good part of all that the daemon keeps, all
    /// of it: a second, longer read costs more than the rest, and the file may rotate meanwhile.
    fn first_ask(&self) -> Ask {
        if self.shared.is_podman() {
            // Of its tails nothing can be stored; `since` bounds the answer.
            return Ask::All;
        }
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
        // A bell that neither repeats nor skips has counted them.
        let counted = self.rung > 0 && self.bell_is_whole();
        let margin = if counted { 1.25 } else { 2.0 };
        let grown = margin * self.meter.rate() * since.as_secs_f64();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        let grown = grown.clamp(0.0, 1e9) as u64;
        ASK_MIN + grown.max(self.rung + if counted { self.rung / 4 } else { 0 })
    }

    /// From when on to ask. What it leaves out has to be found out by another look at the answer,
    /// so long answers go without.
    fn since(&self, ask: Ask) -> Option<Timestamp> {
        if self.shared.is_podman() {
            let runs = self.committer.as_ref().map(|c| c.cursor().runs());
            let first = runs.and_then(|runs| runs.map(|run| run.ts).min());
            return first.map(podman::since);
        }
        let slow = self.info.log_config.is_compressed() && self.shared.compressed_reads_are_slow();
        let slow = slow && ask.records().is_some_and(|records| records < CHECKED);
        let last = self.committer.as_ref().and_then(|c| c.cursor().last_ts());
        last.filter(|_| slow).map(|ts| ts.before(SINCE_MARGIN))
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

/// The seam before what stands behind a record that the daemon cannot decode.
pub(super) fn not_readable() -> NewSeam {
    let why = "a record before this cannot be decoded";
    NewSeam { lost: Some(Lost::Corrupt(why.to_owned())), ..not_taken() }
}
