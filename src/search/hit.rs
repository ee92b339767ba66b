//! One line found, as the command line prints it. The JSON form is a contract: exactly these
//! fields, one object a line. The text form is for people, and on a terminal it is harmless: log
//! text is untrusted and must never reach the terminal as a control sequence.

use std::fmt::Write;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::ansi;
use crate::model::{Fd, Level, Line, Seq, Timestamp};

/// One line found. Its JSON is `{ts, container, container_id, stream, seq, level, line}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SearchHit {
    /// The daemon's timestamp, RFC 3339 with nanoseconds.
    #[serde(serialize_with = "rfc3339")]
    pub ts: Timestamp,
    /// Container name.
    pub container: Arc<str>,
    /// Full container id.
    pub container_id: Arc<str>,
    /// `stdout` or `stderr`.
    pub stream: Fd,
    /// Position of the line's first record in its log.
    pub seq: Seq,
    /// Severity, when the text names one.
    pub level: Option<Level>,
    /// The bytes as received; in JSON as UTF-8, with U+FFFD for what is not.
    #[serde(serialize_with = "lossy")]
    pub line: Arc<[u8]>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn rfc3339<S: Serializer>(ts: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&ts.to_rfc3339())
}

fn lossy<S: Serializer>(line: &Arc<[u8]>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&String::from_utf8_lossy(line))
}

impl SearchHit {
    /// A found line with the names of its container.
    pub fn new(line: &Line, container: Arc<str>, container_id: Arc<str>) -> Self {
        Self {
            ts: line.ts,
            container,
            container_id,
            stream: line.fd,
            seq: line.key.seq,
            level: line.level,
            line: Arc::clone(&line.text),
        }
    }

    /// `2026-11-23T12:00:01.123Z name | text`, without a newline. For a terminal, colour is left
    /// out and other control characters are shown as pictures; else the bytes are as received.
    pub fn to_plain(&self, terminal: bool) -> Vec<u8> {
        let ts = jiff::Timestamp::from_nanosecond(i128::from(self.ts.0))
            .map_or_else(|_| self.ts.to_rfc3339(), |t| format!("{t:.3}"));
        let name =
            if terminal { harmless(self.container.as_bytes()) } else { self.container.to_string() };
        let mut out = format!("{ts} {name} | ").into_bytes();
        if terminal {
            out.extend_from_slice(harmless(ansi::seen(&self.line).text()).as_bytes());
        } else {
            out.extend_from_slice(&self.line);
        }
        out
    }
}

/// Text that a terminal only shows: a tab stays, every other control character becomes a picture
/// of itself, and so do the marks that reverse the direction of text.
pub fn harmless(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for c in String::from_utf8_lossy(text).chars() {
        match c {
            '\t' => out.push(c),
            '\0'..='\x1f' => out.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('?')),
            '\x7f' => out.push('\u{2421}'),
            '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                let _ = write!(out, "<U+{:04X}>", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hit(line: &[u8]) -> SearchHit {
        SearchHit {
            ts: Timestamp(1_795_435_201_123_456_789),
            container: "web-1".into(),
            container_id: "ab".repeat(32).into(),
            stream: Fd::Stderr,
            seq: Seq(7),
            level: Some(Level::Warn),
            line: line.into(),
        }
    }

    #[test]
    fn json_has_exactly_the_documented_fields() {
        let json = serde_json::to_string(&hit(b"a\xffb \"q\"")).unwrap();
        let id = "ab".repeat(32);
        let expected = format!(
            r#"{{"ts":"2026-11-23T12:00:01.123456789Z","container":"web-1","container_id":"{id}","stream":"stderr","seq":7,"level":"warn","line":"a�b \"q\""}}"#
        );
        assert_eq!(json, expected);
    }

    #[test]
    fn a_terminal_gets_no_control_sequence_and_a_pipe_gets_the_bytes() {
        let hit = hit(b"\x1b[31mred\x1b[0m\t\x1b]0;title\x07 \xc2\x9b2J");
        let plain = String::from_utf8(hit.to_plain(true)).unwrap();
        assert_eq!(plain, "2026-11-23T12:00:01.123Z web-1 | red\t␛]0;title␇ <U+009B>2J");
        assert!(hit.to_plain(false).ends_with(b"\x1b]0;title\x07 \xc2\x9b2J"));
    }

    proptest! {
        #[test]
        fn nothing_gets_through(line in proptest::collection::vec(any::<u8>(), 0..60)) {
            let plain = String::from_utf8(hit(&line).to_plain(true)).unwrap();
            prop_assert!(!plain.chars().any(|c| c.is_control() && c != '\t'));
        }
    }
}
