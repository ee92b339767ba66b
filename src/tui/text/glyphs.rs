//! Log bytes as a row of glyphs: each with its columns, its style and the byte it came from.
//!
//! Wrapping, horizontal scroll, highlighting and painting all work on this one list, so a height
//! cannot be computed differently from what is drawn.

use ratatui::style::Style;
use unicode_segmentation::UnicodeSegmentation;

use super::{ansi, width};

const TAB: usize = 8;

/// One cell, or two for a wide character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glyph {
    /// Where its text begins in [`Glyphs::text`].
    pub text: usize,
    /// Where it came from in the log's bytes.
    pub source: usize,
    /// Columns it takes.
    pub columns: usize,
    /// What the log's own colours say.
    pub style: Style,
}

/// A line ready to be laid out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Glyphs {
    /// Only harmless characters.
    pub text: String,
    /// In order.
    pub list: Vec<Glyph>,
}

impl Glyphs {
    /// The text of the glyph at `index`.
    pub fn text_of(&self, index: usize) -> &str {
        let from = self.list.get(index).map_or(self.text.len(), |g| g.text);
        let to = self.list.get(index + 1).map_or(self.text.len(), |g| g.text);
        self.text.get(from..to).unwrap_or_default()
    }

    /// Where to break so that each part takes at most `columns`: the index of the first glyph of
    /// each part. Never empty, so that an empty line still has a height of one. A glyph that is
    /// wider than `columns` gets a part of its own.
    pub fn breaks(&self, columns: usize) -> Vec<usize> {
        let mut starts = vec![0];
        let mut used = 0;
        for (index, glyph) in self.list.iter().enumerate() {
            if used + glyph.columns > columns && used > 0 {
                starts.push(index);
                used = 0;
            }
            used += glyph.columns;
        }
        starts
    }
}

/// Where a run of unchanged text came from.
struct Mark {
    plain: usize,
    source: usize,
    style: Style,
}

/// Makes `bytes` harmless and measures them. Stops after about `limit` columns: a line of 100 KB
/// of which 80 columns are seen costs 80.
pub fn glyphs(bytes: &[u8], limit: usize) -> Glyphs {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let (plain, marks) = decode(bytes, limit.saturating_add(64));
    let mut out = Glyphs { text: String::with_capacity(plain.len()), list: Vec::new() };
    let mut column = 0;
    let mut marks = marks.into_iter().peekable();
    let mut mark = Mark { plain: 0, source: 0, style: Style::new() };
    for (at, grapheme) in plain.grapheme_indices(true) {
        while let Some(next) = marks.next_if(|m| m.plain <= at) {
            mark = next;
        }
        let columns = if grapheme == "\t" { TAB - column % TAB } else { width(grapheme) };
        let (text, source) = (out.text.len(), mark.source + (at - mark.plain));
        if grapheme == "\t" {
            out.text.extend(std::iter::repeat_n(' ', columns));
        } else if columns == 0 {
            // A combining mark without a base: shown on a space of its own.
            out.text.push('\u{fffd}');
        } else {
            out.text.push_str(grapheme);
        }
        let columns = columns.max(1);
        out.list.push(Glyph { text, source, columns, style: mark.style });
        column += columns;
        if column >= limit {
            break;
        }
    }
    out
}

/// The text without SGR and with stand-ins for controls, and where each run of it came from.
fn decode(bytes: &[u8], limit: usize) -> (String, Vec<Mark>) {
    let mut plain = String::with_capacity(bytes.len().min(limit));
    let (mut marks, mut style, mut at) = (Vec::new(), Style::new(), 0);
    // Characters are counted here only to end early; four bytes and some marks per column are
    // generous, and what lies beyond is not seen.
    while at < bytes.len() && plain.len() < limit.saturating_mul(8) {
        let rest = bytes.get(at..).unwrap_or_default();
        if let Some((len, next)) = ansi::sgr(rest, style) {
            (style, at) = (next, at + len);
            marks.push(Mark { plain: plain.len(), source: at, style });
            continue;
        }
        let harmless = rest.iter().take_while(|b| matches!(b, b' '..=b'~' | b'\t')).count();
        if harmless > 0 {
            let run = rest.get(..harmless.min(limit)).unwrap_or_default();
            plain.push_str(&String::from_utf8_lossy(run));
            at += run.len();
            continue;
        }
        let (c, len) = next_char(rest);
        match ansi::visible(c) {
            None => plain.push(c),
            Some(stand_in) => {
                marks.push(Mark { plain: plain.len(), source: at, style });
                plain.push(stand_in);
                marks.push(Mark { plain: plain.len(), source: at + len, style });
            }
        }
        if c == char::REPLACEMENT_CHARACTER {
            marks.push(Mark { plain: plain.len(), source: at + len, style });
        }
        at += len;
    }
    (plain, marks)
}

/// The next character and its length; U+FFFD for a byte that begins no valid one.
fn next_char(bytes: &[u8]) -> (char, usize) {
    let head = bytes.get(..bytes.len().min(4)).unwrap_or_default();
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) => head
            .get(..error.valid_up_to())
            .and_then(|valid| std::str::from_utf8(valid).ok())
            .unwrap_or_default(),
    };
    valid.chars().next().map_or((char::REPLACEMENT_CHARACTER, 1), |c| (c, c.len_utf8()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(bytes: &[u8]) -> String {
        glyphs(bytes, 1_000).text
    }

    #[test]
    fn controls_are_shown_not_sent() {
        assert_eq!(plain(b"a\x1b]0;title\x07b"), "a␛]0;title␇b");
        assert_eq!(plain(b"\x1b[2Jx"), "␛[2Jx");
        assert_eq!(plain(b"\x1b[31mred\x1b[0m!"), "red!");
        assert_eq!(plain("\u{9b}31m \u{202e}abc".as_bytes()), "\u{fffd}31m \u{fffd}abc");
        assert_eq!(plain(b"done\r"), "done");
        assert_eq!(plain(b"10%\r20%"), "10%␍20%");
    }

    #[test]
    fn all_bytes_alone_and_together_are_harmless() {
        let all: Vec<u8> = (0..=255).collect();
        for bytes in (0..=255).map(|b: u8| vec![b'x', b, b'y']).chain([all]) {
            let text = plain(&bytes);
            assert!(!text.chars().any(char::is_control), "{bytes:?} became {text:?}");
        }
    }

    #[test]
    fn tabs_wide_and_combining_characters_are_measured() {
        let tab = glyphs(b"ab\tc", 100);
        assert_eq!(tab.text, "ab      c");
        let wide = glyphs("漢e\u{301}x".as_bytes(), 100);
        let columns: Vec<_> = wide.list.iter().map(|g| g.columns).collect();
        assert_eq!((columns, wide.text_of(1)), (vec![2, 1, 1], "e\u{301}"));
    }

    #[test]
    fn sources_point_back_at_the_bytes() {
        let line = glyphs(b"\x1b[1mab\x00c\xffd", 100);
        let sources: Vec<_> = line.list.iter().map(|g| g.source).collect();
        assert_eq!((line.text.as_str(), sources), ("ab␀c\u{fffd}d", vec![4, 5, 6, 7, 8, 9]));
    }

    proptest! {
        #[test]
        fn nothing_escapes_and_parts_fit(bytes in proptest::collection::vec(any::<u8>(), 0..200), columns in 2usize..40) {
            let line = glyphs(&bytes, 10_000);
            prop_assert!(!line.text.chars().any(char::is_control));
            let starts = line.breaks(columns);
            for (i, start) in starts.iter().enumerate() {
                let stop = starts.get(i + 1).copied().unwrap_or(line.list.len());
                let used: usize = line.list.get(*start..stop).unwrap().iter().map(|g| g.columns).sum();
                prop_assert!(used <= columns.max(8));
            }
            for pair in line.list.windows(2) {
                prop_assert!(pair[0].source <= pair[1].source);
                prop_assert!(pair[0].text < pair[1].text);
            }
        }
    }
}
