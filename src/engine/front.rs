//! The front of a log that held nothing yet: whether the daemon can have rotated records away
//! before they were read for the first time.
//!
//! Where nothing is stored there is no record to find again, so the aligner cannot tell. The size
//! can: a daemon that keeps `n` files drops the first of them when it begins another, and then
//! still keeps `n - 1` full ones. An answer that would not fill `n - 1` files is the whole log. For
//! any other a seam says that nobody can tell. With one file there is no such bound, but a pace: a
//! seam stands there unless the container would have had to write a good deal faster before the
//! answer than in it.

use std::time::Duration;

use super::answer::{Answer, Ask};
use super::capture::{Break, Capture};
use super::cursor::Origin;
use super::intake::Finished;
use super::report::ReadCause;
use crate::model::{Away, EventKind, Lost, Moment, NewSeam, RecordRef, SeamKind, Timestamp};

/// Text that is held until it is known whether the seam stays.
pub(super) const HOLD: usize = 24 << 20;
/// What json-file writes around a record: names, stream, the longest timestamp, newline.
pub(super) const AROUND: u64 = 73;
/// Bytes that it writes for one of the text at most.
pub(super) const WIDEST: u64 = 6;

/// How much faster a container may have written before its first answer than in it.
const FASTER: u128 = 16;
/// Records are never taken to have been written in less.
const BURST: Duration = Duration::from_millis(10);
/// What labels and tags may add to a record, in bytes.
const LABELS: u64 = 4_096;

/// What shows whether a log has lost its front.
#[derive(Debug, Clone, Copy)]
enum Bound {
    /// An answer of fewer bytes is the whole log.
    Size(u64),
    /// The daemon drops the front when so many bytes are written.
    Pace(u64),
}

impl Capture {
    /// A read of a log that may hold nothing yet, with a seam before it unless the answer is the
    /// whole log for sure.
    pub(super) async fn answer_from_front(
        &mut self,
        ask: Ask,
        since: Option<Timestamp>,
        cause: ReadCause,
    ) -> Result<Result<Answer, String>, Break> {
        let Some(bound) = self.front_bound() else {
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
            Ok(Ok(answer)) => {
                matches!(answer.finished, Finished::CaughtUp) && self.may_lack_front(answer, bound)
            }
            // What a broken record hides has no size.
            Ok(Err(_)) => self.in_flight() > 0,
            Err(_) => false,
        };
        if stays {
            self.note(EventKind::Gap, seam.detail.clone()).await;
        } else if answer.is_err() && self.in_flight() > 0 {
            // It is not known whether the seam belongs there, so nothing is kept.
            self.close_log();
        } else {
            let dropped = self.committer.as_mut().is_none_or(|it| it.drop_seam(&seam));
            if !dropped && answer.is_ok() {
                // More came than is held, and it went with that.
                self.note(EventKind::Gap, seam.detail.clone()).await;
            }
        }
        answer
    }

    /// The same for what stands before a broken record, which hides its size.
    pub(super) async fn doubt_front(&mut self) -> Result<(), Break> {
        if self.front_bound().is_some() {
            let seam = cannot_tell(self.away);
            self.note(EventKind::Gap, seam.detail.clone()).await;
            self.committer()?.seam(seam);
        }
        Ok(())
    }

    /// What bounds the front of the log, if it can have lost it at all.
    fn front_bound(&self) -> Option<Bound> {
        let cursor = self.committer.as_ref()?.cursor();
        let begins = cursor.is_empty();
        let ours = self.whole || cursor.origin() == Origin::AdoptedEmpty;
        let rotates = !self.info.log_config.is_trusted() && !self.shared.is_podman();
        if !(begins && ours && rotates) {
            return None;
        }
        let config = &self.info.log_config;
        let full = config.full_files_bytes().map(Bound::Size);
        full.or_else(|| config.retention_bytes().map(Bound::Pace))
    }

    /// Whether records may have stood before this answer and been rotated away.
    fn may_lack_front(&self, answer: &Answer, bound: Bound) -> bool {
        match bound {
            Bound::Size(full) => {
                let added = if self.info.log_config.adds_to_records() { LABELS } else { 0 };
                answer.size.saturating_add(added * answer.got) >= full
            }
            Bound::Pace(kept) => {
                let Some(first) = answer.oldest else { return false };
                // What rang first is there no more.
                let is_late = self.first_ring.is_some_and(|(_, heard)| first > heard);
                let unseen = self.unseen_before(first, answer.sent_at);
                let keeps = |unseen| keeps_pace(answer.size, answer.span, kept, unseen);
                is_late || unseen.is_none_or(keeps)
            }
        }
    }

    /// For how long the container may have written before the first record of an answer: since the
    /// follow rang, since a read found nothing, or since it was created. `None` if nobody knows.
    fn unseen_before(&self, first: Timestamp, sent_at: Moment) -> Option<Duration> {
        let since = |at: Moment| sent_at.since(at);
        let rang = self.first_ring.map(|(at, _)| since(at));
        let found_nothing = self.verified_at.map(since);
        // An older record was written by another clock.
        let created = self.info.created.filter(|created| *created <= first);
        let created = created.map(|created| first.since(created));
        [rang, found_nothing, created].into_iter().flatten().min()
    }
}

/// Whether a container that wrote `size` bytes in a `span` may have written `kept` more in the time
/// before: it need not have been much faster.
fn keeps_pace(size: u64, span: Duration, kept: u64, before: Duration) -> bool {
    let span = span.max(BURST).as_nanos();
    u128::from(size) * FASTER * before.as_nanos() >= u128::from(kept) * span
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

    #[test]
    fn a_log_in_one_file_lost_its_front_only_where_its_container_could_have_been_as_fast() {
        let (second, blink) = (Duration::from_secs(1), Duration::from_millis(100));
        // 20,000 lines of 100 bytes a second, 0.1 s after the start, in 64 kB.
        assert!(keeps_pace(30_000, Duration::from_millis(15), 64_000, blink));
        // The last record alone, right behind a rotation.
        assert!(keeps_pace(173, Duration::ZERO, 64_000, blink * 3));
        // A greeting of some lines in 10 MB, at once and after a second.
        assert!(!keeps_pace(2_000, Duration::from_millis(3), 10_000_000, blink));
        assert!(!keeps_pace(5_000, Duration::from_millis(10), 10_000_000, second));
        // Ten lines an hour, for a day.
        let (hours, day) = (Duration::from_hours(10), Duration::from_hours(24));
        assert!(!keeps_pace(17_300, hours, 10_000_000, day));
        // Nothing was written before, or there was no time for it.
        assert!(!keeps_pace(64_000, Duration::ZERO, 64_000, Duration::ZERO));
    }
}
