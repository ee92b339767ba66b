//! A stored row as lines of the log pane: gutter, time, name, text; or a seam with its words.
//!
//! [`RowFormat::height`] and [`RowFormat::lines`] break the same glyphs at the same width with the
//! same function, so what is counted is what is drawn (held by a property test).

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::tz::TimeZone;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::source::Highlight;
use super::text::{self, Glyphs, ansi, glyphs};
use super::theme::Theme;
use crate::model::{Away, Fd, Level, Line as LogLine, LogId, Lost, Row, Seam, SeamKind, Timestamp};

/// What stands before a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stamps {
    /// Time of day here.
    #[default]
    Local,
    /// Time of day in UTC.
    Utc,
    /// Age.
    Relative,
    /// Nothing.
    Off,
}

impl Stamps {
    /// The next kind.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Local => Self::Utc,
            Self::Utc => Self::Relative,
            Self::Relative => Self::Off,
            Self::Off => Self::Local,
        }
    }

    fn columns(self) -> usize {
        match self {
            Self::Local | Self::Utc => 13,
            Self::Relative => 8,
            Self::Off => 0,
        }
    }
}

/// How rows become lines.
#[derive(Debug, Clone)]
pub struct RowFormat {
    /// Columns of the pane's inside.
    pub width: usize,
    /// Whether long lines take several lines.
    pub wrap: bool,
    /// Columns scrolled to the right when they do not.
    pub skip: usize,
    /// What stands before a line.
    pub stamps: Stamps,
    /// The zone of local time.
    pub zone: TimeZone,
    /// For ages.
    pub now: Timestamp,
    /// Short names of the logs shown.
    pub names: BTreeMap<LogId, String>,
    /// Columns for a name, zero when one log is shown.
    pub name_columns: usize,
}

/// What is emphasised in a line.
#[derive(Clone, Copy, Default)]
pub struct Emphasis<'a> {
    /// Matches of the find.
    pub found: Option<&'a Highlight>,
    /// Whether the cursor is on this row and the pane has the focus.
    pub cursor: bool,
}

impl RowFormat {
    /// Lines that `row` takes, at least one.
    pub fn height(&self, row: &Row) -> usize {
        match row {
            Row::Line(line) if self.wrap => {
                glyphs(&line.text, usize::MAX).breaks(self.text_columns()).len()
            }
            _ => 1,
        }
    }

    /// The lines of `row`, exactly as many as its height.
    pub fn lines(&self, row: &Row, theme: &Theme, emphasis: Emphasis<'_>) -> Vec<Line<'static>> {
        let mut lines = match row {
            Row::Line(line) => self.line(line, theme, emphasis),
            Row::Seam(seam) => vec![self.seam(seam.key.log, &seam.seam, theme)],
        };
        if emphasis.cursor {
            for line in &mut lines {
                let pad = self.width.saturating_sub(line.width());
                line.spans.push(Span::raw(" ".repeat(pad)));
                line.style = line.style.patch(theme.cursor);
            }
        }
        lines
    }

    /// A moment as the pane's stamps show it, without a date.
    pub fn stamp(&self, ts: Timestamp) -> String {
        match self.stamps {
            Stamps::Relative => text::age(self.now.since(ts)),
            _ => self.moment(ts, "%H:%M:%S%.3f"),
        }
    }

    /// A moment with its date, for the pane's frame.
    pub fn dated(&self, ts: Timestamp) -> String {
        self.moment(ts, "%Y-%m-%d %H:%M:%S %Z")
    }

    fn moment(&self, ts: Timestamp, format: &str) -> String {
        let zone = if self.stamps == Stamps::Utc { &TimeZone::UTC } else { &self.zone };
        jiff::Timestamp::from_nanosecond(i128::from(ts.0))
            .map(|t| t.to_zoned_datetime(zone.clone()).strftime(format).to_string())
            .unwrap_or_default()
    }

    fn prefix_columns(&self) -> usize {
        let name = if self.name_columns == 0 { 0 } else { self.name_columns + 1 };
        2 + self.stamps.columns() + name
    }

    fn text_columns(&self) -> usize {
        // The last column stays free: for the mark of a cut line, and beside the frame.
        self.width.saturating_sub(self.prefix_columns() + 1).max(4)
    }

    fn line(&self, line: &LogLine, theme: &Theme, emphasis: Emphasis<'_>) -> Vec<Line<'static>> {
        let columns = self.text_columns();
        let limit = if self.wrap { usize::MAX } else { self.skip + columns + 1 };
        let body = glyphs(&line.text, limit);
        let found = emphasis.found.map(|find| find(&line.text)).unwrap_or_default();
        let painter = Painter { body: &body, found: &found, theme, here: emphasis.cursor };
        let mut out = Vec::new();
        if self.wrap {
            let starts = body.breaks(columns);
            for (i, start) in starts.iter().enumerate() {
                let stop = starts.get(i + 1).copied().unwrap_or(body.list.len());
                let mut spans = self.prefix(line, i == 0, theme);
                spans.extend(painter.spans(*start..stop));
                out.push(Line::from(spans));
            }
        } else {
            let mut spans = self.prefix(line, true, theme);
            let seen = visible(&body, self.skip, columns);
            let cut = seen.end < body.list.len();
            spans.extend(painter.spans(seen));
            if cut {
                let used: usize = spans.iter().map(Span::width).sum();
                let pad = " ".repeat(self.width.saturating_sub(used + 1));
                spans.push(Span::styled(format!("{pad}›"), theme.dim));
            }
            out.push(Line::from(spans));
        }
        if let Some(last) = out.last_mut().filter(|_| line.full_len > line.text.len() as u64) {
            let more = line.full_len - line.text.len() as u64;
            let note = format!(" …{} more", text::bytes(more));
            if last.width() + note.len() <= self.width {
                last.spans.push(Span::styled(note, theme.dim));
            }
        }
        out
    }

    /// Gutter, time and name; blanks of the same width for the second line of a wrapped row.
    fn prefix(&self, line: &LogLine, first: bool, theme: &Theme) -> Vec<Span<'static>> {
        let (mark, style) = match line.level {
            Some(Level::Error | Level::Fatal) => ("▌", theme.bad),
            Some(Level::Warn) => ("▏", theme.warn),
            _ => (" ", theme.text),
        };
        let mut spans = vec![Span::styled(mark, style)];
        if !first {
            spans.push(Span::raw(" ".repeat(self.prefix_columns() - 1)));
            return spans;
        }
        let stderr = if line.fd == Fd::Stderr { "²" } else { " " };
        if self.stamps != Stamps::Off {
            let stamp = text::right(&self.stamp(line.ts), self.stamps.columns() - 1);
            spans.push(Span::styled(format!("{stamp} "), theme.dim));
        }
        if self.name_columns > 0 {
            let name = self.names.get(&line.key.log).map_or("?", String::as_str);
            let short = text::left(&text::middle(name, self.name_columns), self.name_columns);
            spans.push(Span::styled(short, theme.name(name)));
            spans.push(Span::styled(format!("{stderr} "), theme.dim));
        } else {
            spans.push(Span::styled(stderr, theme.dim));
        }
        spans
    }

    fn seam(&self, log: LogId, seam: &Seam, theme: &Theme) -> Line<'static> {
        let mut words = self.seam_words(seam);
        if self.name_columns > 0 {
            let name = self.names.get(&log).map_or("?", String::as_str);
            words = format!("{name} {words}");
        }
        let words = format!(" {} ", text::end(&words, self.width.saturating_sub(6)));
        let rest = self.width.saturating_sub(text::width(&words));
        let (left, right) = (rest / 2, rest - rest / 2);
        let style = if seam.what.kind.is_gap() { theme.bad } else { theme.dim };
        Line::styled(format!("{}{words}{}", "─".repeat(left), "─".repeat(right)), style)
    }

    /// What a seam means, in words.
    pub fn seam_words(&self, seam: &Seam) -> String {
        let what = &seam.what;
        match what.kind {
            SeamKind::Gap => {
                let when = self.bounds(what.t_low, what.t_high);
                let lost = what.lost.as_ref().map_or_else(|| text::safe(&what.detail), lost_words);
                let away = what.away.map_or("", away_words);
                format!("gap: {when}{lost}{away}")
            }
            SeamKind::NotTaken => match &what.lost {
                Some(Lost::Corrupt(why)) => {
                    format!("older history was not taken, {}", text::safe(why))
                }
                _ => "older history was not taken, b fetches it".to_owned(),
            },
            SeamKind::Evicted => "older lines were removed by retention".to_owned(),
            SeamKind::Damaged => format!(
                "damaged: {}a stored block can no longer be decoded",
                self.bounds(what.t_low, what.t_high)
            ),
            SeamKind::Joined => "backfilled history joins here, nothing is missing".to_owned(),
        }
    }

    fn bounds(&self, low: Option<Timestamp>, high: Option<Timestamp>) -> String {
        let time = |ts| self.moment(ts, "%H:%M:%S");
        match (low, high) {
            (Some(low), Some(high)) => format!("{}–{}, ", time(low), time(high)),
            (Some(low), None) => format!("since {}, ", time(low)),
            (None, Some(high)) => format!("until {}, ", time(high)),
            (None, None) => String::new(),
        }
    }
}

fn lost_words(lost: &Lost) -> String {
    match lost {
        Lost::Rotated => "daemon rotated its file before it was read".to_owned(),
        Lost::Truncated => "the log file was cut from outside".to_owned(),
        Lost::Corrupt(why) => format!("daemon cannot decode its own file: {}", text::safe(why)),
        Lost::Ambiguous(most) => {
            format!("identical lines hide the seam, at most {} missing", text::grouped(*most))
        }
        Lost::Removed => "container was removed before its last lines were read".to_owned(),
        Lost::Unknown => "lines may be missing here, nobody can tell how many".to_owned(),
    }
}

fn away_words(away: Away) -> &'static str {
    match away {
        Away::NotRunning => " (logcap-tui was not running)",
        Away::Paused => " (monitor was paused)",
        Away::DaemonDown => " (Docker did not answer)",
        Away::StoreBlocked => " (store refused writes)",
        Away::Lagging => " (capture lagged behind)",
        Away::None => "",
    }
}

/// The glyphs that are at least partly inside `columns` columns from `skip` on.
fn visible(body: &Glyphs, skip: usize, columns: usize) -> Range<usize> {
    let (mut column, mut start, mut stop) = (0, body.list.len(), body.list.len());
    for (i, glyph) in body.list.iter().enumerate() {
        if column >= skip && start == body.list.len() {
            start = i;
        }
        column += glyph.columns;
        if column > skip + columns {
            stop = i;
            break;
        }
    }
    start.min(stop)..stop
}

struct Painter<'a> {
    body: &'a Glyphs,
    found: &'a [Range<usize>],
    theme: &'a Theme,
    here: bool,
}

impl Painter<'_> {
    /// Runs of equal style.
    fn spans(&self, range: Range<usize>) -> Vec<Span<'static>> {
        let mut spans: Vec<Span<'static>> = Vec::new();
        for index in range {
            let Some(glyph) = self.body.list.get(index) else { break };
            let text = self.body.text_of(index);
            let style = self.style(glyph.source, glyph.style, text);
            match spans.last_mut() {
                Some(last) if last.style == style => last.content.to_mut().push_str(text),
                _ => spans.push(Span::styled(text.to_owned(), style)),
            }
        }
        spans
    }

    fn style(&self, source: usize, own: Style, text: &str) -> Style {
        if self.found.iter().any(|range| range.contains(&source)) {
            return if self.here { self.theme.found_here } else { self.theme.found };
        }
        let base = self.theme.text.patch(self.theme.log_style(own));
        if is_stand_in(text) { base.patch(self.theme.dim) } else { base }
    }
}

fn is_stand_in(text: &str) -> bool {
    let first = text.chars().next().unwrap_or(' ');
    matches!(first, '\u{2400}'..='\u{2421}' | '\u{fffd}') || ansi::visible(first).is_some()
}
