//! The mouse: a click chooses, the wheel scrolls what is under it.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::super::keymap::Action;
use super::super::message::Effect;
use super::super::state::{Focus, Overlay, Tab, UiState};
use super::super::view;
use super::{actions, movement};

const WHEEL: isize = 3;

/// One mouse event.
pub(super) fn mouse(state: &mut UiState, event: MouseEvent) -> Vec<Effect> {
    let at = Position { x: event.column, y: event.row };
    match event.kind {
        MouseEventKind::ScrollUp => wheel(state, at, -1),
        MouseEventKind::ScrollDown => wheel(state, at, 1),
        MouseEventKind::Down(MouseButton::Left) => return click(state, at),
        _ => {}
    }
    Vec::new()
}

fn wheel(state: &mut UiState, at: Position, way: isize) {
    let areas = state.areas();
    if matches!(state.overlay, Some(Overlay::Faults | Overlay::Gone)) {
        movement::go(state, if way < 0 { Action::Up } else { Action::Down });
    } else if state.overlay.is_some() || matches!(state.tab, Tab::Engine | Tab::Diagnostics) {
        for _ in 0..WHEEL {
            movement::go(state, if way < 0 { Action::Up } else { Action::Down });
        }
    } else if areas.pane.is_some_and(|pane| pane.contains(at)) {
        movement::scroll_pane(state, way * WHEEL);
    } else if areas.table.is_some_and(|table| table.contains(at)) {
        state.table.step(&state.snapshot, way);
    }
}

fn click(state: &mut UiState, at: Position) -> Vec<Effect> {
    let areas = state.areas();
    if let Some(tab) = view::tab_at(state, at) {
        let action = match tab {
            Tab::Dashboard => Action::Dashboard,
            Tab::Logs => Action::Logs,
            Tab::Engine => Action::Engine,
            Tab::Diagnostics => Action::Diagnostics,
        };
        return actions::act(state, action);
    }
    if let Some(index) = view::fault_at(state, at) {
        return actions::play(state, index);
    }
    if state.overlay.take().is_some() {
        return Vec::new();
    }
    if areas.table.is_some_and(|table| table.contains(at)) {
        state.focus = Focus::Table;
        let rows = areas.table_rows();
        if rows.contains(at) {
            let line = usize::from(at.y - rows.y);
            if let Some(position) = state.table.at_line(&state.snapshot, line) {
                state.table.place(&state.snapshot, position);
            }
        }
    } else if areas.pane.is_some_and(|pane| pane.contains(at)) {
        state.focus = Focus::Pane;
        point(state, at);
    }
    Vec::new()
}

/// Puts the log pane's cursor on the row that was clicked.
fn point(state: &mut UiState, at: Position) {
    let rows = state.areas().pane_rows();
    if !rows.contains(at) {
        return;
    }
    let (format, lines) = (state.row_format(), state.pane_lines());
    let mut line = usize::from(at.y - rows.y);
    let window = state.pane.window(&format, lines);
    let hit = window.iter().find(|seen| {
        let inside = line < seen.take;
        line = line.saturating_sub(seen.take);
        inside
    });
    let key = hit.and_then(|seen| state.pane.rows.get(seen.index)).map(crate::model::Row::key);
    if let Some(key) = key {
        state.pane.point_at(&format, lines, key);
    }
}
