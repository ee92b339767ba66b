//! The help, generated from the key map: what is not bound is not shown, what is shown works.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::paint::{closes, folded, heading, page, page_columns, phase, restarting, title};
use crate::model::Phase;
use crate::tui::keymap::Scope;
use crate::tui::state::UiState;
use crate::tui::text;
use crate::tui::theme::Theme;

const KEYS: usize = 16;

/// Paints the page.
pub(super) fn render(buffer: &mut Buffer, area: Rect, state: &UiState, theme: &Theme) {
    let heading = title("Help", vec![closes(state, theme)], theme);
    page(buffer, area, heading, &lines(state, theme, area.width), state.scroll, theme);
}

/// The lines of the page: two columns of keys where there is room, then the signs.
pub(super) fn lines(state: &UiState, theme: &Theme, width: u16) -> Vec<Line<'static>> {
    const TWO_COLUMNS_FROM: u16 = 160;
    let scopes = |scopes: &[Scope], columns: usize| {
        let mut lines = Vec::new();
        let shown = |scope: &&Scope| **scope != Scope::Demo || state.has_faults();
        for scope in scopes.iter().filter(shown) {
            lines.extend(folded(group(state, *scope, theme), columns));
            lines.push(Line::default());
        }
        lines
    };
    let columns = page_columns(width);
    let first = [Scope::Monitors, Scope::Table, Scope::Move];
    let second = [Scope::Logs, Scope::Demo, Scope::Global];
    let mut lines = if width < TWO_COLUMNS_FROM {
        scopes(&Scope::ALL, columns)
    } else {
        let left = columns / 2;
        beside(scopes(&first, left.saturating_sub(1)), scopes(&second, columns - left), left)
    };
    lines.extend(folded(signs(theme), columns));
    lines
}

fn group(state: &UiState, scope: Scope, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = vec![heading(scope.title(), theme)];
    for binding in state.keys.bindings().iter().filter(|b| b.scope == scope) {
        let keys = if binding.keys.is_empty() { "(none)".to_owned() } else { binding.keys_text() };
        lines.push(Line::from(vec![
            Span::styled(text::left(&keys, KEYS), theme.text.bold()),
            Span::styled(binding.help, theme.dim),
        ]));
    }
    lines
}

fn beside(
    left: Vec<Line<'static>>,
    right: Vec<Line<'static>>,
    columns: usize,
) -> Vec<Line<'static>> {
    let count = left.len().max(right.len());
    let (mut left, mut right) = (left.into_iter(), right.into_iter());
    let mut lines = Vec::with_capacity(count);
    for _ in 0..count {
        let mut line = left.next().unwrap_or_default();
        // A line style of its own would colour the neighbour too.
        let style = std::mem::take(&mut line.style);
        for span in &mut line.spans {
            span.style = style.patch(span.style);
        }
        let pad = columns.saturating_sub(line.width()).max(1);
        line.push_span(Span::raw(" ".repeat(pad)));
        let other = right.next().unwrap_or_default();
        let style = other.style;
        line.spans.extend(other.spans.into_iter().map(|mut span| {
            span.style = style.patch(span.style);
            span
        }));
        lines.push(line);
    }
    lines
}

fn signs(theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = vec![heading("Signs", theme)];
    for kind in Phase::ALL {
        let (glyph, word, style) = phase(kind, theme);
        lines.push(Line::from(vec![
            Span::styled(text::left(&format!("{glyph} {word}"), KEYS), style),
            Span::styled(meaning(kind), theme.dim),
        ]));
    }
    let (glyph, word, style) = restarting(theme);
    lines.push(Line::from(vec![
        Span::styled(text::left(&format!("{glyph} {word}"), KEYS), style),
        Span::styled("between two runs: Docker's restart policy starts it again", theme.dim),
    ]));
    for (sign, words) in [
        (
            "C ▏  V ▋",
            "heartbeat: committed lines, or verified quiet; the bar fills towards the timeout",
        ),
        ("² ▌ ▏", "in a log line: stderr; error; warning"),
        (
            "── gap: … ──",
            "lines are missing here, with the cause; nothing is ever missing without this mark",
        ),
    ] {
        lines.push(Line::from(vec![
            Span::styled(text::left(sign, KEYS), theme.text),
            Span::styled(words, theme.dim),
        ]));
    }
    lines
}

fn meaning(phase: Phase) -> &'static str {
    match phase {
        Phase::Stale => "no evidence of progress for too long; a restart is ordered",
        Phase::Quarantined => {
            "failed five times in a row; tried again every minute, never given up"
        }
        Phase::Backoff => "failed; tries again soon",
        Phase::StoreBlocked => "the store refuses writes; the position is held",
        Phase::DaemonDown => "Docker does not answer; the position is held",
        Phase::Queued => "waits for its turn to be opened",
        Phase::CatchingUp => "reads towards the end of the log",
        Phase::Streaming => "live, and new lines were committed lately",
        Phase::Quiet => "live, and proved that there is nothing new",
        Phase::Paused => "paused by you; the position is held",
        Phase::Unreadable => "the log driver cannot be read",
        Phase::EndedUnverified => "removed before its end could be read",
        Phase::Ended => "stopped; everything is stored",
    }
}
