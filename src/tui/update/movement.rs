//! Movement keys, for whatever has the focus.

use crossterm::event::{KeyCode, KeyEvent};
use tui_logger::TuiWidgetEvent;

use super::super::keymap::Action;
use super::super::state::{Overlay, Tab, UiState};

/// Columns that one key press scrolls sideways.
const SIDEWAYS: usize = 8;

/// Moves in the overlay, the log pane, the table, or the tab.
pub(super) fn go(state: &mut UiState, action: Action) {
    if state.overlay == Some(Overlay::Faults) {
        palette(state, action);
    } else if state.overlay == Some(Overlay::Gone) {
        gone(state, action);
    } else if state.overlay.is_some() || state.tab == Tab::Engine {
        page_of_text(state, action);
    } else if state.pane_has_focus() {
        pane(state, action);
    } else if state.tab == Tab::Diagnostics {
        diagnostics(state, action);
    } else {
        table(state, action);
    }
}

fn page_of_text(state: &mut UiState, action: Action) {
    let page = usize::from(state.areas().body.height).saturating_sub(3).max(1);
    state.scroll = match action {
        Action::Up => state.scroll.saturating_sub(1),
        Action::Down => state.scroll + 1,
        Action::PageUp => state.scroll.saturating_sub(page),
        Action::PageDown => state.scroll + page,
        Action::HalfPageUp => state.scroll.saturating_sub(page / 2),
        Action::HalfPageDown => state.scroll + page / 2,
        Action::Top => 0,
        Action::Bottom => usize::MAX,
        _ => state.scroll,
    };
    let most = super::super::view::scroll_limit(state);
    state.scroll = state.scroll.min(most);
}

fn gone(state: &mut UiState, action: Action) {
    let page = usize::from(state.areas().body.height).saturating_sub(3).max(1).cast_signed();
    match action {
        Action::Up => state.gone.step(-1),
        Action::Down => state.gone.step(1),
        Action::PageUp => state.gone.step(-page),
        Action::PageDown => state.gone.step(page),
        Action::HalfPageUp => state.gone.step(-(page / 2).max(1)),
        Action::HalfPageDown => state.gone.step((page / 2).max(1)),
        Action::Top => state.gone.step(isize::MIN),
        Action::Bottom => state.gone.step(isize::MAX),
        _ => {}
    }
}

fn palette(state: &mut UiState, action: Action) {
    let Some(palette) = &mut state.palette else { return };
    match action {
        Action::Up => palette.step(-1),
        Action::Down => palette.step(1),
        Action::Top | Action::PageUp | Action::HalfPageUp => palette.step(isize::MIN),
        Action::Bottom | Action::PageDown | Action::HalfPageDown => palette.step(isize::MAX),
        _ => {}
    }
}

fn table(state: &mut UiState, action: Action) {
    let page = isize::try_from(state.areas().table_rows().height).unwrap_or(1).max(1);
    let by = match action {
        Action::Up => -1,
        Action::Down => 1,
        Action::PageUp => -page,
        Action::PageDown => page,
        Action::HalfPageUp => -(page / 2).max(1),
        Action::HalfPageDown => (page / 2).max(1),
        Action::Top => isize::MIN + 1,
        Action::Bottom => isize::MAX,
        // Sideways the table has nothing to show; the log below it does.
        _ => return pane(state, action),
    };
    state.table.step(&state.snapshot, by);
}

/// Scrolls the log pane by lines.
pub(super) fn scroll_pane(state: &mut UiState, by: isize) {
    let (format, lines) = (state.row_format(), state.pane_lines());
    state.pane.scroll(&format, lines, by);
}

fn pane(state: &mut UiState, action: Action) {
    let (format, lines) = (state.row_format(), state.pane_lines());
    let page = isize::try_from(lines.saturating_sub(1)).unwrap_or(1).max(1);
    match action {
        Action::Up => state.pane.step(&format, lines, -1),
        Action::Down => state.pane.step(&format, lines, 1),
        Action::PageUp => state.pane.scroll(&format, lines, -page),
        Action::PageDown => state.pane.scroll(&format, lines, page),
        Action::HalfPageUp => state.pane.scroll(&format, lines, -(page / 2).max(1)),
        Action::HalfPageDown => state.pane.scroll(&format, lines, (page / 2).max(1)),
        Action::Top => state.pane.to_oldest(),
        Action::Bottom => state.pane.follow(),
        Action::Left => state.pane.skip = state.pane.skip.saturating_sub(SIDEWAYS),
        Action::Right if !state.pane.wrap => state.pane.skip += SIDEWAYS,
        _ => {}
    }
}

fn diagnostics(state: &UiState, action: Action) {
    let event = match action {
        Action::Up => TuiWidgetEvent::UpKey,
        Action::Down => TuiWidgetEvent::DownKey,
        Action::Left => TuiWidgetEvent::LeftKey,
        Action::Right => TuiWidgetEvent::RightKey,
        Action::PageUp | Action::HalfPageUp => TuiWidgetEvent::PrevPageKey,
        Action::PageDown | Action::HalfPageDown => TuiWidgetEvent::NextPageKey,
        Action::Bottom => TuiWidgetEvent::EscapeKey,
        _ => return,
    };
    state.diagnostics.transition(event);
}

/// Keys that only the diagnostics widget knows; they stand in its title.
pub(super) fn diagnostics_key(state: &UiState, event: KeyEvent) {
    if state.tab != Tab::Diagnostics {
        return;
    }
    let event = match event.code {
        KeyCode::Char('+') => TuiWidgetEvent::PlusKey,
        KeyCode::Char('-') => TuiWidgetEvent::MinusKey,
        KeyCode::Char('H') => TuiWidgetEvent::HideKey,
        KeyCode::Char('f') => TuiWidgetEvent::FocusKey,
        KeyCode::Char(' ') => TuiWidgetEvent::SpaceKey,
        _ => return,
    };
    state.diagnostics.transition(event);
}
