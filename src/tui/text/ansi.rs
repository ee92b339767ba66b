//! The one place that looks at control bytes of log text.
//!
//! Colours and weights (SGR, `ESC [ … m`) become styles. Everything else that a terminal could
//! obey, and every character that could make text look like other text, becomes a visible stand-in:
//! C0 controls their Control Picture, the rest U+FFFD. So untrusted text can never move the
//! cursor, set a title, fill the clipboard or reverse the reading order, and nothing is hidden.

use ratatui::style::{Color, Modifier, Style};

/// The stand-in for a character that must not reach the terminal; `None` for harmless ones.
pub fn visible(c: char) -> Option<char> {
    match c {
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)),
        '\x7f' => Some('␡'),
        // C1 controls; marks and overrides of direction; line separators; the byte order mark;
        // tags; interlinear annotation.
        '\u{80}'..='\u{9f}'
        | '\u{61c}'
        | '\u{200b}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{ad}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => Some('\u{fffd}'),
        _ => None,
    }
}

/// If `bytes` begins with an SGR sequence: its length, with its effect applied to `style`.
pub fn sgr(bytes: &[u8], style: Style) -> Option<(usize, Style)> {
    // Longer parameter lists than any real one are not looked at: they stay visible as text.
    const LONGEST: usize = 64;
    let rest = bytes.strip_prefix(b"\x1b[")?;
    let len = rest.iter().take(LONGEST).position(|b| !matches!(b, b'0'..=b'9' | b';' | b':'))?;
    let (params, last) = (rest.get(..len)?, rest.get(len)?);
    (*last == b'm').then(|| (len + 3, apply(params, style)))
}

fn apply(params: &[u8], mut style: Style) -> Style {
    let mut numbers = params.split(|b| matches!(b, b';' | b':')).map(|digits| {
        digits.iter().fold(0_u16, |n, d| {
            n.saturating_mul(10).saturating_add(u16::from(d.saturating_sub(b'0')))
        })
    });
    while let Some(number) = numbers.next() {
        style = match number {
            0 => Style::new(),
            38 => extended(&mut numbers).map_or(style, |c| style.fg(c)),
            48 => extended(&mut numbers).map_or(style, |c| style.bg(c)),
            _ => simple(number, style),
        };
    }
    style
}

fn simple(number: u16, style: Style) -> Style {
    match number {
        1 => style.add_modifier(Modifier::BOLD),
        2 => style.add_modifier(Modifier::DIM),
        3 => style.add_modifier(Modifier::ITALIC),
        4 => style.add_modifier(Modifier::UNDERLINED),
        7 => style.add_modifier(Modifier::REVERSED),
        9 => style.add_modifier(Modifier::CROSSED_OUT),
        22 => style.remove_modifier(Modifier::BOLD | Modifier::DIM),
        23 => style.remove_modifier(Modifier::ITALIC),
        24 => style.remove_modifier(Modifier::UNDERLINED),
        27 => style.remove_modifier(Modifier::REVERSED),
        29 => style.remove_modifier(Modifier::CROSSED_OUT),
        30..=37 => style.fg(indexed(number - 30)),
        39 => Style { fg: None, ..style },
        40..=47 => style.bg(indexed(number - 40)),
        49 => Style { bg: None, ..style },
        90..=97 => style.fg(indexed(number - 90 + 8)),
        100..=107 => style.bg(indexed(number - 100 + 8)),
        // Blinking and concealed text is deliberately not honoured.
        _ => style,
    }
}

/// The names of the first sixteen, so that the terminal's own palette shows them.
fn indexed(n: u16) -> Color {
    match n {
        0 => Color::Black,
        1 => Color::Red,
        2 => Color::Green,
        3 => Color::Yellow,
        4 => Color::Blue,
        5 => Color::Magenta,
        6 => Color::Cyan,
        7 => Color::Gray,
        8 => Color::DarkGray,
        9 => Color::LightRed,
        10 => Color::LightGreen,
        11 => Color::LightYellow,
        12 => Color::LightBlue,
        13 => Color::LightMagenta,
        14 => Color::LightCyan,
        15 => Color::White,
        n => Color::Indexed(u8::try_from(n).unwrap_or(u8::MAX)),
    }
}

fn extended(numbers: &mut impl Iterator<Item = u16>) -> Option<Color> {
    let mut byte = || numbers.next().map(|n| u8::try_from(n).unwrap_or(u8::MAX));
    match byte()? {
        5 => Some(indexed(u16::from(byte()?))),
        2 => Some(Color::Rgb(byte()?, byte()?, byte()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sgr_becomes_style() {
        let of = |text: &str| sgr(text.as_bytes(), Style::new());
        assert_eq!(of("\x1b[31mred"), Some((5, Style::new().fg(Color::Red))));
        assert_eq!(of("\x1b[1;38;5;208m"), Some((13, Style::new().fg(Color::Indexed(208)).bold())));
        assert_eq!(of("\x1b[38;2;1;2;3m"), Some((13, Style::new().fg(Color::Rgb(1, 2, 3)))));
        assert_eq!(of("\x1b[m"), Some((3, Style::new())));
        assert_eq!(of("\x1b[38m"), Some((5, Style::new())));
        for other in ["\x1b[2J", "\x1b]0;title\x07", "\x1b[31", "\x1b[?25l", "\x1b", "plain"] {
            assert_eq!(of(other), None, "{other:?}");
        }
    }
}
