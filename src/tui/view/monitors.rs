//! The monitors table: one line per container, and a second one where something is wrong.

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::columns::{Column, Context, GUTTER, fitting};
use super::paint::{empty, panel, put, title};
use crate::engine::snapshot::{Link, MonitorRow};
use crate::model::{Phase, State};
use crate::tui::keymap::Action;
use crate::tui::layout::Areas;
use crate::tui::state::table::has_cause;
use crate::tui::state::{Focus, UiState};
use crate::tui::text;
use crate::tui::theme::Theme;

/// Paints the table into its area.
pub(super) fn render(
    buffer: &mut Buffer,
    area: Rect,
    areas: &Areas,
    state: &UiState,
    theme: &Theme,
) {
    let focused = state.focus == Focus::Table;
    let place = place(state, areas);
    let mut facts = facts(state, theme);
    // Facts give way whole, the last one first: the place at the right would cut them.
    let taken = place.as_deref().map_or(0, text::width) + 2;
    let heading = loop {
        let heading = title("Monitors", facts.clone(), theme);
        if heading.width() + taken <= usize::from(area.width) || facts.pop().is_none() {
            break heading;
        }
    };
    let mut block = panel(heading, focused, areas.compact, theme);
    if let Some(place) = place {
        block = block.title(Line::styled(place, theme.dim).right_aligned());
    }
    block.render(area, buffer);
    let inside = areas.inside(area);
    if state.table.order.is_empty() {
        empty(buffer, inside, &nothing_here(state), theme.dim);
        return;
    }
    // The last column stays free beside the frame.
    let frame = u16::from(!areas.compact);
    let columns = fitting(usize::from(inside.width.saturating_sub(frame)));
    put(buffer, inside.x, inside.y, &titles(&columns, state, theme), inside.width);
    rows(buffer, areas.table_rows(), &columns, state, theme);
}

fn facts(state: &UiState, theme: &Theme) -> Vec<Span<'static>> {
    let dim = |text: String| Span::styled(text, theme.dim);
    let mut facts = vec![dim(format!("sort: {}", state.table.sort.as_str()))];
    if !state.table.selected.is_empty() {
        let text = format!("{} selected", state.table.selected.len());
        facts.push(Span::styled(text, theme.accent));
    }
    if state.table.hide_ended && state.table.hidden > 0 {
        facts.push(dim(format!("{} ended hidden", state.table.hidden)));
    }
    facts
}

/// Which rows are seen, when not all are.
fn place(state: &UiState, areas: &Areas) -> Option<String> {
    let total = state.table.order.len();
    let lines = usize::from(areas.table_rows().height);
    let at = state.table.position(&state.snapshot)? + 1;
    let all = state.table.lines(&state.snapshot) <= lines;
    (!all).then(|| format!(" {} of {} ", text::grouped(at as u64), text::grouped(total as u64)))
}

/// What to say and to do when there are no rows.
fn nothing_here(state: &UiState) -> String {
    let snapshot = &state.snapshot;
    match &snapshot.docker.link {
        Link::Connecting if snapshot.docker.endpoint.is_empty() => {
            "connecting to Docker…".to_owned()
        }
        Link::Connecting => format!("connecting to {}…", snapshot.docker.endpoint),
        _ if !snapshot.ready => match &snapshot.docker.blind {
            Some(blind) => format!("{}: {}", text::safe(&blind.what), text::safe(&blind.error)),
            None => "connected; looking at what runs…".to_owned(),
        },
        _ if state.table.hidden > 0 => {
            let key = state.keys.key_of(Action::ToggleEnded);
            format!("{} containers ended; {key} shows them", state.table.hidden)
        }
        _ if !snapshot.coverage.excluded.is_empty() => {
            "every container here is excluded; the engine tab says by which rule".to_owned()
        }
        _ => {
            "no containers run here yet; logcap-tui will capture the next one by itself".to_owned()
        }
    }
}

fn titles(columns: &[(Column, usize)], state: &UiState, theme: &Theme) -> Line<'static> {
    let mut line = Line::from(" ".repeat(GUTTER));
    for (i, (column, width)) in columns.iter().enumerate() {
        let sorted = column.sorts(state.table.sort);
        let style = if sorted { theme.accent } else { theme.dim };
        let name = column.title();
        let cell =
            if column.is_right() { text::right(name, *width) } else { text::left(name, *width) };
        let gap = if i == 0 { "" } else { " " };
        line.push_span(Span::styled(format!("{gap}{cell}"), style));
    }
    line
}

fn rows(
    buffer: &mut Buffer,
    area: Rect,
    columns: &[(Column, usize)],
    state: &UiState,
    theme: &Theme,
) {
    let context = Context { snapshot: &state.snapshot, now: state.engine_now(), theme };
    let mut y = area.y;
    let mut position = state.table.offset;
    while y < area.bottom()
        && let Some(row) = state.table.row(&state.snapshot, position)
    {
        let cursor = state.table.cursor.as_ref() == Some(&row.id);
        let selected = state.table.selected.contains(&row.id);
        let line = row_line(&context, columns, row, cursor, selected);
        put(buffer, area.x, y, &line, area.width);
        if cursor {
            let whole = Rect { y, height: 1, ..area };
            buffer.set_style(whole, theme.cursor);
        }
        y += 1;
        if has_cause(row) && y < area.bottom() {
            let cause = text::end(
                &cause(row, &context, state),
                usize::from(area.width).saturating_sub(GUTTER + 2),
            );
            let style = if row.failure.is_some() { theme.bad } else { theme.warn };
            let line = Line::from(vec![
                Span::styled(format!("{}└ ", " ".repeat(GUTTER)), theme.dim),
                Span::styled(cause, style),
            ]);
            put(buffer, area.x, y, &line, area.width);
            y += 1;
        }
        position += 1;
    }
}

fn row_line(
    context: &Context<'_>,
    columns: &[(Column, usize)],
    row: &MonitorRow,
    cursor: bool,
    selected: bool,
) -> Line<'static> {
    let theme = context.theme;
    let mut line = Line::from(vec![
        Span::styled(if cursor { "▸" } else { " " }, theme.accent),
        Span::styled(if selected { "✓ " } else { "  " }, theme.accent),
    ]);
    for (i, (column, width)) in columns.iter().enumerate() {
        let cell = context.cell(*column, *width, row);
        let used: usize = cell.iter().map(Span::width).sum();
        let pad = " ".repeat(width.saturating_sub(used));
        line.push_span(Span::raw(if i == 0 { "" } else { " " }));
        if column.is_right() {
            line.push_span(Span::raw(pad));
            line.spans.extend(cell);
        } else {
            line.spans.extend(cell);
            line.push_span(Span::raw(pad));
        }
    }
    line
}

/// One line that says what is wrong and what happens next.
pub(super) fn cause(row: &MonitorRow, context: &Context<'_>, state: &UiState) -> String {
    let mut text = String::new();
    match (&row.failure, &row.state) {
        (Some(failure), _) => {
            let _ = write!(text, "{} (", text::safe(&failure.cause));
            if let Some(at) = row.retry_at {
                let next = text::clock(at.since(context.now));
                let _ = write!(text, "attempt {}, next in {next})", failure.attempt);
            } else {
                let ago = text::clock(context.now.since(failure.at));
                let key = state.keys.key_of(Action::Acknowledge);
                let _ = write!(text, "{ago} ago, {key} acknowledges)");
            }
        }
        (None, _) if row.is_between_runs() => {
            let count = text::grouped(row.docker_restarts);
            let _ = write!(text, "exited; Docker starts it again ({count} restarts so far)");
        }
        (None, State::Unreadable { why }) => {
            let _ = write!(text, "Docker cannot read this log: {}", text::safe(why));
        }
        (None, _) if row.phase == Phase::Stale => {
            let age = row.beat.map(|beat| text::clock(context.now.since(beat.at)));
            let age = age.unwrap_or_else(|| text::clock(context.now.since(row.state_since)));
            let _ = write!(text, "no evidence of progress for {age}; a restart is ordered");
        }
        (None, _) if row.phase == Phase::EndedUnverified => {
            text.push_str("removed before its end could be read; its last lines may be missing");
        }
        (None, _) => {
            let why = context.snapshot.store.blocked.as_deref().unwrap_or("the store is blocked");
            let _ = write!(text, "waits with its position held: {}", text::safe(why));
        }
    }
    text
}
