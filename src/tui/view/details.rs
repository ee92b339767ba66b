//! Everything known about the monitor under the cursor, in words that need no manual.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::columns::Context;
use super::monitors::cause;
use super::paint::{
    beat_word, closes, fact, folded, heading, page, page_columns, phase, plain_fact, row_phase,
    title,
};
use crate::engine::snapshot::{Backfill, MonitorRow};
use crate::model::{EndProof, Guarantee, LiveSource, State};
use crate::tui::state::UiState;
use crate::tui::state::table::{display_name, has_cause};
use crate::tui::text::{self, grouped};
use crate::tui::theme::Theme;

/// Paints the page.
pub(super) fn render(buffer: &mut Buffer, area: Rect, state: &UiState, theme: &Theme) {
    let name = current(state).map_or_else(|| "no monitor".to_owned(), display_name);
    let name = text::middle(&name, usize::from(area.width / 2));
    let heading =
        title("Monitor", vec![Span::styled(name, theme.accent), closes(state, theme)], theme);
    page(buffer, area, heading, &lines(state, theme, area.width), state.scroll, theme);
}

fn current(state: &UiState) -> Option<&MonitorRow> {
    let cursor = state.table.cursor.as_ref()?;
    state.snapshot.monitors.iter().map(AsRef::as_ref).find(|row| row.id == *cursor)
}

/// The lines of the page, which is so many columns wide with its frame.
pub(super) fn lines(state: &UiState, theme: &Theme, width: u16) -> Vec<Line<'static>> {
    let Some(row) = current(state) else {
        return vec![Line::styled("there is no monitor here", theme.dim)];
    };
    let mut lines = now(state, row, theme);
    lines.push(Line::default());
    lines.extend(container(row, theme));
    lines.push(Line::default());
    lines.extend(counts(row, theme));
    lines.push(Line::default());
    lines.push(heading("Last changes", theme));
    if row.transitions.is_empty() {
        lines.push(Line::styled("none yet", theme.dim));
    }
    let format = state.row_format();
    for change in row.transitions.iter().rev() {
        let (_, from, _) = phase(change.from, theme);
        let (glyph, to, style) = phase(change.to, theme);
        lines.push(Line::from(vec![
            Span::styled(format!("{}  ", format.dated(change.wall)), theme.dim),
            Span::styled(text::left(from, 13), theme.dim),
            Span::styled(" → ", theme.dim),
            Span::styled(text::left(&format!("{glyph} {to}"), 15), style),
            Span::raw("  "),
            Span::styled(text::safe(&change.cause), theme.text),
        ]));
    }
    folded(lines, page_columns(width))
}

fn now(state: &UiState, row: &MonitorRow, theme: &Theme) -> Vec<Line<'static>> {
    let at = state.engine_now();
    let context = Context { snapshot: &state.snapshot, now: at, theme };
    let (glyph, word, style) = row_phase(row, theme);
    let since = text::clock(at.since(row.state_since));
    let mut lines = vec![
        heading("Now", theme),
        fact(
            "state",
            vec![
                Span::styled(format!("{glyph} {word}"), style),
                Span::styled(format!(" for {since}, health: {}", row.health.as_str()), theme.dim),
            ],
            theme,
        ),
    ];
    if has_cause(row) {
        let words = Span::styled(cause(row, &context, state), theme.warn);
        lines.push(fact("cause", vec![words], theme));
    }
    lines.push(plain_fact("how", how(&row.state), theme));
    let beat = match row.beat {
        Some(beat) => {
            let age = text::age(at.since(beat.at));
            format!("{} {age} ago", beat_word(beat.kind))
        }
        None => "none yet".to_owned(),
    };
    lines.push(plain_fact("evidence", beat, theme));
    if let Some(deadline) = row.deadline.filter(|deadline| *deadline > at) {
        let left = text::clock(deadline.since(at));
        let every = text::clock(state.snapshot.probe);
        lines.push(plain_fact(
            "next due in",
            format!("{left} (proved every {every} when quiet)"),
            theme,
        ));
    }
    let position = row.next_seq.map_or("not opened yet".to_owned(), |seq| {
        let since = seq.0.saturating_sub(crate::model::Seq::ADOPTION.0).max(0).unsigned_abs();
        format!("{} records after the first one seen (next number {seq})", grouped(since))
    });
    lines.push(plain_fact("cursor", position, theme));
    if let Some(last) = row.last_record {
        let ago = text::clock(state.now.wall.since(last));
        lines.push(plain_fact("newest record", format!("written {ago} ago"), theme));
    }
    lines.push(plain_fact("older history", backfill(row.backfill, state), theme));
    if let Some(fetched) = &row.fetched {
        lines.push(plain_fact("last fetch", text::safe(fetched), theme));
    }
    lines
}

fn how(state: &State) -> String {
    match state {
        State::Live { source: LiveSource::Follow } => {
            "one open stream commits lines; this file can never rotate".to_owned()
        }
        State::Live { source: LiveSource::Bell } => {
            "an open stream rings, bounded reads commit: file rotation loses nothing".to_owned()
        }
        State::Live { source: LiveSource::Timer } => "bounded reads on a timer commit".to_owned(),
        State::Reading { records } => format!("catching up: {} records read", grouped(*records)),
        State::Waiting { .. } => "not reading now; the position is held".to_owned(),
        State::Ended { proof: EndProof::Verified } => {
            "ended; a read after the end found everything stored".to_owned()
        }
        State::Ended { proof: EndProof::Drained } => {
            "ended; the stream was drained to its clean end".to_owned()
        }
        State::Ended { proof: EndProof::Unverified } => {
            "removed before its end could be read".to_owned()
        }
        State::Unreadable { why } => format!("not readable: {}", text::safe(why)),
    }
}

fn backfill(backfill: Backfill, state: &UiState) -> String {
    match backfill {
        Backfill::None => "all taken, or none known".to_owned(),
        Backfill::Available => {
            let key = state.keys.key_of(crate::tui::keymap::Action::Backfill);
            format!("more exists at the daemon; {key} fetches it")
        }
        Backfill::Running { taken, target: Some(target) } => {
            format!("fetching: {} of {} records", grouped(taken), grouped(target))
        }
        Backfill::Running { taken, target: None } => {
            format!("fetching: {} records so far", grouped(taken))
        }
    }
}

fn container(row: &MonitorRow, theme: &Theme) -> Vec<Line<'static>> {
    let driver =
        if row.tty { format!("{}, with a terminal", row.driver) } else { row.driver.clone() };
    vec![
        heading("Container", theme),
        plain_fact("name", text::safe(&row.name), theme),
        plain_fact("id", row.id.short(), theme),
        plain_fact("image", text::safe(&row.image), theme),
        plain_fact("log driver", text::safe(&driver), theme),
        plain_fact("restarts", docker_restarts(row), theme),
        plain_fact("guarantee", guarantee(row.guarantee), theme),
        plain_fact("selected by", text::safe(&row.matched_by), theme),
    ]
}

fn docker_restarts(row: &MonitorRow) -> String {
    let count = grouped(row.docker_restarts);
    let now = if row.restarting { "; it waits for the next one now" } else { "" };
    format!("{count} by Docker's own count{now}")
}

fn guarantee(class: Guarantee) -> &'static str {
    match class {
        Guarantee::Exact => "exact: every line it wrote reaches the daemon's log, and this store",
        Guarantee::LossyByConfiguration => {
            "lossy by configuration: the daemon may drop lines before its own log"
        }
        Guarantee::BestEffort => "best effort: its log may vanish or thin out before it is read",
        Guarantee::Unreadable => "none: the driver cannot be read through the API",
    }
}

fn counts(row: &MonitorRow, theme: &Theme) -> Vec<Line<'static>> {
    let by = |list: &[(String, u64)]| {
        let parts: Vec<_> =
            list.iter().map(|(why, n)| format!("{} {}", grouped(*n), text::safe(why))).collect();
        if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
    };
    let flow = &row.flow;
    let sum = format!(
        "{} = {} stored + {} overlap + {} discarded + {} in flight {}",
        grouped(flow.received),
        grouped(flow.stored),
        grouped(flow.overlap),
        grouped(flow.discarded),
        grouped(flow.in_flight),
        if flow.is_conserved() { "✓" } else { "✗ does not add up" }
    );
    let trouble = format!(
        "{} restarts, {} timeouts, {} errors, {} panics, {} gaps",
        row.restarts, row.timeouts, row.errors, row.panics, row.gaps
    );
    let mut lines = vec![
        heading("Counted", theme),
        plain_fact("stored", format!("{} records, all time", grouped(row.stored_total)), theme),
        plain_fact("received", sum, theme),
        plain_fact("trouble", trouble, theme),
        plain_fact("reopens", by(&row.reopens_by), theme),
        plain_fact("reads", by(&row.reads_by), theme),
        plain_fact("doubts", by(&row.doubts_by), theme),
    ];
    if let Some(read) = row.last_read {
        let asked = read.asked.map_or("all".to_owned(), grouped);
        let took = read.took.as_secs_f64() * 1_000.0;
        let words = format!("asked for {asked}, got {} in {took:.1} ms", grouped(read.got));
        lines.push(plain_fact("last read", words, theme));
    }
    lines
}
