//! Small tools that all panels share: frames, lines that drop parts when narrow, pages of text.

use ratatui::buffer::Buffer;
use ratatui::layout::{Alignment, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Borders, Padding, Paragraph, Widget, Wrap};

use crate::engine::snapshot::MonitorRow;
use crate::model::{BeatKind, Phase};
use crate::tui::keymap::Action;
use crate::tui::state::UiState;
use crate::tui::text;
use crate::tui::theme::Theme;
use ratatui::style::Style;

/// A part of a line, with how readily it is dropped: the largest number goes first.
pub(super) struct Piece {
    pub(super) readily: u8,
    pub(super) spans: Vec<Span<'static>>,
}

/// A piece.
pub(super) fn piece(readily: u8, spans: Vec<Span<'static>>) -> Piece {
    Piece { readily, spans }
}

/// Joins with ` · ` the pieces that fit, the least dispensable chosen first, in their order.
/// The first piece of rank 0 is always there; any other is left out whole rather than cut.
pub(super) fn fit(pieces: Vec<Piece>, columns: usize, theme: &Theme) -> Line<'static> {
    const JOINT: &str = " · ";
    let width = |p: &Piece| p.spans.iter().map(Span::width).sum::<usize>();
    let mut chosen: Vec<bool> = vec![false; pieces.len()];
    let (mut used, mut by_rank) = (0, pieces.iter().enumerate().collect::<Vec<_>>());
    by_rank.sort_by_key(|(_, piece)| piece.readily);
    for (index, piece) in by_rank {
        let joint = if used == 0 { 0 } else { text::width(JOINT) };
        let must = piece.readily == 0 && used == 0;
        if (must || used + joint + width(piece) <= columns)
            && let Some(choice) = chosen.get_mut(index)
        {
            used += joint + width(piece);
            *choice = true;
        }
    }
    let mut line = Line::default();
    let pieces = pieces.into_iter().zip(chosen).filter(|(_, chosen)| *chosen);
    for (i, (piece, _)) in pieces.enumerate() {
        if i > 0 {
            line.push_span(Span::styled(JOINT, theme.dim));
        }
        line.spans.extend(piece.spans);
    }
    line
}

/// Writes a line where there is room for it: screens can be smaller than any layout.
pub(super) fn put(buffer: &mut Buffer, x: u16, y: u16, line: &Line<'_>, columns: u16) {
    let area = buffer.area;
    if (area.left()..area.right()).contains(&x) && (area.top()..area.bottom()).contains(&y) {
        buffer.set_line(x, y, line, columns.min(area.right() - x));
    }
}

/// The frame of a panel. Compact screens keep only its top line.
pub(super) fn panel(
    title: Line<'static>,
    focused: bool,
    compact: bool,
    theme: &Theme,
) -> Block<'static> {
    let borders = if compact { Borders::TOP } else { Borders::ALL };
    Block::new()
        .borders(borders)
        .border_type(BorderType::Rounded)
        .border_style(if focused { theme.accent } else { theme.dim })
        .title(title)
}

/// A title: bold name, then dim facts, joined by a piece of frame.
pub(super) fn title(name: &str, facts: Vec<Span<'static>>, theme: &Theme) -> Line<'static> {
    let mut line = Line::from(Span::styled(format!(" {name} "), theme.text.bold()));
    for fact in facts {
        line.push_span(Span::styled("─ ", theme.dim));
        line.push_span(fact);
        line.push_span(Span::raw(" "));
    }
    line
}

/// How a page that lies on top is closed, for its title.
pub(super) fn closes(state: &UiState, theme: &Theme) -> Span<'static> {
    let (back, quit) = (state.keys.key_of(Action::Back), state.keys.key_of(Action::Quit));
    Span::styled(format!("{back} or {quit} closes"), theme.dim)
}

/// A scrolled page of text in a frame.
pub(super) fn page(
    buffer: &mut Buffer,
    area: Rect,
    heading: Line<'static>,
    lines: &[Line<'static>],
    scroll: usize,
    theme: &Theme,
) {
    let total = lines.len();
    let mut block = panel(heading, false, false, theme).padding(Padding::horizontal(1));
    let inside = block.inner(area);
    let room = usize::from(inside.height);
    // The text may have become shorter since it was scrolled.
    let scroll = scroll.min(total.saturating_sub(room));
    if total > room && area.width > 30 {
        let last = (scroll + room).min(total);
        let place = format!(" {}–{last} of {total} ", scroll + 1);
        block = block.title_bottom(Line::styled(place, theme.dim).right_aligned());
    }
    block.render(area, buffer);
    for (y, line) in (inside.y..inside.bottom()).zip(lines.iter().skip(scroll)) {
        put(buffer, inside.x, y, line, inside.width);
    }
}

/// Columns of text inside a page of this width: less its frame and a blank at each side.
pub(super) fn page_columns(width: u16) -> usize {
    usize::from(width.saturating_sub(4))
}

/// Calm words in the middle of an empty place.
pub(super) fn empty(buffer: &mut Buffer, area: Rect, words: &str, style: Style) {
    let columns = usize::from(area.width.saturating_sub(4)).max(1);
    let lines = u16::try_from(text::width(words).div_ceil(columns)).unwrap_or(1);
    let top = area.height.saturating_sub(lines) / 2;
    let width = u16::try_from(columns).unwrap_or(0).min(area.width);
    let left = area.width.saturating_sub(width) / 2;
    let area = Rect { x: area.x + left, y: area.y + top, width, height: area.height - top };
    Paragraph::new(text::safe(words))
        .style(style)
        .alignment(Alignment::Center)
        .wrap(Wrap { trim: true })
        .render(area, buffer);
}

/// Label and value of a page of figures.
pub(super) fn fact(label: &str, value: Vec<Span<'static>>, theme: &Theme) -> Line<'static> {
    let mut line = Line::from(Span::styled(text::left(label, 16), theme.dim));
    line.spans.extend(value);
    line
}

/// The same with plain text.
pub(super) fn plain_fact(label: &str, value: impl Into<String>, theme: &Theme) -> Line<'static> {
    fact(label, vec![Span::styled(value.into(), theme.text)], theme)
}

/// Lines in as many rows as they need: the last part of one that does not fit goes on below itself.
pub(super) fn folded(lines: Vec<Line<'static>>, columns: usize) -> Vec<Line<'static>> {
    lines.into_iter().flat_map(|line| folded_line(line, columns)).collect()
}

fn folded_line(mut line: Line<'static>, columns: usize) -> Vec<Line<'static>> {
    /// Fewer columns than that hold no words.
    const ROOM: usize = 12;
    if line.width() <= columns {
        return vec![line];
    }
    let Some(words) = line.spans.pop() else { return vec![line] };
    let before = line.width();
    let goes_on = before + ROOM <= columns;
    let indent = if goes_on { before } else { 2 };
    let mut rows = Vec::new();
    for row in textwrap::wrap(&words.content, columns.saturating_sub(indent).max(1)) {
        let row = Span::styled(row.into_owned(), words.style);
        if goes_on && rows.is_empty() {
            line.spans.push(row);
            rows.push(std::mem::take(&mut line));
        } else {
            rows.push(Line::from(vec![Span::raw(" ".repeat(indent)), row]));
        }
    }
    if !goes_on && before > 0 {
        rows.insert(0, line);
    }
    rows
}

/// A heading inside a page.
pub(super) fn heading(words: &str, theme: &Theme) -> Line<'static> {
    Line::styled(words.to_owned(), theme.accent.bold())
}

/// Glyph, word and style of a phase: never colour alone.
pub(super) fn phase(phase: Phase, theme: &Theme) -> (&'static str, &'static str, Style) {
    match phase {
        Phase::Stale => ("!", "stale", theme.bad),
        Phase::Quarantined => ("⊘", "quarantined", theme.bad),
        Phase::Backoff => ("↻", "backoff", theme.warn),
        Phase::StoreBlocked => ("■", "blocked", theme.bad),
        Phase::DaemonDown => ("×", "daemon down", theme.bad),
        Phase::Queued => ("◦", "queued", theme.dim),
        Phase::CatchingUp => ("»", "catching up", theme.accent),
        Phase::Streaming => ("●", "streaming", theme.ok),
        Phase::Quiet => ("○", "quiet", theme.ok),
        Phase::Paused => ("‖", "paused", theme.warn),
        Phase::Unreadable => ("∅", "unreadable", theme.warn),
        Phase::EndedUnverified => ("◌", "unverified", theme.warn),
        Phase::Ended => ("·", "ended", theme.dim),
    }
}

/// The same for a monitor's row, which knows more of the container than the phase does.
pub(super) fn row_phase(row: &MonitorRow, theme: &Theme) -> (&'static str, &'static str, Style) {
    if row.is_between_runs() { restarting(theme) } else { phase(row.phase, theme) }
}

/// Glyph, word and style of a container between two runs.
pub(super) fn restarting(theme: &Theme) -> (&'static str, &'static str, Style) {
    ("↺", "restarting", theme.warn)
}

/// Kind of evidence in words.
pub(super) fn beat_word(kind: BeatKind) -> &'static str {
    match kind {
        BeatKind::Committed => "committed",
        BeatKind::Verified => "verified quiet",
    }
}
