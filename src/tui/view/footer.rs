//! The bottom: an input with its error, or a message, or the keys that work here.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use super::paint::put;
use crate::engine::snapshot::MonitorRow;
use crate::model::Phase;
use crate::tui::keymap::{Action, Scope};
use crate::tui::state::input::{Input, Purpose};
use crate::tui::state::{Tab, Tone, UiState};
use crate::tui::text;
use crate::tui::theme::Theme;

/// Paints the bottom lines; returns where the terminal's cursor belongs.
pub(super) fn render(
    buffer: &mut Buffer,
    area: Rect,
    state: &UiState,
    theme: &Theme,
) -> Option<Position> {
    if area.height == 0 {
        return None;
    }
    if let Some(input) = &state.input {
        return Some(editor(buffer, area, input, state, theme));
    }
    let line = match &state.toast {
        Some(toast) => {
            let (sign, style) = match toast.tone {
                Tone::Good => ("✓", theme.ok),
                Tone::Bad => ("!", theme.bad),
            };
            let words = text::end(&toast.text, usize::from(area.width.saturating_sub(4)));
            Line::from(Span::styled(format!(" {sign} {words}"), style))
        }
        None if state.tab == Tab::Diagnostics && state.overlay.is_none() => {
            fixed(DIAGNOSTICS, usize::from(area.width), theme)
        }
        None => hints(state, usize::from(area.width), theme),
    };
    put(buffer, area.x, area.y, &line, area.width);
    None
}

/// The keys of tui-logger's widget, which has its own.
const DIAGNOSTICS: &[(&str, &str)] = &[
    ("↑↓", "target"),
    ("←→", "level shown"),
    ("-+", "level kept"),
    ("space", "hide silent"),
    ("H", "hide targets"),
    ("f", "focus"),
    ("pgup pgdn", "scroll"),
    ("G", "newest"),
];

/// Those that fit, none of them cut.
fn fixed(keys: &[(&'static str, &'static str)], columns: usize, theme: &Theme) -> Line<'static> {
    let mut line = Line::from(Span::raw(" "));
    for (key, word) in keys {
        if line.width() + text::width(key) + text::width(word) + 1 > columns {
            break;
        }
        line.push_span(Span::styled(*key, theme.accent.bold()));
        line.push_span(Span::styled(format!(" {word}  "), theme.dim));
    }
    line
}

/// The keys that count now, as many as fit; help and quit always.
fn hints(state: &UiState, columns: usize, theme: &Theme) -> Line<'static> {
    let scopes = state.scopes();
    let empty = state.snapshot.monitors.is_empty();
    let mut hints: Vec<(Action, String, &str)> = state
        .keys
        .bindings()
        .iter()
        .filter(|b| scopes.contains(&b.scope) && !b.hint.is_empty() && !b.keys.is_empty())
        .filter(|b| !state.is_viewer() || !is_order(b.action))
        .filter(|b| b.action != Action::OpenLogs || state.tab == Tab::Dashboard)
        .filter(|b| b.action != Action::GoneLogs || state.tab == Tab::Logs)
        .filter(|b| {
            let lines = state.shows_stored() && b.scope == Scope::Logs;
            !empty || matches!(b.scope, Scope::Global | Scope::Demo) || lines
        })
        .map(|b| (b.action, state.keys.key_of(b.action), word(state, b.action, b.hint)))
        .collect();
    hints.sort_by_key(|(action, ..)| rank(state, *action));
    let width = |(_, key, word): &(Action, String, &str)| text::width(key) + text::width(word) + 3;
    let kept = |action: &Action| matches!(action, Action::Help | Action::Quit);
    let mut used: usize = hints.iter().filter(|(a, ..)| kept(a)).map(width).sum();
    let mut line = Line::from(Span::raw(" "));
    for hint in &hints {
        if !kept(&hint.0) {
            if used + width(hint) > columns {
                continue;
            }
            used += width(hint);
        }
        line.push_span(Span::styled(hint.1.clone(), theme.accent.bold()));
        line.push_span(Span::styled(format!(" {}  ", hint.2), theme.dim));
    }
    line
}

/// Whether an action is an order to the engine, which a viewer cannot give.
fn is_order(action: Action) -> bool {
    matches!(
        action,
        Action::Pause | Action::Restart | Action::Reopen | Action::Acknowledge | Action::Backfill
    )
}

/// Pausing a paused monitor resumes it, and the footer says so.
fn word<'a>(state: &UiState, action: Action, hint: &'a str) -> &'a str {
    let targets = state.shown();
    let paused = |row: &&MonitorRow| row.phase == Phase::Paused;
    match action {
        Action::Pause if !targets.is_empty() && targets.iter().all(paused) => "resume monitor",
        Action::Pause if state.size.0 >= 60 => "pause monitor",
        Action::Quit if state.overlay.is_some() => "close",
        _ => hint,
    }
}

/// What the focus works with comes first, what leaves comes last.
fn rank(state: &UiState, action: Action) -> u8 {
    let scope = state.keys.bindings().iter().find(|b| b.action == action).map(|b| b.scope);
    match (scope, action) {
        (_, Action::Quit) => 9,
        (_, Action::Help) => 8,
        // What the demo is there for.
        (_, Action::Faults) => 0,
        (Some(Scope::Logs), _) if state.pane_has_focus() => 0,
        (Some(Scope::Monitors), _) => 1,
        (Some(Scope::Table), _) => 2,
        _ => 3,
    }
}

fn editor(
    buffer: &mut Buffer,
    area: Rect,
    input: &Input,
    state: &UiState,
    theme: &Theme,
) -> Position {
    let side = match input.purpose {
        Purpose::Find if state.find.is_active() => {
            state.find.counter(if state.pane.is_live() { None } else { state.pane.cursor })
        }
        Purpose::Find => "enter keeps, esc cancels".to_owned(),
        Purpose::Filter => "enter shows only lines that match, empty shows all".to_owned(),
    };
    let room = usize::from(area.width).saturating_sub(text::width(&side) + 6).max(8);
    let before: String = input.text.chars().take(input.cursor).collect();
    // The window of the text moves so that the cursor is inside it.
    let skip = text::width(&before).saturating_sub(room);
    let mut dropped = 0;
    let shown: String = input
        .text
        .chars()
        .skip_while(|c| {
            let out = dropped < skip;
            dropped += if out { text::width(&c.to_string()) } else { 0 };
            out
        })
        .collect();
    let sign = Span::styled(format!(" {} ", input.purpose.sign()), theme.accent.bold());
    let style = if state.input_error().is_some() { theme.bad } else { theme.text };
    let line = Line::from(vec![sign, Span::styled(text::end(&shown, room + 1), style)]);
    put(buffer, area.x, area.y, &line, area.width);
    let at = area.right().saturating_sub(u16::try_from(text::width(&side) + 1).unwrap_or(0));
    put(buffer, at, area.y, &Line::styled(side, theme.dim), area.width);
    for (y, line) in
        (area.y + 1..area.bottom()).zip(state.input_error().unwrap_or_default().lines())
    {
        let line = Line::styled(format!("   {}", text::safe(line)), theme.bad);
        put(buffer, area.x, y, &line, area.width);
    }
    let x = area.x
        + 3
        + u16::try_from(text::width(&before) - dropped.min(text::width(&before))).unwrap_or(0);
    Position { x: x.min(area.right().saturating_sub(1)), y: area.y }
}
