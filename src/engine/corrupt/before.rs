//! What can be read before a broken record.
//!
//! Where the daemon says nothing, `place` tells which records of an answer that begins before the
//! broken one follow one another.

use std::collections::HashSet;

use super::super::align::Source;
use super::super::answer::Ask;
use super::super::capture::{Break, Capture};
use super::super::cursor::Fingerprint;
use super::super::intake::Intake;
use super::super::peek::Peek;

impl Capture {
    /// Takes the records that stand between the stored end and the broken record. `behind` are the
    /// fingerprints of what is known to stand behind it, before which `unsure` others may.
    pub(super) async fn take_before(
        &mut self,
        first: Ask,
        behind: &HashSet<Fingerprint>,
        unsure: u64,
    ) -> Result<(), Break> {
        if first == Ask::All {
            // They were in the answer that failed.
            return Ok(());
        }
        let known_empty = self.committer()?.cursor().is_empty();
        // Where nothing is stored they begin where the log begins.
        let mut ask = if known_empty { Ask::Last(Ask::LONGEST) } else { first };
        let mut came = None;
        loop {
            let Some(asked) = ask.records() else { return Ok(()) };
            let peek = self.peek(asked, None).await?;
            let complete = peek.fault.is_some() || (peek.records.len() as u64) < asked;
            let mut before = peek.before(behind);
            if peek.fault.is_none() {
                if behind.is_empty() && self.peek(1, None).await?.is_clean() {
                    // What came since can be read, and nobody knows where it begins.
                    return Err(Self::skips());
                }
                before = self.contiguous(&peek, before, behind, unsure).await?;
            }
            if known_empty && before > 0 {
                self.doubt_front().await?;
            }
            let source = Source::Read { all: known_empty && complete };
            let mut intake = Intake::new(self.committer()?.cursor(), source);
            for record in peek.records.iter().take(before) {
                let _ = intake.feed(&record, self.committer()?);
            }
            let (_, tally) = intake.finish(known_empty && complete, self.committer()?);
            self.taken_after_all(&tally);
            let this = Some((peek.first(), peek.records.len()));
            // Longer ones bring no more.
            let is_same = std::mem::replace(&mut came, this) == this;
            let taken = tally.overlap > 0 || tally.new > 0;
            if taken || is_same || peek.is_full() {
                return Ok(());
            }
            ask = ask.more();
        }
    }

    /// How many of the first `before` records of an answer follow one another for sure. The last
    /// `unsure` of them may stand behind the broken record.
    async fn contiguous(
        &mut self,
        peek: &Peek,
        before: usize,
        behind: &HashSet<Fingerprint>,
        unsure: u64,
    ) -> Result<usize, Break> {
        let whole = before.saturating_sub(usize::try_from(unsure).unwrap_or(usize::MAX));
        if self.info.log_config.is_trusted() && self.shared.follows_pass_over_damage() {
            // Of a file with a broken record nothing comes behind it.
            return Ok(whole);
        }
        let Some(piece) = self.first_piece(peek, whole, behind, peek.last()).await? else {
            return Ok(0);
        };
        let all = self.committer()?.cursor().is_empty();
        Ok(if all && piece.begin != Some(true) { 0 } else { piece.records.len() })
    }
}
