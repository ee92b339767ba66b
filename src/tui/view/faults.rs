//! The demo's palette: what can be made to go wrong, and what to look at then.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use super::paint::{closes, page, title};
use crate::tui::palette::Palette;
use crate::tui::state::{Overlay, UiState};
use crate::tui::text;
use crate::tui::theme::Theme;

/// From this width on the sentence about what to watch stands below the title.
const BELOW_FROM: u16 = 60;
/// From this width on it stands beside the title.
const BESIDE_FROM: u16 = 130;
const TITLE: usize = 58;

/// Paints the page.
pub(super) fn render(buffer: &mut Buffer, area: Rect, state: &UiState, theme: &Theme) {
    let Some(palette) = &state.palette else { return };
    let facts = vec![Span::styled("press a key, then watch", theme.accent), closes(state, theme)];
    let heading = title("Make something go wrong", facts, theme);
    let lines = lines(palette, area.width, theme);
    page(buffer, area, heading, &lines, first_line(palette, area), theme);
}

/// The entry at a position of the screen.
pub(super) fn entry_at(state: &UiState, at: Position) -> Option<usize> {
    let palette = state.palette.as_ref().filter(|_| state.overlay == Some(Overlay::Faults))?;
    let body = state.areas().body;
    let inside = Rect { y: body.y + 1, height: body.height.saturating_sub(2), ..body };
    if !inside.contains(at) {
        return None;
    }
    let line = usize::from(at.y - inside.y) + first_line(palette, body);
    Some(line / lines_each(body.width)).filter(|index| *index < palette.entries.len())
}

fn lines_each(width: u16) -> usize {
    if (BELOW_FROM..BESIDE_FROM).contains(&width) { 2 } else { 1 }
}

/// Scrolled so that the entry under the cursor is visible.
fn first_line(palette: &Palette, area: Rect) -> usize {
    let room = usize::from(area.height.saturating_sub(2)).max(1);
    let each = lines_each(area.width);
    ((palette.cursor + 1) * each).saturating_sub(room)
}

fn lines(palette: &Palette, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let columns = usize::from(width.saturating_sub(4));
    let mut lines = Vec::new();
    for (index, entry) in palette.entries.iter().enumerate() {
        let here = index == palette.cursor;
        let key = palette.key(index).map_or(' ', |key| key);
        let sign = if here { "▸" } else { " " };
        let mut line = Line::from(vec![
            Span::styled(format!("{sign} "), theme.accent),
            Span::styled(format!("{key}  "), theme.accent.bold()),
        ]);
        let words = text::safe(&entry.title);
        let watch = text::safe(&entry.watch);
        if width >= BESIDE_FROM {
            line.push_span(Span::styled(text::left(&words, TITLE), theme.text));
            let room = columns.saturating_sub(TITLE + 5);
            line.push_span(Span::styled(text::end(&watch, room), theme.dim));
        } else {
            line.push_span(Span::styled(text::end(&words, columns.saturating_sub(5)), theme.text));
        }
        if here {
            line = line.style(theme.text.bold());
        }
        lines.push(line);
        if lines_each(width) == 2 {
            let watch = text::end(&watch, columns.saturating_sub(5));
            lines.push(Line::styled(format!("     {watch}"), theme.dim));
        }
    }
    lines
}
