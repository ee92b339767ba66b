//! Reading around records that the daemon cannot decode.
//!
//! A record that was written by halves (the daemon's disk was full, the power failed) breaks the
//! one promise that capture rests on: that a bounded read is contiguous. Measured on 20.10.24: its
//! decoder drops what it had read ahead and goes on, so that `tail=1100` over one broken line
//! answered 977 records, with a hole of 123 and no error; other versions send a type-3 frame there,
//! or skip the rest of the file. Tails that begin behind the broken record are whole in all of them.
//!
//! So a short answer (fewer records than were asked for) is *confirmed* before anything of it is
//! sent to the store: a log that really holds `n` records answers `n`, the same, when it is asked
//! for `n + 1`. Where that fails, or the daemon reports a fault, the longest clean tail is searched;
//! if the stored end is not in it, what stands before the broken record is taken, and a gap
//! [`Lost::Corrupt`] stands between the two.
//!
//! A short answer to `since` is proved as well, because what `since` leaves out may stand anywhere.
//!
//! Not covered: answers to `tail=all` and to tails of [`CHECKED`] records and more, and terminals.

use std::collections::HashSet;

use super::align::Source;
use super::answer::{ASK_MIN, Answer, Ask, HELD_BYTES};
use super::capture::{Break, Capture};
use super::cursor::Fingerprint;
use super::intake::{Finished, Intake, Tally};
use super::read::not_taken;
use super::report::ReadCause;
use super::snapshot::{Backfill, ReadCost};
use crate::docker::{DockerError, Step};
use crate::model::{Away, Batch, EventKind, Lost, Moment, NewSeam, SeamKind, Timestamp};

/// Tails shorter than this are confirmed when they come short.
pub(super) const CHECKED: u64 = 20_000;
/// Answers that fail their confirmation before the log is taken for broken: it may also have grown
/// or rotated between the two requests.
const CONFIRMATIONS: u32 = 3;
/// Each step of the search for the longest clean tail is so many times the last.
const STRIDE: u64 = 8;
/// Why a log is taken for broken when the daemon says nothing.
const SILENT: &str = "the daemon's answers skip records without saying so";

/// A bounded answer that was not aligned yet.
struct Peek {
    records: Batch,
    asked: u64,
    sent_at: Moment,
    fault: Option<String>,
}

impl Peek {
    /// Everything that was asked for came.
    fn is_clean(&self) -> bool {
        self.fault.is_none() && self.records.len() as u64 >= self.asked
    }

    /// It came without a fault and holds the same records as a shorter one.
    fn is_all_of(&self, shorter: &Self) -> bool {
        let first = |peek: &Self| peek.records.get(0).map(|record| Fingerprint::of(&record));
        self.fault.is_none()
            && self.records.len() == shorter.records.len()
            && first(self) == first(shorter)
    }
}

/// The longest tail that is whole.
struct Clean {
    tail: Peek,
    /// Something stands before it that cannot be read.
    bounded: bool,
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
        let front = self.front_seam.is_some();
        for _ in 0..=CONFIRMATIONS {
            let sifted = since.is_some() && !self.shared.is_podman();
            let checked = sifted || (since.is_none() && self.is_checked(ask));
            let end = self.committer()?.cursor().runs().last().map(|run| run.fp);
            self.hold_sending = checked || front;
            let answer = self.answer(ask, since, cause).await;
            let unsent = std::mem::replace(&mut self.hold_sending, front) && checked;
            let answer = match answer {
                Ok(answer) => answer,
                Err(stop) => {
                    if unsent && self.committer()?.has_unsent() {
                        self.close_log();
                    }
                    return Err(stop);
                }
            };
            if let Some(text) = answer.fault {
                return Ok(Err(text));
            }
            if !unsent || !answer.is_short(ask) {
                return Ok(Ok(answer));
            }
            let confirmed = match (since, end) {
                (None, _) => self.is_confirmed(&answer.seen).await?,
                // It says that it holds no stored end, and is not believed without proof anyway.
                (Some(_), _) if !matches!(answer.finished, Finished::CaughtUp) => true,
                (Some(from), Some(end)) => self.is_unsifted(end, answer.new, from).await?,
                (Some(_), None) => false,
            };
            if confirmed {
                return Ok(Ok(answer));
            }
            self.forget_unsent().await?;
            since = None;
        }
        Ok(Err(SILENT.to_owned()))
    }

    /// Goes back to the stored cursor.
    async fn forget_unsent(&mut self) -> Result<(), Break> {
        self.close_log();
        self.open_log().await?;
        self.front_bytes = 0;
        if let Some(seam) = self.front_seam.clone() {
            self.committer()?.seam(seam);
        }
        Ok(())
    }

    /// First sight of a log with a broken record in it: takes what can be read behind it.
    pub(super) async fn adopt_around(&mut self) -> Result<Moment, Break> {
        self.open_log().await?;
        let Some(Clean { tail, .. }) = self.longest_clean().await? else {
            return Ok(self.shared.clock.now());
        };
        self.follow_short = true;
        self.committer()?.seam(not_taken());
        self.meter.tell(|report| report.backfill = Backfill::Available);
        self.take_all(&tail.records).await?;
        Ok(tail.sent_at)
    }

    /// Whether a short answer to this can be confirmed: only json-file is read by scanning text for
    /// lines, and a terminal's unfinished lines make answers short that are whole.
    fn is_checked(&self, ask: Ask) -> bool {
        let lines = self.info.log_config.driver == "json-file" && !self.info.tty;
        lines && !self.shared.is_podman() && ask.records().is_some_and(|n| n < CHECKED)
    }

    /// Whether the log holds nothing but these records, apart from one that was written meanwhile.
    async fn is_confirmed(&mut self, seen: &[Fingerprint]) -> Result<bool, Break> {
        let asked = seen.len() as u64 + 1;
        let again = match self.peek(asked, None).await {
            Ok(again) => again,
            // Nobody can be asked any more; what was read is all there is.
            Err(Break::Docker(error)) if error.means_no_log() => return Ok(true),
            Err(stop) => return Err(stop),
        };
        let first = again.records.get(0).map(|record| Fingerprint::of(&record));
        let grown = again.records.len() as u64 == asked;
        Ok(match first {
            _ if again.fault.is_some() => false,
            Some(first) if grown => seen.contains(&first),
            _ => again.records.len() == seen.len() && first.as_ref() == seen.first(),
        })
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
    ) -> Result<bool, Break> {
        let mut asked = new + 1;
        for _ in 0..CONFIRMATIONS {
            let again = match self.peek(asked, Some(since)).await {
                Ok(again) => again,
                Err(Break::Docker(error)) if error.means_no_log() => return Ok(true),
                Err(stop) => return Err(stop),
            };
            if !again.is_clean() {
                return Ok(false);
            }
            let fps = again.records.iter().map(|record| Fingerprint::of(&record));
            let behind = (1..).zip(fps).find(|(_, fp)| *fp == end).map(|(nth, _)| asked - nth);
            if behind.is_some_and(|behind| behind >= new) {
                return Ok(true);
            }
            // The log has grown since.
            asked += ASK_MIN;
        }
        Ok(false)
    }

    /// Takes what can be read of a log with a broken record in it. `ask` is what failed.
    pub(super) async fn read_around(
        &mut self,
        ask: Ask,
        words: String,
        cause: ReadCause,
    ) -> Result<Moment, Break> {
        let Some(Clean { tail, bounded }) = self.longest_clean().await? else {
            if words != SILENT {
                let last = self.peek(1, None).await?;
                if last.fault.is_none() && last.records.is_empty() {
                    // The log is empty: it was a fault of the moment.
                    return Err(DockerError::Fault { text: words }.into());
                }
            }
            // The broken record is the last one. What stands before it is all there is, and if
            // nothing will follow it, the loss has to be told now.
            let now = self.shared.clock.now();
            self.take_before(ask, &HashSet::new()).await?;
            if cause == ReadCause::Final && !self.committer()?.cursor().is_broken_off() {
                let seam = self.corrupt_gap(&words, None)?;
                self.note(EventKind::Gap, seam.detail.clone()).await;
                self.committer()?.break_off(seam);
            }
            return Ok(now);
        };
        self.follow_short = true;
        if self.joins(&tail.records, bounded)? {
            return Ok(tail.sent_at);
        }
        if !bounded {
            // Every length is clean now: it was a fault of the moment.
            return Err(DockerError::Fault { text: words }.into());
        }
        let behind = tail.records.iter().map(|record| Fingerprint::of(&record)).collect();
        self.take_before(ask, &behind).await?;
        if self.committer()?.cursor().is_broken_off() {
            self.committer()?.cut_again();
        } else {
            let first = tail.records.get(0).map(|record| record.ts);
            let seam = self.corrupt_gap(&words, first)?;
            self.note(EventKind::Gap, seam.detail.clone()).await;
            self.committer()?.cut(seam);
        }
        self.take_all(&tail.records).await?;
        Ok(tail.sent_at)
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

    /// Searches for the longest tail that is whole. `None` if not even the last record can be read.
    async fn longest_clean(&mut self) -> Result<Option<Clean>, Break> {
        let mut best: Option<Peek> = None;
        let mut broken: Option<Peek> = None;
        let mut asked = 1;
        loop {
            let mut peek = self.peek(asked, None).await?;
            if peek.fault.is_some() {
                // Only what comes again is the log's and not of the moment.
                peek = self.peek(asked, None).await?;
            }
            if peek.is_clean() {
                let full = peek.records.text_bytes() >= HELD_BYTES;
                best = Some(peek);
                if full {
                    break;
                }
            } else {
                broken = Some(peek);
            }
            let low = best.as_ref().map_or(0, |peek| peek.asked);
            asked = match &broken {
                Some(broken) if broken.asked - low <= 1 => break,
                Some(broken) => low.midpoint(broken.asked),
                None if asked >= Ask::LONGEST => break,
                None => asked * STRIDE,
            };
        }
        Ok(best.map(|tail| {
            // Whoever is asked for one more and answers the same holds no more.
            let bounded = broken.is_some_and(|broken| !broken.is_all_of(&tail));
            Clean { tail, bounded }
        }))
    }

    /// Takes the new records of a clean tail, if the stored end is in it. A bounded one begins right
    /// behind the broken record, where the cursor may begin too: it is all there is from there on.
    fn joins(&mut self, records: &Batch, bounded: bool) -> Result<bool, Break> {
        if self.committer()?.cursor().runs().len() == 0 {
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

    /// Takes the records that stand between the stored end and the broken record. `behind` are the
    /// fingerprints of what is known to stand behind it.
    async fn take_before(
        &mut self,
        first: Ask,
        behind: &HashSet<Fingerprint>,
    ) -> Result<(), Break> {
        if first == Ask::All {
            // They were in the answer that failed.
            return Ok(());
        }
        let known_empty = self.committer()?.cursor().runs().len() == 0;
        // Where nothing is stored they begin where the log begins.
        let mut ask = if known_empty { Ask::Last(Ask::LONGEST) } else { first };
        loop {
            let Some(asked) = ask.records() else { return Ok(()) };
            let peek = self.peek(asked, None).await?;
            let complete = peek.fault.is_some() || (peek.records.len() as u64) < asked;
            if known_empty && !peek.records.is_empty() {
                self.doubt_front().await?;
            }
            let mut intake = Intake::new(self.committer()?.cursor(), Source::Read { all: false });
            for record in peek.records.iter() {
                if behind.contains(&Fingerprint::of(&record)) {
                    break;
                }
                let _ = intake.feed(&record, self.committer()?);
            }
            let (_, tally) = intake.finish(known_empty && complete, self.committer()?);
            self.taken_after_all(&tally);
            if tally.overlap > 0 || tally.new > 0 || peek.records.text_bytes() >= HELD_BYTES {
                return Ok(());
            }
            ask = ask.more();
        }
    }

    /// Counts records that were thrown away as peeked at, and are taken now.
    fn taken_after_all(&mut self, tally: &Tally) {
        let taken = tally.new + tally.overlap;
        self.meter.tell(|report| report.flow.discarded -= taken);
        self.account(tally, &mut Tally::default());
        let in_flight = self.in_flight();
        self.meter.in_flight(in_flight);
    }

    /// The last `asked` records, as they come.
    async fn peek(&mut self, asked: u64, since: Option<Timestamp>) -> Result<Peek, Break> {
        let sent_at = self.shared.clock.now();
        let mut stream = self.open_bounded(Ask::Last(asked), since).await?;
        let mut peek = Peek { records: Batch::new(), asked, sent_at, fault: None };
        loop {
            match self.until_ordered(stream.next(&mut peek.records)).await? {
                Ok(Step::Records(_)) if peek.records.text_bytes() < HELD_BYTES => {}
                Ok(Step::Records(_) | Step::End) => break,
                Err(DockerError::Fault { text }) => {
                    peek.fault = Some(text);
                    break;
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.kept = stream.into_kept();
        self.meter.received(peek.records.len() as u64);
        self.meter.discarded(peek.records.len() as u64);
        let took = self.shared.clock.now().since(sent_at);
        let cost = ReadCost { asked: Some(asked), got: peek.records.len() as u64, took };
        self.meter.read(ReadCause::Confirm, cost);
        Ok(peek)
    }
}
