//! The engine's own figures: a column beside the dashboard on wide screens, and a tab with all of
//! them. Expected and actual stand side by side, so that a leak or a dead task cannot hide.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::header::{ratio, slope};
use super::paint::{fact, folded, heading, page, page_columns, panel, plain_fact, put, title};
use crate::engine::snapshot::Flow;
use crate::tui::state::UiState;
use crate::tui::state::table::display_name;
use crate::tui::state::trends::Trend;
use crate::tui::text::{self, grouped};
use crate::tui::theme::Theme;

const TWO_COLUMNS_FROM: u16 = 110;
const LEFT: u16 = 54;

/// The narrow column at the right of the dashboard.
pub(super) fn column(buffer: &mut Buffer, area: Rect, state: &UiState, theme: &Theme) {
    let block = panel(title("Engine", Vec::new(), theme), false, false, theme);
    let inside = block.inner(area);
    block.render(area, buffer);
    let snapshot = &state.snapshot;
    let (process, store, trends) = (&snapshot.process, &snapshot.store, &state.trends);
    let tasks = format!("{}/{}", snapshot.tasks.actual, snapshot.tasks.expected);
    let tone = tasks_style(state, theme);
    let some = |value: Option<u64>, show: fn(u64) -> String| value.map_or("--".to_owned(), show);
    let queue = format!("{}/{}", store.queue, store.queue_cap);
    let rows: [(&str, String, Style, &Trend); 6] = [
        ("tasks", tasks, tone, &trends.tasks),
        ("fds", some(process.fds, grouped), theme.text, &trends.fds),
        ("rss", some(process.rss, text::bytes), theme.text, &trends.rss),
        ("commit", format!("{:.1} ms", store.commit_p99_ms), theme.text, &trends.commit),
        ("queue", queue, theme.text, &trends.queue),
        ("lines/s", text::rate(snapshot.totals.lines_per_s), theme.text, &trends.lines),
    ];
    let mut lines = Vec::new();
    for (label, value, style, trend) in rows {
        lines.push(Line::from(vec![
            Span::styled(format!(" {}", text::left(label, 8)), theme.dim),
            Span::styled(text::right(&value, 9), style),
            Span::styled(text::right(&text::sparkline(trend.values(), 8), 9), theme.accent),
        ]));
    }
    lines.push(Line::default());
    let fact = |label: &str, value: String, style: Style| {
        let label = Span::styled(format!(" {}", text::left(label, 10)), theme.dim);
        Line::from(vec![label, Span::styled(text::right(&value, 16), style)])
    };
    let totals = &snapshot.totals;
    let alarm = |n: u64| if n == 0 { theme.text } else { theme.warn };
    lines.push(fact("writer", format!("{:.0} % busy", store.busy * 100.0), theme.text));
    lines.push(fact("fd limit", some(process.fd_limit, grouped), theme.text));
    lines.push(fact("restarts", grouped(totals.restarts), alarm(totals.restarts)));
    lines.push(fact("panics", grouped(totals.panics), alarm(totals.panics)));
    let (words, style) = adds_up(&totals.flow, theme);
    lines.push(fact("adds up", words, style));
    for (y, line) in (inside.y..inside.bottom()).zip(&lines) {
        put(buffer, inside.x, y, line, inside.width);
    }
}

/// The tab.
pub(super) fn render(buffer: &mut Buffer, area: Rect, state: &UiState, theme: &Theme) {
    let named = |name: &str| title(name, Vec::new(), theme);
    if area.width < TWO_COLUMNS_FROM {
        let mut lines = folded_figures(state, theme, area.width);
        lines.push(Line::default());
        lines.extend(accounts(state, theme, area.width));
        page(buffer, area, named("Engine"), &lines, state.scroll, theme);
        return;
    }
    let columns = [Constraint::Length(LEFT), Constraint::Fill(1)];
    let [left, right] = area.layout(&Layout::horizontal(columns));
    page(buffer, left, named("Engine"), &folded_figures(state, theme, left.width), 0, theme);
    let lines = accounts(state, theme, right.width);
    page(buffer, right, named("Accounts"), &lines, state.scroll, theme);
}

/// Lines of the part of the tab that scrolls.
pub(super) fn scrolled_lines(state: &UiState, theme: &Theme, width: u16) -> usize {
    let accounts = accounts(state, theme, width).len();
    if width < TWO_COLUMNS_FROM {
        folded_figures(state, theme, width).len() + 1 + accounts
    } else {
        accounts
    }
}

fn folded_figures(state: &UiState, theme: &Theme, width: u16) -> Vec<Line<'static>> {
    folded(figures(state, theme), page_columns(width))
}

fn tasks_style(state: &UiState, theme: &Theme) -> Style {
    let tasks = &state.snapshot.tasks;
    if tasks.actual == tasks.expected { theme.ok } else { theme.bad }
}

fn figures(state: &UiState, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = blind(state, theme);
    lines.extend(tasks(state, theme));
    lines.push(Line::default());
    lines.extend(process(state, theme));
    lines.push(Line::default());
    lines.extend(store(state, theme));
    lines.push(Line::default());
    lines.push(heading("Screen", theme));
    let frames = match state.trends.frame_times() {
        Some((p50, p99)) => format!("p50 {:.1} ms, p99 {:.1} ms", millis(p50), millis(p99)),
        None => "no frame measured yet".to_owned(),
    };
    lines.push(plain_fact("frame time", frames, theme));
    lines
}

fn millis(duration: std::time::Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// What the daemon refuses although it answers.
fn blind(state: &UiState, theme: &Theme) -> Vec<Line<'static>> {
    let Some(blind) = &state.snapshot.docker.blind else { return Vec::new() };
    let age = text::clock(state.engine_now().since(blind.since));
    vec![
        heading("Docker", theme),
        Line::styled(format!("{} for {age}", text::safe(&blind.what)), theme.warn),
        Line::styled(text::safe(&blind.error), theme.text),
        Line::styled("what starts meanwhile is captured when it can be seen", theme.dim),
        Line::default(),
    ]
}

fn tasks(state: &UiState, theme: &Theme) -> Vec<Line<'static>> {
    let tasks = &state.snapshot.tasks;
    let name_columns = if state.size.0 < 50 { 14 } else { 20 };
    let mut lines = vec![Line::from(vec![
        Span::styled(text::left("Tasks", name_columns), theme.accent.bold()),
        Span::styled("expected    actual", theme.dim),
    ])];
    let row = |name: &str, expected: usize, actual: usize| {
        let style = if expected == actual { theme.text } else { theme.bad };
        let mark = if expected == actual { "" } else { "  ← differs" };
        Line::from(vec![
            Span::styled(text::left(&text::safe(name), name_columns), theme.dim),
            Span::styled(text::right(&grouped(expected as u64), 8), theme.text),
            Span::styled(text::right(&grouped(actual as u64), 10), style),
            Span::styled(mark, theme.bad),
        ])
    };
    lines.extend(tasks.kinds.iter().map(|(name, expected, actual)| row(name, *expected, *actual)));
    lines.push(row("all", tasks.expected, tasks.actual));
    lines.push(plain_fact("slope", format!("{}/min", slope(tasks.slope)), theme));
    lines.push(plain_fact("runtime counts", grouped(tasks.runtime as u64), theme));
    lines
}

fn process(state: &UiState, theme: &Theme) -> Vec<Line<'static>> {
    let process = &state.snapshot.process;
    let some = |value: Option<u64>, show: fn(u64) -> String| value.map_or("--".to_owned(), show);
    let fds = format!(
        "{} of {}, slope {}/min",
        some(process.fds, grouped),
        some(process.fd_limit, grouped),
        slope(process.fd_slope)
    );
    let full = matches!((process.fds, process.fd_limit), (Some(n), Some(most)) if n * 5 > most * 4);
    let rss = format!(
        "{}, slope {} MiB/min",
        some(process.rss, text::bytes),
        slope(process.rss_slope / 1_048_576.0)
    );
    vec![
        heading("Process", theme),
        fact(
            "descriptors",
            vec![Span::styled(fds, if full { theme.bad } else { theme.text })],
            theme,
        ),
        plain_fact("memory", rss, theme),
    ]
}

fn store(state: &UiState, theme: &Theme) -> Vec<Line<'static>> {
    let store = &state.snapshot.store;
    let mut lines = vec![heading("Store", theme)];
    if let Some(why) = &store.blocked {
        let words = format!("refuses writes: {}", text::safe(why));
        lines.push(Line::styled(words, theme.bad));
    } else if let Some(slow) = store.slow {
        let words = format!("slow: at one commit for {}", text::clock(slow));
        lines.push(Line::styled(words, theme.warn));
    }
    let size = match ratio(store.raw_bytes, store.disk_bytes) {
        Some(ratio) => format!("{} ({ratio:.1}x smaller than text)", text::bytes(store.disk_bytes)),
        None => text::bytes(store.disk_bytes),
    };
    let commits = format!("p50 {:.1} ms, p99 {:.1} ms", store.commit_p50_ms, store.commit_p99_ms);
    let queue =
        format!("{} of {} ({:.0} % busy)", store.queue, store.queue_cap, store.busy * 100.0);
    lines.push(plain_fact("path", text::middle(&text::safe(&store.path), 34), theme));
    lines.push(plain_fact("records", grouped(store.records), theme));
    lines.push(plain_fact("on disk", size, theme));
    lines.push(plain_fact("write-ahead log", text::bytes(store.wal_bytes), theme));
    let oldest = store.oldest.map_or("nothing stored".to_owned(), |oldest| {
        format!("{} ago", text::clock(state.now.wall.since(oldest)))
    });
    lines.push(plain_fact("oldest record", oldest, theme));
    let left = store.days_left.map_or("no limit in sight".to_owned(), text::days);
    lines.push(plain_fact("room left", left, theme));
    lines.push(plain_fact("commits", grouped(store.commits), theme));
    lines.push(plain_fact("commit time", commits, theme));
    lines.push(plain_fact("queue", queue, theme));
    lines
}

fn adds_up(flow: &Flow, theme: &Theme) -> (String, Style) {
    if flow.is_conserved() {
        return ("✓ yes".to_owned(), theme.ok);
    }
    let known = flow.stored + flow.overlap + flow.discarded + flow.in_flight;
    (format!("✗ off by {}", grouped(flow.received.abs_diff(known))), theme.bad)
}

/// Which failures the header counts.
fn failures(state: &UiState, name: usize, theme: &Theme) -> Vec<Line<'static>> {
    let (snapshot, now) = (&state.snapshot, state.engine_now());
    let mut lines = vec![heading("Failures of the last five minutes, newest first", theme)];
    if snapshot.totals.failures_5m == 0 {
        lines.push(Line::styled("none", theme.dim));
    }
    for failure in snapshot.failures.iter().rev() {
        let who = text::middle(&text::safe(&failure.who), name);
        let ago = text::right(&text::clock(now.since(failure.at)), 6);
        lines.push(Line::from(vec![
            Span::styled(text::left(&who, name), theme.text),
            Span::styled(format!(" {ago} ago  "), theme.dim),
            Span::styled(text::safe(&failure.cause), theme.warn),
        ]));
    }
    let more = snapshot.totals.failures_5m.saturating_sub(snapshot.failures.len() as u64);
    if more > 0 {
        lines.push(Line::styled(format!("and {} older ones", grouped(more)), theme.dim));
    }
    lines
}

/// Conservation per container, the last failures, then what is left out and why.
fn accounts(state: &UiState, theme: &Theme, width: u16) -> Vec<Line<'static>> {
    const FIGURES: usize = 5 * 9 + 14;
    let name = usize::from(width).saturating_sub(FIGURES + 4).clamp(12, 44);
    let mut lines = vec![heading("received = stored + overlap + discarded + in flight", theme)];
    let mut titles = text::left("container", name);
    for word in ["received", "stored", "overlap", "discard", "flight"] {
        titles.push_str(&text::right(word, 9));
    }
    lines.push(Line::styled(format!("{titles}  adds up"), theme.dim));
    let row = |title: &str, flow: &Flow| {
        let (words, style) = adds_up(flow, theme);
        let mut line = Line::from(text::left(&text::middle(title, name), name));
        for n in [flow.received, flow.stored, flow.overlap, flow.discarded, flow.in_flight] {
            line.push_span(Span::styled(text::right(&text::count(n), 9), theme.text));
        }
        line.push_span(Span::styled(format!("  {words}"), style));
        line
    };
    lines.push(row("all", &state.snapshot.totals.flow));
    for monitor in &state.snapshot.monitors {
        lines.push(row(&display_name(monitor), &monitor.flow));
    }
    lines.push(Line::default());
    lines.extend(failures(state, name, theme));
    lines.push(Line::default());
    lines.push(heading("Not captured, and why", theme));
    let excluded = &state.snapshot.coverage.excluded;
    if excluded.is_empty() {
        lines.push(Line::styled("every container is captured", theme.dim));
    }
    for container in excluded {
        let title = text::safe(&container.name);
        lines.push(Line::from(vec![
            Span::styled(text::left(&text::middle(&title, name), name), theme.text),
            Span::styled(format!("  {}", text::safe(&container.why)), theme.dim),
        ]));
    }
    lines
}
