//! Keys while an input is open. A find takes effect as it is typed, a filter with Enter.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::super::message::Effect;
use super::super::source::FilterText;
use super::super::state::UiState;
use super::super::state::input::{Input, Purpose};
use crate::model::Direction;

/// One key of the editor. Ctrl-C leaves the program from here too.
pub(super) fn key(state: &mut UiState, event: KeyEvent) -> Vec<Effect> {
    let Some(mut input) = state.input.take() else { return Vec::new() };
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    match event.code {
        KeyCode::Char('c') if control => return vec![Effect::Quit],
        KeyCode::Esc => {
            cancel(state, &input);
            return Vec::new();
        }
        KeyCode::Enter => {
            accept(state, &input);
            return Vec::new();
        }
        KeyCode::Backspace if input.text.is_empty() => {
            cancel(state, &input);
            return Vec::new();
        }
        KeyCode::Backspace => input.backspace(1),
        KeyCode::Delete => input.delete(),
        KeyCode::Left => input.step(-1),
        KeyCode::Right => input.step(1),
        KeyCode::Home => input.cursor = 0,
        KeyCode::End => input.step(isize::MAX),
        KeyCode::Char('a') if control => input.cursor = 0,
        KeyCode::Char('e') if control => input.step(isize::MAX),
        KeyCode::Char('u') if control => input.backspace(input.cursor),
        KeyCode::Char('w') if control => input.backspace_word(),
        KeyCode::Char(c) if !control => input.insert(&c.to_string()),
        _ => {}
    }
    typed(state, input);
    Vec::new()
}

/// Inserts pasted text into the open input; without one it is ignored, so that a stray paste
/// cannot press keys.
pub(super) fn paste(state: &mut UiState, text: &str) {
    if let Some(mut input) = state.input.take() {
        input.insert(text);
        typed(state, input);
    }
}

fn typed(state: &mut UiState, input: Input) {
    if input.purpose == Purpose::Find {
        state.find.set(&input.text);
    }
    state.input = Some(input);
}

fn cancel(state: &mut UiState, input: &Input) {
    if input.purpose == Purpose::Find {
        state.find.set(&input.before);
    }
}

fn accept(state: &mut UiState, input: &Input) {
    match input.purpose {
        Purpose::Find => show_nearest_match(state),
        Purpose::Filter => {
            let text = input.text.trim();
            let filter = (!text.is_empty()).then(|| FilterText(text.to_owned()));
            state.pane.set_filter(filter);
        }
    }
}

/// Goes to the last match at or before the cursor when none is on the screen, once Enter is
/// pressed: typing alone never moves the lines.
pub(super) fn show_nearest_match(state: &mut UiState) {
    if state.input.is_some() || !state.find.is_active() {
        return;
    }
    let (format, lines) = (state.row_format(), state.pane_lines());
    let window = state.pane.window(&format, lines);
    let key = |seen: Option<_>| {
        let seen: &super::super::state::pane::Seen = seen?;
        state.pane.rows.get(seen.index).map(crate::model::Row::key)
    };
    let (Some(first), Some(last)) = (key(window.first()), key(window.last())) else { return };
    let seen = state.find.matches.as_ref().and_then(|matches| {
        matches.keys.iter().rev().find(|key| (first..=last).contains(*key)).copied()
    });
    match seen {
        Some(key) if state.pane.is_live() => {
            // Visible already: the cursor goes there, following stops, nothing moves.
            state.pane.point_at(&format, lines, key);
        }
        Some(key) => state.pane.cursor = Some(key),
        None => {
            if let Some(key) = state.find.next(Some(first), Direction::Older) {
                state.pane.jump(key);
            }
        }
    }
}
