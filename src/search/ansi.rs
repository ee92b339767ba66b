//! Text as it is seen: colour sequences removed, with the way back to the raw bytes.
//!
//! Only CSI sequences (`ESC [ parameters final`) are removed: colour is one, and none of the others
//! shows as text either. A sequence that is cut off at the end of the text is left in place, since
//! nobody can tell what it would have become.

use std::borrow::Cow;
use std::ops::Range;

const ESC: u8 = 0x1b;

/// A line without its colour sequences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen<'a> {
    text: Cow<'a, [u8]>,
    /// Per removed sequence: its place in `text`, and the bytes removed up to and including it.
    cuts: Vec<(usize, usize)>,
}

/// Whether there is anything to remove.
pub fn has_escape(raw: &[u8]) -> bool {
    memchr::memchr(ESC, raw).is_some()
}

/// Removes colour sequences from `raw`; borrows when there is none.
pub fn seen(raw: &[u8]) -> Seen<'_> {
    if !has_escape(raw) {
        return Seen { text: Cow::Borrowed(raw), cuts: Vec::new() };
    }
    let mut text = Vec::with_capacity(raw.len());
    let mut cuts = Vec::new();
    let mut removed = 0;
    copy_seen(raw, &mut text, |at, len| {
        removed += len;
        cuts.push((at, removed));
    });
    Seen { text: Cow::Owned(text), cuts }
}

/// Appends `raw` without its colour sequences to `out`.
pub fn append_seen(raw: &[u8], out: &mut Vec<u8>) {
    copy_seen(raw, out, |_, _| {});
}

fn copy_seen(raw: &[u8], out: &mut Vec<u8>, mut on_cut: impl FnMut(usize, usize)) {
    let base = out.len();
    let mut rest = raw;
    while let Some(at) = memchr::memchr(ESC, rest) {
        let (before, from) = rest.split_at(at);
        out.extend_from_slice(before);
        let len = sequence_len(from);
        if len == 0 {
            out.push(ESC);
        } else {
            on_cut(out.len() - base, len);
        }
        rest = from.get(len.max(1)..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

/// Length of the CSI sequence at the start of `text`, 0 if there is none or it is cut off.
fn sequence_len(text: &[u8]) -> usize {
    let Some(body) = text.strip_prefix(&[ESC, b'[']) else {
        return 0;
    };
    let inner = body.iter().take_while(|b| matches!(b, 0x20..=0x3f)).count();
    match body.get(inner) {
        Some(0x40..=0x7e) => inner + 3,
        _ => 0,
    }
}

impl Seen<'_> {
    /// The text without the sequences.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The raw bytes that a non-empty range of the text came from, sequences inside included.
    pub fn to_raw(&self, range: Range<usize>) -> Range<usize> {
        let last = range.end.saturating_sub(1).max(range.start);
        self.offset(range.start)..self.offset(last) + range.end.saturating_sub(last)
    }

    /// Where the byte at `at` stands in the raw text.
    fn offset(&self, at: usize) -> usize {
        let before = self.cuts.partition_point(|(cut, _)| *cut <= at);
        let removed = before.checked_sub(1).and_then(|i| self.cuts.get(i)).map_or(0, |c| c.1);
        at + removed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn colour_goes_and_ranges_find_the_way_back() {
        let raw = b"a\x1b[31mERR\x1b[1;32mOR\x1b[0m z";
        let seen = seen(raw);
        assert_eq!(seen.text(), b"aERROR z");
        assert_eq!(&raw[seen.to_raw(1..6)], b"ERR\x1b[1;32mOR");
        assert_eq!(&raw[seen.to_raw(0..1)], b"a");
        assert_eq!(&raw[seen.to_raw(7..8)], b"z");
    }

    #[test]
    fn what_is_no_sequence_stays() {
        for raw in [&b"\x1b"[..], b"\x1b[", b"\x1b[31", b"a\x1bb", b"\x1b[\xff"] {
            assert_eq!(seen(raw).text(), raw);
        }
    }

    proptest! {
        #[test]
        fn every_byte_seen_is_found_again(parts in proptest::collection::vec(
            prop_oneof![Just("\x1b[31m".to_owned()), Just("\x1b[".to_owned()), "[a-z]{0,4}"], 0..12,
        )) {
            let raw = parts.concat().into_bytes();
            let seen = seen(&raw);
            for (i, byte) in seen.text().iter().enumerate() {
                prop_assert_eq!(&raw[seen.to_raw(i..i + 1)], &[*byte][..]);
            }
        }
    }
}
