//! Painting: `render(frame, &UiState, &Theme)` and nothing that changes anything.
//!
//! One file per screen or panel. Widgets are made on the spot from the state's own numbers.

mod columns;
mod details;
mod diagnostics;
mod engine;
mod faults;
mod footer;
mod gone;
mod header;
mod help;
mod logs;
mod monitors;
mod paint;
mod unreachable;

use ratatui::Frame;
use ratatui::layout::Position;
use ratatui::widgets::Clear;

use super::state::{Overlay, Tab, UiState};
use super::theme::Theme;

/// Paints one frame.
pub fn render(frame: &mut Frame<'_>, state: &UiState, theme: &Theme) {
    let areas = state.areas();
    let buffer = frame.buffer_mut();
    buffer.set_style(buffer.area, theme.text);
    header::render(buffer, areas.header, state, theme);
    if let Some(area) = areas.table {
        monitors::render(buffer, area, &areas, state, theme);
    }
    if let Some(area) = areas.pane {
        logs::render(buffer, area, &areas, state, theme);
    }
    if let Some(area) = areas.engine {
        engine::column(buffer, area, state, theme);
    }
    match state.tab {
        Tab::Dashboard if state.is_unreachable() => {
            unreachable::render(buffer, areas.body, state, theme);
        }
        Tab::Engine => engine::render(buffer, areas.body, state, theme),
        Tab::Diagnostics => diagnostics::render(buffer, areas.body, state, theme),
        Tab::Dashboard | Tab::Logs => {}
    }
    if let Some(overlay) = state.overlay {
        ratatui::widgets::Widget::render(Clear, areas.body, buffer);
        match overlay {
            Overlay::Help => help::render(buffer, areas.body, state, theme),
            Overlay::Details => details::render(buffer, areas.body, state, theme),
            Overlay::Faults => faults::render(buffer, areas.body, state, theme),
            Overlay::Gone => gone::render(buffer, areas.body, state, theme),
        }
    }
    let cursor = footer::render(buffer, areas.footer, state, theme);
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}

/// How far the text page in front can be scrolled.
pub fn scroll_limit(state: &UiState) -> usize {
    let body = state.areas().body;
    let theme = Theme::plain();
    let (lines, page) = match state.overlay {
        Some(Overlay::Help) => (help::lines(state, &theme, body.width).len(), 2),
        Some(Overlay::Details) => (details::lines(state, &theme, body.width).len(), 2),
        // These have a cursor instead.
        Some(Overlay::Faults | Overlay::Gone) => return 0,
        None => (engine::scrolled_lines(state, &theme, body.width), 2),
    };
    lines.saturating_sub(usize::from(body.height).saturating_sub(page))
}

/// The entry of the palette at this position, while the palette lies on top.
pub fn fault_at(state: &UiState, at: Position) -> Option<usize> {
    faults::entry_at(state, at)
}

/// The tab whose title is at this position.
pub fn tab_at(state: &UiState, at: Position) -> Option<Tab> {
    header::tab_at(state, at)
}
