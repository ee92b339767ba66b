//! The front of a log that held nothing yet: whether the daemon can have rotated records away
//! before they were read for the first time.
//!
//! Where nothing is stored there is no record to find again, so the aligner cannot tell. The size
//! can: a daemon that keeps `n` files drops the first of them when it begins another, and then
//! still keeps `n - 1` full ones. An answer that would not fill `n - 1` files is the whole log. For
//! any other a seam says that nobody can tell. With one file there is no bound, and the class of
//! the log says so.

use super::answer::{Answer, Ask};
use super::capture::{Break, Capture};
use super::cursor::Origin;
use super::intake::Finished;
use super::report::ReadCause;
use crate::model::{Away, EventKind, Lost, NewSeam, RecordRef, SeamKind, Timestamp};

/// Text that is held until it is known whether the seam stays.
const HOLD: usize = 24 << 20;
/// What json-file writes around a record: names, stream, the longest timestamp, newline.
const AROUND: u64 = 73;

impl Capture {
    /// A read of a log that may hold nothing yet, with a seam before it unless the answer is the
    /// whole log for sure.
    pub(super) async fn answer_from_front(
        &mut self,
        ask: Ask,
        since: Option<Timestamp>,
        cause: ReadCause,
    ) -> Result<Result<Answer, String>, Break> {
        let Some(full) = self.front_in_doubt() else {
            return self.sound_answer(ask, since, cause).await;
        };
        let seam = cannot_tell(self.away);
        self.committer()?.seam(seam.clone());
        (self.front_seam, self.front_bytes) = (Some(seam.clone()), 0);
        (self.hold_sending, self.hold_max) = (true, HOLD);
        let answer = self.sound_answer(ask, since, cause).await;
        (self.hold_sending, self.hold_max) = (false, super::capture::HOLD_MAX);
        self.front_seam = None;
        let taken = match &answer {
            Ok(Ok(answer)) => matches!(answer.finished, Finished::CaughtUp),
            Ok(Err(_)) => true,
            Err(_) => false,
        };
        if taken && self.front_bytes >= full {
            self.note(EventKind::Gap, seam.detail).await;
        } else if answer.is_err() && self.in_flight() > 0 {
            // It is not known whether the seam belongs there, so nothing is kept.
            self.close_log();
        } else if let Some(committer) = &mut self.committer {
            committer.drop_seam();
        }
        answer
    }

    /// Bytes from which on the log may have lost its front, if it can have lost it at all.
    fn front_in_doubt(&self) -> Option<u64> {
        let cursor = self.committer.as_ref()?.cursor();
        let begins = cursor.runs().len() == 0;
        let ours = self.whole || cursor.origin() == Origin::AdoptedEmpty;
        let rotates = !self.info.log_config.is_trusted() && !self.shared.is_podman();
        (begins && ours && rotates).then(|| self.info.log_config.full_files_bytes())?
    }
}

/// Bytes that json-file needs for a record at most; other drivers need less.
pub(super) fn stored_size(record: &RecordRef<'_>) -> u64 {
    let escaped = record.bytes.iter().map(|byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        b'<' | b'>' | b'&' | 0x00..=0x1f => 6,
        // What is not UTF-8 becomes three bytes.
        0x80.. => 3,
        _ => 1,
    });
    AROUND + escaped.sum::<u64>()
}

fn cannot_tell(away: Away) -> NewSeam {
    let detail = "the daemon may have rotated its first records away before they could be read";
    NewSeam {
        kind: SeamKind::Gap,
        lost: Some(Lost::Unknown),
        away: Some(away),
        t_low: None,
        t_high: None,
        detail: detail.to_owned(),
    }
}
