//! The columns of the monitors table: which ones fit, and what each shows of a row.
//!
//! Widths never depend on values, so nothing jitters; numbers stand at the right.

use ratatui::style::Style;
use ratatui::text::Span;

use super::paint::row_phase;
use crate::engine::EngineSnapshot;
use crate::engine::snapshot::{Backfill, MonitorRow};
use crate::model::{BeatKind, Guarantee, Moment, Phase};
use crate::tui::state::table::{Sort, display_name, has_rate};
use crate::tui::text;
use crate::tui::theme::Theme;

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    State,
    Container,
    Heartbeat,
    Timeout,
    Stream,
    Rot,
    Rate,
    Spark,
    Lag,
    Stored,
    Restarts,
    Gaps,
    Guarantee,
}

const ALL: [Column; 13] = [
    Column::State,
    Column::Container,
    Column::Heartbeat,
    Column::Timeout,
    Column::Stream,
    Column::Rot,
    Column::Rate,
    Column::Spark,
    Column::Lag,
    Column::Stored,
    Column::Restarts,
    Column::Gaps,
    Column::Guarantee,
];

/// Which columns get their place first after state, container and heartbeat, which always have one.
const WANTED: [Column; 10] = [
    Column::Rate,
    Column::Timeout,
    Column::Gaps,
    Column::Spark,
    Column::Stored,
    Column::Lag,
    Column::Stream,
    Column::Rot,
    Column::Restarts,
    Column::Guarantee,
];
const NAME_WANTED: usize = 17;
const NAME_LEAST: usize = 8;
const NAME_MOST: usize = 44;
const STATE_LEAST: usize = 9;
const NARROW: usize = 50;
/// Before the first column: cursor and selection marks.
pub(super) const GUTTER: usize = 3;

impl Column {
    fn width(self) -> usize {
        match self {
            Self::State => 13,
            Self::Container => NAME_WANTED,
            Self::Heartbeat | Self::Stream => 10,
            Self::Timeout => 9,
            Self::Rot => 4,
            Self::Rate => 7,
            Self::Spark | Self::Restarts => 8,
            Self::Lag | Self::Stored => 6,
            Self::Gaps => 5,
            Self::Guarantee => 11,
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Container => "container",
            Self::Heartbeat => "heartbeat",
            Self::Timeout => "timeout",
            Self::Stream => "stream",
            Self::Rot => "rot",
            Self::Rate => "lines/s",
            Self::Spark => "",
            Self::Lag => "lag",
            Self::Stored => "stored",
            Self::Restarts => "restarts",
            Self::Gaps => "gaps",
            Self::Guarantee => "guarantee",
        }
    }

    pub(super) fn is_right(self) -> bool {
        !matches!(self, Self::State | Self::Container | Self::Heartbeat | Self::Guarantee)
    }

    /// Whether the rows are in the order of this column.
    pub(super) fn sorts(self, sort: Sort) -> bool {
        matches!(
            (self, sort),
            (Self::State, Sort::State)
                | (Self::Container, Sort::Name)
                | (Self::Rate, Sort::Rate)
                | (Self::Heartbeat, Sort::Heartbeat)
                | (Self::Stored, Sort::Stored)
                | (Self::Gaps, Sort::Gaps)
        )
    }
}

/// The columns that fit into `columns`, with their widths.
pub(super) fn fitting(columns: usize) -> Vec<(Column, usize)> {
    // On the narrowest screens the word of the state is cut before the rate is dropped.
    let narrow = columns < NARROW;
    let width = |c: Column| match c {
        Column::State if narrow => STATE_LEAST,
        Column::Container if narrow => NAME_LEAST,
        other => other.width(),
    };
    let mut shown = vec![Column::State, Column::Container, Column::Heartbeat];
    let used = |shown: &[Column]| GUTTER + shown.iter().map(|c| width(*c) + 1).sum::<usize>() - 1;
    for column in WANTED {
        if used(&shown) + 1 + column.width() <= columns {
            shown.push(column);
        }
    }
    let spare = columns.saturating_sub(used(&shown));
    let name = (width(Column::Container) + spare).min(NAME_MOST);
    let width = |c: Column| if c == Column::Container { name } else { width(c) };
    ALL.into_iter().filter(|c| shown.contains(c)).map(|c| (c, width(c))).collect()
}

/// What cells depend on besides their row.
pub(super) struct Context<'a> {
    pub(super) snapshot: &'a EngineSnapshot,
    pub(super) now: Moment,
    pub(super) theme: &'a Theme,
}

impl Context<'_> {
    /// What a column shows of a row; the caller pads it.
    pub(super) fn cell(
        &self,
        column: Column,
        width: usize,
        row: &MonitorRow,
    ) -> Vec<Span<'static>> {
        let theme = self.theme;
        let plain = |text: String| vec![Span::styled(text, theme.text)];
        let alarm = |n: u64, style: Style| {
            vec![Span::styled(text::count(n), if n == 0 { theme.dim } else { style })]
        };
        match column {
            Column::State => self.state(row, width),
            Column::Container => {
                let style = if row.running { theme.text } else { theme.dim };
                vec![Span::styled(text::middle(&display_name(row), width), style)]
            }
            Column::Heartbeat => self.heartbeat(row),
            Column::Timeout => self.timeout(row),
            Column::Stream => self.stream(row),
            Column::Rot => plain(text::count(row.reopens)),
            Column::Rate if has_rate(row) => plain(text::rate(row.lines_per_s)),
            Column::Spark => {
                let values = row.history.iter().map(|n| f64::from(*n));
                vec![Span::styled(text::sparkline(values, width), theme.accent)]
            }
            Column::Lag => self.lag(row),
            Column::Stored => self.stored(row),
            Column::Restarts => alarm(row.restarts, theme.warn),
            Column::Gaps => alarm(row.gaps, theme.bad),
            Column::Guarantee => self.guarantee(row),
            Column::Rate => self.nothing(),
        }
    }

    fn nothing(&self) -> Vec<Span<'static>> {
        vec![Span::styled("–", self.theme.dim)]
    }

    fn state(&self, row: &MonitorRow, width: usize) -> Vec<Span<'static>> {
        let (glyph, word, style) = row_phase(row, self.theme);
        vec![Span::styled(text::end(&format!("{glyph} {word}"), width), style)]
    }

    /// Kind and age of the last evidence, and how much of the timeout it has used up.
    fn heartbeat(&self, row: &MonitorRow) -> Vec<Span<'static>> {
        const BARS: [&str; 8] = ["▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"];
        let (true, Some(beat)) = (has_rate(row), row.beat) else { return self.nothing() };
        let age = self.now.since(beat.at);
        let share = age.as_secs_f64() / self.snapshot.timeout.as_secs_f64().max(0.001);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 7")]
        let step = (share * 8.0).clamp(0.0, 7.0) as usize;
        let style = match row.deadline {
            Some(deadline) if self.now >= deadline => self.theme.bad,
            _ if age >= self.snapshot.probe * 2 => self.theme.warn,
            _ => self.theme.ok,
        };
        let bar = BARS.get(step).copied().unwrap_or("█");
        vec![
            Span::styled(format!("{} ", beat.kind.letter()), self.theme.dim),
            Span::styled(text::right(&text::age(age), 6), self.theme.text),
            Span::styled(format!(" {bar}"), style),
        ]
    }

    /// Time to the deadline of evidence, or to the next attempt.
    fn timeout(&self, row: &MonitorRow) -> Vec<Span<'static>> {
        let theme = self.theme;
        if let Some(retry) = row.retry_at {
            let text = format!("retry {}", short(retry.since(self.now)));
            return vec![Span::styled(text, theme.warn)];
        }
        match row.deadline {
            Some(deadline) if self.now >= deadline => vec![Span::styled("overdue", theme.bad)],
            Some(deadline) => {
                vec![Span::styled(text::clock(deadline.since(self.now)), theme.text)]
            }
            None => self.nothing(),
        }
    }

    fn stream(&self, row: &MonitorRow) -> Vec<Span<'static>> {
        let Some(stream) = row.stream else { return self.nothing() };
        let age = text::clock(self.now.since(stream.opened));
        let period = short(stream.reopen_at.since(stream.opened));
        let theme = self.theme;
        vec![Span::styled(age, theme.text), Span::styled(format!("/{period}"), theme.dim)]
    }

    fn lag(&self, row: &MonitorRow) -> Vec<Span<'static>> {
        let theme = self.theme;
        match (row.phase, row.lag) {
            (Phase::Paused, _) => vec![Span::styled("held", theme.warn)],
            // What is proved quiet is behind nothing, however old its newest line was when it came.
            (Phase::Quiet, _) if proved_quiet(row) => vec![Span::styled("none", theme.dim)],
            (_, Some(lag)) if has_rate(row) => {
                let late = lag > self.snapshot.probe;
                vec![Span::styled(text::age(lag), if late { theme.warn } else { theme.text })]
            }
            (_, None) if has_rate(row) => vec![Span::styled("none", theme.dim)],
            _ => self.nothing(),
        }
    }

    fn stored(&self, row: &MonitorRow) -> Vec<Span<'static>> {
        let style = match row.backfill {
            Backfill::Running { .. } => self.theme.accent,
            _ => self.theme.text,
        };
        vec![Span::styled(text::count(row.stored_total), style)]
    }

    fn guarantee(&self, row: &MonitorRow) -> Vec<Span<'static>> {
        let theme = self.theme;
        let (word, style) = match row.guarantee {
            Guarantee::Exact => ("exact", theme.ok),
            Guarantee::LossyByConfiguration => ("lossy", theme.warn),
            Guarantee::BestEffort => ("best effort", theme.text),
            Guarantee::Unreadable => ("none", theme.dim),
        };
        vec![Span::styled(word, style)]
    }
}

fn proved_quiet(row: &MonitorRow) -> bool {
    row.beat.is_some_and(|beat| beat.kind == BeatKind::Verified)
}

/// One unit: `4s`, `10m`, `3h`.
fn short(duration: std::time::Duration) -> String {
    match duration.as_secs() {
        s @ 0..100 => format!("{s}s"),
        s @ 100..7_200 => format!("{}m", (s + 30) / 60),
        s => format!("{}h", s / 3_600),
    }
}
