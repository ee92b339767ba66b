//! The log of a container with a terminal: raw bytes, `timestamp, space, content` one after another.
//!
//! There are no frames, so the ends of messages have to be found in the text. A message ends at its
//! newline. The daemon also cuts lines at 16 KiB, and puts a timestamp before the next piece in
//! the middle of the line; a piece grows when json-file replaces invalid UTF-8 by U+FFFD. So:
//!
//! - after 16 KiB without a newline the record ends there (`newline: false`), always;
//! - directly behind such a cut any timestamp begins the next message, as the daemon's piece was
//!   just that long; if none follows, the piece was longer and goes on as the next record;
//! - inside a line, from [`STAMP_FREE`] bytes on, a repetition of *the same* timestamp begins the
//!   next piece. A program that prints the very nanosecond of its own line would be cut in two
//!   records there; joined again for reading, only the timestamp is missing.
//!
//! A line that ended without a newline because its program exited is followed by the timestamp of
//! the next one, in the middle of what looks like one line. That is told from text only where the
//! end is known, from when it was the last record ([`LineCut`]).
//!
//! A terminal ends lines with `\r\n`. Both bytes are the line's end and are removed; a lone `\n`
//! (terminal without ONLCR) is taken alike. A `\r` elsewhere is content (progress bars).
//!
//! Pure, incremental, bounded like the other decoder. The daemon's own errors come as text where a
//! timestamp should be and are faults. One that follows a line without an end cannot be told from
//! that line and stays in it.

use memchr::memmem;

use super::frame::{DecodeFault, without_stamp};
use super::request::LineCut;
use super::stamp::{MAX_STAMP, in_stamp, parse_any};
use crate::model::{Batch, Fd, RecordRef, Timestamp};

/// Where the daemon cuts a line, and so the longest record.
pub const MAX_CONTENT: usize = 16 << 10;

/// Content below this length is not searched for repeated timestamps: no driver cuts that early.
pub const STAMP_FREE: usize = 1 << 10;

/// Longest piece of unexpected text kept for the message of a fault.
const MAX_STRAY: usize = 1 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// A timestamp and nothing else.
    Stamp,
    /// A timestamp, or more of a piece that was cut at [`MAX_CONTENT`].
    StampOrMore,
    /// Content; the flag says that no timestamp stood before it, so that it may end anywhere.
    Content { more: bool },
    /// Text without a timestamp, up to its end.
    Stray,
}

/// Whether a line ends at a known place inside it.
enum Known {
    At(usize),
    No,
    /// More bytes are needed to tell.
    Undecided,
}

/// Incremental decoder of one terminal's log.
#[derive(Debug, Clone)]
pub struct Tty {
    /// Ends of lines without a newline that are known.
    cuts: Vec<LineCut>,
    held: Vec<u8>,
    /// Bytes of the held content that were searched already.
    searched: usize,
    expect: Expect,
    ts: Timestamp,
    stamp: Vec<u8>,
    failed: Option<DecodeFault>,
}

impl Default for Tty {
    fn default() -> Self {
        Self {
            cuts: Vec::new(),
            held: Vec::new(),
            searched: 0,
            expect: Expect::Stamp,
            ts: Timestamp(0),
            stamp: Vec::with_capacity(MAX_STAMP + 1),
            failed: None,
        }
    }
}

impl Tty {
    /// A decoder that knows where some lines ended without a newline. At such a place a timestamp
    /// begins the next message; nowhere else would another timestamp than its own end a line.
    pub fn with_cuts(cuts: Vec<LineCut>) -> Self {
        Self { cuts, ..Self::default() }
    }

    /// Appends the records that `bytes` complete. After a fault every call returns it again.
    pub fn decode(&mut self, bytes: &[u8], out: &mut Batch) -> Result<(), DecodeFault> {
        if let Some(fault) = &self.failed {
            return Err(fault.clone());
        }
        for piece in bytes.chunks(MAX_CONTENT) {
            let result = self.decode_piece(piece, out);
            if let Err(fault) = result {
                self.failed = Some(fault.clone());
                return Err(fault);
            }
        }
        Ok(())
    }

    /// The end of the stream: content without a newline is the last record, a program may end that
    /// way; half a timestamp is a fault.
    pub fn finish(&mut self, out: &mut Batch) -> Result<(), DecodeFault> {
        if let Some(fault) = &self.failed {
            return Err(fault.clone());
        }
        let held = std::mem::take(&mut self.held);
        match self.expect {
            Expect::Stamp | Expect::StampOrMore if held.is_empty() => {}
            Expect::Stamp | Expect::Stray => {
                let fault = without_stamp(&held);
                self.failed = Some(fault.clone());
                return Err(fault);
            }
            Expect::StampOrMore | Expect::Content { .. } if held.is_empty() => {
                self.push(&held, false, out);
            }
            // What looked like the begin of a timestamp behind a full piece was none.
            Expect::StampOrMore | Expect::Content { .. } => {
                held.chunks(MAX_CONTENT).for_each(|piece| self.push(piece, false, out));
            }
        }
        self.expect = Expect::Stamp;
        self.searched = 0;
        Ok(())
    }

    fn decode_piece(&mut self, piece: &[u8], out: &mut Batch) -> Result<(), DecodeFault> {
        if self.held.is_empty() {
            let left = self.consume(piece, out)?;
            self.held.extend_from_slice(left);
        } else {
            let mut held = std::mem::take(&mut self.held);
            held.extend_from_slice(piece);
            let left = self.consume(&held, out)?.len();
            held.drain(..held.len() - left);
            self.held = held;
        }
        Ok(())
    }

    /// Takes whole messages from the front and returns what cannot be decided yet. Every decision
    /// depends only on the bytes before it, never on where the input was split.
    fn consume<'a>(
        &mut self,
        mut rest: &'a [u8],
        out: &mut Batch,
    ) -> Result<&'a [u8], DecodeFault> {
        while !rest.is_empty() {
            let used = match self.expect {
                Expect::Stamp | Expect::StampOrMore => self.take_stamp(rest),
                Expect::Content { more } => self.take_content(rest, more, out),
                Expect::Stray => match stray_end(rest) {
                    Some(end) => return Err(without_stamp(rest.get(..end).unwrap_or(rest))),
                    None => None,
                },
            };
            let Some(used) = used else { return Ok(rest) };
            rest = rest.get(used..).unwrap_or_default();
        }
        Ok(rest)
    }

    /// Bytes used, or `None` while undecided.
    fn take_stamp(&mut self, rest: &[u8]) -> Option<usize> {
        let head = rest.get(..=MAX_STAMP).unwrap_or(rest);
        let end = head.iter().position(|byte| !in_stamp(*byte));
        if end.is_none() && head.len() <= MAX_STAMP {
            return None;
        }
        let space = end.filter(|end| head.get(*end) == Some(&b' '));
        let stamp = space.and_then(|end| Some((end, parse_any(head.get(..end)?)?)));
        if let Some((end, ts)) = stamp {
            self.ts = ts;
            self.stamp.clear();
            self.stamp.extend_from_slice(head.get(..=end)?);
            self.expect = Expect::Content { more: false };
            return Some(end + 1);
        }
        self.expect = match self.expect {
            Expect::StampOrMore => Expect::Content { more: true },
            _ => Expect::Stray,
        };
        Some(0)
    }

    fn take_content(&mut self, rest: &[u8], more: bool, out: &mut Batch) -> Option<usize> {
        let window = rest.get(..MAX_CONTENT).unwrap_or(rest);
        let unsearched = window.get(self.searched..).unwrap_or_default();
        let newline = memchr::memchr(b'\n', unsearched).map(|at| at + self.searched);
        let end = newline.unwrap_or(window.len());
        match self.known_end(rest, end, more) {
            Known::At(at) => {
                self.push(rest.get(..at)?, false, out);
                self.expect = Expect::Stamp;
                return Some(at);
            }
            Known::Undecided => {
                self.searched = self.searched.min(window.len());
                return None;
            }
            Known::No => {}
        }
        if let Some(at) = self.repeated_stamp(rest, end, more) {
            self.push(rest.get(..at)?, false, out);
            self.expect = Expect::Stamp;
            return Some(at);
        }
        if newline.is_some() {
            let line = rest.get(..end)?;
            self.push(line.strip_suffix(b"\r").unwrap_or(line), true, out);
            self.expect = Expect::Stamp;
            return Some(end + 1);
        }
        if window.len() < MAX_CONTENT || self.may_begin_stamp(rest, window) {
            self.searched = window.len();
            return None;
        }
        self.push(window, false, out);
        self.expect = Expect::StampOrMore;
        Some(MAX_CONTENT)
    }

    /// Whether the line of `end` bytes so far holds a known end, with a timestamp behind it.
    fn known_end(&self, rest: &[u8], end: usize, more: bool) -> Known {
        let here = |cut: &&LineCut| !more && cut.ts == self.ts && cut.len < end;
        for cut in self.cuts.iter().filter(here) {
            let Some(behind) = rest.get(cut.len..) else { continue };
            let head = behind.get(..=MAX_STAMP).unwrap_or(behind);
            let Some(at) = head.iter().position(|byte| !in_stamp(*byte)) else {
                if head.len() <= MAX_STAMP {
                    return Known::Undecided;
                }
                continue;
            };
            let stamp = head.get(..at).and_then(parse_any);
            if head.get(at) == Some(&b' ') && stamp.is_some() {
                return Known::At(cut.len);
            }
        }
        Known::No
    }

    /// Where the timestamp of this very line stands again, before `end`.
    fn repeated_stamp(&self, rest: &[u8], end: usize, more: bool) -> Option<usize> {
        let length = self.stamp.len();
        let free = if more { 0 } else { STAMP_FREE };
        let from = free.max(self.searched.saturating_sub(length));
        let until = rest.len().min(end.saturating_add(length.saturating_sub(1)));
        let at = memmem::find(rest.get(from..until)?, &self.stamp)? + from;
        (at < end).then_some(at)
    }

    /// Whether the end of a full window is the begin of the repeated timestamp, as far as known.
    fn may_begin_stamp(&self, rest: &[u8], window: &[u8]) -> bool {
        (1..self.stamp.len()).any(|overlap| {
            let tail = window.len().checked_sub(overlap).and_then(|at| rest.get(at..));
            tail.is_some_and(|tail| tail.len() < self.stamp.len() && self.stamp.starts_with(tail))
        })
    }

    fn push(&mut self, bytes: &[u8], newline: bool, out: &mut Batch) {
        self.searched = 0;
        out.push(RecordRef { fd: Fd::Stdout, ts: self.ts, newline, bytes });
    }
}

/// Where unexpected text ends, if that is known.
fn stray_end(rest: &[u8]) -> Option<usize> {
    let head = rest.get(..MAX_STRAY).unwrap_or(rest);
    memchr::memchr(b'\n', head).or((head.len() == MAX_STRAY).then_some(MAX_STRAY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const A: &str = "2006-01-02T15:04:05.000000001Z ";
    const B: &str = "2006-01-02T15:04:05.000000002Z ";

    fn decode(pieces: &[&[u8]]) -> (Batch, Result<(), DecodeFault>) {
        let (mut tty, mut out) = (Tty::default(), Batch::new());
        let mut result = Ok(());
        for piece in pieces {
            result = tty.decode(piece, &mut out);
        }
        let result = result.and_then(|()| tty.finish(&mut out));
        (out, result)
    }

    fn shape(batch: &Batch) -> Vec<(i64, usize, bool)> {
        batch.iter().map(|r| (r.ts.0 % 10, r.bytes.len(), r.newline)).collect()
    }

    #[test]
    fn lines_lose_the_terminals_line_end_and_nothing_else() {
        let bytes = format!("{A}one\r\n{B}\r\n{B}10%\r20%\r\n{B}raw\n{B}prompt$ ");
        let (out, result) = decode(&[bytes.as_bytes()]);
        assert_eq!(result, Ok(()));
        let got: Vec<_> = out.iter().map(|r| (r.bytes, r.newline)).collect();
        assert_eq!(
            got,
            [
                (b"one".as_slice(), true),
                (b"", true),
                (b"10%\r20%", true),
                (b"raw", true),
                (b"prompt$ ", false),
            ]
        );
    }

    #[test]
    fn a_long_line_comes_back_in_its_pieces() {
        let full = "x".repeat(MAX_CONTENT);
        let bytes = format!("{A}{full}{A}{full}{A}end\r\n{B}next\r\n");
        let (out, result) = decode(&[bytes.as_bytes()]);
        assert_eq!(result, Ok(()));
        let cut = (1, MAX_CONTENT, false);
        assert_eq!(shape(&out), [cut, cut, (1, 3, true), (2, 4, true)]);
    }

    #[test]
    fn a_piece_grown_by_replacement_characters_is_still_found() {
        for grown in [MAX_CONTENT - 31, MAX_CONTENT - 5, MAX_CONTENT + 1, 3 * MAX_CONTENT] {
            let bytes = format!("{A}{}{A}end\r\n", "\u{fffd}".repeat(grown / 3 + 1));
            let (out, result) = decode(&[bytes.as_bytes()]);
            assert_eq!(result, Ok(()));
            let content: usize = out.iter().map(|r| r.bytes.len()).sum();
            assert_eq!(content, 3 * (grown / 3 + 1) + 3, "no timestamp may stay in the text");
            assert!(out.iter().all(|r| r.bytes.len() <= MAX_CONTENT));
            assert_eq!(out.iter().filter(|r| r.newline).count(), 1);
        }
    }

    #[test]
    fn a_repeated_stamp_across_the_cut_is_found_however_it_arrives() {
        for before in [1, 10, 30, 31] {
            let bytes = format!("{A}{}{A}end\r\n", "x".repeat(MAX_CONTENT - before));
            for step in [1, 7, bytes.len()] {
                let pieces: Vec<_> = bytes.as_bytes().chunks(step).collect();
                let (out, result) = decode(&pieces);
                assert_eq!(result, Ok(()));
                assert_eq!(shape(&out), [(1, MAX_CONTENT - before, false), (1, 3, true)]);
            }
        }
    }

    #[test]
    fn a_run_that_ended_in_a_full_piece_does_not_swallow_the_next_one() {
        let bytes = format!("{A}{}{B}next run\r\n", "x".repeat(MAX_CONTENT));
        let (out, _) = decode(&[bytes.as_bytes()]);
        assert_eq!(shape(&out), [(1, MAX_CONTENT, false), (2, 8, true)]);
    }

    #[test]
    fn a_line_that_a_program_left_open_ends_where_it_is_known_to() {
        let bytes = format!("{A}prompt$ {B}next run\r\n{A}prompt$ more\r\n");
        let cut = LineCut { ts: Timestamp(1_136_214_245_000_000_001), len: 8 };
        let known = [(1, 8, false), (2, 8, true), (1, 12, true)];
        let merged = [(1, 8 + B.len() + 8, true), (1, 12, true)];
        for step in 1..bytes.len() {
            for (cuts, expected) in [(vec![cut], &known[..]), (Vec::new(), &merged[..])] {
                let (mut tty, mut out) = (Tty::with_cuts(cuts), Batch::new());
                for piece in bytes.as_bytes().chunks(step) {
                    tty.decode(piece, &mut out).unwrap();
                }
                tty.finish(&mut out).unwrap();
                assert_eq!(shape(&out), expected, "pieces of {step}");
            }
        }
        // Still the last record.
        let (mut tty, mut out) = (Tty::with_cuts(vec![cut]), Batch::new());
        tty.decode(format!("{A}prompt$ ").as_bytes(), &mut out).unwrap();
        tty.finish(&mut out).unwrap();
        assert_eq!(shape(&out), [(1, 8, false)]);
    }

    #[test]
    fn a_log_that_ends_where_a_stamp_might_begin_is_cut_like_a_longer_one() {
        let line = format!("{A}{}{}", "x".repeat(MAX_CONTENT - 5), &A[..10]);
        let (out, result) = decode(&[line.as_bytes()]);
        assert_eq!(result, Ok(()));
        let lengths: Vec<_> = out.iter().map(|r| r.bytes.len()).collect();
        assert_eq!(lengths, [MAX_CONTENT, 5]);
        let (longer, _) = decode(&[line.as_bytes(), b"and on\n"]);
        assert_eq!(longer.get(0), out.get(0), "the same record, however the log goes on");
    }

    #[test]
    fn the_daemons_errors_and_garbage_are_faults() {
        for (bad, word) in [
            ("Error grabbing logs: unexpected EOF\n", "Fault(\"Error grabbing"),
            ("Error grabbing logs: without end", "Fault(\"Error grabbing"),
            ("hello\r\n", "Malformed"),
            ("2006-01-02T15:0", "Malformed"),
            ("2006-01-02T15:04:05.000000001Z", "Malformed"),
        ] {
            let (out, result) = decode(&[format!("{A}kept\r\n{bad}").as_bytes()]);
            assert_eq!(out.len(), 1, "{bad}");
            let shown = format!("{:?}", result.unwrap_err());
            assert!(shown.contains(word), "{shown}");
        }
    }

    fn any_piece() -> impl Strategy<Value = String> {
        prop_oneof![
            8 => "[a-z0-9\r]{0,20}".prop_map(|text| format!("{A}{text}\r\n")),
            2 => Just(format!("{B}{}", "y".repeat(MAX_CONTENT))),
            2 => (MAX_CONTENT - 40..MAX_CONTENT + 40).prop_map(|n| format!("{A}{}", "z".repeat(n))),
            1 => Just(format!("{A}{}\r\n", "\u{fffd}".repeat(9000))),
            1 => Just("Error grabbing logs: x\n".to_owned()),
            1 => "[0-9TZ:.+ -]{0,40}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_split_gives_the_same_records_and_fault(
            pieces in proptest::collection::vec(any_piece(), 0..8),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
            step in 1usize..600,
        ) {
            let bytes = pieces.concat().into_bytes();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let split: Vec<_> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let steps: Vec<_> = bytes.chunks(step).collect();
            let whole = decode(&[&bytes]);
            prop_assert_eq!(&decode(&split), &whole);
            prop_assert_eq!(&decode(&steps), &whole);
        }
    }
}
