//! The list of stored logs whose containers are gone.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::paint::{closes, empty, page, title};
use crate::tui::state::UiState;
use crate::tui::text;
use crate::tui::theme::Theme;

/// Paints the list.
pub(super) fn render(buffer: &mut Buffer, area: Rect, state: &UiState, theme: &Theme) {
    let gone = &state.gone;
    let facts =
        vec![Span::styled("enter opens, space selects", theme.accent), closes(state, theme)];
    let heading = title("Logs of containers that are gone", facts, theme);
    let room = usize::from(area.height.saturating_sub(2)).max(1);
    let first = (gone.cursor + 1).saturating_sub(room);
    let lines = lines(state, usize::from(area.width.saturating_sub(4)), theme);
    page(buffer, area, heading, &lines, first, theme);
    if lines.is_empty() {
        let words = match gone.listed {
            None => "reading…",
            Some(_) => "every stored log belongs to a container that is still here",
        };
        let inside = Rect { y: area.y + 1, height: area.height.saturating_sub(2), ..area };
        empty(buffer, inside, words, theme.dim);
    }
}

fn lines(state: &UiState, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    const SIGNS: usize = 4;
    const SEEN: usize = 26;
    let gone = &state.gone;
    let name = columns.saturating_sub(SIGNS + SEEN).clamp(8, 48);
    let format = state.row_format();
    let mut lines = Vec::new();
    for (index, stored) in gone.listed.iter().flatten().enumerate() {
        let here = index == gone.cursor;
        let sign = if here { "▸" } else { " " };
        let mark = if gone.selected.contains(&stored.log) { "✓ " } else { "  " };
        let words = text::middle(&text::safe(&stored.name), name);
        let seen = format!("  seen {}", format.dated(stored.first_seen));
        let line = Line::from(vec![
            Span::styled(format!("{sign}{mark}"), theme.accent),
            Span::styled(text::left(&words, name), theme.text),
            Span::styled(seen, theme.dim),
        ]);
        lines.push(if here { line.style(theme.text.bold()) } else { line });
    }
    lines
}
