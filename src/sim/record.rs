//! What the daemon makes of a container's output before it reaches a file: records.
//!
//! The rules are those of dockerd's copier (a buffer of 16,384 bytes is flushed as a chunk without
//! newline when it is full) and of its json-file writer (what is not UTF-8 becomes U+FFFD, and the
//! size of the file is the size of the escaped json lines).

use bytes::Bytes;

use crate::model::{Fd, Timestamp};

/// The copier's buffer: the longest record.
pub(super) const CHUNK: usize = 16_384;
/// The read buffer of Podman's conmon, which is also what shares one timestamp there.
pub(super) const PODMAN_CHUNK: usize = 8_192;
/// The offset from UTC that a simulated Podman's host lives at, in seconds.
const PODMAN_OFFSET: i32 = 2 * 3_600;

/// One record that the simulated container wrote, with what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fate of its own; all may be true")]
pub struct SimRecord {
    /// Which output.
    pub fd: Fd,
    /// The daemon's timestamp.
    pub ts: Timestamp,
    /// Whether the record ends its line.
    pub newline: bool,
    /// The content as the log file holds it, without newline.
    pub bytes: Bytes,
    /// Whether a bounded read can still return it.
    pub retained: bool,
    /// Whether the daemon hides it ([`crate::sim::Sim::skip_record`]).
    pub withheld: bool,
    /// Whether the daemon's file is damaged there ([`crate::sim::Sim::corrupt_record`]).
    pub corrupt: bool,
}

/// A record in the log, without its fate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) fd: Fd,
    pub(super) ts: Timestamp,
    pub(super) newline: bool,
    pub(super) bytes: Bytes,
}

impl Record {
    /// What the daemon sends for this record: with the timestamp before the content, in UTC or in
    /// the daemon's local time.
    pub(super) fn payload(&self, timestamps: bool, local: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes.len() + 40);
        if timestamps {
            let stamp = if local { local_rfc3339(self.ts) } else { self.ts.to_rfc3339() };
            out.extend_from_slice(stamp.as_bytes());
            out.push(b' ');
        }
        out.extend_from_slice(&self.bytes);
        if self.newline {
            out.push(b'\n');
        }
        out
    }

    /// The length of this record's line in the json file.
    pub(super) fn json_len(&self) -> u64 {
        let frame = r#"{"log":"","stream":"","time":""}"#.len() + 1;
        let newline = if self.newline { 2 } else { 0 };
        let length =
            frame + escaped_len(&self.bytes) + newline + self.fd.as_str().len() + time_len(self.ts);
        u64::try_from(length).unwrap_or(u64::MAX)
    }
}

/// The time at the simulated Podman's host: whole seconds, with its offset.
fn local_rfc3339(ts: Timestamp) -> String {
    let shifted = Timestamp(ts.0.saturating_add(i64::from(PODMAN_OFFSET) * 1_000_000_000));
    let (time, hours) = (shifted.to_rfc3339(), PODMAN_OFFSET / 3_600);
    format!("{}+{hours:02}:00", time.split_once('.').map_or(time.as_str(), |(whole, _)| whole))
}

/// Cuts one line, or unterminated output, into the pieces that the copier logs. A line of exactly
/// one buffer is a chunk and then a lone newline.
pub(super) fn chunks(bytes: &[u8], newline: bool, buffer: usize) -> Vec<(Bytes, bool)> {
    let mut rest = bytes;
    let mut pieces = Vec::with_capacity(1);
    while let Some((chunk, after)) = rest.split_at_checked(buffer) {
        pieces.push((Bytes::copy_from_slice(chunk), false));
        rest = after;
    }
    if newline || !rest.is_empty() {
        pieces.push((Bytes::copy_from_slice(rest), newline));
    }
    pieces
}

/// What json-file keeps of a piece: every byte that is not UTF-8 becomes one U+FFFD, as Go
/// decodes it. Runes cut at a chunk's end are lost this way too (moby#13517).
pub(super) fn as_json_file_keeps(piece: Bytes) -> Bytes {
    if std::str::from_utf8(&piece).is_ok() {
        return piece;
    }
    let mut text = String::with_capacity(piece.len() + 16);
    for part in piece.utf8_chunks() {
        text.push_str(part.valid());
        text.extend(part.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Bytes::from(text)
}

/// The length of the content as json-file escapes it (`jsonlogbytes.go`).
fn escaped_len(bytes: &[u8]) -> usize {
    String::from_utf8_lossy(bytes)
        .chars()
        .map(|c| match c {
            '\\' | '"' | '\n' | '\r' => 2,
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\u{fffd}' => 6,
            c if c < ' ' => 6,
            c => c.len_utf8(),
        })
        .sum()
}

/// The length of Go's RFC 3339 with nanoseconds, which leaves out trailing zeros.
fn time_len(ts: Timestamp) -> usize {
    let mut nanos = ts.0.rem_euclid(1_000_000_000);
    let mut digits = 9;
    while digits > 0 && nanos % 10 == 0 {
        nanos /= 10;
        digits -= 1;
    }
    "2006-01-02T15:04:05Z".len() + if digits == 0 { 0 } else { digits + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(line: usize, newline: bool) -> Vec<(usize, bool)> {
        chunks(&vec![b'x'; line], newline, CHUNK).into_iter().map(|(b, n)| (b.len(), n)).collect()
    }

    #[test]
    fn a_line_is_cut_as_the_copier_cuts_it() {
        assert_eq!(lengths(0, true), [(0, true)]);
        assert_eq!(lengths(CHUNK - 1, true), [(CHUNK - 1, true)]);
        assert_eq!(lengths(CHUNK, true), [(CHUNK, false), (0, true)]);
        assert_eq!(lengths(CHUNK + 1, true), [(CHUNK, false), (1, true)]);
        assert_eq!(lengths(CHUNK + 1, false), [(CHUNK, false), (1, false)]);
        assert_eq!(lengths(CHUNK, false), [(CHUNK, false)]);
    }

    #[test]
    fn the_json_length_is_that_of_the_json_line() {
        let record = |text: &'static str, ts| Record {
            fd: Fd::Stdout,
            ts: Timestamp(ts),
            newline: true,
            bytes: Bytes::from_static(text.as_bytes()),
        };
        let plain = r#"{"log":"hi\n","stream":"stdout","time":"1970-01-01T00:00:01.5Z"}"#;
        assert_eq!(record("hi", 1_500_000_000).json_len(), plain.len() as u64 + 1);
        let odd = r#"{"log":"\"\u003c\tä\n","stream":"stdout","time":"1970-01-01T00:00:01Z"}"#;
        assert_eq!(record("\"<\rä", 1_000_000_000).json_len(), odd.len() as u64 + 1);
    }

    #[test]
    fn podmans_time_is_the_second_of_that_moment_with_its_offset() {
        let record = Record {
            fd: Fd::Stdout,
            ts: Timestamp(1_500_000_000),
            newline: true,
            bytes: Bytes::from_static(b"hi"),
        };
        assert_eq!(record.payload(true, true), b"1970-01-01T02:00:01+02:00 hi\n");
        assert_eq!(record.payload(true, false), b"1970-01-01T00:00:01.500000000Z hi\n");
    }

    #[test]
    fn each_bad_byte_is_one_replacement() {
        let kept = as_json_file_keeps(Bytes::from_static(b"a\xe2\x82b\xff"));
        assert_eq!(kept, "a\u{fffd}\u{fffd}b\u{fffd}".as_bytes());
    }
}
