//! Text for the screen: numbers of steady width, truncation, and log bytes made harmless.

pub mod ansi;
pub mod glyphs;
pub mod number;

pub use glyphs::{Glyphs, glyphs};
pub use number::{age, bytes, clock, count, days, grouped, rate};

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Columns that `text` takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Replaces what a terminal could obey by something visible. For short strings that come from
/// outside: names, causes, rules. Log lines go through [`glyphs()`].
pub fn safe(text: &str) -> String {
    text.chars().map(|c| ansi::visible(c).unwrap_or(c)).collect()
}

/// `text` in at most `columns`, with `…` in the middle, because the ends of names differ.
pub fn middle(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    if columns == 0 {
        return String::new();
    }
    let room = columns - 1;
    let (front, back) = (room.div_ceil(2), room / 2);
    let head = take(text.graphemes(true), front);
    let tail = take(text.graphemes(true).rev(), back);
    let tail: String = tail.graphemes(true).rev().collect();
    format!("{head}…{tail}")
}

/// `text` in at most `columns`, with `…` at its end.
pub fn end(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    if columns == 0 {
        return String::new();
    }
    format!("{}…", take(text.graphemes(true), columns - 1))
}

fn take<'a>(graphemes: impl Iterator<Item = &'a str>, columns: usize) -> String {
    let mut used = 0;
    graphemes
        .take_while(|g| {
            used += width(g);
            used <= columns
        })
        .collect()
}

/// `text` padded with spaces on the right to `columns`, truncated if longer.
pub fn left(text: &str, columns: usize) -> String {
    let text = end(text, columns);
    let pad = columns.saturating_sub(width(&text));
    format!("{text}{}", " ".repeat(pad))
}

/// `text` padded with spaces on the left to `columns`, truncated if longer.
pub fn right(text: &str, columns: usize) -> String {
    let text = end(text, columns);
    let pad = columns.saturating_sub(width(&text));
    format!("{}{text}", " ".repeat(pad))
}

/// Eight-step bars of the newest `columns` values, scaled to the largest of them.
pub fn sparkline(history: impl DoubleEndedIterator<Item = f64>, columns: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let mut newest: Vec<f64> = history.rev().take(columns).collect();
    newest.reverse();
    let top = newest.iter().copied().fold(0.0, f64::max);
    newest
        .into_iter()
        .map(|value| {
            let step = if top > 0.0 { (value / top * 7.0).round() } else { 0.0 };
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 7")]
            let step = step.clamp(0.0, 7.0) as usize;
            BARS.get(step).copied().unwrap_or(' ')
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_both_ends() {
        assert_eq!(middle("shop/web-frontend-1", 11), "shop/…end-1");
        assert_eq!(middle("short", 11), "short");
        assert_eq!(middle("漢字漢字", 5), "漢…字");
        assert_eq!(middle("abc", 1), "…");
        assert_eq!(middle("abc", 0), "");
    }

    #[test]
    fn padding_counts_columns_not_characters() {
        assert_eq!(width(&left("漢字", 7)), 7);
        assert_eq!(right("12", 4), "  12");
    }

    #[test]
    fn a_flat_zero_is_a_low_line() {
        assert_eq!(sparkline([0.0, 0.0].into_iter(), 4), "▁▁");
        assert_eq!(sparkline([0.0, 1.0, 7.0].into_iter(), 2), "▂█");
    }
}
