//! The log pane: its title says what is shown and how, its rows come from `rows::RowFormat`.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::paint::{empty, panel, put, title};
use crate::engine::snapshot::MonitorRow;
use crate::model::{Row, State};
use crate::tui::keymap::Action;
use crate::tui::layout::Areas;
use crate::tui::rows::{Emphasis, RowFormat};
use crate::tui::state::UiState;
use crate::tui::state::pane::Seen;
use crate::tui::state::table::display_name;
use crate::tui::text;
use crate::tui::theme::Theme;

/// Paints the pane into its area.
pub(super) fn render(
    buffer: &mut Buffer,
    area: Rect,
    areas: &Areas,
    state: &UiState,
    theme: &Theme,
) {
    let format = state.row_format();
    let inside = areas.inside(area);
    let window = state.pane.window(&format, usize::from(inside.height));
    let focused = state.pane_has_focus();
    let heading = title("Logs", facts(state, usize::from(area.width), theme), theme);
    let mut block = panel(heading, focused, areas.compact, theme);
    if !areas.compact && area.width > 40 {
        let place = place(state, &format, &window);
        block = block.title_bottom(Line::styled(place, theme.dim).right_aligned());
    }
    block.render(area, buffer);
    if state.pane.rows.is_empty() {
        let style = if state.pane.error.is_some() { theme.bad } else { theme.dim };
        empty(buffer, inside, &nothing_here(state), style);
        return;
    }
    // The row of a found match is marked even while the table has the focus.
    let marked = !state.pane.is_live() && (focused || state.find.is_active());
    let cursor = marked.then(|| state.pane.cursor_index()).flatten();
    let mut y = inside.y;
    for seen in window {
        let Some(row) = state.pane.rows.get(seen.index) else { break };
        let found = state.find.highlight.as_deref();
        let emphasis = Emphasis { found, cursor: cursor == Some(seen.index) };
        let lines = format.lines(row, theme, emphasis);
        for line in lines.iter().skip(seen.skip).take(seen.take) {
            put(buffer, inside.x, y, line, inside.width);
            y += 1;
        }
    }
}

/// Names, whether lines are followed, filter, find; each shortened to leave room for the others.
fn facts(state: &UiState, columns: usize, theme: &Theme) -> Vec<Span<'static>> {
    let names: Vec<_> = if state.shows_gone() {
        state.gone.opened.iter().map(|stored| text::safe(&stored.name)).collect()
    } else if state.shows_stored() {
        state.stored.iter().flatten().map(|stored| text::safe(&stored.name)).collect()
    } else {
        state.shown().into_iter().map(display_name).collect()
    };
    let room = columns * 2 / 5;
    let names = match names.as_slice() {
        [] => return Vec::new(),
        [name] => text::middle(name, room),
        names => text::end(&format!("{} logs: {}", names.len(), names.join(", ")), room),
    };
    let mut facts = vec![Span::styled(names, theme.text)];
    facts.push(if state.engine_gone().is_some() {
        Span::styled("ENGINE GONE", theme.bad.bold())
    } else if state.shows_gone() {
        let key = state.keys.key_of(Action::Back);
        Span::styled(format!("GONE, {key} goes back"), theme.warn)
    } else if state.pane.is_live() {
        Span::styled("LIVE", theme.ok.bold())
    } else {
        let key = state.keys.key_of(Action::Follow);
        Span::styled(format!("SCROLLED, {key} follows"), theme.warn)
    });
    if let Some(filter) = &state.pane.filter {
        let words = format!("& {}", text::safe(&filter.0));
        facts.push(Span::styled(text::end(&words, columns / 4), theme.accent));
    }
    if state.find.is_active() {
        let cursor = if state.pane.is_live() { None } else { state.pane.cursor };
        let pattern = text::end(&text::safe(&state.find.pattern), columns / 5);
        let words = format!("/ {pattern}  {}", state.find.counter(cursor));
        facts.push(Span::styled(words, theme.accent));
    }
    if state.pane.skip > 0 && !state.pane.wrap {
        facts.push(Span::styled(format!("→ {}", state.pane.skip), theme.dim));
    }
    facts
}

/// When the last line seen was written, and whether this is the beginning or the end.
fn place(state: &UiState, format: &RowFormat, window: &[Seen]) -> String {
    let row = |seen: Option<&Seen>| seen.and_then(|seen| state.pane.rows.get(seen.index));
    let time = match row(window.last()) {
        Some(Row::Line(line)) => format.dated(line.ts),
        Some(Row::Seam(seam)) => format.dated(seam.key.eff_ts),
        None => return String::new(),
    };
    let at_top = state.pane.at_oldest
        && window.first().is_some_and(|first| first.index == 0 && first.skip == 0);
    let end = match (at_top, state.pane.is_live()) {
        (true, true) => "all lines · ",
        (true, false) => "oldest line · ",
        (false, true) => "newest line · ",
        (false, false) => "",
    };
    let wrap = if state.pane.wrap { "wrapped · " } else { "" };
    format!(" {wrap}{end}{time} ")
}

fn nothing_here(state: &UiState) -> String {
    let shown = if state.shows_gone() { Vec::new() } else { state.shown() };
    let unreadable = |row: &&MonitorRow| match &row.state {
        State::Unreadable { why } => Some(why.clone()),
        _ => None,
    };
    if let Some(error) = &state.pane.error {
        return error.clone();
    }
    if state.shows_stored() {
        match &state.stored {
            None => return "reading…".to_owned(),
            Some(logs) if logs.is_empty() => return "nothing is stored yet".to_owned(),
            Some(_) => {}
        }
    } else if shown.is_empty() && !state.shows_gone() {
        return "no container is selected".to_owned();
    }
    if let Some(why) = shown.iter().find_map(unreadable) {
        return format!("Docker cannot read this container's log: {why}");
    }
    if state.pane.logs.is_empty() {
        return "nothing is stored of this container yet".to_owned();
    }
    if !state.pane.loaded {
        return "reading…".to_owned();
    }
    if state.pane.filter.is_some() {
        let (change, clear) = (state.keys.key_of(Action::Filter), state.keys.key_of(Action::Back));
        return format!("no line passes the filter; {change} changes it, {clear} clears it");
    }
    "no lines yet; they appear here as they are written".to_owned()
}
