//! The lines at the top: who and where, coverage, tasks. The task count is there at every size.
//!
//! ```text
//!  logcap-tui 0.1.0 · unix:///var/run/docker.sock · Docker 28.2.2 ● connected 3h12m   [1 Dashboard] 2 Logs
//!  coverage 9 of 11 fresh (12 running, 1 excluded) · 8 streaming 1 quiet · 4.1k lines/s · gaps 0 · …
//!  tasks 41 of 41 (slope 0/min) · fds 63 of 1,024 · rss 38 MiB · stored 48.2M records in 1.2 GiB (10.1x)
//! ```

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::paint::{Piece, fit, phase, piece, put, restarting};
use crate::engine::snapshot::Link;
use crate::model::{Phase, Timestamp};
use crate::tui::state::{Tab, UiState};
use crate::tui::text::{self, grouped};
use crate::tui::theme::Theme;

/// Paints one, two or three lines.
pub(super) fn render(buffer: &mut Buffer, area: Rect, state: &UiState, theme: &Theme) {
    let columns = usize::from(area.width.saturating_sub(1));
    let mut write = |row: u16, line: &Line<'_>| {
        if row < area.height {
            put(buffer, area.x + 1, area.y + row, line, area.width.saturating_sub(1));
        }
    };
    if area.height == 1 {
        let mut pieces = vec![tasks(state, theme)];
        pieces.extend(demo(state, theme));
        pieces.extend(coverage(state, theme));
        write(0, &fit(pieces, columns, theme));
        return;
    }
    let bar = tabs(state, theme);
    let taken: usize = bar.iter().map(|(_, span)| span.width()).sum();
    let room = columns.saturating_sub(taken + 2);
    write(0, &fit(identity(state, theme), room, theme));
    if area.height == 2 {
        let mut pieces = coverage(state, theme);
        pieces.insert(1.min(pieces.len()), tasks(state, theme));
        write(1, &fit(pieces, columns, theme));
    } else {
        write(1, &fit(coverage(state, theme), columns, theme));
        write(2, &fit(engine(state, theme), columns, theme));
    }
    let spans: Vec<_> = bar.into_iter().map(|(_, span)| span).collect();
    put(buffer, tabs_from(area, taken), area.y, &Line::from(spans), area.width);
}

fn tabs_from(area: Rect, taken: usize) -> u16 {
    area.right().saturating_sub(u16::try_from(taken).unwrap_or(0))
}

fn tabs(state: &UiState, theme: &Theme) -> Vec<(Tab, Span<'static>)> {
    let one = |(tab, number, long, short): (Tab, char, &str, &str)| {
        let word = match state.size.0 {
            0..60 => String::new(),
            60..110 => format!(" {short}"),
            _ => format!(" {long}"),
        };
        if tab == state.tab {
            (tab, Span::styled(format!("[{number}{word}]"), theme.accent.bold()))
        } else {
            (tab, Span::styled(format!(" {number}{word} "), theme.dim))
        }
    };
    Tab::ALL.into_iter().map(one).collect()
}

/// The tab whose title is at this position.
pub(super) fn tab_at(state: &UiState, at: Position) -> Option<Tab> {
    let area = state.areas().header;
    if at.y != area.y || area.height < 2 {
        return None;
    }
    let bar = tabs(state, &Theme::plain());
    let mut x = tabs_from(area, bar.iter().map(|(_, span)| span.width()).sum());
    bar.into_iter().find_map(|(tab, span)| {
        let from = x;
        x = x.saturating_add(u16::try_from(span.width()).unwrap_or(0));
        (from..x).contains(&at.x).then_some(tab)
    })
}

/// Says that nothing here is real, at every size.
fn demo(state: &UiState, theme: &Theme) -> Option<Piece> {
    let palette = state.palette.as_ref()?;
    let label = Span::styled(format!(" {} ", text::safe(&palette.label)), theme.found);
    Some(piece(0, vec![label]))
}

fn identity(state: &UiState, theme: &Theme) -> Vec<Piece> {
    let now = state.engine_now();
    let docker = &state.snapshot.docker;
    let link = match &docker.link {
        Link::Connecting => vec![Span::styled("◦ connecting to Docker", theme.accent)],
        Link::Up { .. } if let Some(blind) = &docker.blind => vec![
            Span::styled(format!("! {} ", blind.what), theme.warn),
            Span::styled(text::clock(now.since(blind.since)), theme.dim),
        ],
        Link::Up { since, .. } => vec![
            Span::styled("● connected ", theme.ok),
            Span::styled(text::clock(now.since(*since)), theme.dim),
        ],
        Link::Down { since, .. } => vec![
            Span::styled("× Docker unreachable ", theme.bad),
            Span::styled(text::clock(now.since(*since)), theme.dim),
        ],
    };
    let gone = state.engine_gone().map(text::clock);
    let link = match &gone {
        Some(silent) => {
            vec![Span::styled(format!("× engine gone: no news for {silent}"), theme.bad)]
        }
        None => link,
    };
    let short = match &docker.link {
        _ if gone.is_some() => ("× engine gone", theme.bad),
        Link::Connecting => ("◦ connecting", theme.accent),
        Link::Up { .. } if docker.blind.is_some() => ("! blind", theme.warn),
        Link::Up { .. } => ("● connected", theme.ok),
        Link::Down { .. } => ("× unreachable", theme.bad),
    };
    let build = Span::styled(text::safe(&state.build), theme.accent.bold());
    let mut pieces: Vec<Piece> = demo(state, theme).into_iter().collect();
    pieces.push(piece(2, vec![build]));
    if !docker.endpoint.is_empty() {
        let endpoint = text::middle(&text::safe(&docker.endpoint), 44);
        pieces.push(piece(4, vec![Span::styled(endpoint, theme.dim)]));
    }
    if let Link::Up { version, .. } = &docker.link {
        pieces.push(piece(3, vec![Span::styled(text::safe(version), theme.text)]));
    }
    // The note names a process that captures, which is no longer known.
    if let Some(note) = state.viewer_note.as_ref().filter(|_| gone.is_none()) {
        pieces.push(piece(1, vec![Span::styled(text::safe(note), theme.warn)]));
    }
    if state.size.0 < 70 {
        pieces.push(piece(0, vec![Span::styled(short.0, short.1)]));
    } else {
        pieces.push(piece(0, link));
    }
    pieces
}

fn figure(label: &'static str, value: String, style: Style, theme: &Theme) -> Vec<Span<'static>> {
    vec![Span::styled(format!("{label} "), theme.dim), Span::styled(value, style)]
}

fn coverage(state: &UiState, theme: &Theme) -> Vec<Piece> {
    let snapshot = &state.snapshot;
    if !snapshot.ready {
        let words = match &snapshot.docker.blind {
            Some(_) => "what runs is not known, and nothing is captured yet",
            None => "waiting for the first answer of the daemon",
        };
        return vec![piece(2, vec![Span::styled(words, theme.dim)])];
    }
    let coverage = &snapshot.coverage;
    let whole = coverage.fresh == coverage.matched;
    let fresh = format!("{} of {} fresh", coverage.fresh, coverage.matched);
    let mut out =
        vec![piece(1, figure("coverage", fresh, if whole { theme.ok } else { theme.warn }, theme))];
    if let Some(why) = &snapshot.store.blocked {
        let words = format!("■ store refuses writes: {}", text::safe(why));
        out.push(piece(1, vec![Span::styled(words, theme.bad)]));
    } else if let Some(slow) = snapshot.store.slow {
        let words = format!("■ store is slow: at one commit for {}", text::clock(slow));
        out.push(piece(1, vec![Span::styled(words, theme.warn)]));
    }
    let excluded = coverage.excluded.len();
    let mut around = format!("{} running", coverage.running);
    if excluded > 0 {
        let _ = write!(around, ", {excluded} excluded");
    }
    out.push(piece(6, vec![Span::styled(around, theme.dim)]));
    let words = phases(state, theme);
    if !words.is_empty() {
        out.push(piece(3, words));
    }
    let totals = &snapshot.totals;
    let rate = format!("{} lines/s", text::rate(totals.lines_per_s));
    out.push(piece(2, vec![Span::styled(rate, theme.text)]));
    let alarm = |n: u64, style: Style| if n == 0 { theme.text } else { style };
    out.push(piece(1, figure("gaps", grouped(totals.gaps), alarm(totals.gaps, theme.bad), theme)));
    let failures = format!("{}/5m", totals.failures_5m);
    let style = alarm(totals.failures_5m, theme.warn);
    out.push(piece(4, figure("failures", failures, style, theme)));
    let style = alarm(totals.timeouts, theme.bad);
    out.push(piece(5, figure("timeouts", grouped(totals.timeouts), style, theme)));
    if coverage.uncaptured > 0 {
        out.push(piece(3, figure("uncaptured", grouped(coverage.uncaptured), theme.warn, theme)));
    }
    out
}

/// How many monitors are in each phase: in words, or with the glyphs of the table where words
/// would take more than half of the line.
fn phases(state: &UiState, theme: &Theme) -> Vec<Span<'static>> {
    let monitors = &state.snapshot.monitors;
    let between = |kind: Phase| {
        monitors.iter().filter(|row| row.phase == kind && row.is_between_runs()).count()
    };
    let mut counts: Vec<_> = Vec::new();
    let mut waiting = 0;
    for (kind, count) in state.snapshot.phases() {
        waiting += between(kind);
        counts.push((phase(kind, theme), count - between(kind)));
    }
    counts.insert(0, (restarting(theme), waiting));
    counts.retain(|(_, count)| *count > 0);
    let spans = |words: bool| -> Vec<Span<'static>> {
        let one = |(i, (sign, count)): (usize, &((&str, &str, Style), usize))| {
            let (glyph, word, style) = *sign;
            let space = if i == 0 { "" } else { " " };
            let text = if words {
                format!("{space}{count} {word}")
            } else {
                format!("{space}{glyph}{count}")
            };
            Span::styled(text, style)
        };
        counts.iter().enumerate().map(one).collect()
    };
    let long = spans(true);
    let width: usize = long.iter().map(Span::width).sum();
    if width <= usize::from(state.size.0) / 2 { long } else { spans(false) }
}

fn tasks(state: &UiState, theme: &Theme) -> Piece {
    let tasks = &state.snapshot.tasks;
    let style = if tasks.actual == tasks.expected { theme.ok } else { theme.bad };
    let value = format!("{} of {}", tasks.actual, tasks.expected);
    piece(0, figure("tasks", value, style, theme))
}

fn engine(state: &UiState, theme: &Theme) -> Vec<Piece> {
    let snapshot = &state.snapshot;
    let mut tasks = tasks(state, theme);
    let slope = format!(" (slope {}/min)", slope(snapshot.tasks.slope));
    if state.size.0 >= 70 {
        tasks.spans.push(Span::styled(slope, theme.dim));
    }
    let process = &snapshot.process;
    let some = |value: Option<u64>, show: fn(u64) -> String| value.map_or("--".to_owned(), show);
    let fds = format!("{} of {}", some(process.fds, grouped), some(process.fd_limit, grouped));
    let mut out = vec![tasks, piece(2, figure("fds", fds, theme.text, theme))];
    out.push(piece(3, figure("rss", some(process.rss, text::bytes), theme.text, theme)));
    out.push(piece(1, stored(state, theme)));
    if let Some(days) = snapshot.store.days_left {
        let left = format!("{} left", text::days(days));
        let style = if days < 1.0 { theme.warn } else { theme.dim };
        out.push(piece(4, vec![Span::styled(left, style)]));
    }
    out
}

fn stored(state: &UiState, theme: &Theme) -> Vec<Span<'static>> {
    let store = &state.snapshot.store;
    let records = format!("{} records", text::count(store.records));
    let mut spans = figure("stored", records, theme.text, theme);
    if state.size.0 >= 70 {
        let mut disk = format!(" in {}", text::bytes(store.disk_bytes));
        if let Some(ratio) = ratio(store.raw_bytes, store.disk_bytes) {
            let _ = write!(disk, " ({ratio:.1}x)");
        }
        spans.push(Span::styled(disk, theme.dim));
    }
    if let Some(Timestamp(_)) = store.oldest.filter(|_| state.size.0 >= 160) {
        let age = text::clock(state.now.wall.since(store.oldest.unwrap_or_default()));
        spans.push(Span::styled(format!(", back {age}"), theme.dim));
    }
    spans
}

/// How much smaller the disk is than the text, once it is smaller at all: an almost empty store is
/// mostly its own tables.
#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
pub(super) fn ratio(raw: u64, disk: u64) -> Option<f64> {
    (raw > disk && disk > 0).then(|| raw as f64 / disk as f64)
}

/// A slope without a minus before zero.
pub(super) fn slope(per_minute: f64) -> String {
    if per_minute.abs() < 0.05 { "0".to_owned() } else { format!("{per_minute:+.1}") }
}
