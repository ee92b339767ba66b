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
pub(super) const HOLD: usize = 24 << 20;
/// What json-file writes around a record: names, stream, the longest timestamp, newline.
pub(super) const AROUND: u64 = 73;
/// Bytes that it writes for one of the text at most.
pub(super) const WIDEST: u64 = 6;

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
        self.front_seam = Some(seam.clone());
        (self.hold_sending, self.hold_max) = (true, HOLD);
        let answer = self.sound_answer(ask, since, cause).await;
        (self.hold_sending, self.hold_max) = (false, super::capture::HOLD_MAX);
        self.front_seam = None;
        let stays = match &answer {
            Ok(Ok(answer)) => matches!(answer.finished, Finished::CaughtUp) && answer.size >= full,
            // What a broken record hides has no size.
            Ok(Err(_)) => self.in_flight() > 0,
            Err(_) => false,
        };
        if stays {
            self.note(EventKind::Gap, seam.detail.clone()).await;
        } else if answer.is_err() && self.in_flight() > 0 {
            // It is not known whether the seam belongs there, so nothing is kept.
            self.close_log();
        } else if let Some(committer) = &mut self.committer {
            committer.drop_seam(&seam);
        }
        answer
    }

    /// The same for what stands before a broken record, which hides its size.
    pub(super) async fn doubt_front(&mut self) -> Result<(), Break> {
        if self.front_in_doubt().is_some() {
            let seam = cannot_tell(self.away);
            self.note(EventKind::Gap, seam.detail.clone()).await;
            self.committer()?.seam(seam);
        }
        Ok(())
    }

    /// Bytes from which on the log may have lost its front, if it can have lost it at all.
    fn front_in_doubt(&self) -> Option<u64> {
        let cursor = self.committer.as_ref()?.cursor();
        let begins = cursor.is_empty();
        let ours = self.whole || cursor.origin() == Origin::AdoptedEmpty;
        let rotates = !self.info.log_config.is_trusted() && !self.shared.is_podman();
        (begins && ours && rotates).then(|| self.info.log_config.full_files_bytes())?
    }
}

/// Bytes that json-file needs for a record at most; other drivers need less.
pub(super) fn stored_size(record: &RecordRef<'_>) -> u64 {
    let escaped = record.bytes.iter().map(|byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' => 2,
        // All others below a space, the tab among them (`jsonlogbytes.go`).
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Fd;

    /// The longest line that json-file writes for this text, by its own rules for each character.
    fn in_json_file(text: &str) -> usize {
        let frame = r#"{"log":"\n","stream":"stdout","time":"2026-01-02T03:04:05.123456789Z"}"#;
        let escaped = text.chars().map(|c| match c {
            '\\' | '"' | '\n' | '\r' => 2,
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\u{fffd}' => 6,
            c if c < ' ' => 6,
            c => c.len_utf8(),
        });
        frame.len() + 1 + escaped.sum::<usize>()
    }

    fn reckoned(text: &str) -> u64 {
        let (fd, ts, bytes) = (Fd::Stdout, Timestamp(0), text.as_bytes());
        stored_size(&RecordRef { fd, ts, newline: true, bytes })
    }

    /// Whoever reckons too little takes a log that lost its front for whole.
    #[test]
    fn no_record_needs_more_than_is_reckoned() {
        let others = ['\u{7f}', '\u{e9}', '\u{2028}', '\u{2029}', '\u{fffd}', '\u{1f600}'];
        for c in (0..0x7f).map(char::from).chain(others) {
            let text = c.to_string().repeat(1_000);
            assert!(reckoned(&text) >= in_json_file(&text) as u64, "{c:?}");
        }
    }

    /// And whoever reckons too much calls a small log doubtful.
    #[test]
    fn plain_text_is_reckoned_with_a_few_bytes_to_spare() {
        for text in ["", "GET /index.html 200", "\u{1b}[31m<a href=\"x\">\\</a>"] {
            let needed = in_json_file(text) as u64;
            assert!((needed..needed + 4).contains(&reckoned(text)), "{text:?}");
        }
    }
}
